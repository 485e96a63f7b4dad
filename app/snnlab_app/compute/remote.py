"""The page's side of a session that is computed in another process.

Imports neither torch nor numba, so a page is there before they are; and no page waits for them.
"""

import shutil
from pathlib import Path
from threading import Lock

import numpy as np

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab_app.compute import own_data as given
from snnlab_app.compute.pool import Compute
from snnlab_app.session.snapshot import Snapshot
from snnlab_app.session.turns import nth

LOST = "the computing process ended unexpectedly; press Reset to start anew"
GOES_ON = "the computing process ended unexpectedly: going on from the last checkpoint"
OFTEN = 3
"""Times in a row that it may end without having got anywhere, until a person must decide."""


class RemoteSession:
    """What :class:`~snnlab_app.session.local.Session` is, computed elsewhere.

    Its attributes are the newest heard of: a page that looks seldom misses some. With a
    ``folder``, the training is kept there and outlives the process; in ``own``, a data set of the
    visitor's own is put. ``heard`` rises with all news.
    """

    def __init__(
        self,
        compute: Compute,
        config: Config,
        folder: Path | None = None,
        own: Path | None = None,
    ):
        self.config, self._compute, self._folder = config, compute, folder
        self._own, self._given = own, given.put_before(own)
        self.notice = ""
        self.snapshot: Snapshot | None = None
        self._image, self._lock = 0, Lock()
        self._look_at: tuple[str, dict] = ("live", {})
        self._falls, self._trained = 0, False
        self.heard = 0
        self._open("starting")

    def _open(self, message):
        self.state, self.message, self.fraction = "loading", message, None
        self._lost, self._sent = False, 0
        self.heard += 1
        self._number = self._compute.open(self)

    def beginning(self) -> tuple[dict, str | None, str | None]:
        """What the process must know: settings, where the training is kept, data of one's own."""
        return self.config.values(), self._folder and str(self._folder), self.given

    def _order(self, *order):
        self._sent += 1
        self._compute.send(self._number, *order)

    @property
    def given(self) -> str | None:
        """Where the data set is that the visitor gave, if any."""
        return self._given and str(self._given)

    def give(self, data: bytes) -> None:
        """Have a file of the visitor's be the data set "folder", in place of the one before.

        Raises :class:`~snnlab.errors.SnnlabError` if it is not taken.
        """
        if self._own is None:
            raise SnnlabError("this server keeps nothing, so it takes no data of your own")
        self._given = None
        self._given = given.put(data, self._own)
        self._order("give", self.given)

    def play(self) -> None:
        """Train until told otherwise."""
        self._order("play")

    def pause(self) -> None:
        """Stop after the current step."""
        self._order("pause")

    def step(self) -> None:
        """One weight update, then pause."""
        self._order("step")

    def narrate(self) -> None:
        """One weight update whose stages are told, then pause."""
        self._order("narrate")

    def reset(self) -> None:
        """Begin anew with the settings as they are now, same seed."""
        if self._lost:
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)  # it may be the reason
            self._reopen("starting")
        else:
            self._order("reset")

    def _reopen(self, message):
        self._open(message)
        self.show(self._image)
        self.look_at(*self._look_at)

    def show(self, index: int) -> None:
        """Watch another test image."""
        self._image = index
        self._order("show", index)

    def draw(self, pixels: np.ndarray) -> None:
        """Watch a picture of one's own instead : uint8[row, column], as wide as the data's."""
        self._order("draw", pixels)

    def look_at(self, view: str, wishes: dict | None = None) -> None:
        """Have snapshots carry what ``view`` draws; ``wishes`` are the view's own."""
        self._look_at = view, wishes or {}
        self._order("look_at", *self._look_at)

    def turn(self, name: str, value) -> None:
        """Turn a knob; raises :class:`~snnlab.errors.SnnlabError` if the value is not allowed."""
        with self._lock:
            self.config.set(name, value)
            self._order("turn", name, value)
        self.heard += 1

    def close(self) -> None:
        """End the session; harmless when called twice."""
        if self._own:
            given.take_away(self._own)
        self.state = "closed"
        self._order("close")

    def hear(self, settings: tuple[int, dict] | None = None, **news) -> None:
        """Take over news; settings only when they are the answer to all that was sent."""
        with self._lock:
            if settings and settings[0] == self._sent:
                for name, value in settings[1].items():
                    self.config.set(name, value)
        vars(self).update(news)  # at once, for a state goes with its snapshot
        self.heard += 1
        if self.state in ("ready", "running", "paused", "finished"):
            self._falls = 0

    def stand_in_line(self, place: int) -> None:
        """Hear that the server is full."""
        self.message = f"the server is full: you are {nth(place)} in line"
        self.heard += 1

    def lose(self) -> None:
        """Hear that the computing process is gone; go on in another, unless that helps nothing."""
        if not self._falls:
            self._trained = self.state == "running"
        self._falls += 1
        if self._folder is None or self._falls > OFTEN:
            self.state, self.message, self.fraction, self._lost = "failed", LOST, None, True
            self.heard += 1
            return
        self._reopen(GOES_ON)
        if self._trained:
            self.play()
