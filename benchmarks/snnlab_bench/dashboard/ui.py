"""The dashboard as a user sees it: ``make bench-ui`` prints each number beside its target.

Starts a server and drives it in the system's Chromium. Measured on what the page shows: places of
the displays, pixels of their canvases, texts of buttons. ``--only`` chooses parts by name.
"""

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from playwright.sync_api import Browser, Error, Page, sync_playwright

from snnlab.text.tables import aligned
from snnlab_app.server.spare import QUIET
from snnlab_bench.dashboard import kept_speed, probes
from snnlab_bench.dashboard.probes import display

FLAGS = ("--epochs", "10000", "--schedule", "constant")
DESKTOP = (1440, 900)
SCREENS = (DESKTOP, (1280, 720), (390, 844))
REST = QUIET + 6
"""Seconds after which a server that nobody uses has the next page ready."""
VIEWS = ("Chip", "Sample", "Errors", "Energy", "Learn", "Sweep", "Compare")
READY = re.compile("^Ready ·")
WITHOUT_FIGURE = {"Sweep": "Start sweep"}
"""Views that begin without a figure, by a button that shows that they are there."""


@dataclass(frozen=True)
class Result:
    """A number, the target it should reach, and whether larger is better."""

    what: str
    value: float
    target: float | None = None
    unit: str = ""
    at_least: bool = False
    note: str = ""

    def row(self) -> tuple[str, str, str, str]:
        """What, value, target, and whether it holds."""
        if self.target is None:
            return self.what, f"{self.value:.4g} {self.unit}", "", self.note
        holds = self.value >= self.target if self.at_least else self.value <= self.target
        sign = "≥" if self.at_least else "≤"
        word = "holds" if holds else "MISSED"
        return (
            self.what,
            f"{self.value:.4g} {self.unit}",
            f"{sign} {self.target:g} {self.unit}",
            f"{word} {self.note}".rstrip(),
        )


@contextmanager
def served(*flags):
    """Run ``snnlab app`` on a free port; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "snnlab", "app", "--no-browser", "--port", str(port), *flags]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/"
    try:
        while True:
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise SystemExit(f"{' '.join(command)} ended by itself") from None
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def chromium() -> str | None:
    """Path of the system's Chromium or Chrome."""
    return shutil.which("chromium") or shutil.which("google-chrome")


def number(page, name):
    """The number in the tile of this name."""
    text = page.get_by_role("group", name=name, exact=True).inner_text()
    return float(re.search(r"[\d.,]+", text.split("\n")[-1]).group().replace(",", ""))


def train(page: Page) -> None:
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text(re.compile("^running: step")).first.wait_for()


def pause(page: Page) -> None:
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_text(re.compile("^paused: step")).first.wait_for()


