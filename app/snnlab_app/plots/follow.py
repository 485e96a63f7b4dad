"""Axes that follow the data in rare, round steps: moving an axis costs a page more than a curve."""

import numpy as np
from bokeh.models import Plot

ROOM = 0.06
"""Free space around the data, as a share of the axis."""
SMALLEST = 0.4
"""Share of the axis that the data must fill, else it shrinks to them."""


class Following:
    """Sets the ranges of a figure to the data; whoever zooms stops it, the reset tool resumes."""

    def __init__(self, figure: Plot, axes: str):
        self._ranges = {axis: getattr(figure, f"{axis}_range") for axis in axes}
        self._bounds: dict[str, tuple] = {}
        self.resume()

    def see(self, label: str, x: np.ndarray, y: np.ndarray) -> None:
        """The curve called ``label`` now has these points."""
        self._bounds[label] = _bounds(x), _bounds(y)

    def resume(self) -> None:
        """Follow again, whoever had zoomed."""
        self._set = {axis: (r.start, r.end) for axis, r in self._ranges.items()}

    def settle(self) -> None:
        """Move those ranges that the data have left, or shrunk in."""
        for axis, range_ in self._ranges.items():
            ends = [b["xy".index(axis)] for b in self._bounds.values()]
            ends = [end for end in ends if end is not None]
            if not ends or (range_.start, range_.end) != self._set[axis]:
                continue
            low, high = min(e[0] for e in ends), max(e[1] for e in ends)
            wanted = roomy(low, high, self._set[axis], 0.0 if axis == "x" else ROOM)
            if wanted != self._set[axis]:
                self._set[axis] = wanted
                start, end = wanted
                range_.update(start=start, end=end, reset_start=start, reset_end=end)


def _bounds(values):
    finite = np.asarray(values)[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if len(finite) else None


def roomy(
    low: float, high: float, now: tuple[float, float], room: float = ROOM
) -> tuple[float, float]:
    """A range around low…high: ``now`` if that still does, else a round one with room to grow."""
    start, end = now
    if start <= low and high <= end and high - low >= SMALLEST * (end - start):
        return now
    span = (high - low) or 0.1 * abs(high) or 1.0
    step = 10.0 ** np.floor(np.log10(span)) / 4.0
    down, up = low - room * span, high + max(room, 0.1) * span
    floor = float(np.floor(down / step) * step)
    return (0.0 if low >= 0.0 > floor else floor), float(np.ceil(up / step) * step)
