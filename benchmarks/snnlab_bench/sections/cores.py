"""What a second thread gains, beside what a second process of the same work does."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import perf_counter

import numpy as np

from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.threads import use_threads
from snnlab_bench.harness import Row, Seconds, Spread, interleaved
from snnlab_bench.network import Trained

TARGET = 0.93
BATCH = 1000
REPEATS = {"inference": 20, "training step": 40}
"""Runs in a row of each task."""


def rows(trained: Trained, threads: int, full: bool) -> Iterator[Row]:
    """Speed with two threads relative to that of two processes of one thread each.

    Two processes share neither data nor Python's own work, but caches, memory and whatever else
    runs on the machine: what they gain together is what two cores give.
    """
    if threads < 2:
        yield Row("threads", "speed-up by a second thread", None, TARGET, "only one thread here")
        return
    _ = trained.weights  # on disk before the processes ask for them
    with ExitStack() as stack:
        first, second = (stack.enter_context(_process()) for _ in range(2))
        for name in REPEATS:
            times = interleaved(
                {
                    "one": _asking(name, 1, first), "two": _asking(name, 2, first),
                    "apart": _asking(name, 1, first, second),
                },
                seconds=8.0,
            )  # fmt: skip
            yield _row(name, *(times[way].wall for way in ("one", "two", "apart")))


def _row(name, one, two, apart):
    """one, two, apart : s per run, float64[round], of a thread, two threads and two processes."""
    ms = [1e3 * float(np.median(t)) for t in (one, two, apart)]
    gains = [Spread.of(one / t).median for t in (two, apart)]
    return Row(
        f"threads-{name.replace(' ', '-')}",
        f"two threads against two processes, {name}",
        Spread.of(apart / two),
        TARGET,
        f"{ms[1]:.2f} ms instead of {ms[0]:.2f} ms, {gains[0]:.2f} times; two processes"
        f" {gains[1]:.2f} times",
        details={"ms": ms, "gains": gains},
    )


def _asking(name, threads, *processes):
    """A contender that has the processes do the task at once; times are per run."""
    order, runs = f"{name},{threads}\n", REPEATS[name] * len(processes)

    def contender():
        start = perf_counter()
        for process in processes:
            process.stdin.write(order)
            process.stdin.flush()
        for process in processes:
            assert process.stdout.readline() == "done\n"
        return Seconds((perf_counter() - start) / runs, np.nan)

    return contender


@contextmanager
def _process():
    """A process that does a task as often as REPEATS says when it is asked to."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait(timeout=60)


def _tasks() -> dict[str, Callable[[], object]]:
    trained = Trained()
    chip, events = trained.chip(OperatingPoint.inference()), trained.images(BATCH)
    return {
        "inference": lambda: trained.classify(chip, events),
        "training step": trained.trainer(learning_rate=0.0).advance,
    }


if __name__ == "__main__":
    tasks = _tasks()
    for line in sys.stdin:
        name, threads = line.rstrip().split(",")
        use_threads(int(threads))
        for _ in range(REPEATS[name]):
            tasks[name]()
        print("done", flush=True)
