"""Whose turn it is to compute: one visitor at a time, those who clicked before those who train."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock

ROUND_SECONDS = 0.3
"""Seconds within which everybody who trains has had a turn, if a weight update is that quick."""
LOOK_UP_SECONDS = 0.3
"""Seconds between two looks, while waiting, at how many are still before."""


class Line:
    """Several threads take turns; each lane is served in the order in which they came."""

    def __init__(self):
        self._lock = Lock()
        self._clicked: deque[Event] = deque()
        self._training: deque[Event] = deque()
        self._busy = False
        self.doing: tuple[str, float | None] | None = None
        """What whose turn it is does, where that takes long: for those who wait to see."""

    @contextmanager
    def turn(
        self, *, training: bool = False, wait: Callable[[int], None] = lambda place: None
    ) -> Iterator[None]:
        """Wait for a turn and have it; ``wait`` is called with the place in the line, and may raise
        to give up.

        training : in the lane that waits for the other.
        """
        self._enter(self._training if training else self._clicked, wait)
        try:
            yield
        finally:
            self._pass_on()

    def _enter(self, lane, wait):
        mine = Event()
        with self._lock:
            if not self._busy:
                self._busy = True
                return
            lane.append(mine)
        try:
            while not mine.wait(LOOK_UP_SECONDS):
                wait(self._place(mine))
        except BaseException:
            self._give_up(lane, mine)
            raise

    def _place(self, mine):
        with self._lock:
            waiting = [*self._clicked, *self._training]
        return waiting.index(mine) + 1 if mine in waiting else 1

    def _give_up(self, lane, mine):
        with self._lock:
            if mine in lane:
                lane.remove(mine)
                return
        self._pass_on()  # the turn came in this very moment

    def _pass_on(self):
        with self._lock:
            lane, self.doing = self._clicked or self._training, None
            self._busy = bool(lane)
            if lane:
                lane.popleft().set()

    @property
    def hurried(self) -> bool:
        """Whether somebody who clicked is waiting."""
        return bool(self._clicked)

    @property
    def slice(self) -> float:
        """Seconds that a turn of training may take now."""
        return ROUND_SECONDS / (len(self._training) + 1)


def nth(place: int) -> str:
    """A place in a line as people say it: 1st, 2nd, 3rd, 11th, …"""
    teen = place % 100 in (11, 12, 13)
    ending = "th" if teen else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"
