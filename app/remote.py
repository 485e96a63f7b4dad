"""The page's side of the computing process: starts it, sends it orders, keeps its news.

Imports neither torch nor numba, so a page is there before they are; and no page waits for them.
"""

import signal
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import count
from multiprocessing import get_context, resource_tracker
from threading import Lock, Thread
from weakref import WeakValueDictionary

import numpy as np

from snnlab.config import Config
from snnlab_app.snapshot import Snapshot

LOST = "the computing process ended unexpectedly; press Reset to start anew"

_spawn = get_context("spawn")


class Compute:
    """The computing process of a server, followed by another if it dies.

    A context, at whose end it ends. ``settings`` are what visitors start with.
    """

    def __init__(self, settings: dict, data_dir: str | None = None):
        self._arguments = settings, data_dir
        self._numbers, self._lock, self._over = count(), Lock(), False
        self._start()

    def __enter__(self) -> "Compute":
        return self

    def __exit__(self, *_):
        with self._lock:
            self._over = True
            self._process.terminate()
        self._process.join()

    def _start(self):
        self._pipe, theirs = _spawn.Pipe()
        self._process = _spawn.Process(
            target=_compute, args=(theirs, *self._arguments), name="snnlab-compute", daemon=True
        )
        with _deaf_to_ctrl_c():
            self._process.start()
        theirs.close()
        self._sessions: WeakValueDictionary[int, RemoteSession] = WeakValueDictionary()
        Thread(target=self._listen, args=(self._pipe, self._sessions), daemon=True).start()

    def open(self, session: "RemoteSession") -> int:
        """Begin a session with its settings as they are; returns the number it goes by."""
        with self._lock:
            if not self._process.is_alive():
                self._start()
            number = next(self._numbers)
            self._sessions[number] = session
        self.send(number, "open", session.config.values())
        return number

    def send(self, number: int, order: str, *arguments) -> None:
        """Give a session an order; lost if the process is, as its listener will notice."""
        with self._lock, suppress(OSError):
            self._pipe.send((number, order, *arguments))

    def _listen(self, pipe, sessions):
        lived = False
        with suppress(EOFError, OSError):
            while True:
                number, news = pipe.recv()
                lived = True
                if session := sessions.get(number):
                    session.hear(**news)
        with self._lock:
            if sessions is self._sessions and not self._over:
                self._process.kill()
                self._process.join()
                if lived:  # else the next would die as well: not before somebody asks for it
                    self._start()
        for session in sessions.values():
            session.lose()


class RemoteSession:
    """What :class:`~snnlab_app.session.Session` is, computed elsewhere.

    Its attributes are the newest heard of: a page that looks seldom misses some.
    """

    def __init__(self, compute: Compute, config: Config):
        self.config, self._compute = config, compute
        self.notice = ""
        self.snapshot: Snapshot | None = None
        self._image, self._lock = 0, Lock()
        self._look_at: tuple[str, dict] = ("live", {})
        self._open()

    def _open(self):
        self.state, self.message, self.fraction = "loading", "starting", None
        self._lost, self._sent = False, 0
        self._number = self._compute.open(self)

    def _order(self, *order):
        self._sent += 1
        self._compute.send(self._number, *order)

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
            self._open()
            self.show(self._image)
            self.look_at(*self._look_at)
        else:
            self._order("reset")

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

    def close(self) -> None:
        """End the session; harmless when called twice."""
        self.state = "closed"
        self._order("close")

    def hear(self, settings: tuple[int, dict] | None = None, **news) -> None:
        """Take over news; settings only when they are the answer to all that was sent."""
        with self._lock:
            if settings and settings[0] == self._sent:
                for name, value in settings[1].items():
                    self.config.set(name, value)
        vars(self).update(news)  # at once, for a state goes with its snapshot

    def lose(self) -> None:
        """Hear that the computing process is gone."""
        self.state, self.message, self.fraction, self._lost = "failed", LOST, None, True


def _compute(*arguments):
    """The other process; by name only, for the page must not import what computes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import_module("snnlab_app.compute").run(*arguments)


@contextmanager
def _deaf_to_ctrl_c():
    """What starts here never hears Ctrl-C, not even while it starts: it is for the server."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # else the start would, and take the block off behind itself
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
