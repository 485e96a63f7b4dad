"""When pages are drawn: all of a server share one thread, which must stay free to answer clicks."""

from collections.abc import Callable
from time import monotonic
from typing import Protocol

from tornado.ioloop import IOLoop, PeriodicCallback

LOOK_EVERY = 25
"""Milliseconds between two looks at the pages."""
DRAWING_SHARE = 0.6
"""Share of the thread's time for drawing; the rest is for clicks and new visitors."""
ACTIVE_SECONDS = 3.0
"""Seconds within which a page must have drawn to count as one that draws."""
MAX_DRAW_SECONDS = 0.03
"""Cap on a measured draw time: in longer ones Python collected garbage of all pages."""


class Page(Protocol):
    """What the clock looks at."""

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for an answer."""

    @property
    def wants(self) -> bool:
        """Whether there is anything new to draw, and the browser has drawn the last."""

    def draw(self, done: Callable[[float], None]) -> None:
        """Draw it soon, and say how many seconds of the processor's time that took."""


class Clock:
    """Has pages drawn that have something new; each that draws gets an equal share of the time.

    Panel's own periodic callbacks cost more than most of what they would do here.
    """

    def __init__(self, now: Callable[[], float] = monotonic):
        self._now = now
        self.loop: IOLoop | None = None
        self._due: dict[Page, float] = {}
        self._drawn: dict[Page, float] = {}
        self._drawing: set[Page] = set()

    def start(self) -> None:
        """Begin to look; to be called in the server's thread, whose ``loop`` it then is."""
        self.loop = IOLoop.current()
        self._ticking = PeriodicCallback(self.look, LOOK_EVERY)
        self._ticking.start()

    def add(self, page: Page) -> None:
        """Look at this page from now on."""
        self._due[page] = 0.0

    def remove(self, page: Page) -> None:
        """It is gone; harmless when called twice."""
        self._due.pop(page, None)
        self._drawn.pop(page, None)
        self._drawing.discard(page)

    def look(self) -> None:
        """Have those drawn whose time it is, and those who clicked at once."""
        now = self._now()
        for page, due in tuple(self._due.items()):
            if page not in self._drawing and (page.urgent or (now >= due and page.wants)):
                self._drawing.add(page)
                page.draw(lambda seconds, page=page: self._done(page, seconds))

    @property
    def at_work(self) -> int:
        """Pages that have drawn just now."""
        now = self._now()
        return sum(now - then < ACTIVE_SECONDS for then in self._drawn.values())

    def _done(self, page, seconds):
        self._drawing.discard(page)
        if page in self._due:
            now = self._drawn[page] = self._now()
            self._due[page] = now + min(seconds, MAX_DRAW_SECONDS) * self.at_work / DRAWING_SHARE