class Bench:
    """Parts of the measurement; each yields its results and leaves no page open."""

    def __init__(self, browser: Browser, url: str, dataset: str):
        self._browser, self._url, self._dataset = browser, url, dataset

    def _context(self, screen=DESKTOP, **options):
        size = {"width": screen[0], "height": screen[1]}
        return self._browser.new_context(viewport=size, **options)

    @contextmanager
    def page(self, screen=DESKTOP, **options):
        """A page that is ready to train, in a context of its own."""
        with self._context(screen, **options) as context:
            page = context.new_page()
            page.goto(self._url)
            page.get_by_text(READY).first.wait_for(timeout=120_000)
            page.locator(".bk-Figure").first.wait_for()
            page.wait_for_timeout(500)
            yield page

    def layout(self):
        """Displays and knobs that are in sight without scrolling."""
        for screen in SCREENS:
            with self.page(screen) as page:
                page.wait_for_timeout(1000)
                missing = probes.displays_in_sight(page)
            wanted = len(probes.DISPLAYS) + len(probes.KNOBS)
            yield Result(
                "displays and knobs in sight at {}×{}".format(*screen),
                wanted - len(missing), wanted, at_least=True, note=", ".join(missing),
            )  # fmt: skip

    def start(self):
        """First paint of a warm server, and Train to a moving raster."""
        rested, paints, moves = [], [], []
        for _ in range(3):
            time.sleep(REST)
            with self._context() as context:
                rested.append(self._paint(context.new_page()))
            with self._context() as context:
                page = context.new_page()
                paints.append(self._paint(page))
                page.get_by_text(READY).first.wait_for(timeout=120_000)
                page.wait_for_timeout(2500)
                button = page.get_by_role("button", name="Train", exact=True).element_handle()
                raster = display(page, "Raster").element_handle()
                moves.append(button.evaluate(probes.CLICK_AND_MOVE, raster) / 1000)
        yield Result("first paint, warm, of a server at rest", median(rested), 3.0, "s")
        yield Result("first paint, warm, right after another", median(paints), 3.0, "s")
        yield Result("Train to a moving raster", median(moves), 0.7, "s")

    def _paint(self, page):
        begin = time.perf_counter()
        page.goto(self._url)
        page.get_by_role("button", name="Train", exact=True).wait_for()
        return time.perf_counter() - begin

    def rates(self):
        """Redraws, clicks and the longest task while training."""
        with self.page() as page:
            page.evaluate(probes.LONG_TASKS)
            train(page)
            page.wait_for_timeout(2000)
            for name in ("Raster", "Accuracy", "Power"):
                rate = probes.changes_per_second(display(page, name), 4.0)
                yield Result(f"{name.lower()} redrawn while training", rate, 4.0, "/s", True)
            button = page.get_by_role("button", name="Pause", exact=True)
            middle, slow = probes.click_times(button, 20)
            yield Result("click to answer, median", middle, 150, "ms")
            yield Result("click to answer, p95", slow, 400, "ms")
            page.wait_for_timeout(3000)
            tasks = page.evaluate("window.longTasks")
            yield Result(
                "longest task in the page", max(tasks, default=0.0), 150, "ms",
                note="" if tasks else "(none over 50 ms)",
            )  # fmt: skip

    def views(self):
        """First visit of every view to its content, training on."""
        with self.page() as page:
            train(page)
            page.wait_for_timeout(1500)
            for view in VIEWS:
                tab = page.get_by_role("tab", name=view, exact=True).element_handle()
                spent = tab.evaluate(probes.CLICK_AND_FILL, WITHOUT_FIGURE.get(view)) / 1000
                yield Result(f"first visit of {view} to its content", spent, 1.5, "s")
                page.wait_for_timeout(800)

    def replay(self):
        """Slow motion of a recording."""
        with self.page() as page:
            train(page)
            page.wait_for_timeout(1500)
            rate = probes.changes_per_second(display(page, "Network"), 4.0, stride=1)
            yield Result("slow motion in Live, training", rate, 20, "frames/s", True)
            page.get_by_role("tab", name="Sample", exact=True).click()
            place = display(page, "Network").locator("visible=true")
            place.first.wait_for()
            page.wait_for_timeout(1500)
            play = page.get_by_role("button", name=re.compile("^Play")).locator("visible=true")
            if play.count():
                play.first.click()
            rate = probes.changes_per_second(place, 4.0, stride=1)
            yield Result("slow motion in Sample, training", rate, 20, "frames/s", True)

    def axe(self):
        """Violations of axe-core in all views, light and dark."""
        for scheme in ("light", "dark"):
            found: dict[str, int] = {}
            with self.page(color_scheme=scheme) as page:
                train(page)
                for view in ("Live", *VIEWS):
                    page.get_by_role("tab", name=view, exact=True).click()
                    page.wait_for_timeout(1500)
                    violations = probes.count_violations(page)
                    if violations is None:
                        yield Result("axe-core is not installed", float("nan"))
                        return
                    found |= {f"{view}: {rule}": count for rule, count in violations.items()}
            note = ", ".join(f"{where} {count}" for where, count in found.items())
            yield Result(f"axe violations, {scheme}", sum(found.values()), 0, note=note)

    def speed(self):
        """Training speed kept; see :mod:`snnlab_bench.dashboard.kept_speed`."""
        with self.page() as page:
            train(page)
            page.wait_for_timeout(1500)
            pause(page)
            is_paused = [True]

            def toggle():
                train(page) if is_paused[0] else pause(page)
                is_paused[0] = not is_paused[0]

            kept = kept_speed.measure(lambda: probes.steps(page), self._dataset, toggle)
        yield Result("training speed kept, of the cores left to it", kept.kept, 0.9, at_least=True)
        yield Result("training speed kept, raw", kept.raw, note="of all cores without a page")
        for name in ("page", "whole", "same", "less"):
            yield Result(f"  steps/s, {name}", getattr(kept, name))
        for name in ("browser", "server", "training"):
            yield Result(f"  cores used by the {name}", getattr(kept, f"{name}_cores"))


def rows_of(results) -> list[tuple[str, str, str, str]]:
    """Rows of a part; one more where the page lacks what is to be measured."""
    rows = []
    try:
        rows.extend(result.row() for result in results)
    except Error as error:
        rows.append(("not measured", str(error).splitlines()[0], "", ""))
    return rows


PARTS = ("layout", "start", "rates", "views", "replay", "axe", "speed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("dataset", nargs="?", default="mnist")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to measure")
    options = parser.parse_args()
    flags, begin = (*FLAGS, "--dataset", options.dataset), time.perf_counter()
    print(f"dashboard, {options.dataset}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with served(*flags) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        bench = Bench(browser, url, options.dataset)
        with bench.page():
            time.sleep(2)
        for part in options.only:
            print(f"\n{part}\n{aligned(rows_of(getattr(bench, part)()), right=(1, 2))}", flush=True)
        browser.close()
    print(f"\n{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
