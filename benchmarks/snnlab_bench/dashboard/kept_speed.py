"""How much of its speed a training keeps while somebody looks at it.

Four measurements of the same settings take turns:

page   a training on the dashboard, open in a browser on this machine; its kernels have one thread
       fewer than there are cores
whole  the same training without a dashboard, with as many threads as cores
same   the same training without a dashboard, with as many threads as on the page
less   like *same*, while idle loops take as many cores' worth of time as browser and server took
       during *page*

*raw* is page / whole: what it costs to look. It depends on the number of cores, as browser and
server need some of them. *kept* is page / less: the share of what is possible with the cores that
browser and server leave to the training. What is lost beyond that is lost by waiting for the page.
"""

import json
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from statistics import median
from time import perf_counter, sleep

import psutil

from snnlab.chip.threads import most_threads, use_threads
from snnlab_app.session.local import kernel_threads

ROUNDS, SECONDS = 3, 3.0
BURN_PERIOD = 0.02
"""Seconds over which a loop works and rests."""


@dataclass(frozen=True)
class Kept:
    """Steps per second of all four, and the cores' worth of time that was used during *page*."""

    page: float
    whole: float
    same: float
    less: float
    browser_cores: float
    server_cores: float
    training_cores: float

    @property
    def raw(self) -> float:
        """Share kept of the speed without a dashboard on all cores."""
        return self.page / self.whole

    @property
    def kept(self) -> float:
        """Share kept of the speed that the remaining cores allow."""
        return self.page / self.less


def measure(page_steps, dataset: str, toggle) -> Kept:
    """Run the four in turn, in a process that has started the server and a browser.

    page_steps() : steps so far of the page's training, which is paused; toggle() : pause it, or
    let it train.
    """
    children = psutil.Process().children()
    server = next(child for child in children if "--port" in child.cmdline())
    browser = [child for child in children if child != server]
    with _helper(dataset) as alone:
        rounds = [_round(page_steps, server, browser, alone, toggle) for _ in range(ROUNDS)]
    return Kept(*(median(values) for values in zip(*rounds, strict=True)))


def _round(page_steps, server, browser, alone, toggle):
    toggle()
    sleep(1.0)
    begin, first, before = perf_counter(), page_steps(), _cpu(server, browser)
    sleep(SECONDS)
    last, after, seconds = page_steps(), _cpu(server, browser), perf_counter() - begin
    toggle()
    sleep(1.0)
    used = [(b - a) / seconds for a, b in zip(before, after, strict=True)]
    kernels, taken = kernel_threads(), used[0] + used[1]
    alone_at = alone(most_threads(), 0.0), alone(kernels, 0.0), alone(kernels, taken)
    return (last - first) / seconds, *alone_at, *used


def _cpu(server, browser):
    """CPU time so far of the browser, the server, and the processes that compute for it : s."""
    parts = [child for parent in browser for child in parent.children(recursive=True)]
    return _time_of(parts), _time_of([server]), _time_of(server.children(recursive=True))


def _time_of(processes):
    total = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            spent = process.cpu_times()
            total += spent.user + spent.system
    return total


@contextmanager
def _helper(dataset):
    """A process that trains for some seconds when asked; yields ``run(threads, taken) -> steps/s``,
    taken : cores' worth of time."""
    command = [sys.executable, "-m", __name__, dataset]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(threads, taken):
        process.stdin.write(f"{threads} {taken}\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    try:
        assert process.stdout.readline() == "ready\n"
        yield run
    finally:
        process.stdin.close()
        process.wait(timeout=20)


@contextmanager
def _burning(cores):
    """Take this many cores' worth of time, in two processes."""
    share = min(1.0, cores / 2)
    code = (
        "from time import perf_counter, sleep\n"
        "while True:\n"
        f"    end = perf_counter() + {share * BURN_PERIOD}\n"
        "    while perf_counter() < end: pass\n"
        f"    sleep({(1 - share) * BURN_PERIOD})\n"
    )
    loops = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2 * (cores > 0))]
    try:
        sleep(0.3 * (cores > 0))
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def _serve(dataset):
    """The helper's side: train as a session of the dashboard does, without publishing."""
    import torch

    from snnlab.config import Config
    from snnlab.data import load
    from snnlab.learn.trainer import Trainer

    torch.set_num_threads(1)
    config = Config.checked(dataset=dataset, epochs=10_000, schedule="constant")
    trainer = Trainer(config, load(dataset))
    trainer.prepare(lambda message, fraction: None)
    for _ in range(100):
        trainer.advance()
    print("ready", flush=True)
    for line in sys.stdin:
        threads, taken = line.split()
        use_threads(int(threads))
        with _burning(float(taken)):
            count, begin = 0, perf_counter()
            while perf_counter() - begin < SECONDS:
                trainer.advance()
                count += 1
        print(count / (perf_counter() - begin), flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
