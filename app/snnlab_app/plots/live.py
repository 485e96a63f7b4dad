"""A plot that is drawn once; afterwards only its data are replaced.

HoloViews defines it; after the first drawing its Bokeh sources are written directly, which takes
less than a millisecond instead of hundreds.
"""

import holoviews as hv
import numpy as np
import panel as pn
from bokeh.core.property.vectorization import Value
from bokeh.models import BasicTicker, ColorBar, Plot

from snnlab_app.panel_fixes import rendered
from snnlab_app.plots.template import Template
from snnlab_app.plots.theme import AXIS

LARGE = 1.6
"""Size of type and lines for an audience, relative to the usual one."""
TOOLBAR = ":host(.bk-inner) { background: var(--panel-surface-color, white) }"
"""Style of a figure's tools over it: white by themselves, on a dark page too."""
LINE_WIDTHS = ("line_width",)
FONT_SIZES = ("major_label_text_font_size", "text_font_size")
"""Properties of models that are enlarged."""
TICKS, NARROW_TICKS, LOW_TICKS = 6, 5, 3
"""Numbers along an axis, about: usually, across a narrow page, and up a display on one."""
MARGIN = 0.06
"""Free space around the data, as a share of the axis."""
MIN_FILL = 0.4
"""Share of the axis that the data must fill, else it shrinks to them."""
MIN_RELATIVE_SPAN = 0.04
"""Smallest span of an axis relative to its values, so that rounding errors do not fill it."""


