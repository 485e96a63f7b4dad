"""Many independent tasks on several processes of this machine."""

import os
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import wait

from snnlab.errors import SnnlabError

ONE_THREAD = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Each process computes on one core: tasks side by side need no threads inside."""


@dataclass(frozen=True)
class Failed:
    """What became of a task that ended in an error: the error in one line."""

    why: str


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_all(
    function: Callable, tasks: Iterable, workers: int | None = None
) -> Iterator[tuple[object, object]]:
    """``function(task)`` for every task in processes of their own; yields (task, result) as they
    finish, in any order.

    function : found by name in a module, task and result : anything that pickles. A task that
    raises, or whose process dies, gives :class:`Failed` as its result; the others go on. Leaving
    the iteration early, as Ctrl-C does, ends the processes.
    workers : one for each core by default. Raises :class:`SnnlabError` for fewer than one.
    """
    if workers is not None and workers < 1:
        raise SnnlabError(f"workers = {workers} is not allowed: give 1 or more")
    tasks = list(tasks)
    crew = [_Worker(function) for _ in range(min(workers or cores(), len(tasks)))]
    try:
        yield from _work(crew, tasks[::-1])
    finally:
        for worker in crew:
            worker.end()


def _work(crew, waiting):
    for worker in crew:
        worker.give(waiting.pop())
    while busy := {worker.pipe: worker for worker in crew if worker.task is not None}:
        for pipe in wait(busy):
            worker = busy[pipe]
            done = worker.take()
            if waiting:
                worker.give(waiting.pop())
            yield done


class _Worker:
    """A process that does one task after the other; a new one takes over if it dies."""

    def __init__(self, function):
        self.function, self.task = function, None
        self._start()

    def _start(self):
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(self.function, theirs), daemon=True)
        before = {name: os.environ.get(name) for name in ONE_THREAD}
        os.environ.update(ONE_THREAD)  # read when the process imports its libraries
        try:
            self.process.start()
        finally:
            theirs.close()
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def give(self, task):
        self.task = task
        with suppress(OSError):  # dead already: take() finds out
            self.pipe.send(task)

    def take(self):
        """The task that ended and its result."""
        task, self.task = self.task, None
        try:
            return task, self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            died = Failed(f"its process ended with exit code {self.process.exitcode}")
            self.pipe.close()
            self._start()
            return task, died

    def end(self):
        self.process.terminate()
        self.process.join()
        self.process.close()
        self.pipe.close()


def _serve(function, pipe):
    """What runs in a worker's process: Ctrl-C is for the parent, which then ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, BrokenPipeError):
        while True:
            task = pipe.recv()
            try:
                result = function(task)
            except SnnlabError as error:
                result = Failed(str(error))
            except Exception as error:
                frame = traceback.extract_tb(error.__traceback__)[-1]
                what = "".join(traceback.format_exception_only(error)).strip().replace("\n", " ")
                result = Failed(f"{what} ({frame.name}, line {frame.lineno})")
            pipe.send(result)
