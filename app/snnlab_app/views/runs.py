"""Plots of several runs side by side, with their names where their curves end.

One glyph draws all runs: a browser takes as long to set up a glyph as to draw it a hundred times.
"""

import numpy as np
from bokeh.models import ColumnDataSource, MultiLine, Scatter

from snnlab import plotting
from snnlab.plotting import views as plotting_views
from snnlab_app.plots.annotations import EndNames
from snnlab_app.plots.displays import mapper
from snnlab_app.plots.live import LivePlot, widen
from snnlab_app.plots.template import template

RUNS_HEIGHT, MERITS_HEIGHT = 340, 386
"""Pixels."""
RUN_NAMES = 0.3
"""Room for the names of runs, relative to the length of the curves."""
RUN_DASHES = ("dashed", "dotdash", "dotted")
MAX_NAME = 16
"""Characters of a run's name in a plot."""
NOW = "this run"


class RunsPlot(LivePlot):
    """A quantity of up to ``most`` runs over the steps, each named at its end.

    The last one is drawn below the others, bold.
    """

    def __init__(self, most: int, ylabel: str):
        element = template(plotting_views.runs, ylabel)
        super().__init__(element, RUNS_HEIGHT, "xy", right=RUN_NAMES)
        self._colors = run_colors(most)
        self._curves: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._lines = ColumnDataSource({name: [] for name in ("xs", "ys", "color", "dash")})
        line = MultiLine(
            xs="xs", ys="ys", line_color={"field": "color", "transform": mapper(self._colors)},
            line_dash="dash", line_width=1.8,
        )  # fmt: skip
        self.figure.add_glyph(self._lines, line)
        self._ends = EndNames(self.figure, dict(enumerate(self._colors)))

    def fit(self, narrow):
        super().fit(narrow)
        self.leave_free(RUN_NAMES * (2 if narrow else 1))

    def enlarge(self, on):
        super().enlarge(on)
        self._ends.scale = self.scale

    def draw(self, runs: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
        """Draw the curve (steps, values) of each run by its name, the last of all runs as bold."""
        self._curves, (*pinned, now), last = runs, runs, len(self._colors) - 1
        self._lines.data = {
            "xs": [runs[name][0] for name in pinned], "ys": [runs[name][1] for name in pinned],
            "color": list(range(len(pinned))),
            "dash": [RUN_DASHES[k % len(RUN_DASHES)] for k in range(len(pinned))],
        }  # fmt: skip
        self._following.forget()
        for name, curve in runs.items():
            self._following.see(name, *curve)
        self.feed(NOW, *runs[now])
        self.settle()
        slots = dict(zip(pinned, range(last), strict=False)) | {now: last}
        self._ends.write({
            slot: (runs[name][0][-1], runs[name][1][-1], shorten(name))
            for name, slot in slots.items() if len(runs[name][0])
        })  # fmt: skip

    def table(self):
        """The curves of all runs."""
        axes = [axis.axis_label for axis in self.figure.axis]
        return ["curve", *axes], [
            (name, *point)
            for name, curve in self._curves.items()
            for point in zip(*curve, strict=True)
        ]


class MeritsPlot(LivePlot):
    """Accuracy of up to ``most`` runs over the energy of an image, each named beside its point.

    The last one is larger and lies below the others.
    """

    def __init__(self, most: int):
        super().__init__(template(plotting_views.merits), MERITS_HEIGHT, "xy", right=RUN_NAMES)
        self._colors = run_colors(most)
        self._points: dict[str, tuple[float, float]] = {}
        self._dots = ColumnDataSource({name: [] for name in ("x", "y", "color", "size")})
        color = {"field": "color", "transform": mapper(self._colors)}
        dot = Scatter(x="x", y="y", size="size", fill_color=color, line_color=color)
        self.figure.add_glyph(self._dots, dot)
        self._ends = EndNames(self.figure, dict(enumerate(self._colors)))

    def enlarge(self, on):
        super().enlarge(on)
        self._ends.scale = self.scale

    def draw(self, runs: dict[str, tuple[float, float]], front: tuple) -> None:
        """Draw the point (µJ, %) of each run by its name, NaN where unknown, and the front."""
        last, names = len(self._colors) - 1, list(runs)
        slots = {name: k for k, name in enumerate(names[:-1])} | {names[-1]: last}
        self._points = {name: at for name, at in runs.items() if np.isfinite(at).all()}
        below_first = [name for name in reversed(names) if name in self._points]
        self._dots.data = {
            "x": [runs[name][0] for name in below_first],
            "y": [runs[name][1] for name in below_first],
            "color": [slots[name] for name in below_first],
            "size": [11 + 4 * (slots[name] == last) for name in below_first],
        }
        self.feed("front line", *front)
        if self._points:  # a network with NaN has no energy
            energy, accuracy = np.transpose(list(self._points.values()))
            low, high = widen(energy.min(), energy.max())
            self.see("points", np.array([low, high]), accuracy)
        self._ends.write({
            slots[name]: (*at, f"  {shorten(name)}") for name, at in self._points.items()
        })  # fmt: skip

    def table(self):
        """The points of all runs."""
        axes = [axis.axis_label for axis in self.figure.axis]
        return ["run", *axes], [(name, *point) for name, point in self._points.items()]


def run_colors(most: int) -> list[str]:
    """Colours of as many runs, the current one last."""
    colors = plotting.TRACE_COLORS
    return [*(colors[k % len(colors)] for k in range(most - 1)), plotting.GREY]


def shorten(name: str) -> str:
    """A run's name in a plot; dollar signs are replaced, as they would start a formula."""
    name = name.replace("$", "＄")
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"
