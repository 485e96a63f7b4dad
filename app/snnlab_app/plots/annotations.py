"""What is written into a live figure: names at the ends of curves, and marks of turned knobs."""

import numpy as np
from bokeh.core.property.descriptors import UnsetValueError
from bokeh.models import ColumnDataSource, LinearColorMapper, Plot, Text, VSpan

from snnlab_app.plots.theme import AXIS

LINE_HEIGHT = 12
"""Pixels between two names at the ends of curves, so that they do not overlap."""
FRAME_HEIGHT = 170.0
"""Pixels of a frame, about, until the browser has said them."""
MAX_MARKS = 12
"""Marks shown; older ones are left out."""
LOW_FRAME = 90
"""Pixels of a frame below which only the newest mark has a text."""
MARK_LINES = 3
"""Lines over which the texts of neighbouring marks are spread."""
NAME_GAP = 6.0
"""Pixels between the end of a curve and its name."""
SHORT = 2
"""Letters of a name that leaves room for a second column."""
FRAME_WIDTH = 300.0
"""Pixels of a frame, about, until the browser has said them."""
LETTER = 6.0
"""Pixels of a letter of these texts, about."""


class EndNames:
    """Names of curves beside their last points, in place of a legend.

    colors : of the curves by label, in the order in which they are written over each other. Where
    there is no room for all names, short ones stand in two columns, and of those that still do not
    fit, those of the highest curves are written.
    """

    def __init__(self, figure: Plot, colors: dict[str, str]):
        self._figure, self.scale = figure, 1.0
        self._colors = {label: k for k, label in enumerate(colors)}
        palette = LinearColorMapper(
            palette=list(colors.values()), low=0, high=max(len(colors) - 1, 1)
        )
        self._source = ColumnDataSource({name: [] for name in ("x", "y", "text", "color", "shift")})
        glyph = Text(
            x="x", y="y", text="text", text_color={"field": "color", "transform": palette},
            text_font_size="11px", x_offset="shift",
            text_font_style="bold", text_baseline="middle",
        )  # fmt: skip
        figure.add_glyph(self._source, glyph)
        self._ends: dict[str, tuple[float, float, str]] = {}
        figure.on_change("inner_height", self._fit)

    def _fit(self, attr, old, new):
        """The browser has laid out the figure again: names may overlap.

        Written after this call, as a change within it would not be sent.
        """
        if self._ends and (page := self._figure.document):
            page.add_next_tick_callback(lambda: self.write(self._ends))

    def write(self, ends: dict[str, tuple[float, float, str]]) -> None:
        """Write a text at the end (x, y) of each curve."""
        self._ends = ends
        known = [(label, *ends[label]) for label in self._colors if label in ends]
        known = [end for end in known if np.isfinite(end[1]) and np.isfinite(end[2])]
        low, high = self._figure.y_range.start, self._figure.y_range.end
        line, height = self.scale * LINE_HEIGHT, frame_height(self._figure)
        fitting, columns = max(1, int(height / line)), 1
        if len(known) > fitting and all(len(text) <= SHORT for *_, text in known):
            columns = 2
        if len(known) > (fitting := fitting * columns):
            lowest_named = sorted(y for _, _, y, _ in known)[-fitting]
            known = [end for end in known if end[2] >= lowest_named][:fitting]
        gap = line * (high - low) / height / columns
        places = spread_out([y for _, _, y, _ in known], gap, low, high)
        from_below = np.argsort(np.argsort(places))
        across = self.scale * (LETTER * max((len(text) for *_, text in known), default=0) + 4)
        self._source.data = {
            "x": [x for _, x, _, _ in known],
            "y": places,
            "text": [text for *_, text in known],
            "color": [self._colors[label] for label, *_ in known],
            "shift": (NAME_GAP + across * (from_below % columns)).tolist(),
        }


def frame_height(figure: Plot) -> float:
    """Pixels of a figure's frame, as the browser has laid it out."""
    try:
        return figure.inner_height or FRAME_HEIGHT
    except UnsetValueError:
        return FRAME_HEIGHT


