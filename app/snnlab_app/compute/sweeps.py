"""Sweeps started from pages: one at a time per server, the others wait in line.

Imports neither torch nor numba; a sweep runs in its own process.
"""

import shutil
import signal
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from statistics import median
from threading import Lock, Thread
from time import monotonic
from uuid import uuid4
from weakref import WeakSet

import psutil

from snnlab.config.limits import Limits
from snnlab.files import cache_folder
from snnlab.process import ignore_ctrl_c, spawn
from snnlab.sweeps.plan import Plan
from snnlab_app.compute import own_data
from snnlab_app.compute.store import Store
from snnlab_app.session.turns import nth

FILE = "sweep.db"
DIED = "the process of the sweep ended unexpectedly; what it had found is shown"


class Sweep:
    """State of one sweep, for its page.

    ``state`` is one of "waiting", "running", "finished", "stopped", "failed"; ``trials`` are rows
    of :func:`~snnlab.sweeps.outcome.row_of` of those that ended, ``best`` numbers of the best
    among them, ``importance`` shares of the knobs by objective; ``fraction`` is the completed
    share. ``folder`` is the place of its files, ``storage`` that of its database once it runs.
    ``heard`` counts updates.
    """

    def __init__(self, plan: Plan, line: "Sweeps", folder: Path, data_dir: str | None = None):
        self.plan, self._line, self.folder, self.data_dir = plan, line, folder, data_dir
        self.state, self.message, self.fraction = "waiting", "", 0.0
        self.trials: list[dict] = []
        self.best: list[int] = []
        self.importance: dict[str, dict[str, float]] = {}
        self.storage: Path | None = None
        self.heard = 0

    @property
    def over(self) -> bool:
        """Whether the sweep has ended."""
        return self.state in ("finished", "stopped", "failed")

    @property
    def seconds_left(self) -> float | None:
        """Estimated remaining time; None before the first trial has ended."""
        took = [row["seconds"] for row in self.trials if row.get("seconds")]
        left = self.plan.trials - len(self.trials)
        return left * median(took) if took else None  # the first one compiles the kernels

    def stop(self) -> None:
        """End the sweep if it runs or waits; its storage is removed once its process has ended, its
        results remain here. May be called twice."""
        self._line.stop(self)

    def forget(self) -> None:
        """End the sweep of a closed page and remove its storage."""
        self.stop()
        self._line.remove(self)

    def hear(self, **news) -> None:
        """Apply changes."""
        vars(self).update(news)
        self.heard += 1


class Sweeps:
    """The sweeps of a server, in the order of their start.

    Each has a folder of its own below ``root``, in the user's cache by default.
    """

    def __init__(
        self, data_dir: str | None = None, limits: Limits | None = None, root: Path | None = None
    ):
        self._data_dir, self._limits = data_dir, limits or Limits()
        self._root = root or cache_folder() / "sweeps"
        self._lock, self._line = Lock(), []
        self._process: _Process | None = None
        self._known: WeakSet[Sweep] = WeakSet()

    def begin(self, plan: Plan, data_dir: str | None = None) -> Sweep:
        """Queue a sweep, which begins when no other is running; returns at once.

        data_dir : a visitor's own data, of which it keeps what they are now; by default it reads
        those of the server. Raises :class:`SnnlabError` if they cannot be kept.
        """
        Thread(target=Store(self._limits.stored, self._root).tidy, daemon=True).start()
        sweep = Sweep(plan, self, self._root / uuid4().hex, self._data_dir)
        if data_dir:
            sweep.data_dir = str(own_data.lend(Path(data_dir), sweep.folder))
        with self._lock:
            self._known.add(sweep)
            self._line.append(sweep)
            self._go_on()
        return sweep

    def stop(self, sweep: Sweep, message: str = "") -> None:
        """End a sweep, or remove it from the line."""
        with self._lock:
            if sweep.over:
                return
            sweep.hear(state="stopped", message=message)
            if self._process and self._process.sweep is sweep:
                self._process.kill()  # its listener then lets the next one begin
            elif sweep in self._line:
                self._line.remove(sweep)
                self.remove(sweep)
                self._go_on()

    def remove(self, sweep: Sweep) -> None:
        """Remove its files."""
        shutil.rmtree(sweep.folder, ignore_errors=True)

    @property
    def folders(self) -> list[Path]:
        """Where sweeps whose page is open have their files."""
        with self._lock:
            return [sweep.folder for sweep in self._known]

    def end(self) -> None:
        """End all sweeps at the end of the server."""
        with self._lock:
            known, process = list(self._known), self._process
            self._line = []
        if process:
            self.stop(process.sweep)
            process.join()
        for sweep in known:
            self.remove(sweep)

    @property
    def pid(self) -> int | None:
        """Pid of the running sweep."""
        process = self._process
        return process and process.pid

    @property
    def memory(self) -> int:
        """Memory of the running sweep in bytes, 0 if no sweep runs."""
        pid = self.pid
        try:
            return psutil.Process(pid).memory_info().rss if pid else 0
        except psutil.Error:
            return 0

    def _go_on(self):
        """Start the first in line if no sweep runs; notify the others of their position."""
        if self._process is None and self._line:
            sweep = self._line.pop(0)
            sweep.storage = sweep.folder / FILE
            sweep.hear(state="running", message="starting")
            self._process = _Process(self, sweep, 60 * self._limits.minutes)
        for place, sweep in enumerate(self._line, start=1):
            sweep.hear(message="a sweep is running: yours begins when it ends,"
                       f" you are {nth(place)} in line")  # fmt: skip

    def lose(self, process: "_Process") -> None:
        """Called when a process has ended: start the next sweep."""
        sweep = process.sweep
        with self._lock:
            if not sweep.over:
                sweep.hear(state="failed", message=DIED)
            self._process = None
            self._go_on()
        if sweep.state != "finished":
            self.remove(sweep)


class _Process:
    """The process that carries out one sweep."""

    def __init__(self, sweeps, sweep, seconds):
        self.sweep, self._sweeps, self._end = sweep, sweeps, monotonic() + seconds
        self._minutes = seconds / 60
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(
            target=_search, args=(theirs, sweep.plan.values(), str(sweep.storage), sweep.data_dir),
            name="snnlab-sweep", daemon=True,
        )  # fmt: skip
        self._thread = Thread(target=self._live, args=(theirs,), daemon=True)
        self._killed = False
        self._thread.start()

    @property
    def pid(self):
        return self._process.pid if self._process.is_alive() else None

    def _live(self, theirs):
        """Start the process and listen until it ends."""
        with suppress(EOFError, OSError):
            with ignore_ctrl_c():
                self._process.start()
            theirs.close()
            while not self._killed:
                if self._pipe.poll(min(60.0, max(0.0, self._end - monotonic()))):
                    news = self._pipe.recv()
                    if not self.sweep.over:
                        self.sweep.hear(**news)
                elif monotonic() >= self._end:
                    self._sweeps.stop(self.sweep, self._too_long())
        if self._process.pid:
            self._process.kill()
            self._process.join()
        self._pipe.close()
        self._sweeps.lose(self)

    def _too_long(self):
        return f"stopped after {self._minutes:g} minutes, the limit of this server"

    def kill(self):
        """Kill the process; returns at once, the listener handles the end."""
        self._killed = True
        with suppress(ValueError, AttributeError):
            self._process.kill()

    def join(self):
        self._thread.join()


def _search(*arguments):
    """Entry point of the child process; imports there, as the page must not load torch or numba."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import_module("snnlab_app.compute.sweep_process").run(*arguments)