class LivePlot:
    """An element rendered to a Bokeh figure, whose leaves are updated by label.

    ``height`` is in pixels, None to fill the place that the page leaves for it; ``follow`` names
    the axes that follow the data, ``pads`` how, by axis (:func:`pad_range` unless given); ``right``
    is the share of the horizontal axis kept free for names; ``widest`` keeps the aspect ratio of an
    image.
    """

    def __init__(
        self,
        element: hv.Element | hv.Overlay | Template,
        height: int | None = None,
        follow: str = "y",
        widest: int | None = None,
        pads: dict | None = None,
        right: float = 0.0,
    ):
        self._sources, self._labels, self._dimensions = {}, {}, {}
        self._names: dict[str, str] = {}
        self.scale, self._narrow, self._alone, self._across = 1.0, False, False, ""
        self.glyphs: dict[str, object] = {}
        if isinstance(element, Template):
            self.figure, self._sources, self.glyphs = element.copy()
            self._dimensions = element.dimensions
        else:
            self.figure: Plot = rendered(element, self._remember)
        _dress(self.figure, height)
        self._ticks = TICKS
        self._measured = self.figure.yaxis[0].axis_label if self.figure.yaxis else ""
        self.figure.max_width = self._widest = widest
        pads = {axis: (pads or {}).get(axis, pad_range) for axis in follow}
        self._follows, self._following = follow, Following(self.figure, pads, right)

    def stand_alone(self, name: str, across: str = "") -> None:
        """Have the figure named for screen readers, and its axes left to the title around it, but
        for the horizontal one if ``across`` names it where the page is wide."""
        self.figure.html_attributes = {"role": "figure", "aria-label": name}
        self._alone, self._ticks, self._across = True, NARROW_TICKS, across
        for axis in self.figure.axis:
            axis.axis_label = ""
            if isinstance(axis.ticker, BasicTicker):
                axis.ticker.update(desired_num_ticks=self._ticks, num_minor_ticks=0)
        self.figure.update(min_border_left=0, min_border_top=2, min_border_bottom=0)

    def enlarge(self, on: bool) -> None:
        """Draw large type and thick lines, or as usual again."""
        scale = LARGE if on else 1.0
        if self.scale == scale:
            return
        for model in self.figure.references():
            for name in LINE_WIDTHS:
                if name in model.properties() and isinstance(getattr(model, name), int | float):
                    setattr(model, name, getattr(model, name) * scale / self.scale)
            for name in FONT_SIZES:
                if name in model.properties():
                    size = getattr(model, name)
                    size = size["value"] if isinstance(size, dict) else size
                    size = getattr(size, "value", size)
                    number, unit = float(size[:-2]), size[-2:]
                    setattr(model, name, f"{number * scale / self.scale:g}{unit}")
        self.scale = scale
        self.fit(self._narrow)

    def fit(self, narrow: bool) -> None:
        """Fit a narrow page, where numbers along an axis would touch, or a wide one; in large type
        they would touch on any."""
        self._narrow = narrow
        across, up = (NARROW_TICKS, LOW_TICKS) if narrow else (self._ticks, self._ticks)
        if self._across and not narrow:  # steps of five digits, beside other figures
            across = LOW_TICKS
        if self.scale > 1.0:  # numbers in large type need as much more room
            across = min(across - 1, LOW_TICKS)
        if self._across:
            self.figure.xaxis[0].update(
                axis_label="" if narrow else self._across, axis_label_standoff=0,
                axis_label_text_font_size="11px",
            )  # fmt: skip
        for axis in self.figure.axis:
            is_across = axis in self.figure.xaxis
            if isinstance(axis.ticker, BasicTicker) and (is_across or self._alone):
                axis.ticker.desired_num_ticks = across if is_across else up

    def keep_in_frame(self) -> None:
        """Let no tool move an image out of its frame."""
        for range_ in (self.figure.x_range, self.figure.y_range):
            range_.bounds = tuple(sorted((range_.start, range_.end)))

    def leave_free(self, right: float) -> None:
        """Keep this share of the horizontal axis free for names."""
        self._following.right = right

    def _remember(self, leaf):
        if leaf.handles.get("source") is not None:
            self._sources[leaf.current_frame.label] = leaf.handles["source"]
            self.glyphs[leaf.current_frame.label] = leaf.handles.get("glyph")
            names = [d.pprint_label for d in leaf.current_frame.dimensions()]
            self._dimensions[leaf.current_frame.label] = names

    def source(self, label: str):
        """The Bokeh source of a leaf."""
        return self._sources[label]

    def feed(self, label: str, x, y) -> None:
        """New points for a curve or scatter, which the axes follow."""
        self.write(label, x, y)
        if self._follows:
            self._following.see(label, x, y)

    def write(self, label: str, x, y) -> None:
        """New points, or corners of an area, that the axes do not follow."""
        source = self._sources[label]
        x_name, y_name = source.column_names[:2]
        source.data = {x_name: x, y_name: y}

    def limit(self, start: float) -> None:
        """Let the vertical axis follow only what lies at ``start`` or right of it."""
        self._following.start = start

    def measure(self, words: str, high: float | None = None) -> None:
        """Rename the vertical axis after a change of quantity; ``high`` ends an axis from 0."""
        if self._measured != words:
            self._measured = words
            if not self._alone:
                self.figure.yaxis[0].axis_label = words
            self._following.resume()
            if high is not None:
                self.figure.y_range.update(start=0, end=high, reset_start=0, reset_end=high)

    def see(self, label: str, x, y) -> None:
        """Let the axes follow points that were written directly."""
        self._following.see(label, x, y)
        self.settle()

    def settle(self) -> None:
        """Let the axes follow the new data."""
        self._following.settle()

    def feed_image(self, label: str, cells, **place) -> None:
        """New cells for an image; ``place`` may give x, y, dw, dh."""
        source = self._sources[label]
        data = {name: [value] for name, value in place.items()}
        source.data = {**source.data, **data, "image": [cells]}

    def rename(self, names: dict[str, str]) -> None:
        """New texts of legend entries, by the label of their curve."""
        self._names.update(names)
        for item in self.figure.legend.items:
            label = self._labels.setdefault(item.id, item.label.value)
            if label in names and item.label.value != names[label]:
                item.label = Value(names[label])

    def table(self) -> tuple[list[str], list[tuple]]:
        """The plotted data: column names with units, and rows.

        An image as its cells, first row on top; otherwise curve name, x and y.
        """
        for label, source in self._sources.items():
            if "image" in source.data:
                return self._dimensions[label], _cells(source.data)
        names = next(iter(self._dimensions.values()))
        axes = [
            axis.axis_label or name for axis, name in zip(self.figure.axis, names, strict=False)
        ]
        rows = [
            (self._names.get(label, label), *point)
            for label, source in self._sources.items()
            if not label.endswith(" line")
            for point in _points(source)
        ]
        return ["curve", *axes], rows

    def pane(self, name: str) -> pn.pane.Bokeh:
        """The plot as a Panel pane."""
        return pn.pane.Bokeh(
            self.figure, sizing_mode=self.figure.sizing_mode, height=self.figure.height, name=name,
            max_width=self._widest, min_height=0,
        )  # fmt: skip


def _points(source):
    """x and y of a source; bars of a histogram by their centre."""
    columns = dict(source.data)
    if "left" in columns:
        middle = (columns.pop("left") + columns.pop("right")) / 2
        (y,) = columns.values()
        return zip(middle, y, strict=True)
    x, y = (columns[name] for name in source.column_names[:2])
    return ((a, b) for a, b in zip(x, y, strict=True) if b == b)


def _cells(data):
    cells = data["image"][0][::-1]
    return [(x, y, value) for (y, x), value in np.ndenumerate(cells) if value == value]


