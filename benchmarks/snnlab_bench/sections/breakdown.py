"""Time by kind of work, from differences between runs, compared with the roofline model.

On one thread and in CPU time, which other load on the machine disturbs least.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.threads import use_threads
from snnlab.learn.network import decode
from snnlab.text.tables import aligned
from snnlab_bench import machine
from snnlab_bench.harness import Row, Spread, interleaved, timed
from snnlab_bench.network import Trained

BATCH = 200
PADDED = 256
MOST_OUTSIDE, MOST_ALONE_US, MOST_OVER_BEST = 0.15, 60.0, 2.0
OPERATIONS = {
    "input spikes": 16, "returning spikes": 16, "steps": 10, "CADC samples": 37,
    "samples back": 30, "spikes back": 4,
}  # fmt: skip
"""Operations per neuron, counted in the kernels' source; a CADC sample includes its noise, one of
the adjoint ("back") the weights of ten labels and the surrogate."""
L1_BYTES = {
    "input spikes": 48, "returning spikes": 48, "steps": 68, "CADC samples": 17,
    "samples back": 106, "spikes back": 20,
}  # fmt: skip
"""Bytes loaded and stored, likewise."""


def measure(trained: Trained, threads: int) -> dict:
    """Time per image by kind of work : µs, per training step : ms, and the machine's limits."""
    use_threads(1)
    torch.set_num_threads(1)
    found = {"image": image(trained), "step": step(trained), "limits": machine.limits()}
    use_threads(threads)
    found["at_best"] = at_best(found["image"]["counts"], found["limits"])
    found["step_at_best"] = at_best(_counts_of_step(trained), found["limits"])
    return found


def image(trained: Trained) -> dict[str, dict[str, float]]:
    """Time per image in inference mode : µs, and how often each kind of work is done."""
    point = OperatingPoint.inference()
    steps = point.samples * point.substeps
    events = trained.images(BATCH)
    took = _cpu_us(_variants(trained, point, events))
    quiet = took["no spikes"]
    parts = {
        "input spikes": took["no weights"] - quiet,
        "steps": (quiet - took["few steps"]) * steps / (steps - point.samples),
        "CADC samples": (quiet - took["one sample"]) * point.samples / (point.samples - 1),
        "hidden spikes": took["whole"] - took["no weights"],
    }
    rest = took["whole"] - sum(parts.values())
    counts = {"input spikes": len(events.tick) / BATCH, "steps": steps}
    return {
        "us": {**parts, "rest": rest, "whole": took["whole"]},
        "counts": {**counts, "CADC samples": point.samples},
        "alone_us": took["images alone"],
    }


def _variants(trained, point, events):
    """Runs of a batch that each omit some work; in the last each image is alone, and decided."""
    chip, weights = trained.chip(point), trained.weights_lsb
    # All steps within one converter period: as many steps, but one sample.
    one_sample = trained.chip(replace(point, samples=1, substeps=point.samples * point.substeps))
    few_steps = trained.chip(replace(point, substeps=1))
    none = replace(
        events, offsets=np.zeros_like(events.offsets), tick=events.tick[:0],
        channel=events.channel[:0],
    )  # fmt: skip
    zero, alone = [np.zeros_like(w) for w in weights], [events.take([k]) for k in range(BATCH)]
    return {
        "whole": lambda: chip.run(events, weights),
        "no weights": lambda: chip.run(events, zero),
        "no spikes": lambda: chip.run(none, zero),
        "one sample": lambda: one_sample.run(none, zero),
        "few steps": lambda: few_steps.run(none, zero),
        "images alone": lambda: [trained.classify(chip, image) for image in alone],
    }


def step(trained: Trained) -> dict[str, float]:
    """Time of one training step, with 100 images or 50 recordings, by kind of work : ms."""
    trainer = trained.trainer(learning_rate=0.0)
    trainer.advance()
    index = np.arange(trainer.settings.batch)
    events = trainer.source.batch(index, 0)
    chip, weights_lsb = trainer.chip, trainer.network.weights_lsb()
    backward = _backward(trainer, chip.run(events, weights_lsb))
    works = {
        "whole": trainer.advance,
        "taking the batch": lambda: trainer.source.batch(index, 0),
        "chip": lambda: chip.run(events, weights_lsb),
        "adjoint": backward,
    }
    took = {name: 1e-3 * BATCH * us for name, us in _cpu_us(works).items()}
    whole = took.pop("whole")
    return {**took, "loss, Adam, Python": whole - sum(took.values()), "whole": whole}


