"""Training on recordings: an epoch of spoken digits on a recurrent network, and its memory."""

from collections.abc import Iterator

import numpy as np

from snnlab.chip.kernels.arrays import LANES
from snnlab.chip.threads import use_threads
from snnlab.errors import DataUnavailable
from snnlab_bench import machine
from snnlab_bench.harness import Row, Spread, interleaved, timed
from snnlab_bench.network import Spoken, Trained
from snnlab_bench.sections import breakdown, resources

TARGET = 1.0
"""Speed relative to the chip, on which a recording lasts 0.3 ms."""
EPOCH_MB = 300.0
BATCHES = 100


def rows(trained: Trained, threads: int, full: bool) -> Iterator[Row]:
    """An epoch of spoken digits: speed and memory; and growth over the longest recordings."""
    spoken = Spoken()
    try:
        yield _epoch(spoken, threads, full)
        took = resources.probe("spoken", 1)
        yield resources.row(
            "recordings-memory", "memory of an epoch of spoken digits", [took["mb"]], EPOCH_MB,
            "MB", f" above {took['baseline_mb']:.0f} MB",
        )  # fmt: skip
    except DataUnavailable as error:
        yield Row("recordings-epoch", "an epoch of spoken digits", None, TARGET, str(error))
    took = resources.probe("recordings", BATCHES)
    yield resources.row(
        "recordings-growth",
        f"growth over {BATCHES} × 100 recordings of {took['samples']} samples", [took["mb"]],
        resources.GROWTH_MB, "MB", f" above {took['baseline_mb']:.0f} MB",
    )  # fmt: skip


def _epoch(spoken, threads, full):
    trainer = spoken.trainer(learning_rate=0.0)
    trainer.advance()
    point, n = trainer.point, len(trainer.source.labels("train"))
    tested = trainer.evaluate()

    def epoch():
        for _ in range(trainer.steps_per_epoch):
            trainer.advance()

    times = interleaved({"epoch": timed(epoch)}, least=7 if full else 3)["epoch"]
    per_chip = n * point.samples * point.dt * point.substeps
    use_threads(1)
    step = breakdown.step(spoken)
    share, chip_us, best_us = _roofline(trainer, tested.spikes)
    use_threads(threads)
    wall, cpu = float(np.median(times.wall)), float(np.median(times.cpu))
    parts = {name: ms / step["whole"] for name, ms in step.items() if name != "whole"}
    return Row(
        "recordings-epoch",
        "an epoch of spoken digits, recurrent",
        Spread.of(per_chip / times.wall),
        TARGET,
        f"{wall:.2f} s, {n / wall:,.0f} recordings/s against the chip's"
        f" {n / per_chip:,.0f}",
        notes=(
            f"test accuracy {tested.accuracy:.1%}, {tested.spikes:.0f} hidden spikes per recording",
            f"{cpu:.2f} s of CPU time: {n * threads / cpu:,.0f} recordings/s on otherwise idle"
            " cores (estimate)",
            "on one core: " + ", ".join(f"{name} {part:.0%}" for name, part in parts.items()),
            f"forward pass {chip_us:.0f} µs per recording, at best {best_us:.0f} µs:"
            f" {share:.0%} of the roofline",
        ),
        details={
            "seconds": wall, "cpu_seconds": cpu, "recordings_per_s": n / wall, "step_ms": step,
            "roofline": share,
        },
    )  # fmt: skip


def _roofline(trainer, spikes):
    """Share of a core's limits that the forward pass reaches, its time, and the least : µs."""
    events, point = trainer.test_events, trainer.point
    chip, weights = trainer.chip, trainer.weights_lsb()
    part = events.take(np.arange(min(len(events), 100)))
    times = interleaved({"run": timed(lambda: chip.run(part, weights))})["run"]
    took = 1e6 * float(np.median(times.cpu)) / len(part)
    counts = {
        "input spikes": len(part.tick) / len(part), "returning spikes": spikes,
        "steps": point.samples * point.substeps, "CADC samples": point.samples,
    }  # fmt: skip
    neurons = sum(-(-size // LANES) * LANES for size in trainer.network.sizes[1:])
    best = sum(breakdown.at_best(counts, machine.limits(), neurons).values())
    return best / took, took, best
