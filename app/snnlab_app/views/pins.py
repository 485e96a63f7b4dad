"""Snapshots of pinned or stored runs, for comparison."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from snnlab.config import Config
from snnlab.data.catalogue import CATALOGUE
from snnlab.errors import SnnlabError
from snnlab.plotting.raster import raster_cells
from snnlab.quantities import COMPARISON, estimates, quantities
from snnlab.runs.frames import Frames
from snnlab.runs.run import Run
from snnlab.runs.steps import Steps
from snnlab.text.numerals import group_digits
from snnlab_app.plots.displays import accuracy_of, images_of_test, newest_test
from snnlab_app.plots.grid import grid
from snnlab_app.session.history import History
from snnlab_app.session.snapshot import Snapshot

CURVES = ("step", "accuracy", "spikes")


class Pin(NamedTuple):
    """A run.

    settings : values of knobs with which it was trained; data : checksum of its data, None where an
    older run has none; results : stored values of quantities by name, NaN where an older run has
    none; history : float64[point] by name, the columns CURVES; frames : the watched images on its
    chip, None where an older run has none.
    """

    name: str
    settings: dict
    steps: int
    results: dict[str, float]
    history: dict[str, np.ndarray]
    frames: Frames | None
    data: int | None = None
    some: int = 0

    @classmethod
    def of(cls, name: str, s: Snapshot) -> "Pin":
        """The current training."""
        frames = s.picture if s.view == "compare" else None
        results = {"test_accuracy": newest_test(s)[0], **estimates(s.power, COMPARISON)}
        some = images_of_test(s)
        return cls(name, s.settings, s.step, results, s.history, frames, s.data, some)

    @classmethod
    def stored(cls, run: Run) -> "Pin":
        """A run on disk; raises :class:`SnnlabError` if it is damaged or was never tested."""
        summary, history = run.record["summary"], History()
        if "test_accuracy" not in summary:
            raise SnnlabError(f"run {run.name} has not finished an epoch: nothing to compare yet")
        steps = Steps.of(run.steps(), run.folder).columns()
        for point in zip(*(steps[name].tolist() for name in CURVES), strict=True):
            history.add(**dict(zip(CURVES, point, strict=True)))
        curves = {**dict.fromkeys(CURVES, np.empty(0)), **history.arrays()}
        kept = run.folder / "frames.npz"
        frames = Frames.load(kept).newest() if kept.exists() else None
        return cls(
            run.name, run.config.values(), run.record["steps"], summary, curves, frames,
            run.record.get("data_crc32"),
        )  # fmt: skip

    def result(self, name: str) -> float:
        """A result, else the mean of the last points of its curve; NaN if unknown."""
        if name in self.results:
            return self.results[name]
        return float(np.mean(newest)) if len(newest := self.history.get(name, ())[-9:]) else np.nan

    @property
    def test_accuracy(self) -> float:
        """Accuracy of the last test, 0 to 1."""
        return self.result("test_accuracy")

    @property
    def tested(self) -> str:
        """That accuracy in words: "89.2 % (250)" where it is of 250 test images only."""
        return accuracy_of(self.test_accuracy, self.some) + f" ({self.some})" * bool(self.some)

    @property
    def energy(self) -> float:
        """Estimated energy per image : J."""
        return self.result("energy")

    def images(self) -> list[int]:
        """Indices of the recorded test images."""
        return [] if self.frames is None else self.frames.image.tolist()

    @property
    def tested_on(self) -> tuple:
        """What two runs have in common if their test images are the same."""
        parts = tuple(self.settings.get(name) for name in ("dataset", "side", "split", "held_out"))
        own = CATALOGUE[self.settings["dataset"]].own
        return *parts, self.data if own else None

    def raster(self, image: int, tested_on: tuple) -> np.ndarray | None:
        """Raster of a recorded image, if it is one of these : uint8[row, column]."""
        mine = self.images()
        if image not in mine or tested_on != self.tested_on:
            return None
        return raster_cells(self.frames.recording, mine.index(image))


def comparable(curves: dict[str, dict[str, np.ndarray]]) -> dict[str, dict[str, np.ndarray]]:
    """Curves of several runs as averages over the same blocks of steps, by run.

    The longer a run, the more steps one of its points averages. With equal blocks equal runs have
    equal curves, however long each of them is.
    """
    grain = max((_grain(history) for history in curves.values()), default=1)
    return {name: _averaged(history, grain) for name, history in curves.items()}


def _grain(history):
    """Steps that a point of a history averages."""
    step = history["step"]
    return max(1, round(float(np.median(np.diff(step))))) if len(step) > 1 else 1


def _averaged(history, grain):
    """Averages over whole blocks of ``grain`` steps; a run shorter than one is left as it is."""
    step, own = history["step"], _grain(history)
    if own == grain:
        return history
    block = ((step - step[0]) // grain).astype(int)
    points = np.bincount(block)
    whole = points > 0
    whole[-1] = points[-1] * own >= grain
    if not whole.any():
        return history
    return {
        name: np.bincount(block, values)[whole] / points[whole] for name, values in history.items()
    }


def difference(a: dict, b: dict) -> dict[str, tuple]:
    """Knobs in which two settings differ, with both values."""
    return {name: (a[name], b[name]) for name in a if a[name] != b[name]}


def front(pins: list[Pin]) -> tuple[np.ndarray, np.ndarray]:
    """Pareto front in energy and accuracy : µJ, %, by rising energy."""
    known = sorted((p for p in pins if np.isfinite(p.energy)),
                   key=lambda p: (p.energy, -p.test_accuracy))  # fmt: skip
    best = np.maximum.accumulate([-1.0, *(p.test_accuracy for p in known)])
    ahead = [p for p, before in zip(known, best, strict=False) if p.test_accuracy > before]
    energy, accuracy = ([getattr(p, n) for p in ahead] for n in ("energy", "test_accuracy"))
    return 1e6 * np.array(energy), 100 * np.array(accuracy)


def table_of(pins: list[Pin], words: Callable[[str], str] = str) -> str:
    """HTML table: results of runs, and in which knobs they differ from the last one.

    words : applied to the titles of columns
    """
    columns = quantities(COMPARISON)
    titles = (words(q.label) + ", estimate" * q.estimate for q in columns.values())
    rows = [_line(pin, columns, pins[-1].settings) for pin in pins]
    return grid("Runs", ["run", "steps", *titles, "differs in"], rows, {"run", "differs in"})


def _line(pin, columns, now):
    differs = difference(pin.settings, now)
    labels = (
        f"{Config.param[name].label} {Config.describe(name, a)}" for name, (a, _) in differs.items()
    )
    results = {name: q.format(pin.result(name)) or "–" for name, q in columns.items()}
    results["test_accuracy"] = pin.tested or "–"
    return [pin.name, group_digits(pin.steps), *results.values(), ", ".join(labels) or "–"]
