"""Axes, lines and texts drawn with Pillow, larger than shown: reduced, they have smooth edges."""

from contextlib import suppress
from functools import cache
from math import floor, log10
from unicodedata import normalize

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from snnlab_app.plots.theme import AXIS

SCALE = 2
"""Pixels drawn per pixel shown."""
INK = "#1B1F24"
FONTS = (
    "DejaVuSans.ttf", "Arial.ttf", "arial.ttf", "LiberationSans-Regular.ttf",
    "NotoSans-Regular.ttf",
)  # fmt: skip
"""Fonts looked for on the machine, the first one found is used; Pillow's own has only ASCII."""
MAX_TICKS = 6


@cache
def _font(size):
    for name in FONTS:
        with suppress(OSError):
            return ImageFont.truetype(name, SCALE * size), True
    return ImageFont.load_default(SCALE * size), False


def draw_text(
    pen: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, color: str = INK,
    anchor: str = "ls", width: float | None = None,
) -> None:  # fmt: skip
    """Draw one line; ``anchor`` as Pillow has it; cut with an ellipsis beyond ``width`` pixels."""
    font, has_letters = _font(size)
    if not has_letters:
        text = normalize("NFKD", text).encode("ascii", "replace").decode()
    if width is not None:
        while text and font.getlength(text) > SCALE * width:
            text = text[:-2] + "…"
    pen.text((SCALE * at[0], SCALE * at[1]), text, color, font=font, anchor=anchor)


class Axes:
    """A frame at ``box`` (left, top, right, bottom : pixels) over ranges of x and y."""

    def __init__(self, box, x: tuple[float, float], y: tuple[float, float]):
        self._box, self._x, self._y = box, x, y

    def draw_frame(self, pen, title: str, xlabel: str, rows=None) -> None:
        """Title, axes and ticks; ``rows`` gives names for the y axis instead, (y, name)."""
        left, top, right, bottom = self._box
        draw_text(pen, (left, top - 7), title, 12)
        draw_text(pen, (right, bottom + 29), xlabel, 10, AXIS, "rs")
        for x in ticks(*self._x):
            (at, _) = self._place(x, self._y[0])
            pen.line([(at, SCALE * bottom), (at, SCALE * (bottom + 4))], AXIS, SCALE)
            draw_text(pen, (at / SCALE, bottom + 16), f"{x:,g}", 10, AXIS, "ms")
        for y, name in rows or [(y, f"{y:,g}") for y in ticks(*self._y)]:
            (_, at) = self._place(self._x[0], y)
            if not rows:
                pen.line([(SCALE * left, at), (SCALE * right, at)], "#ECEEF0", SCALE)
            draw_text(pen, (left - 7, at / SCALE), name, 10, AXIS, "rm")
        corners = (left, top), (left, bottom), (right, bottom)
        pen.line([(SCALE * x, SCALE * y) for x, y in corners], AXIS, SCALE)

    def mark(self, pen, x: float, text: str) -> None:
        """A vertical line with a text at its top, if it is in range."""
        if not self._x[0] <= x <= self._x[1]:
            return
        at, _ = self._place(x, self._y[0])
        left, top, right, bottom = self._box
        pen.line([(at, SCALE * top), (at, SCALE * bottom)], AXIS, SCALE)
        shift, anchor = (4, "ls") if at < SCALE * (left + right) / 2 else (-4, "rs")
        draw_text(pen, (at / SCALE + shift, bottom - 6), text, 10, INK, anchor)

    def line(self, pen, x, y, color: str, width: float, dots: float = 0) -> None:
        """A line through the points that are in range; ``dots`` : radius of the points."""
        points = self._points(x, y)
        if len(points) > 1:
            pen.line(points, color, round(SCALE * width), joint="curve" if width > 2 else None)
        if dots:
            for u, v in points:
                pen.circle((u, v), SCALE * dots, color)

    def name(self, pen, x, y, text: str, color: str) -> None:
        """A curve's name at its highest point."""
        top = int(np.argmax(y))
        u, v = self._place(x[top], y[top])
        draw_text(pen, (u / SCALE, v / SCALE - 5), text, 12, color, "ms")

    def squares(self, pen, x, y, color: str, half: float) -> None:
        """A square at each point that is in range; ``half`` its width : pixels."""
        half *= SCALE
        for u, v in self._points(x, y):
            pen.rectangle((u - half, v - half, u + half, v + half), color)

    def paste(self, picture: Image.Image, cells: np.ndarray, top: float) -> None:
        """Fill the frame up to y = ``top`` with cells : uint8[row, column, channel]."""
        left, _, right, bottom = (SCALE * edge for edge in self._box)
        _, v = self._place(self._x[0], top)
        size = right - left - SCALE, round(bottom - v)
        cells = Image.fromarray(cells).resize(size, Image.Resampling.NEAREST)
        picture.paste(cells, (left + SCALE, round(v)))

    def _points(self, x, y):
        x, y = np.asarray(x, float), np.asarray(y, float)
        keep = np.isfinite(y) & (x >= self._x[0]) & (x <= self._x[1])
        low, high = self._y
        return [self._place(*point) for point in zip(x[keep], y[keep].clip(low, high), strict=True)]

    def _place(self, x, y):
        left, top, right, bottom = self._box
        across = (x - self._x[0]) / (self._x[1] - self._x[0])
        up = (y - self._y[0]) / (self._y[1] - self._y[0])
        return SCALE * (left + across * (right - left)), SCALE * (bottom - up * (bottom - top))


def ticks(low: float, high: float) -> list[float]:
    """At most ``MAX_TICKS`` round numbers from ``low`` to ``high``; zero without a sign."""
    rough = (high - low) / (MAX_TICKS - 1)
    decade = 10.0 ** floor(log10(rough))
    step = next(decade * m for m in (1, 2, 5, 10) if decade * m >= rough)
    first = -(-low // step)
    return [round(step * k, 12) + 0.0 for k in np.arange(first, high // step + 1)]
