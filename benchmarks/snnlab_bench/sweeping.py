"""The overhead of a sweep: per trial, per worker, and with a thousand workers.

    python -m snnlab_bench.sweeping

Trials sleep instead of training, so other load on the machine hardly matters. Only the speed-up
of two workers over one is measured with real trainings, in turn with plain processes that do
nothing else. These are the figures of docs/scaling.md.
"""

import heapq
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import patch

import numpy as np

from snnlab.config import Config
from snnlab.data import load
from snnlab.sweeps.cluster import LIBRARIES, run_all
from snnlab.sweeps.plan import Plan
from snnlab.sweeps.search import Task, train_trial
from snnlab.sweeps.trials import TrialQueue

RESULT = {"accuracy": 0.97, "loss": 0.1, "spikes": 20.0, "energy": 2.4e-6, "power": 0.2,
          "latency": 1.18e-5, "accuracy_of_dies": [0.97], "seconds": 60.0}  # fmt: skip
VARY = {"beta": "1:200:log", "rho_burst": "1e-5:1e-2:log"}


def nap(seconds, data):
    """A trial that only sleeps."""
    time.sleep(seconds)
    return dict(RESULT)


def plan(trials, sampler="random"):
    return Plan.checked(vary=VARY, sampler=sampler, trials=trials)


def keeping(where, trials, sampler):
    """Milliseconds per trial to enqueue, take and report it, and bytes stored per trial."""
    start = time.perf_counter()
    queue = TrialQueue(plan(trials, sampler), str(where))
    entered, spent = time.perf_counter() - start, {"take": [], "tell": []}
    first, taking = where.stat().st_size, queue.take()
    for _ in range(trials):
        start = time.perf_counter()
        trial = next(taking)
        taken = time.perf_counter()
        queue.tell(trial, dict(RESULT))
        spent["take"].append(taken - start)
        spent["tell"].append(time.perf_counter() - taken)
    ms = {name: 1e3 * np.mean(seconds) for name, seconds in spent.items()}
    grown = (where.stat().st_size - first) / trials
    return 1e3 * entered / trials, ms["take"], ms["tell"], grown


def rate(workers, trials, work, where, function=nap, data=None):
    """Trials per minute of a sweep whose trials are ``function(work, data)``."""
    with TrialQueue(plan(trials), str(where)) as queue:
        marks, mine = [], {}

        def tasks():
            for trial in queue.take():
                mine[len(mine)] = trial
                yield work

        for k, (_, outcome) in enumerate(run_all(function, tasks(), workers, data=data)):
            queue.tell(mine[k], outcome)
            marks.append(time.perf_counter())
    # counted from the first finished trial of every worker: processes start only once
    return 60 * (trials - workers) / (marks[-1] - marks[workers - 1])


def bare(processes, trials, work, data):
    """Trainings per minute of this many independent processes."""
    with (
        patch.dict(os.environ, {**LIBRARIES, "NUMBA_NUM_THREADS": "1"}),
        ProcessPoolExecutor(processes, get_context("spawn")) as pool,
    ):
        list(pool.map(train_trial, [work] * processes, [data] * processes))
        start = time.perf_counter()
        list(pool.map(train_trial, [work] * trials, [data] * trials))
        return 60 * trials / (time.perf_counter() - start)


def trainings(folder, rounds=3, trials=12):
    """Trials per minute with one and two workers, and with as many plain processes, in turn."""
    dataset = load("mnist")
    work = Task(0, (Config(dataset="mnist", epochs=1, samples=6).values(),))  # some seconds
    found = {(kind, n): [] for n in (1, 2) for kind in ("sweep", "bare")}
    for k, (kind, n) in product(range(rounds), found):
        if kind == "bare":
            found[kind, n].append(bare(n, trials, work, dataset))
        else:
            where = Path(folder) / f"trainings-{k}-{n}.db"
            found[kind, n].append(rate(n, trials, work, where, train_trial, dataset))
    return {key: float(np.median(rates)) for key, rates in found.items()}


def crowd(workers, tasks, seconds):
    """Tasks per second, and CPU time per task : ms, of one scheduler with in-process workers."""
    from distributed import Client, LocalCluster, wait

    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, processes=False,
                     dashboard_address=None, memory_limit=0) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        shared = client.scatter(np.zeros(1000), broadcast=True)
        begun, used = time.perf_counter(), time.process_time()
        wait([client.submit(nap, seconds, shared, pure=False) for _ in range(tasks)])
        return tasks / (time.perf_counter() - begun), 1e3 * (time.process_time() - used) / tasks


def simulate(workers, training, overhead, trials, spread=0.3, seed=1):
    """Fraction of the workers' time spent training if one process manages all trials.

    Trainings take ``training`` seconds on average, lognormally distributed; the client is busy for
    ``overhead`` seconds after each trial before the worker gets its next one.
    """
    dice = np.random.default_rng(seed)
    durations = training * dice.lognormal(-(spread**2) / 2, spread, trials)
    free, busy_until, end = [(k * overhead, k) for k in range(workers)], workers * overhead, 0.0
    running = [(t + durations[k], k) for t, k in free]
    heapq.heapify(running)
    for k in range(workers, trials):
        ended, _ = heapq.heappop(running)
        busy_until = max(ended, busy_until) + overhead
        heapq.heappush(running, (busy_until + durations[k], k))
    end = max(t for t, _ in running)
    return durations.sum() / (workers * end)


def main():
    with tempfile.TemporaryDirectory() as folder:
        for file, sampler, trials in product(("a.db", "a.journal"), ("random", "tpe"), (60,)):
            path = Path(folder) / f"{trials}-{sampler}-{file}"
            enter, take, tell, size = keeping(path, trials, sampler)
            print(f"{file[2:]:8s}{sampler:7s}{trials:4d}: enter {enter:5.1f} take {take:5.1f}"
                      f" tell {tell:5.1f} ms, {size:6.0f} bytes per trial", flush=True)  # fmt: skip
        for workers in (1, 2):
            per_minute = rate(workers, 24 * workers, 1.0, Path(folder) / f"{workers}.db",
                              data=np.zeros(18_000_000, np.uint8))  # fmt: skip
            extra = 1e3 * (60 * workers / per_minute - 1.0)
            print(f"{workers} workers: {per_minute:.1f} trials of 1 s per minute,"
                  f" overhead {extra:.0f} ms each", flush=True)  # fmt: skip
        found = trainings(folder)
        for kind in ("sweep", "bare"):
            one, two = found[kind, 1], found[kind, 2]
            print(f"{kind}: {one:.2f} trainings per minute with one process, {two:.2f} with two:"
                  f" {two / one:.2f} times", flush=True)  # fmt: skip
    for workers in (10, 100):
        per_second, ms = crowd(workers, 20 * workers, 0.0)
        print(f"scheduler, {workers} workers in its process: {per_second:.0f} tasks per second,"
              f" {ms:.2f} ms CPU time each, including workers", flush=True)  # fmt: skip
    for overhead in (0.02, 0.05, 0.1):
        for training in (10, 60, 300):
            share = {n: simulate(n, training, overhead, 20 * n) for n in (10, 100, 1000)}
            busy = ", ".join(f"{part:.1%} of {n}" for n, part in share.items())
            print(f"overhead {1e3 * overhead:.0f} ms, training {training} s: busy {busy}")


if __name__ == "__main__":
    main()
