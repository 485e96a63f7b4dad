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
    def of(cls, curves: dict[str, np.ndarray], until: int) -> "History":
        """A history that continues these curves, up to the ``step`` ``until``."""
        self = cls()
        self._names = tuple(curves)
        before = curves["step"] <= until
        self._rows = [tuple(row) for row in np.transpose([c[before] for c in curves.values()])]
        if len(self._rows) > 1:
            self._grain = max(1, round((self._rows[-1][0] - self._rows[0][0]) / len(self._rows)))
        return self

    def add(self, **values: float) -> None:
        """Add a point; the names must be the same every time."""
        self._names = tuple(values)
        self._open.append(tuple(values.values()))
        if len(self._open) >= self._grain:
            self._rows.append(tuple(np.mean(self._open, axis=0)))
            self._open = []
        if len(self._rows) >= MAX_POINTS:
            self._rows = [
                tuple(r) for r in np.reshape(self._rows, (MAX_POINTS // 2, 2, -1)).mean(axis=1)
            ]
            self._grain *= 2

    def arrays(self) -> dict[str, np.ndarray]:
        """The curves by name : float64[point]."""
        columns = np.array(self._rows, float).reshape(len(self._rows), len(self._names)).T
        return dict(zip(self._names, columns, strict=True))
