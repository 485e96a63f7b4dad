"""Load test with many visitors, and recovery after kills: ``make bench-load`` prints a table.

Runs on this machine only: 30 pages that train, 100 pages that watch one training, half a minute
each; then kills, fuzzing, and simulated disk faults. Takes about twenty minutes.
"""

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from math import ceil
from pathlib import Path
from statistics import mean, median, quantiles

import numpy as np
import psutil

import snnlab
from snnlab.config import Config
from snnlab.learn.trainer import Trainer
from snnlab_app.compute.pool import Compute
from snnlab_app.compute.remote import RemoteSession, kept_config
from snnlab_app.compute.store import Store
from snnlab_bench.dashboard.ui import FLAGS, served
from snnlab_bench.dashboard.visitor import Visitor
from snnlab_bench.fuzz.run import Tally, hunt
from snnlab_bench.fuzz.targets import TARGETS

LIVE, IDLE = 30, 100
SECONDS = 30.0
CLICKS_EVERY = 4.0
"""Mean time between two clicks of a training visitor : s."""
KILLS, SERVER_KILLS, CASES = 20, 10, 100_000
TRAINING = {"dataset": "digits", "epochs": 300, "schedule": "constant"}


def main() -> None:
    """Measure and print all rows."""
    print(f"{'what':58}{'measured':>20}   target")
    with tempfile.TemporaryDirectory() as cache:
        os.environ["SNNLAB_CACHE"] = cache  # where servers store visitors' trainings
        with served("--dataset", "mnist", *FLAGS) as url:
            asyncio.run(_crowd(url, Path(cache) / "visitors"))
        with served("--dataset", "mnist", *FLAGS) as url:
            asyncio.run(_watchers(url))
    _kill_processes()
    _kill_servers()
    _fuzz()
    _suite("invalid inputs refused in one line", "tests/bad_input", ">= 200")
    _suite("faults of disk, clock and cache, nothing lost", "tests/runs/test_faults.py", "all")


def _say(what, measured, target):
    print(f"{what:58}{measured:>20}   {target}", flush=True)


# ── many training visitors ──


async def _crowd(url, kept):
    server = server_of(url)
    first = await Visitor(url).come()
    await first.until("Ready")
    alone = _memory(server)
    others = await asyncio.gather(*(_come(url, k) for k in range(LIVE - 1)))
    visitors = [first, *others]
    await asyncio.gather(*(visitor.until("Ready") for visitor in visitors))
    await asyncio.gather(*(visitor.click("Train", "Pause") for visitor in visitors))
    await asyncio.sleep(5)
    steps, start = [visitor.step for visitor in visitors], time.monotonic()
    await asyncio.sleep(SECONDS)
    took = time.monotonic() - start
    done = [visitor.step - before for visitor, before in zip(visitors, steps, strict=True)]
    rates = [sum(then >= start for then in v.updates) / took for v in visitors]
    _say("pages training at once", f"{LIVE}", "30")
    _say("  updates/s, slowest page (median)", f"{min(rates):.1f} ({median(rates):.1f})", ">= 2")
    _say("  steps/s, slowest over mean", f"{min(done) / mean(done):.2f}", ">= 0.7")
    _say("  images/s, all pages together", f"{100 * sum(done) / took:,.0f}", "")
    answers = [s for each in await asyncio.gather(*map(_clicks, visitors)) for s in each]
    p95 = quantiles(answers, n=20)[-1]
    _say("  click to response, p95 (median)", f"{p95:.2f} ({median(answers):.2f}) s", "<= 1 s")
    _say("  pages lost", f"{sum(visitor.lost for visitor in visitors)}", "0")
    each = (_memory(server) - alone) / (LIVE - 1)
    _say("  memory per additional page, all processes", f"{each / 1e6:.0f} MB", "<= 60 MB")
    start = time.monotonic()
    await asyncio.gather(*(visitor.leave() for visitor in visitors))
    while any(kept.iterdir()) and time.monotonic() - start < 90:
        await asyncio.sleep(0.02)
    _say("  until data of closed pages are deleted", f"{time.monotonic() - start:.1f} s", "<= 5 s")


async def _come(url, k):
    await asyncio.sleep(0.3 * k)  # spread out, as when a class opens the page
    return await Visitor(url).come()


async def _clicks(visitor):
    answers, dice = [], random.Random(id(visitor))
    for _ in range(4):
        await asyncio.sleep(CLICKS_EVERY * dice.uniform(0.5, 1.5))
        answers.append(await visitor.click("Pause", "Train"))
        await asyncio.sleep(CLICKS_EVERY * dice.uniform(0.5, 1.5))
        answers.append(await visitor.click("Train", "Pause"))
    return answers


def server_of(url: str) -> psutil.Process:
    """The child process that listens at this address."""
    port = int(url.rsplit(":", 1)[1].strip("/"))
    return next(
        process
        for process in psutil.Process().children()
        if any(c.laddr.port == port for c in process.net_connections() if c.status == "LISTEN")
    )


