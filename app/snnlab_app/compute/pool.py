"""The computing processes of a server: assignment of visitors, and the waiting line.

Imports neither torch nor numba, so a page can be shown before they are loaded.
"""

import signal
from contextlib import suppress
from importlib import import_module
from itertools import count
from threading import Event, Lock, Thread
from weakref import WeakValueDictionary

import psutil

from snnlab.config.limits import Limits
from snnlab.process import freeze_imports, ignore_ctrl_c, spawn
from snnlab_app.compute.store import Store
from snnlab_app.compute.sweeps import Sweeps
from snnlab_app.session.control import Close, Order, TrainingControl

STAY_EVERY = 600.0
"""Seconds after which the folders of visitors who are there count as written again."""
TIDY_EVERY = 6
"""After every sixth time, once an hour, what was left behind is looked for: by a process that was
killed just when its visitor had left, for one."""


class Compute:
    """Processes that compute for visitors; one that dies is replaced.

    A context manager, which ends them. ``settings`` are the initial settings of visitors: one
    session with them is prepared at once. ``store`` keeps trainings in case a process
    dies; ``shared`` are sessions by the name under which others may watch them; ``sweeps`` is the
    queue of sweeps.
    """

    def __init__(
        self,
        settings: dict | None = None,
        data_dir: str | None = None,
        *,
        workers: int = 1,
        limits: Limits | None = None,
        store: Store | None = None,
    ):
        self.limits, self.store = limits or Limits(), store
        self._lock, self._numbers, self._over = Lock(), count(), False
        self._ended = Event()
        self._sessions: WeakValueDictionary[int, TrainingControl] = WeakValueDictionary()
        self.shared: WeakValueDictionary[str, TrainingControl] = WeakValueDictionary()
        self.sweeps = Sweeps(data_dir, self.limits)
        self._homes: dict[int, _Process] = {}
        self._outside: dict[int, list[Order]] = {}
        if store:
            Thread(target=store.tidy, daemon=True).start()
            Thread(target=self._stay, daemon=True).start()
        self._arguments = data_dir, workers, self.limits.minutes
        self._processes = [_Process(self, self._arguments) for _ in range(workers)]
        self._processes[0].start(settings)

    def __enter__(self) -> "Compute":
        return self

    def __exit__(self, *_):
        with self._lock:
            self._over = True
        self._ended.set()
        self.sweeps.end()
        for process in self._processes:
            process.end()

    def _stay(self):
        """Keep what visitors have stored from being tidied away, here and by other servers."""
        for number in count(1):
            if self._ended.wait(STAY_EVERY):
                return
            for session in list(self._sessions.values()):
                self.store.stay(session.folders)
            self.store.stay(self.sweeps.folders)
            if number % TIDY_EVERY == 0:
                with suppress(OSError):  # the folder of all cannot be read just now
                    self.store.tidy()

    def open(self, session) -> int:
        """Begin a session with its current settings; returns its number.

        If the server is full, the session waits and is notified of its position.
        """
        with self._lock:
            number = next(self._numbers)
            self._sessions[number] = session
            self._outside[number] = [session.beginning()]
            self._let_in()
        return number

    def send(self, number: int, order: Order) -> None:
        """Send an order to a session; lost if the process died, which the listener reports."""
        with self._lock:
            if isinstance(order, Close):
                self._close(number, order)
            elif number in self._outside:
                self._outside[number].append(order)
            elif number in self._homes:
                self._homes[number].send(number, order)

    def _close(self, number, order):
        self._outside.pop(number, None)
        if home := self._homes.pop(number, None):
            home.send(number, order)
        self._let_in()

    def _let_in(self):
        """Admit waiting sessions while there is room, and notify the others of their position."""
        while self._outside and len(self._homes) < self.limits.visitors:
            home = self._emptiest()
            if self._homes and home.memory > 1e6 * self.limits.memory:
                break
            number = next(iter(self._outside))
            self._homes[number] = home
            for order in self._outside.pop(number):
                home.send(number, order)
        for place, number in enumerate(self._outside, start=1):
            if session := self._sessions.get(number):
                session.stand_in_line(place)

    def _emptiest(self):
        """The running process with the fewest visitors; a dead one is replaced."""
        homes = list(self._homes.values())
        k = min(range(len(self._processes)), key=lambda k: homes.count(self._processes[k]))
        if self._processes[k].over:
            self._processes[k] = _Process(self, self._arguments)
        self._processes[k].start()
        return self._processes[k]

    def hear(self, number: int, news: dict) -> None:
        """Pass changes on to their session."""
        if session := self._sessions.get(number):
            session.hear(**news)

    def lose(self, process: "_Process") -> None:
        """Notify the sessions of a process that it has ended."""
        with self._lock:
            numbers = [n for n, home in self._homes.items() if home is process and not self._over]
            for number in numbers:
                del self._homes[number]
        for session in [self._sessions.get(number) for number in numbers]:
            if session:
                session.lose()
        with self._lock:
            if not self._over:
                self._let_in()  # those that failed have left their places

    def state(self) -> list[dict]:
        """Every session with its number and process; None for a waiting one."""
        with self._lock:
            homes, outside = dict(self._homes), list(self._outside)
        return [
            {"number": number, "session": session,
             "process": homes[number].pid if number in homes else None}
            for number, session in sorted(self._sessions.items())
            if number in homes or number in outside
        ]  # fmt: skip

    def memory(self) -> dict[int, int]:
        """Memory of each running process in bytes, by pid."""
        return {process.pid: process.memory for process in self._processes if process.pid}


class _Process:
    """One computing process, started when needed."""

    def __init__(self, compute, arguments):
        self._compute, self._arguments, self._process = compute, arguments, None

    @property
    def over(self) -> bool:
        """Whether it was started and has ended."""
        return self._process is not None and not self._process.is_alive()

    @property
    def pid(self) -> int | None:
        """Its pid, if it runs."""
        return None if self._process is None or self.over else self._process.pid

    @property
    def memory(self) -> int:
        """Its memory in bytes, 0 if it does not run."""
        try:
            return psutil.Process(self.pid).memory_info().rss if self.pid else 0
        except psutil.Error:
            return 0

    def start(self, settings: dict | None = None) -> None:
        """Start, if necessary; with ``settings``, also prepare a session."""
        if self._process:
            return
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(
            target=_compute, args=(theirs, settings, *self._arguments), name="snnlab-compute",
            daemon=True,
        )  # fmt: skip
        with ignore_ctrl_c():
            self._process.start()
        theirs.close()
        Thread(target=self._listen, daemon=True).start()

    def send(self, number: int, order: Order) -> None:
        with suppress(OSError):
            self._pipe.send((number, order))

    def _listen(self):
        with suppress(EOFError, OSError):
            while True:
                self._compute.hear(*self._pipe.recv())
        self._process.kill()
        self._process.join()
        self._compute.lose(self)

    def end(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.join()


def _compute(*arguments):
    """Entry point of the child process; imports there, as the page must not load torch or numba."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with freeze_imports():
        compute = import_module("snnlab_app.compute.worker")
    compute.run(*arguments)
