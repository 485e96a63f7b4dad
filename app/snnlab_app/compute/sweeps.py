"""Sweeps that visitors begin on their pages: one at a time on a server, the others stand in line.

Imports neither torch nor numba; a sweep computes in a process of its own.
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

from snnlab.commands.limits import Limits
from snnlab.files import cache_folder
from snnlab.sweeps.plan import Plan
from snnlab_app.compute.child import ignore_ctrl_c, spawn
from snnlab_app.compute.store import Store
from snnlab_app.session.turns import nth

FILE = "sweep.db"
DIED = "the process of the sweep ended unexpectedly; what it had found is shown"


class Sweep:
    """One sweep as its page knows it.

    ``state`` is one of "waiting", "running", "finished", "stopped", "failed"; ``trials`` are rows
    of :func:`~snnlab.sweeps.outcome.row_of` of those that ended, ``best`` numbers of the best
    among them, ``importance`` shares of the knobs by objective; ``fraction`` is how much of it is
    done. ``heard`` rises with all news.
    """

    def __init__(self, plan: Plan, line: "Sweeps", data_dir: str | None = None):
        self.plan, self._line, self.data_dir = plan, line, data_dir
        self.state, self.message, self.fraction = "waiting", "", 0.0
        self.trials: list[dict] = []
        self.best: list[int] = []
        self.importance: dict[str, dict[str, float]] = {}
        self.storage: Path | None = None
        self.heard = 0

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ("finished", "stopped", "failed")

    @property
    def seconds_left(self) -> float | None:
        """About how long it will take yet; None before a trial has ended."""
        took = [row["seconds"] for row in self.trials if row.get("seconds")]
        left = self.plan.trials - len(self.trials)
        return left * median(took) if took else None  # the first one gets the kernels ready

    def stop(self) -> None:
        """End it; what it found stays here, its storage goes. Harmless when called twice."""
        self._line.stop(self)

    def forget(self) -> None:
        """Nobody looks at it any more: end it, and take its storage away."""
        self.stop()
        self._line.remove(self)

    def hear(self, **news) -> None:
        """Take over news."""
        vars(self).update(news)
        self.heard += 1


class Sweeps:
    """The sweeps of a server, in the order in which they were begun.

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
        """Begin a sweep as soon as no other is running; returns at once.

        data_dir : where its data are, if not where those of the server are.
        """
        Thread(target=Store(self._limits.stored, self._root).tidy, daemon=True).start()
        sweep = Sweep(plan, self, data_dir or self._data_dir)
        with self._lock:
            self._known.add(sweep)
            self._line.append(sweep)
            self._go_on()
        return sweep

    def stop(self, sweep: Sweep, message: str = "") -> None:
        """End a sweep, or take it out of the line."""
        with self._lock:
            if sweep.over:
                return
            sweep.hear(state="stopped", message=message)
            if self._process and self._process.sweep is sweep:
                self._process.kill()  # its listener then lets the next one begin
            elif sweep in self._line:
                self._line.remove(sweep)
                self._go_on()

    def remove(self, sweep: Sweep) -> None:
        """Take away what it left on disk."""
        if sweep.storage:
            shutil.rmtree(sweep.storage.parent, ignore_errors=True)

    def end(self) -> None:
        """The server ends, and all its sweeps."""
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
        """The process that searches now."""
        process = self._process
        return process and process.pid

    @property
    def memory(self) -> int:
        """Bytes that it holds, 0 if it does not run."""
        pid = self.pid
        try:
            return psutil.Process(pid).memory_info().rss if pid else 0
        except psutil.Error:
            return 0

    def _go_on(self):
        """Have the first in line begin if nothing runs; the others hear how many are before."""
        if self._process is None and self._line:
            sweep = self._line.pop(0)
            sweep.storage = self._root / uuid4().hex / FILE
            sweep.hear(state="running", message="starting")
            self._process = _Process(self, sweep, 60 * self._limits.minutes)
        for place, sweep in enumerate(self._line, start=1):
            sweep.hear(message="a sweep is running: yours begins when it ends,"
                       f" you are {nth(place)} in line")  # fmt: skip

    def lose(self, process: "_Process") -> None:
        """A process is gone: the next sweep may begin."""
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
        """Start it, which takes a moment, and listen until it is gone."""
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
        return (
            f"stopped after {self._minutes:g} minutes, the most that this server searches at a time"
        )

    def kill(self):
        """End it; returns at once, the listener sees to the rest."""
        self._killed = True
        with suppress(ValueError, AttributeError):
            self._process.kill()

    def join(self):
        self._thread.join()


def _search(*arguments):
    """The other process; by name only, for the page must not import what computes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import_module("snnlab_app.compute.sweep_process").run(*arguments)
