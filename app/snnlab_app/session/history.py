"""Curves that never grow too long to draw."""

import numpy as np

MAX_POINTS = 600
"""Of a curve: about as many as a plot has pixels to show."""


class History:
    """Named series over time; when full, neighbours are averaged and the grain doubles."""

    def __init__(self):
        self._names: tuple[str, ...] = ()
        self._rows, self._n = np.empty((MAX_POINTS, 0)), 0
        self._open: list[tuple[float, ...]] = []
        self._grain = 1

    @classmethod
    def of(cls, kept: dict[str, np.ndarray], until: int) -> "History":
        """A history that continues the curves of :meth:`kept`, up to the ``step`` ``until``."""
        self, curves = cls(), dict(kept)
        self._grain = int(curves.pop("grain")[0])
        if curves:
            self._name(curves)
            rows = np.transpose(list(curves.values()))[curves["step"] <= until]
            self._n = len(rows)
            self._rows[: self._n] = rows
        return self

    def _name(self, names):
        self._names, self._rows = tuple(names), np.empty((MAX_POINTS, len(names)))

    def add(self, **values: float) -> None:
        """Add a point; with other names than before, which an older version kept, begin again."""
        if self._names != tuple(values):
            self._name(values)
            self._n, self._open, self._grain = 0, [], 1
        self._open.append(tuple(values.values()))
        if len(self._open) >= self._grain:
            self._rows[self._n] = np.mean(self._open, axis=0)
            self._n, self._open = self._n + 1, []
        if self._n == MAX_POINTS:
            self._n, self._grain = MAX_POINTS // 2, 2 * self._grain
            self._rows[: self._n] = self._rows.reshape(self._n, 2, -1).mean(axis=1)

    def blank(self, name: str) -> None:
        """Remove the values of one curve so far: NaN in their place."""
        if self._names:
            k = self._names.index(name)
            self._rows[:, k] = np.nan
            self._open = [(*row[:k], np.nan, *row[k + 1 :]) for row in self._open]

    def arrays(self) -> dict[str, np.ndarray]:
        """The curves by name : float64[point]; the last point may be of fewer values."""
        rows = self._rows[: self._n]
        if self._open:
            rows = np.vstack([rows, np.mean(self._open, axis=0)])
        return self._columns(rows)

    def kept(self) -> dict[str, np.ndarray]:
        """What :meth:`of` continues."""
        return {**self._columns(self._rows[: self._n]), "grain": np.array([self._grain])}

    def _columns(self, rows):
        return dict(zip(self._names, rows.T.copy(), strict=True))
