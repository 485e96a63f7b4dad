"""Many independent tasks on many processes: this machine's cores, or a Dask cluster."""

import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from queue import Empty, Queue
from time import monotonic

from snnlab.errors import SnnlabError
from snnlab.install import install_command, missing
from snnlab.process import ignore_ctrl_c
from snnlab.sweeps.script import check_script, hint
from snnlab.text.progress import ctrl_c

_log = logging.getLogger(__name__)

LIBRARIES = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""What other libraries find in the environment of a worker."""
PATIENCE = 60.0
"""Seconds for a worker or the scheduler to come back."""
LOST_AFTER = "1 day"
"""Time after which Dask gives up a worker whose process ended. By default it looks 15 s after each
end, and closes for good what is just beginning again. All do, however busy the machine."""
MOST_TRIES = 4
"""Times that a task is begun whose process ends."""
MOST_WORKERS = 1024
"""Processes on this machine; far more would take all its memory before any was at work."""
POLL = 2.0
"""Seconds after which workers that came or went are noticed."""


@dataclass(frozen=True)
class Failed:
    """Result of a failed task: its error in one line."""

    why: str


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def on_one_core() -> None:
    """Compute on one core in this thread: tasks side by side need no threads inside."""
    from snnlab.chip.threads import use_threads

    use_threads(1)
    if torch := sys.modules.get("torch"):  # tasks of the user's own may use it
        torch.set_num_threads(1)


def run_all(
    function: Callable,
    tasks: Iterable,
    workers: int | None = None,
    *,
    scheduler: str | None = None,
    data: object = None,
) -> Iterator[tuple[object, object]]:
    """``function(task, data)`` for every task, in other processes; yields (task, result) as they
    finish, in any order.

    Tasks are taken from ``tasks`` when a process is free, so they may depend on earlier results.
    data : sent to every process once. workers : processes on this machine, one for each core by
    default; 0 computes here, as without Dask. scheduler : address of a Dask scheduler to use
    instead.
    A task that raises gives :class:`Failed`; one whose process dies is computed again, four times
    at most. A lost connection to the scheduler is restored. Raises :class:`SnnlabError` as
    :func:`settle_workers`, and if processes cannot start.
    """
    workers = settle_workers(workers, scheduler)
    if workers == 0 and scheduler is None:
        for task in tasks:
            yield task, _safely(function, task, data)
        return
    with _client(workers, scheduler) as client:
        yield from _Crew(client, function, data).work(iter(tasks))


def settle_workers(workers: int | None, scheduler: str | None = None) -> int | None:
    """Number of workers that :func:`run_all` will use; 0, and a log message, without Dask.

    Starts nothing, so it can be called before anything is written. Raises :class:`SnnlabError` for
    fewer than 0 or more than 1024 workers, an empty address, a scheduler without Dask, and a script
    that its own processes would run again.
    """
    if workers is not None and not 0 <= workers <= MOST_WORKERS:
        raise SnnlabError(f"workers = {workers} is not allowed: give 0 to {MOST_WORKERS}")
    if scheduler == "":
        raise SnnlabError("the address of the scheduler is empty: give one such as tcp://host:8786")
    if workers == 0 and scheduler is None:
        return 0
    try:
        import distributed  # noqa: F401
    except ImportError:
        if scheduler is not None:
            raise missing("Dask is", "sweep") from None
        _log.warning(
            "Dask is not installed: all of it runs in this process, one after the other; to use"
            " every core: %s", install_command("sweep"),
        )  # fmt: skip
        return 0
    if scheduler is None:
        check_script()
    return workers


class _Crew:
    """Tasks under way on a cluster."""

    def __init__(self, client, function, data):
        self.client, self.function, self.data = client, function, data
        self.ended, self.flying, self.looked = Queue(), {}, -POLL
        self._share()

    def _share(self):
        try:
            self.client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise SnnlabError(
                f"no worker came back within {PATIENCE:.0f} s: start some and run this again"
            ) from None
        self.shared = self.client.scatter(self.data, broadcast=True, hash=False)

    def work(self, tasks):
        more = True
        while True:
            while more and len(self.flying) < self.slots():
                try:
                    self.start(next(tasks))
                except StopIteration:
                    more = False
            if not (more or self.flying):
                return
            try:
                future = self.ended.get(timeout=POLL)
            except Empty:
                self.check()
                continue
            yield from self.take(future)

    def slots(self):
        """Threads of all workers, at least one so that a task waits for the first."""
        if monotonic() - self.looked > POLL:
            self.free = max(1, sum(self.client.nthreads().values()))
            self.looked = monotonic()
        return self.free

    def start(self, task, tries=1):
        self.check()
        future = self.client.submit(_alone, self.function, task, self.shared, pure=False)
        self.flying[future.key] = task, future, tries
        future.add_done_callback(self.ended.put)

    def take(self, future):
        """The result of a task that ended, unless it has to be computed again."""
        from distributed import CancelledError

        if future.key not in self.flying:
            return
        task, _, tries = self.flying.pop(future.key)
        try:
            result = future.result()
        except CancelledError:  # connection or shared data were lost, and all under way with them
            self.check(lost=True)
            if tries < MOST_TRIES:
                self.start(task, tries + 1)
                return
            result = Failed(f"its process ended, {tries} times")
        except Exception as error:  # KilledWorker and what else the cluster says
            result = Failed(_one_line(error))
        yield task, result

    def check(self, lost=False):
        """Wait for a connection that was lost; raises :class:`SnnlabError` if it stays so."""
        if self.client.status == "running" and not lost:
            return
        deadline = monotonic() + PATIENCE
        while self.client.status != "running":
            if self.client.status == "closed" or monotonic() > deadline:
                raise SnnlabError(
                    "the Dask scheduler is gone: start it and run this again to continue"
                )
            threading.Event().wait(0.1)
        if self.shared.status != "finished":
            self._share()


@contextmanager
def _client(workers, scheduler):
    """A connection to the scheduler, or a cluster of processes of this machine."""
    from dask import config
    from distributed import Client, LocalCluster

    with ExitStack() as stack:
        try:
            if scheduler is None:
                lost = {"distributed.deploy.lost-worker-timeout": LOST_AFTER}
                stack.enter_context(config.set(lost))
                with _deaf() as pressed, _environment_left_alone():
                    address = stack.enter_context(
                        LocalCluster(
                            n_workers=workers or cores(), threads_per_worker=1,
                            dashboard_address=None, memory_limit=0,
                            silence_logs=logging.CRITICAL, env=LIBRARIES,
                            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                        )
                    )  # fmt: skip
                if pressed.is_set():
                    raise KeyboardInterrupt
            client = stack.enter_context(Client(scheduler or address, set_as_default=False))
        except (OSError, ValueError, ImportError, RuntimeError) as error:
            if scheduler is None:
                raise SnnlabError(
                    f"processes of this machine cannot start: {_one_line(error)}{hint()}"
                ) from None
            raise SnnlabError(f"no Dask scheduler {scheduler}: {_one_line(error)}") from None
        yield client


@contextmanager
def _environment_left_alone():
    """Dask writes nothing into the environment of this process.

    By itself it does, each time a worker is begun, also long afterwards in place of one that died;
    numba compiles nothing more once it finds its number of threads changed. And among it is a
    setting by which workers give memory back at once, which a training takes again in its next
    step: it is half as fast again without.
    """
    from dask import config

    name = "distributed.nanny.pre-spawn-environ"
    with config.set({name: dict.fromkeys(config.get(name))}):
        yield


@contextmanager
def _deaf():
    """Processes started meanwhile do not hear Ctrl-C: that is for the parent, which ends them.

    It waits until they have started, for half started ones are not ended: an event says that it was
    pressed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield threading.Event()
        return
    with ctrl_c() as pressed, ignore_ctrl_c():
        yield pressed


def _alone(function, task, data):
    """What a worker does."""
    on_one_core()
    return _safely(function, task, data)


def _safely(function, task, data):
    try:
        return function(task, data)
    except SnnlabError as error:
        return Failed(str(error))
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return Failed(f"{_one_line(error)} ({frame.name}, line {frame.lineno})")


def _one_line(error):
    return "".join(traceback.format_exception_only(error)).strip().split("\n")[0]