def frame_width(figure: Plot) -> float:
    """Likewise across."""
    try:
        return figure.inner_width or FRAME_WIDTH
    except UnsetValueError:
        return FRAME_WIDTH


def spread_out(values: list[float], gap: float, low: float, high: float) -> list[float]:
    """The values moved apart by ``gap`` at least, in their order, within low…high if they fit."""
    if not values:
        return []
    order = np.argsort(values, kind="stable")
    rank = gap * np.arange(len(values))
    # Without the ranks' own distance, values that keep the gap are those that never fall.
    placed = np.maximum.accumulate(np.asarray(values, float)[order] - rank) + rank
    top = high - gap / 2
    placed = np.minimum(placed, top - rank[::-1])
    placed += max(0.0, low + gap / 2 - placed[0])
    result = np.empty(len(values))
    result[order] = placed
    return result.tolist()


class KnobMarks:
    """Vertical lines at the steps at which a knob was turned, with its new value as text."""

    def __init__(self, figure: Plot, texts: bool = False):
        self._figure, self._texts, self._shown, self.scale = figure, texts, None, 1.0
        self._marks: tuple = ()
        names = ("x", "y", "text", "offset", "align", "shift")
        self._source = ColumnDataSource({name: [] for name in names})
        line = VSpan(x="x", line_color=AXIS, line_dash="dashed", line_width=1)
        figure.add_glyph(self._source, line)
        if texts:
            text = Text(
                x="x", y="y", text="text", text_align="align", x_offset="shift", y_offset="offset",
                text_color=AXIS, text_font_size="11px", text_baseline="bottom",
            )  # fmt: skip
            figure.add_glyph(self._source, text)

    def show(self, marks: tuple) -> None:
        """Show the newest marks, each with its ``step`` and its ``text`` left of its line, or right
        where the left has no room, and above the texts that it would touch."""
        self._marks = marks = marks[-MAX_MARKS:]
        foot = float(self._figure.y_range.start) if self._texts else 0.0
        texts = [mark.text for mark in marks]
        if frame_height(self._figure) < LOW_FRAME:  # on a phone, where they would cover the curves
            texts[:-1] = [""] * len(texts[:-1])
        rows = [text.split("\n") for text in texts]
        places = self._places(marks)
        widths = [self.scale * LETTER * max(map(len, of_text)) for of_text in rows]
        left = [place >= width for place, width in zip(places, widths, strict=True)]
        starts = [place - width * to_left
                  for place, width, to_left in zip(places, widths, left, strict=True)]  # fmt: skip
        lines = free_lines(starts, widths, [len(of_text) for of_text in rows])
        shown = marks, foot, left, lines, self.scale
        if shown == self._shown:
            return
        self._shown = shown
        self._source.data = {
            "x": [mark.step for mark in marks],
            "y": [foot] * len(marks),
            "text": texts,
            "offset": [-2.0 - self.scale * LINE_HEIGHT * line for line in lines],
            "align": ["right" if one else "left" for one in left],
            "shift": [-3.0 if one else 3.0 for one in left],
        }

    def show_again(self) -> None:
        """Likewise in a figure that was laid out or enlarged since."""
        self.show(self._marks)

    def _places(self, marks):
        """Pixels from the left edge of the frame."""
        across = self._figure.x_range
        scale = frame_width(self._figure) / max(across.end - across.start, 1e-9)
        return [(mark.step - across.start) * scale for mark in marks]


def free_lines(starts: list[float], widths: list[float], heights: list[int]) -> list[int]:
    """The lowest line, of MARK_LINES, from which on each text touches no earlier one; else 0.

    heights : lines of each text.
    """
    ends, found = np.full(MARK_LINES + max(heights, default=0), -np.inf), []
    for start, width, height in zip(starts, widths, heights, strict=True):
        fitting = (k for k in range(MARK_LINES) if ends[k : k + height].max() <= start)
        line = next(fitting, 0)
        ends[line : line + height] = np.maximum(ends[line : line + height], start + width)
        found.append(line)
    return found
