"""Influence of the emulator's step: a trained run, evaluated with ever smaller steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from snnlab.chip.die import Die
from snnlab.chip.spec import BRAINSCALES2
from snnlab.chip.threads import use_threads
from snnlab.config import Config
from snnlab.data import Dataset
from snnlab.learn.trainer import Trainer
from snnlab.runs.run import Run, data_of, folder_of, load_weights
from snnlab.text.progress import Bar
from snnlab.text.tables import aligned

SUBSTEPS = (1, 2, 4, 8, 16, 32)
"""Steps per CADC period: each half as long as the one before."""
HEAD = ("dt", "test accuracy", "to finest", "hidden spikes", "to finest", "time per image")


@dataclass(frozen=True)
class Row:
    """Results on the test images at one time step of the emulation.

    accuracy in 0…1; spikes : hidden spikes per image; seconds : wall time per image.
    """

    substeps: int
    accuracy: float
    spikes: float
    seconds: float

    @property
    def dt(self) -> float:
        """Step of the emulation : s."""
        return BRAINSCALES2.dt_cadc / self.substeps


def converge(
    config: Config,
    dataset: Dataset,
    weights: list[np.ndarray],
    substeps: tuple[int, ...] = SUBSTEPS,
    die: Die | None = None,
    updates: int = 0,
) -> Iterator[Row]:
    """Evaluate one network on one die at each of these steps, with the same trial noise.

    updates : that the weights have had; they draw the noise. Read noise and drift are the same to
    the bit; jitter is drawn per step, so its draws differ.
    """
    trainers = [
        Trainer(Config.checked(**{**config.values(), "substeps": n}), dataset, weights, die)
        for n in substeps
    ]
    trainers[0].evaluate()  # compiles the kernels before anything is timed
    for n, trainer in zip(substeps, trainers, strict=True):
        trainer.step = updates
        _ = trainer.test_events, trainer.chip  # nor are encoding and setting up timed
        start = perf_counter()
        got = trainer.evaluate()
        seconds = (perf_counter() - start) / len(trainer.source.labels("test"))
        yield Row(n, got.accuracy, got.spikes, seconds)


def study(folder: Path, data_dir: str | None = None, threads: int | None = None) -> list[Row]:
    """:func:`converge` for a stored run, with a progress bar.

    Raises :class:`~snnlab.errors.SnnlabError` if run or data are missing or do not fit.
    """
    run = Run.open(folder_of(folder))
    weights = load_weights(run.folder)
    if threads is not None:
        use_threads(threads)
    rows = []
    with Bar() as bar:
        dataset = data_of(run, data_dir, bar.tell)
        own, updates = run.own_die(), run.record["steps"]
        for row in converge(run.config, dataset, weights, die=own, updates=updates):
            rows.append(row)
            bar.tell(f"steps of {1e9 * row.dt:.0f} ns", len(rows) / len(SUBSTEPS))
    return rows


def table(rows: list[Row]) -> str:
    """The rows as text, each compared with the last and finest."""
    finest, lines = rows[-1], [HEAD]
    for row in rows:
        points = 100 * (row.accuracy - finest.accuracy)
        percent = f"{100 * (row.spikes / finest.spikes - 1):+.2f} %" if finest.spikes else "–"
        lines.append((
            f"{1e9 * row.dt:.0f} ns", f"{row.accuracy:.2%}", f"{points:+.2f} pp",
            f"{row.spikes:.2f}", percent, f"{1e6 * row.seconds:.1f} µs",
        ))  # fmt: skip
    return aligned(lines, right=range(len(HEAD)))
