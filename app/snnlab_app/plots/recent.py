"""The last seconds of the Live view, kept so that an animation of them can be drawn when asked."""

from collections import deque
from dataclasses import dataclass
from time import monotonic

from snnlab_app.plots.displays import numbers_line
from snnlab_app.session.snapshot import Frame, Snapshot

KEPT_SECONDS = 8.0
MIN_SECONDS = 0.12
"""Seconds between two moments that are kept."""
MAX_SECONDS = 0.5
"""Longest time for which one moment is shown: pauses are left out."""


@dataclass(frozen=True, eq=False)
class Moment:
    """What the Live view showed for some ``seconds``; curves up to ``step`` are in a snapshot."""

    seconds: float
    step: int
    frame: Frame
    numbers: str


class Recent:
    """Moments of one training, up to ``KEPT_SECONDS``: some ten kilobytes each, never copied."""

    def __init__(self):
        self.newest: Snapshot | None = None
        self._moments: deque[Moment] = deque()
        self._seen = 0.0

    def see(self, snapshot: Snapshot) -> None:
        """Keep what is shown now; another network or a reset training begins again."""
        if snapshot.frame is None:
            return
        if self.newest and not _continues(self.newest, snapshot):
            self._moments.clear()
        self.newest, now = snapshot, monotonic()
        if self._moments and now - self._seen < MIN_SECONDS:
            return
        seconds = min(now - self._seen, MAX_SECONDS)
        self._moments.append(Moment(seconds, snapshot.step, snapshot.frame, numbers_line(snapshot)))
        self._seen = now
        while sum(moment.seconds for moment in self._moments) > KEPT_SECONDS + MAX_SECONDS:
            self._moments.popleft()

    def moments(self) -> list[Moment]:
        """The moments, oldest first."""
        return list(self._moments)


def _continues(before, after):
    same = before.classes == after.classes and before.step <= after.step
    cadc = [recording.frame.recording.cadc[0].shape for recording in (before, after)]
    return same and cadc[0] == cadc[1]
