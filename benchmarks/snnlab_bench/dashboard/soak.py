"""Soak test for leaks: ``make soak`` takes an hour, less with ``--minutes`` and ``--visits``.

A browser watches a training for half an hour, cycling through all views; then 500 pages are opened
and closed. Runs on this machine only. Exit code 1 if memory, threads or descriptors leak.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
from playwright.sync_api import sync_playwright

from snnlab.text.tables import aligned
from snnlab_app.views import VIEWS
from snnlab_bench.dashboard.load import server_of
from snnlab_bench.dashboard.ui import FLAGS, chromium, served, train
from snnlab_bench.dashboard.visitor import Visitor

LOOK_EVERY = 15.0
WARM = 1 / 3
"""Fraction of the time that is not measured, while caches fill and curves reach full length."""
CONCURRENT_PAGES = 4
"""Pages that are opened and closed at the same time."""
MAX_MB_PER_MINUTE, MAX_MB_PER_VISIT = 1.0, 0.1
SETTLE = 8.0
"""Time after which everything of a closed page must be freed : s."""


class Holding(NamedTuple):
    """Resources of a server and its compute processes."""

    megabytes: float
    threads: int
    descriptors: int
    """File descriptors, including sockets and pipes."""

    @classmethod
    def of(cls, server: psutil.Process) -> "Holding":
        """The current resources."""
        every = [server, *server.children(recursive=True)]
        return cls(
            sum(each.memory_info().rss for each in every) / 1e6,
            sum(each.num_threads() for each in every),
            sum(each.num_fds() for each in every),
        )


def main() -> int:
    """Measure and print; returns 0 if nothing leaks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--visits", type=int, default=500)
    parser.add_argument("--dataset", default="mnist")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["SNNLAB_CACHE"] = cache
        with served("--dataset", options.dataset, *FLAGS) as url:
            server = server_of(url)
            grows = watch(url, server, options.minutes)
            grows |= asyncio.run(come_and_go(url, server, options.visits))
            left = list((Path(cache) / "visitors").glob("*/*"))
    print(f"files left of visitors: {len(left)}")
    return int(grows or bool(left))


def watch(url: str, server: psutil.Process, minutes: float) -> bool:
    """Watch a training in a browser; returns whether memory grows too fast."""
    rows, start = [], time.monotonic()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(url)
        page.get_by_text("Ready ·").wait_for(timeout=120_000)
        train(page)
        wire = page.context.new_cdp_session(page)
        while (now := (time.monotonic() - start) / 60) < minutes:
            view = VIEWS[len(rows) // 2 % len(VIEWS)]
            page.get_by_role("tab", name=view.title, exact=True).click()
            page.wait_for_timeout(1000 * min(LOOK_EVERY, 60 * minutes / 20))
            wire.send("HeapProfiler.collectGarbage")
            heap = wire.send("Runtime.getHeapUsage")["usedSize"] / 1e6
            rows.append((now, *Holding.of(server), heap))
        status = page.get_by_text("running: step").first.inner_text()
        browser.close()
    names = ("server and compute process", "threads", "descriptors", "page")
    print(f"a training watched for {minutes:g} minutes in all views ({status})")
    grows, lines = False, []
    for name, values in zip(names, np.transpose(rows)[1:], strict=True):
        warm = np.transpose(rows)[0] >= WARM * minutes
        slope = np.polyfit(np.transpose(rows)[0][warm], values[warm], 1)[0]
        lines.append((f"  {name}", f"{values[warm][0]:.0f}", "to", f"{values[-1]:.0f}",
                      f"{slope:+.3f} a minute"))  # fmt: skip
        grows |= slope > MAX_MB_PER_MINUTE
    print(aligned(lines, right=(1, 3, 4)))
    return bool(grows)


async def come_and_go(url: str, server: psutil.Process, visits: int) -> bool:
    """Open pages, train on some, and close them; returns whether resources leak."""
    await _visits(url, max(CONCURRENT_PAGES, visits // 10))
    await asyncio.sleep(SETTLE)
    before, start = Holding.of(server), time.monotonic()
    await _visits(url, visits)
    took = time.monotonic() - start
    await asyncio.sleep(SETTLE)
    after = Holding.of(server)
    print(f"{visits} pages opened and closed in {took:.0f} s")
    lines = zip(Holding._fields, before, after, strict=True)
    lines = ((f"  {name}", f"{was:.0f}", "to", f"{now:.0f}") for name, was, now in lines)
    print(aligned(lines, right=(1, 3)))
    return (
        after.megabytes - before.megabytes > MAX_MB_PER_VISIT * visits
        or after.threads > before.threads
        or after.descriptors > before.descriptors
    )


async def _visits(url, count):
    for _ in range(count // CONCURRENT_PAGES):
        await asyncio.gather(*(_visit(url, k) for k in range(CONCURRENT_PAGES)))


async def _visit(url, k):
    visitor = await Visitor(url).come()
    if k % 2:
        await visitor.click("Train", "Pause")
    await visitor.leave()


if __name__ == "__main__":
    sys.exit(main())
