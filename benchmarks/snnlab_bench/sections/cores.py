"""Speed-up by a second core."""

from collections.abc import Iterator

import numpy as np

from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.threads import use_threads
from snnlab_bench import machine
from snnlab_bench.harness import Row, Spread, interleaved, timed
from snnlab_bench.network import Trained

TARGET = 1.8
BATCH = 1000
STEPS = 500_000


def rows(trained: Trained, threads: int, full: bool) -> Iterator[Row]:
    """Speed-up of two threads over one, and that of a loop without shared data."""
    if threads < 2:
        yield Row("threads", "speed-up by a second thread", None, TARGET, "only one thread here")
        return
    tasks = _tasks(trained)
    times = interleaved(
        {(name, n): timed(_on(n, work)) for name, work in tasks.items() for n in (1, 2)},
        seconds=15.0,
    )
    use_threads(threads)
    at_best = Spread.of(times["loop", 1].wall / times["loop", 2].wall).median
    for name in ("inference", "training step"):
        yield _row(name, times[name, 1].wall, times[name, 2].wall, at_best)


def _on(count, work):
    def run():
        use_threads(count)
        work()

    return run


def _row(name, one, two, at_best):
    ms = [1e3 * float(np.median(t)) for t in (one, two)]
    return Row(
        f"threads-{name.replace(' ', '-')}",
        f"speed-up by a second thread, {name}",
        Spread.of(one / two),
        TARGET,
        f"{ms[1]:.1f} ms against {ms[0]:.1f} ms; a loop without shared data gains {at_best:.2f}",
        details={"ms": ms, "at_best": at_best},
    )


def _tasks(trained):
    chip, events = trained.chip(OperatingPoint.inference()), trained.images(BATCH)
    arrays = machine.reference_arrays(2)
    return {
        "inference": lambda: trained.classify(chip, events),
        "training step": trained.trainer(learning_rate=0.0).advance,
        "loop": lambda: machine.shared_loop(*arrays, STEPS),
    }
