"""Scaling of cost with network size: exponents fitted to the times of growing networks.

Cost is CPU time summed over threads, so that the work is fitted and not its distribution.
"""

from collections.abc import Callable, Iterator

import numpy as np

from snnlab_bench.harness import Row, Spread, interleaved, timed
from snnlab_bench.network import Random, Trained

AXES: dict[str, tuple[Callable[[int], Random], tuple[int, ...]]] = {
    "batch": (lambda n: Random(batch=n), (100, 200, 400, 800)),
    "time steps": (lambda n: Random(samples=n), (10, 20, 40, 80)),
    "hidden neurons": (lambda n: Random(hidden=(n,)), (64, 128, 256, 512)),
    "active inputs": (lambda n: Random(active=n), (32, 64, 128, 256)),
    "hidden layers": (lambda n: Random(hidden=(60,) * n), (1, 2, 3, 4)),
    "silent inputs": (lambda n: Random(inputs=n), (64, 128, 256, 512, 1024)),
}
"""For each axis: the network of a given size along it, and the sizes."""
TASKS = {"inference": Random.run, "training step": Random.step}
LINEAR, ACTIVE_ONLY = 1.0, 0.25
"""Largest allowed exponents: of growing work, and of inputs that never spike."""


def rows(trained: Trained, threads: int, full: bool) -> Iterator[Row]:
    """Exponents of inference in training mode and of a training step; the larger one counts.

    For silent inputs that of inference counts, because gradient and Adam process all weights.
    """
    for axis, (network, amounts) in AXES.items():
        networks = [network(amount) for amount in amounts]
        costs = _measure(networks, 20.0 if full else 5.0)
        yield _row(axis, amounts, costs, [n.batch for n in networks])


def _row(axis, amounts, costs, batches):
    exponents = {task: Spread.of(_slopes(amounts, cost)) for task, cost in costs.items()}
    silent = axis == "silent inputs"
    judged = "inference" if silent else max(exponents, key=lambda task: exponents[task].median)
    rates = {task: (batches / np.median(c, axis=1)).tolist() for task, c in costs.items()}
    return Row(
        f"scaling-{axis.replace(' ', '-')}",
        f"exponent of cost, {amounts[0]} to {amounts[-1]} {axis}",
        exponents[judged],
        ACTIVE_ONLY if silent else LINEAR,
        ", ".join(f"{task} {e.median:.2f}" for task, e in exponents.items()),
        at_most=True,
        details={"amounts": amounts, "images_per_core_s": rates},
    )


def _measure(networks, seconds):
    """CPU time of each task : s, float64[network, round]."""
    contenders = {
        (task, k): timed(lambda work=work, network=network: work(network), 2)
        for k, network in enumerate(networks)
        for task, work in TASKS.items()
    }
    times = interleaved(contenders, seconds=seconds)
    return {task: np.array([times[task, k].cpu for k in range(len(networks))]) for task in TASKS}


def _slopes(amounts, cost):
    """Exponent of each round : float64[round]."""
    return np.polyfit(np.log(amounts), np.log(cost), 1)[0]
