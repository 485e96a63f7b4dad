"""Curves that never grow too long to draw."""

import numpy as np

MAX_POINTS = 600
"""Of a curve: about as many as a plot has pixels to show."""


class History:
    """Named series over time; when full, neighbours are averaged and the grain doubles."""

    def __init__(self):
        self._rows: list[tuple[float, ...]] = []
        self._names: tuple[str, ...] = ()
        self._open: list[tuple[float, ...]] = []
        self._grain = 1

    @classmethod
    def of(cls, kept: dict[str, np.ndarray], until: int) -> "History":
        """A history that continues the curves of :meth:`kept`, up to the ``step`` ``until``."""
        self, curves = cls(), dict(kept)
        self._grain = int(curves.pop("grain")[0])
        self._names = tuple(curves)
        before = curves["step"] <= until
        self._rows = [tuple(row) for row in np.transpose([c[before] for c in curves.values()])]
        return self

    def add(self, **values: float) -> None:
        """Add a point; the names must be the same every time."""
        self._names = tuple(values)
        self._open.append(tuple(values.values()))
        if len(self._open) >= self._grain:
            self._rows.append(_mean(self._open))
            self._open = []
        if len(self._rows) >= MAX_POINTS:
            self._rows = [
                tuple(r) for r in np.reshape(self._rows, (MAX_POINTS // 2, 2, -1)).mean(axis=1)
            ]
            self._grain *= 2

    def blank(self, name: str) -> None:
        """Remove the values of one curve so far: NaN in their place."""
        k = self._names.index(name) if self._names else 0
        self._rows, self._open = (
            [(*row[:k], np.nan, *row[k + 1 :]) for row in rows] for rows in (self._rows, self._open)
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """The curves by name : float64[point]; the last point may be of fewer values."""
        return self._columns([*self._rows, _mean(self._open)] if self._open else self._rows)

    def kept(self) -> dict[str, np.ndarray]:
        """What :meth:`of` continues."""
        return {**self._columns(self._rows), "grain": np.array([self._grain])}

    def _columns(self, rows):
        columns = np.array(rows, float).reshape(len(rows), len(self._names)).T
        return dict(zip(self._names, columns, strict=True))


def _mean(rows):
    return tuple(np.mean(rows, axis=0))