def _dress(figure, height):
    """Options that the element lacks: size, and colours for light and dark backgrounds."""
    # WebGL is slower in a browser without a graphics card.
    size = "stretch_width" if height else "stretch_both"
    figure.update(height=height, min_width=120, min_height=60, sizing_mode=size)
    figure.output_backend = "canvas"
    figure.update(background_fill_alpha=0, border_fill_alpha=0, outline_line_color=None)
    figure.toolbar.update(logo=None, autohide=True, stylesheets=[TOOLBAR])
    # Until a tool is chosen, who drags or turns the wheel over a figure moves the page.
    figure.toolbar.update(active_drag=None, active_scroll=None)
    figure.update(toolbar_location="right", toolbar_inner=True)  # over the frame, without a place
    figure.min_border_right = 16  # room for half of the last axis label
    for axis in figure.axis:
        axis.update(
            axis_line_color=AXIS, major_tick_line_color=AXIS, minor_tick_line_color=None,
            major_label_text_color=AXIS, axis_label_text_color=AXIS,
            axis_label_text_font_style="normal",
        )  # fmt: skip
    for bar in figure.select(type=ColorBar):
        bar.update(
            background_fill_alpha=0, title="", major_label_text_color=AXIS, bar_line_color=None,
            major_tick_line_color=AXIS,
        )  # fmt: skip
    for legend in figure.legend:
        legend.label_text_color = AXIS
    for grid in figure.grid:
        grid.update(grid_line_color=AXIS, grid_line_alpha=0.15)


class Following:
    """Sets the ranges of a figure to the data; stopped by zooming, resumed by the reset tool.

    pads : for each axis that follows, the new range for (lowest value, highest, present range);
    start : left end of what the vertical axis follows; right : share of the horizontal axis that
    stays free.
    """

    def __init__(self, figure: Plot, pads: dict, right: float = 0.0):
        self._pads, self.start, self.right = pads, -np.inf, right
        self._ranges = {axis: getattr(figure, f"{axis}_range") for axis in pads}
        self._bounds: dict[str, tuple] = {}
        self.resume()

    def forget(self) -> None:
        """Follow none of the data seen so far."""
        self._bounds.clear()

    def see(self, label: str, x: np.ndarray, y: np.ndarray) -> None:
        """Register the points of the curve ``label``."""
        x, y = np.asarray(x), np.asarray(y)
        if len(x) and self.start > -np.inf:
            recent = x >= min(self.start, x[-1])
            self._bounds[label] = _bounds(x), _bounds(y[recent])
        else:
            self._bounds[label] = _bounds(x), _bounds(y)

    def resume(self) -> None:
        """Follow the data again after zooming."""
        self._set = {axis: (r.start, r.end) for axis, r in self._ranges.items()}

    def settle(self) -> None:
        """Adjust the ranges that the data have left or fill too little."""
        for axis, range_ in self._ranges.items():
            ends = [b["xy".index(axis)] for b in self._bounds.values()]
            ends = [end for end in ends if end is not None]
            if not ends or (range_.start, range_.end) != self._set[axis]:
                continue
            low, high = min(e[0] for e in ends), max(e[1] for e in ends)
            free = {"room": 0.0, "right": self.right} if axis == "x" else {}
            wanted = self._pads[axis](low, high, self._set[axis], **free)
            if wanted != self._set[axis]:
                self._set[axis] = wanted
                start, end = wanted
                range_.update(start=start, end=end, reset_start=start, reset_end=end)


def _bounds(values):
    finite = np.asarray(values)[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if len(finite) else None


def pad_range(
    low: float,
    high: float,
    now: tuple[float, float],
    room: float = MARGIN,
    right: float = 0.0,
) -> tuple[float, float]:
    """A range around low…high: ``now`` if it still fits, else a round one with a margin.

    ``right`` is the share of the values' span that stays free above them.
    """
    start, end = now
    low, high = widen(low, high)
    free = right * (high - low)
    if start <= low and high + free <= end and high - low >= MIN_FILL * (end - start):
        return now
    high += free
    span = (high - low) or 1.0
    step = 10.0 ** np.floor(np.log10(span)) / 4.0
    down, up = low - room * span, high + max(room, 0.1) * span
    floor = float(np.floor(down / step) * step)
    return (0.0 if low >= 0.0 > floor else floor), float(np.ceil(up / step) * step)


def widen(low: float, high: float) -> tuple[float, float]:
    """A range about the middle of low…high that spans at least MIN_RELATIVE_SPAN of its values."""
    missing = MIN_RELATIVE_SPAN * max(abs(low), abs(high)) - (high - low)
    return (low - missing / 2, high + missing / 2) if missing > 0 else (low, high)
