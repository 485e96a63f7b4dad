"""The figures of one sweep: history, slices over each knob, parallel coordinates."""

from collections.abc import Callable

import numpy as np
import panel as pn
from bokeh.events import Tap

from snnlab.plotting import search as elements
from snnlab.sweeps.outcome import ENOUGH
from snnlab.sweeps.plan import Plan
from snnlab_app.plots.cards import Text, card, flex, row
from snnlab_app.plots.live import LivePlot
from snnlab_app.sweeps.axes import FoundAxis, axes_of, wrapped

PARALLEL_HEIGHT = 340
"""Height of the parallel coordinates in pixels."""
MAX_TAP_DISTANCE = 0.06
"""Largest distance at which a tap selects a trial, as a share of the figure's width."""


class SweepPlots:
    """Plots of a plan by name, ``plots``: :meth:`build` makes them, :meth:`feed` draws trials.

    ``pick(number)`` is called when a trial is tapped; ``goal`` is the objective shown by history,
    slices and importance; the ``most`` best trials are highlighted in parallel coordinates.
    """

    def __init__(self, plan: Plan, pick: Callable[[int], None]):
        self.plan, self._pick = plan, pick
        self.knobs, self.found = axes_of(plan)
        self.goal, self.most = plan.objectives[0], plan.trials
        self._rows, self._chosen, self._matters = [], None, Text()
        self.plots: dict[str, LivePlot] = {}
        self._making = self._made()

    def build(self) -> bool:
        """Build the next figure; returns whether one was left. All pages wait meanwhile."""
        name, plot = next(self._making, (None, None))
        if name is None:
            return False
        plot.figure.on_event(Tap, lambda event: self._tapped(name, event))
        self.plots[name] = plot
        return True

    def _made(self):
        y, two = self.found[0].label, len(self.found) == 2
        tall = 300 if two else PARALLEL_HEIGHT + 51  # as high as its neighbour with its menu
        yield "history", LivePlot(elements.history(self.plan.trials, y), tall, "y")
        names = [wrapped(axis.label) for axis in (*self.knobs, *self.found)]
        yield "parallel coordinates", LivePlot(elements.parallel(names), PARALLEL_HEIGHT, "")
        for axis in self.knobs:
            drawn = elements.slice_of(
                axis.label, axis.low, axis.high, y, log=axis.log, names=axis.names
            )
            yield f"slice of {axis.name}", LivePlot(drawn, 260, "y")
        if len(self.knobs) > 1:
            names = [wrapped(axis.label) for axis in reversed(self.knobs)]
            yield "importance", LivePlot(elements.importance(names), 229, "")
        if two:
            drawn = elements.front(*(axis.label for axis in self.found))
            yield "Pareto front", LivePlot(drawn, 300, "xy")

    def cards(self, over_parallel: pn.viewable.Viewable) -> list:
        """The plots in rows; ``over_parallel`` is placed above the parallel coordinates."""
        title, pane = "Parallel coordinates: one line for each trial", self._pane
        first = [card("Value of each trial, and the best so far", flex(340), pane("history"))]
        if "Pareto front" in self.plots:
            first.append(card("Pareto front (red): better in one is worse in the other",
                              flex(340), pane("Pareto front")))  # fmt: skip
        across = card(title, flex(420, 1.4), over_parallel, pane("parallel coordinates"))
        slices = [
            card(f"Over {axis.label}", flex(280), pane(f"slice of {axis.name}"))
            for axis in self.knobs
        ]
        if "importance" in self.plots:
            slices.append(card("Which knob mattered", flex(280), pane("importance"),
                               self._matters))  # fmt: skip
        rows = [row(*first), row(across)] if len(first) > 1 else [row(*first, across)]
        return [*rows, row(*slices)]

    def _pane(self, name):
        return self.plots[name].pane(name)

    def feed(self, rows: list[dict], best: list[int], shares: dict, chosen: int | None) -> None:
        """Draw trials; ``best`` are numbers of the best, ``shares`` the importance of knobs by
        objective, ``chosen`` the number of the marked trial."""
        self._rows, self._chosen = rows, chosen
        for axis in self.found:
            axis.see(rows)
        goal = next(axis for axis in self.found if axis.name == self.goal)
        self._feed_history(goal)
        self._feed_slices(goal)
        self._feed_parallel(goal)
        if "importance" in self.plots:
            self._feed_importance(shares.get(self.goal, {}))
        if "Pareto front" in self.plots:
            self._feed_front(best)

    # ── one figure each ──

    def points(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the trials in a figure : x, y float64[trial]."""
        goal = next(axis for axis in self.found if axis.name == self.goal)
        over = {f"slice of {axis.name}": axis for axis in self.knobs}
        if name == "Pareto front":
            return tuple(np.array(list(map(axis.read, self._rows))) for axis in self.found)
        x = map(over[name].read, self._rows) if name in over else self.numbers()
        return np.array(list(x), float), np.array(list(map(goal.read, self._rows)))

    def numbers(self) -> list[int]:
        """Numbers of the drawn trials."""
        return [row["trial"] for row in self._rows]

    def _dots(self, name):
        """Draw the trials and mark the chosen one; returns their positions."""
        plot, (x, y) = self.plots[name], self.points(name)
        mine = np.array(self.numbers()) == self._chosen
        plot.feed("trials", x, y)
        plot.feed("chosen", x[mine], y[mine])
        return x, y

    def _feed_history(self, goal: FoundAxis):
        plot = self.plots["history"]
        plot.measure(goal.label)
        x, y = self._dots("history")
        better = np.fmax if goal.best_is_high else np.fmin
        x, y = np.append(x, x[-1:] + 0.5), better.accumulate(y) if len(y) else y
        plot.feed("best so far", *_stairs(x, np.append(y, y[-1:])))
        plot.settle()

    def _feed_slices(self, goal):
        for axis in self.knobs:
            name = f"slice of {axis.name}"
            self.plots[name].measure(goal.label)
            self._dots(name)
            self.plots[name].settle()

    def _feed_front(self, best):
        plot = self.plots["Pareto front"]
        x, y = self._dots("Pareto front")
        on = np.flatnonzero(np.isin(self.numbers(), best))
        on = on[np.argsort(x[on])] if len(on) else on
        plot.feed("front", x[on], y[on])
        plot.feed("front line", x[on], y[on])
        plot.settle()

    def _feed_importance(self, shares):
        axes = list(reversed(self.knobs))
        self._matters.say(
            "Estimated by functional ANOVA." if shares
            else f"Shown from {ENOUGH} trials on, if their values differ."
        )  # fmt: skip
        source = self.plots["importance"].source("importance")
        source.data = {
            "knob": [wrapped(axis.label) for axis in axes],
            "share": [100 * shares.get(axis.name, 0.0) for axis in axes],
        }

    def _feed_parallel(self, goal):
        plot = self.plots["parallel coordinates"]
        places, value = self._places(), np.array(list(map(goal.read, self._rows)))
        whole = np.isfinite(places).all(axis=1) if len(places) else np.empty(0, bool)
        best = self.ranked(goal)
        bright = [k for k in best[: self.most][::-1] if whole[k]]  # the best on top
        dim = np.setdiff1d(np.flatnonzero(whole), bright)
        _lines(plot, "others", places[dim])
        at = goal.place(value[bright])
        colors = elements.by_merit(at if goal.best_is_high else 1 - at)
        _lines(plot, "lines", places[bright], color=colors)
        _lines(plot, "line chosen", places[whole & (np.array(self.numbers()) == self._chosen)])
        marks = [
            (k, place, text)
            for k, axis in enumerate((*self.knobs, *self.found))
            for place, text in axis.marks()
        ]
        x, y, text = zip(*marks, strict=True)
        plot.source("marks").data = {"axis": list(x), "place": list(y), "text": list(text)}

    def _places(self):
        """Positions of the trials on all axes : float64[trial, axis]."""
        axes = (*self.knobs, *self.found)
        return np.array([axis.place(map(axis.read, self._rows)) for axis in axes]).T

    def ranked(self, goal: FoundAxis) -> np.ndarray:
        """Indices of the successful trials, the best first."""
        value = np.array(list(map(goal.read, self._rows)))
        order = np.argsort(-value if goal.best_is_high else value, kind="stable")
        return order[np.isfinite(value[order])] if len(order) else order

    # ── taps ──

    def _tapped(self, name, event):
        if name == "importance" or not self._rows:
            return
        near = self._far_on_lines if name == "parallel coordinates" else self._far_from_dots
        far = near(name, event)
        if np.isfinite(far).any() and np.nanmin(far) < MAX_TAP_DISTANCE:
            self._pick(self._rows[int(np.nanargmin(far))]["trial"])

    def _far_from_dots(self, name, event):
        """Distances of a tap from the trials, as shares of the figure."""
        plot = self.plots[name]
        over = {f"slice of {axis.name}": axis for axis in self.knobs}
        log = name in over and over[name].log
        x, y = self.points(name)
        ends = plot.figure.x_range, plot.figure.y_range
        far = _share(x, event.x, ends[0], log), _share(y, event.y, ends[1])
        return np.hypot(*far)

    def _far_on_lines(self, name, event):
        """Distances of a tap from the lines of the trials."""
        places = self._places()
        axes = np.arange(places.shape[1])
        at = [np.interp(event.x, axes, line) for line in places]
        return np.abs(np.array(at) - event.y)


def _share(values, at, range_, log=False):
    start, end = range_.start, range_.end
    if log:
        values, at, start, end = (np.log(v) for v in (values, at, start, end))
    return (values - at) / ((end - start) or 1.0)


def _stairs(x, y):
    """A step curve that keeps each value until the next : x, y float64[point]."""
    return np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]


def _lines(plot, name, places, **columns):
    """Draw lines across the axes."""
    axes = np.arange(places.shape[1]).astype(float) if len(places) else []
    source, glyph = plot.source(name), plot.glyphs[name]
    source.data = {"xs": [axes] * len(places), "ys": list(places), **columns}
    if "color" in columns and glyph.line_color != "color":
        glyph.line_color = "color"
