"""How often pages are drawn: all of a server share one thread, which must stay free to answer."""

from collections.abc import Callable
from time import monotonic

SHARE = 0.6
"""Of the thread's time for drawing; the rest is for clicks, and for those who come."""
ACTIVE = 3.0
"""Seconds within which a page must have drawn to count as one that draws."""


class Pace:
    """Grants each page that draws an equal share of the time."""

    def __init__(self, clock: Callable[[], float] = monotonic):
        self._clock = clock
        self._drawn: dict[object, float] = {}
        self._due: dict[object, float] = {}

    def due(self, page: object) -> bool:
        """Whether it is this page's time to draw."""
        return self._clock() >= self._due.get(page, 0.0)

    def drew(self, page: object, seconds: float) -> None:
        """This page has drawn, which took so long."""
        now = self._drawn[page] = self._clock()
        drawing = sum(now - then < ACTIVE for then in self._drawn.values())
        self._due[page] = now + seconds * (drawing / SHARE - 1)

    def forget(self, page: object) -> None:
        """It is gone."""
        self._drawn.pop(page, None)
        self._due.pop(page, None)
