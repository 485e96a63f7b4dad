"""Axes of a sweep's figures: values of its trials in displayed units."""

from collections.abc import Iterable

import numpy as np

from snnlab.config import Config
from snnlab.quantities import objectives
from snnlab.sweeps.plan import Plan
from snnlab.sweeps.space import Choice, Range
from snnlab_app.controls.knobs import factor, label
from snnlab_app.plots.blank import kind_of
from snnlab_app.plots.words import reword

SHORT = 14
"""Characters per line of an axis label."""


class KnobAxis:
    """A varied knob, from ``low`` to ``high`` in displayed units; choices lie at 0, 1, …"""

    def __init__(self, knob: Range | Choice):
        self.name, self.label = knob.name, label(knob.name)
        self.names = knob.texts if isinstance(knob, Choice) else ()
        self.log = isinstance(knob, Range) and knob.log
        self.low, self.high = 0.0, max(len(self.names) - 1.0, 0.0)
        if isinstance(knob, Range):
            self.low, self.high = (end * factor(knob.name) for end in (knob.low, knob.high))

    def read(self, row: dict) -> float:
        """Value of a trial on the axis; NaN if it has none yet."""
        value = row.get(self.name)
        if value is None:
            return np.nan
        return float(self.names.index(value)) if self.names else value * factor(self.name)

    def text(self, row: dict) -> str:
        """A trial's value in words."""
        return row[self.name] if self.names else f"{self.read(row):.4g}"

    def place(self, values: Iterable[float]) -> np.ndarray:
        """Values as shown on an axis from 0 to 1 : float64[trial]."""
        low, high = self.low, self.high
        values = np.asarray(list(values), float)
        if self.log:
            values, low, high = np.log(values), np.log(low), np.log(high)
        return (values - low) / ((high - low) or 1.0)

    def marks(self) -> list[tuple[float, str]]:
        """Tick positions from 0 to 1, with their labels."""
        if self.names:
            places = self.place(range(len(self.names)))
            return list(zip(places.tolist(), self.names, strict=True))
        spaced = np.geomspace if self.log else np.linspace
        return [(k / 2, f"{v:.3g}") for k, v in enumerate(spaced(self.low, self.high, 3))]


class FoundAxis:
    """A measured quantity of the trials, from the lowest to the highest value so far."""

    names, log = (), False

    def __init__(self, name: str, kind: str):
        self.name, self._quantity = name, objectives()[name]
        self.label = reword(self._quantity.title, kind)
        self.best_is_high = self._quantity.better == "up"
        self.low = self.high = np.nan

    def read(self, row: dict) -> float:
        """Value of a trial in displayed units; NaN if it failed."""
        value = row.get(self.name)
        return np.nan if value is None else self._quantity.shown(value)

    def text(self, row: dict) -> str:
        """A trial's value in words."""
        value = self.read(row)
        return "–" if np.isnan(value) else f"{value:.4g}"

    def see(self, rows: list[dict]) -> None:
        """Set the range to the values of these trials."""
        values = [v for v in map(self.read, rows) if np.isfinite(v)]
        self.low, self.high = (min(values), max(values)) if values else (np.nan, np.nan)

    def place(self, values: Iterable[float]) -> np.ndarray:
        """Values as shown on an axis from 0 to 1 : float64[trial]."""
        span = self.high - self.low
        return (np.asarray(list(values), float) - self.low) / (span or 1.0)

    def marks(self) -> list[tuple[float, str]]:
        """Tick positions from 0 to 1, with their labels."""
        if not np.isfinite(self.low):
            return []
        if self.low == self.high:
            return [(0.0, f"{self.low:.4g}")]
        places = np.linspace(self.low, self.high, 3)
        for digits in (4, 6, 9):  # as many as tell them apart
            texts = [f"{v:.{digits}g}" for v in places]
            if len(set(texts)) == 3:
                break
        return list(zip((0.0, 0.5, 1.0), texts, strict=True))


def axes_of(plan: Plan) -> tuple[list[KnobAxis], list[FoundAxis]]:
    """Axes of the varied knobs, and of the objectives."""
    kind = kind_of(Config.checked(**plan.settings))
    return [*map(KnobAxis, plan.space)], [FoundAxis(name, kind) for name in plan.objectives]


def wrapped(name: str) -> str:
    """A name in short lines, for closely spaced ticks."""
    lines = [""]
    for word in name.split():
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], longer] if len(longer) <= SHORT else [*filter(None, lines), word]
    return "\n".join(lines)
