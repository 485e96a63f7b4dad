"""The page's side of a session that is computed in another process.

Imports neither torch nor numba, so a page can be shown before they are loaded.
"""

import shutil
from pathlib import Path
from threading import RLock

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.runs.run import Run
from snnlab_app.compute import own_data
from snnlab_app.compute.pool import Compute
from snnlab_app.session.control import (
    LOADED,
    MAX_TAUGHT,
    MAX_TAUGHT_BYTES,
    Close,
    LookAt,
    Open,
    Order,
    Reset,
    Show,
    State,
    Teach,
    TrainingControl,
    Turn,
)
from snnlab_app.session.turns import nth

LOST = "the computing process ended unexpectedly; press Reset to start again"
RESUMED = "the computing process ended unexpectedly: continuing from the last checkpoint"
MAX_FALLS = 3
"""Consecutive failures to load after which the session is no longer restarted automatically."""


def kept_config(folder: Path | None) -> Config | None:
    """Settings of the training stored in ``folder``; None if there is no complete one."""
    try:
        return Run.open(folder).config if folder else None
    except SnnlabError:
        return None


def session_of(visitor: str, compute: Compute, config: Config) -> "RemoteSession":
    """The session of a visitor, which ``begin`` opens: the stored training, or else a new one with
    ``config``."""
    store = compute.store
    folder, own = (store.folder(visitor), store.own(visitor)) if store else (None, None)
    kept = kept_config(folder)
    session = RemoteSession(compute, kept or config, folder, own, waits=True)
    session.continues = kept is not None
    return session


class RemoteSession(TrainingControl):
    """A training in a process of ``compute``.

    Its attributes are the latest received; intermediate ones may be skipped. With a ``folder``,
    the training is stored there and survives the process; ``own`` is the folder of the visitor's
    data set; one that ``waits`` is opened by ``begin``. ``heard`` counts updates. ``continues`` :
    whether the training was stored by an earlier server.
    """

    continues = False

    def __init__(
        self,
        compute: Compute,
        config: Config,
        folder: Path | None = None,
        own: Path | None = None,
        waits: bool = False,
    ):
        self.config, self._compute, self._folder = config, compute, folder
        self._own, self._given = own, own_data.put_before(own)
        self.notice, self.snapshot, self.failures = "", None, 0
        self._show, self._look_at, self._lock = Show(0), LookAt(), RLock()
        self._taught: tuple[tuple[bytes, int], ...] = ()
        self._falls, self._trained = 0, False
        self.heard, self._number, self._closed = 0, None, False
        self._start("starting")
        if not waits:
            self.begin()

    def begin(self) -> None:
        """Open it in a process."""
        with self._lock:  # an order that comes meanwhile is sent to it afterwards
            self._number = self._compute.open(self)
            if self._closed:  # meanwhile, by a visitor who has left
                self._send(Close())

    def _start(self, message):
        self.state, self.message, self.fraction = State.LOADING, message, None
        self._lost, self._sent = False, 0
        self.heard += 1

    def beginning(self) -> Open:
        """The order that opens the session in a process."""
        folder = self._folder and str(self._folder)
        return Open(self.config.values(), folder, self.given, self._taught)

    def order(self, order: Order) -> None:
        match order:
            case Reset() if self._lost:
                self._forget()  # it may be the cause
                self._reopen("starting")
            case Turn(name, value):
                with self._lock:
                    self.config.set(name, value)
                    self._send(order)
                self.heard += 1
            case _:
                self._remember(order)
                self._send(order)

    def _send(self, order):
        with self._lock:
            self._sent += 1
            self._compute.send(self._number, order)

    def _remember(self, order):
        """Remember the orders that a new process must repeat."""
        if isinstance(order, Show):
            self._show = order
        elif isinstance(order, LookAt):
            self._look_at = order
        elif isinstance(order, Teach):
            if len(self._taught) >= MAX_TAUGHT:
                raise SnnlabError(f"{MAX_TAUGHT} recordings of yours are the most that are taken")
            if sum(len(wav) for wav, _ in self._taught) + len(order.wav) > MAX_TAUGHT_BYTES:
                raise SnnlabError(
                    f"recordings of yours take more than {MAX_TAUGHT_BYTES / 1e6:.0f} MB together:"
                    " cut them to the digit"
                )
            self._taught = (*self._taught, (order.wav, order.label))

    def _reopen(self, message):
        with self._lock:
            self._start(message)
            self.begin()
            self.order(self._show)
            self.order(self._look_at)

    @property
    def taught(self) -> tuple[int, ...]:
        """Classes of the recordings that the visitor added."""
        return tuple(label for _, label in self._taught)

    @property
    def folders(self) -> tuple[Path | None, Path | None]:
        """Where the training and the visitor's data set are stored, if they are."""
        return self._folder, self._own

    @property
    def given(self) -> str | None:
        """Path of the visitor's own data set, if there is one."""
        return self._given and str(self._given)

    def upload(self, data: bytes) -> None:
        """Store an uploaded file as the data set "folder", replacing the previous one.

        Raises :class:`~snnlab.errors.SnnlabError` if the file is refused.
        """
        if self._own is None:
            raise SnnlabError("this server stores nothing, so it takes no data of your own")
        self._given = own_data.put(data, self._own)
        self.give(self.given)

    def close(self) -> None:
        """End the session; harmless when called twice."""
        if self._own:
            own_data.take_away(self._own)
        self.state, self._closed = State.CLOSED, True
        self.order(Close())
        if self._lost:
            self._forget()

    def _forget(self):
        """Delete the stored training, in place of the process that does so and has ended."""
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def hear(self, settings: tuple[int, dict] | None = None, **news) -> None:
        """Apply changes; settings only once they reflect all orders sent."""
        with self._lock:
            if settings and settings[0] == self._sent:
                for name, value in settings[1].items():
                    self.config.set(name, value)
        vars(self).update(news)  # at once, as state and snapshot belong together
        self.heard += 1
        if self.state in LOADED:
            self._falls = 0

    def stand_in_line(self, place: int) -> None:
        """Called when the server is full."""
        self.message = f"the server is full: you are {nth(place)} in line"
        self.heard += 1

    def lose(self) -> None:
        """Called when the computing process has ended: resume in another, within MAX_FALLS."""
        if self._closed:
            self._forget()
            return
        if not self._falls:
            self._trained = self.state == State.RUNNING
        self._falls += 1
        if self._folder is None or self._falls > MAX_FALLS:
            self.state, self.message, self.fraction, self._lost = State.FAILED, LOST, None, True
            self.failures += 1
            self.heard += 1
            return
        self._reopen(RESUMED)
        if self._trained:
            self.play()
