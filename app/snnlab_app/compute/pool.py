"""The computing processes of a server: which visitor is computed where, and who waits outside.

Imports neither torch nor numba, so a page is there before they are; and no page waits for them.
"""

import signal
from contextlib import suppress
from importlib import import_module
from itertools import count
from threading import Lock, Thread
from weakref import WeakValueDictionary

import psutil

from snnlab.commands.limits import Limits
from snnlab.process import freeze_imports
from snnlab_app.compute.child import ignore_ctrl_c, spawn
from snnlab_app.compute.store import Store
from snnlab_app.compute.sweeps import Sweeps
from snnlab_app.session.control import Close, Order, TrainingControl


class Compute:
    """Processes that compute for visitors; one that dies is followed by another.

    A context, at whose end they end. ``settings`` are what visitors start with: one session with
    them is begun at once. ``store`` keeps trainings in case a process dies; ``shared`` are sessions
    by the name under which others may watch them; ``sweeps`` the line of those who search.
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
        self._sessions: WeakValueDictionary[int, TrainingControl] = WeakValueDictionary()
        self.shared: WeakValueDictionary[str, TrainingControl] = WeakValueDictionary()
        self.sweeps = Sweeps(data_dir, self.limits)
        self._homes: dict[int, _Process] = {}
        self._outside: dict[int, list[Order]] = {}
        if store:
            Thread(target=store.tidy, daemon=True).start()
        self._arguments = data_dir, workers, self.limits.minutes
        self._processes = [_Process(self, self._arguments) for _ in range(workers)]
        self._processes[0].start(settings)

    def __enter__(self) -> "Compute":
        return self

    def __exit__(self, *_):
        with self._lock:
            self._over = True
        self.sweeps.end()
        for process in self._processes:
            process.end()

    def open(self, session) -> int:
        """Begin a session with its settings as they are; returns the number it goes by.

        If the server is full, it waits in line and hears its place.
        """
        with self._lock:
            number = next(self._numbers)
            self._sessions[number] = session
            self._outside[number] = [session.beginning()]
            self._let_in()
        return number

    def send(self, number: int, order: Order) -> None:
        """Give a session an order; lost if its process is, as its listener will notice."""
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
        """Let in whom there is room for, and tell the others their place in the line."""
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
        """The process with the fewest visitors, running; another for one that died."""
        homes = list(self._homes.values())
        k = min(range(len(self._processes)), key=lambda k: homes.count(self._processes[k]))
        if self._processes[k].over:
            self._processes[k] = _Process(self, self._arguments)
        self._processes[k].start()
        return self._processes[k]

    def hear(self, number: int, news: dict) -> None:
        """Pass news on to the session they are of."""
        if session := self._sessions.get(number):
            session.hear(**news)

    def lose(self, process: "_Process") -> None:
        """Tell those who were computed there that the process is gone."""
        with self._lock:
            numbers = [n for n, home in self._homes.items() if home is process and not self._over]
            for number in numbers:
                del self._homes[number]
        for session in [self._sessions.get(number) for number in numbers]:
            if session:
                session.lose()

    def state(self) -> list[dict]:
        """Every session with its number and process; None for one that stands in line."""
        with self._lock:
            homes, outside = dict(self._homes), list(self._outside)
        return [
            {"number": number, "session": session,
             "process": homes[number].pid if number in homes else None}
            for number, session in sorted(self._sessions.items())
            if number in homes or number in outside
        ]  # fmt: skip

    def memory(self) -> dict[int, int]:
        """Bytes of each process that runs, by its pid."""
        return {process.pid: process.memory for process in self._processes if process.pid}


class _Process:
    """One life of a computing process, which begins when it is needed."""

    def __init__(self, compute, arguments):
        self._compute, self._arguments, self._process = compute, arguments, None

    @property
    def over(self) -> bool:
        """Whether it has begun and ended."""
        return self._process is not None and not self._process.is_alive()

    @property
    def pid(self) -> int | None:
        """Its number, if it runs."""
        return None if self._process is None or self.over else self._process.pid

    @property
    def memory(self) -> int:
        """Bytes it holds, 0 if it does not run."""
        try:
            return psutil.Process(self.pid).memory_info().rss if self.pid else 0
        except psutil.Error:
            return 0

    def start(self, settings: dict | None = None) -> None:
        """Begin, if that is not done; with ``settings``, so does a session."""
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
    """The other process; by name only, for the page must not import what computes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with freeze_imports():
        compute = import_module("snnlab_app.compute.worker")
    compute.run(*arguments)