def _memory(server):
    return sum(each.memory_info().rss for each in [server, *server.children(recursive=True)])


# ── many watchers ──


async def _watchers(url):
    trains = await Visitor(url).come()
    await trains.until("Ready")
    link = await trains.let_watch()
    watchers = await asyncio.gather(*(_come(link, k) for k in range(IDLE)))
    await trains.click("Train", "Pause")
    await asyncio.gather(*(watcher.until("running") for watcher in watchers))
    steps = [visitor.step for visitor in (trains, *watchers)]
    start = time.monotonic()
    await asyncio.sleep(SECONDS)
    took = time.monotonic() - start
    done = [v.step - before for v, before in zip((trains, *watchers), steps, strict=True)]
    own, *theirs = [sum(then >= start for then in v.updates) / took for v in (trains, *watchers)]
    _say("pages watching one training", f"{IDLE}", "100")
    _say("  updates/s, slowest watcher (training page)", f"{min(theirs):.1f} ({own:.1f})", "")
    _say("  images/s of the training", f"{100 * done[0] / took:,.0f}", "")
    failed = sum(v.lost for v in [trains, *watchers]) + sum(d == 0 for d in done)
    _say("  pages lost or without updates", f"{failed}", "0")
    await asyncio.gather(*(visitor.leave() for visitor in [trains, *watchers]))


# ── kills ──


def _kill_processes():
    expected, dice = _alone(), random.Random(1)
    with tempfile.TemporaryDirectory() as folder, Compute(store=Store(1000, Path(folder))) as all_:
        session = RemoteSession(all_, Config.checked(**TRAINING), all_.store.folder("visitor"))
        session.play()
        kills = 0
        while session.state not in ("finished", "failed"):
            time.sleep(dice.uniform(0.2, 3.0))
            if kills < KILLS and session.state == "running":
                _kill(all_)
                kills += 1
                _until(lambda: session.state != "running")
        same = _same(session._folder, expected) and kills == KILLS
    _say(f"computing process killed x {KILLS}", "same bits" if same else "LOST", "same bits")


def _kill_servers():
    expected, dice = _alone(), random.Random(2)
    with tempfile.TemporaryDirectory() as root:
        folder = Store(1000, Path(root)).folder("visitor")
        for _ in range(SERVER_KILLS):
            server = psutil.Popen([sys.executable, "-c", SERVER, root])
            time.sleep(dice.uniform(4.0, 9.0))
            server.kill()
            server.wait()
        with Compute(store=Store(1000, Path(root))) as compute:
            config = kept_config(folder) or Config.checked(**TRAINING)
            session = RemoteSession(compute, config, folder)
            session.play()
            _until(lambda: session.state in ("finished", "failed"))
            same = _same(folder, expected)
    _say(f"server killed x {SERVER_KILLS}", "same bits" if same else "LOST", "same bits")


SERVER = f"""
import sys, time
from pathlib import Path
from snnlab.config import Config
from snnlab_app.compute.remote import kept_config
from snnlab_app.compute.pool import Compute
from snnlab_app.compute.remote import RemoteSession
from snnlab_app.compute.store import Store
if __name__ == "__main__":
    store = Store(1000, Path(sys.argv[1]))
    folder = store.folder("visitor")
    compute = Compute(store=store)
    session = RemoteSession(compute, kept_config(folder) or Config.checked(**{TRAINING!r}), folder)
    session.play()
    time.sleep(60)
"""


# ── fuzzing ──


def _fuzz():
    total, shares = Tally(), sum(target.share for target in TARGETS.values())
    for target in TARGETS.values():
        total.add(hunt(target, ceil(CASES * target.share / shares)))
    wrong, broken = total.counts["accepted wrongly"], total.counts["tracebacks"]
    tried = total.counts["cases"]
    _say("fuzzed inputs / accepted wrongly / tracebacks", f"{tried:,} / {wrong} / {broken}",
         ">= 100,000 / 0 / 0")  # fmt: skip


def _suite(what, tests, target):
    """Run the tests of a folder or file and print their counts."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", tests]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    counts = re.findall(r"(\d+) (passed|failed|error)", done.stdout.splitlines()[-1])
    _say(what, ", ".join(f"{number} {kind}" for number, kind in counts), target)


def _alone():
    trainer = Trainer(Config.checked(**TRAINING), snnlab.load("digits"))
    for _ in trainer:
        pass
    return trainer.network.arrays()


def _same(folder, expected):
    with np.load(folder / "weights.npz", allow_pickle=False) as kept:
        return all((kept[f"layer_{k}"] == layer).all() for k, layer in enumerate(expected))


def _kill(compute):
    for pid in compute.memory():
        os.kill(pid, signal.SIGKILL)


def _until(condition):
    while not condition():
        time.sleep(0.01)


if __name__ == "__main__":
    main()
