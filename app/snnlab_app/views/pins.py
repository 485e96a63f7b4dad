"""Runs as they were when they were pinned or stored, to be compared."""

from typing import NamedTuple

import numpy as np

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.plotting.raster import raster_cells
from snnlab.runs.frames import Frames
from snnlab.runs.run import Run
from snnlab_app.controls.link import written
from snnlab_app.plots.grid import grid
from snnlab_app.session.history import History
from snnlab_app.session.snapshot import Snapshot

CURVES = ("step", "accuracy", "spikes")
_COLUMNS = ["run", "steps", "test", "batches", "spikes / image", "µJ (estimate)", "differs in"]


class Pin(NamedTuple):
    """A run.

    test_accuracy : 0…1; energy : J per image, an estimate, NaN where an older run has none;
    history : curves by name, of them "step", "accuracy" and "spikes"; frames : the watched images
    on its chip, None where an older run has none.
    """

    name: str
    settings: dict
    steps: int
    test_accuracy: float
    energy: float
    history: dict[str, np.ndarray]
    frames: Frames | None

    @classmethod
    def of(cls, name: str, settings: dict, s: Snapshot) -> "Pin":
        """The run that goes on."""
        frames = s.picture if s.view == "compare" else None
        return cls(name, settings, s.step, s.test_accuracy, s.power.energy, s.history, frames)

    @classmethod
    def stored(cls, run: Run) -> "Pin":
        """A run on disk; raises :class:`SnnlabError` if it is damaged or was never tested."""
        summary, history, steps = run.record["summary"], History(), run.steps()
        if "test_accuracy" not in summary:
            raise SnnlabError(f"run {run.name} has not finished an epoch: nothing to compare yet")
        for point in zip(*(steps.get(name, ()) for name in CURVES), strict=True):
            history.add(**dict(zip(CURVES, point, strict=True)))
        curves = {**dict.fromkeys(CURVES, np.empty(0)), **history.arrays()}
        kept = run.folder / "frames.npz"
        frames = Frames.load(kept).newest() if kept.exists() else None
        return cls(run.name, run.config.values(), run.record["steps"], summary["test_accuracy"],
                   summary.get("energy", np.nan), curves, frames)  # fmt: skip

    def images(self) -> list[int]:
        """Test images that were watched, by index."""
        return [] if self.frames is None else self.frames.image.tolist()

    def raster(self, image: int, data: tuple) -> np.ndarray | None:
        """Raster of a watched image, if it was one of these data : uint8[row, column]."""
        mine = self.images()
        if image not in mine or data != data_of(self.settings):
            return None
        return raster_cells(self.frames.recording, mine.index(image))


def data_of(settings: dict) -> tuple:
    """What images a run has seen."""
    return settings["dataset"], settings["side"]


def difference(a: dict, b: dict) -> dict[str, tuple]:
    """Knobs in which two settings differ, with both values."""
    return {name: (a[name], b[name]) for name in a if a[name] != b[name]}


def front(pins: list[Pin]) -> tuple[np.ndarray, np.ndarray]:
    """Runs that no other beats in accuracy and energy : µJ, %, by rising energy."""
    known = sorted((p for p in pins if np.isfinite(p.energy)),
                   key=lambda p: (p.energy, -p.test_accuracy))  # fmt: skip
    best = np.maximum.accumulate([-1.0, *(p.test_accuracy for p in known)])
    ahead = [p for p, before in zip(known, best, strict=False) if p.test_accuracy > before]
    energy, accuracy = ([getattr(p, n) for p in ahead] for n in ("energy", "test_accuracy"))
    return 1e6 * np.array(energy), 100 * np.array(accuracy)


def table_of(pins: list[Pin]) -> str:
    """Markup: results of runs, and in which knobs they differ from the last one."""
    now = pins[-1].settings
    return grid(_COLUMNS, [_line(pin, now) for pin in pins], {"run", "differs in"})


def _line(pin, now):
    differs = difference(pin.settings, now)
    labels = (f"{Config.param[name].label} {written(a)}" for name, (a, _) in differs.items())
    return [
        pin.name, f"{pin.steps:,}", f"{pin.test_accuracy:.2%}",
        _known(_latest(pin.history["accuracy"]), ".1%"),
        _known(_latest(pin.history["spikes"]), ".1f"),
        _known(1e6 * pin.energy, ".2f"), ", ".join(labels) or "–",
    ]  # fmt: skip


def _latest(values):
    return float(np.mean(values[-9:])) if len(values) else np.nan


def _known(number, form):
    """A number as text; a dash where an older run has none."""
    return format(number, form) if np.isfinite(number) else "–"