def _counts_of_step(trained):
    """How often a training step does each kind of work, in its hidden layer."""
    trainer = trained.trainer()
    batch, point = trainer.settings.batch, trainer.point
    samples = batch * point.samples
    spikes = int(trainer.train_events.counts[:batch].sum())
    return {
        "input spikes": spikes, "steps": samples * point.substeps, "CADC samples": samples,
        "samples back": samples, "spikes back": spikes,
    }  # fmt: skip


def _backward(trainer, recording):
    """The backward pass of a recording, with all gradients equal to one."""
    network = trainer.network
    weights, d_traces = network.arrays(), np.ones_like(decode(recording, 1.0))
    d_counts = [np.ones((len(recording.inputs), n), np.float32) for n in network.sizes[1:-1]]
    gradient = trainer.gradient
    return lambda: gradient.backward(recording, weights, d_traces, d_counts)


def _cpu_us(works):
    """Median CPU time divided by ``BATCH`` : µs."""
    times = interleaved({name: timed(work) for name, work in works.items()}, most=100)
    return {name: 1e6 * float(np.median(t.cpu)) / BATCH for name, t in times.items()}


def at_best(
    counts: dict[str, float], limits: dict[str, float], neurons: int = PADDED
) -> dict[str, float]:
    """Lower limit of the time on one core : µs, the longer of arithmetic and L1 traffic.

    neurons : of all layers, each padded to whole vectors.
    """
    return {
        kind: 1e6
        * count
        * neurons
        * max(
            OPERATIONS[kind] / limits["product_ops"],
            L1_BYTES[kind] / limits["l1_bytes"],
        )
        for kind, count in counts.items()
    }


def rows(found: dict) -> Iterator[Row]:
    """What a step spends outside its kernels, what one image alone takes, and how far inference and
    a step are from what the hidden layer takes at best on this machine."""
    step, image = found["step"], found["image"]
    outside = step["whole"] - step["chip"] - step["adjoint"]
    share = outside / step["whole"]
    yield Row(
        "step-outside", "share of a step outside chip and gradient", _exact(share / MOST_OUTSIDE),
        1.0, f"{share:.0%} against {MOST_OUTSIDE:.0%}", at_most=True, details={"ms": outside},
    )  # fmt: skip
    alone = image["alone_us"]
    yield Row(
        "image-alone", "an image alone, CPU time", _exact(alone / MOST_ALONE_US), 1.0,
        f"{alone:.0f} µs against {MOST_ALONE_US:.0f} µs", at_most=True, details={"us": alone},
    )  # fmt: skip
    for name, what, took, best in (
        ("inference", "an image in inference mode", image["us"]["whole"], found["at_best"]),
        ("step", "a training step", 1e3 * step["whole"], found["step_at_best"]),
    ):
        least = sum(best.values())
        yield Row(
            f"roofline-{name}", f"{what} against its least time", _exact(took / least),
            MOST_OVER_BEST, f"{took:.1f} µs against {least:.1f} µs", at_most=True,
            details={"us": took, "least_us": least},
        )  # fmt: skip


def _exact(value):
    return Spread(value, value, value)


def describe(found: dict) -> str:
    """The parts of an image and of a training step as text."""
    us, best, whole = found["image"]["us"], found["at_best"], found["image"]["us"]["whole"]
    parts = [
        (f"  {kind}", f"{part:.1f} µs", f"{part / whole:.0%}",
         f"at best {best[kind]:.1f}" if kind in best else "")
        for kind, part in us.items()
    ]  # fmt: skip
    steps = [(f"  {kind}", f"{ms:.2f} ms") for kind, ms in found["step"].items()]
    reach = ", ".join(f"{name} {rate / 1e9:.0f} G/s" for name, rate in found["limits"].items())
    return "\n".join((
        f"one image in inference mode on one core: {whole:.1f} µs (CPU time)",
        aligned(parts, right=(1, 2)),
        f"  in a batch of one: {found['image']['alone_us']:.0f} µs, mostly Python",
        "one training step with 100 images on one core:",
        aligned(steps, right=(1,)),
        f"limits of one core: {reach}",
    ))  # fmt: skip
