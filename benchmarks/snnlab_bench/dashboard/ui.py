"""Speed of the dashboard as seen by a user: ``make bench-ui`` prints a table.

Starts a server and drives it in the system's Chromium. Measured on what the page shows: pixels of
the raster for updates, button texts for responses.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from statistics import median, quantiles

from playwright.sync_api import sync_playwright

from snnlab.text.tables import aligned

FLAGS = ("--epochs", "10000", "--schedule", "constant")
TRAINING = 10.0
"""Duration of training for each rate : s."""

# Changes of a canvas per second, comparing its pixels in every second frame for ``milliseconds``.
UPDATES = """async ([canvas, milliseconds]) => {
  const start = performance.now(), look = canvas.getContext("2d");
  let last = "", changes = 0, looks = 0;
  while (performance.now() - start < milliseconds) {
    await new Promise(requestAnimationFrame);
    if (++looks % 2) continue;
    const {width, height} = canvas;
    const now = look.getImageData(0, height / 8, width, 3 * height / 4).data;
    let sum = 0;
    for (let k = 0; k < now.length; k += 52) sum = (31 * sum + now[k]) | 0;
    if (sum !== last) { changes++; last = sum; }
  }
  return 1000 * changes / (performance.now() - start);
}"""
CLICK = """async (button) => {
  const before = button.textContent, start = performance.now();
  button.click();
  while (button.textContent === before) await new Promise(requestAnimationFrame);
  return performance.now() - start;
}"""
LONG_TASKS = """() => {
  window.longTasks = [];
  new PerformanceObserver(list => window.longTasks.push(...list.getEntries().map(e => e.duration)))
    .observe({type: "longtask"});
}"""


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


def steps(page):
    return int(
        re.search(r"step (\d+)", page.get_by_text(re.compile("step ")).first.inner_text())[1]
    )


def train(page):
    page.get_by_role("button", name="Train", exact=True).click()


def measure(page, url):
    """Measurements by name, in the order of a visit."""
    found = {}
    start = time.perf_counter()
    page.goto(url)
    page.get_by_role("button", name="Train", exact=True).wait_for()
    found["first paint (s)"] = time.perf_counter() - start
    page.get_by_text(re.compile("^(mnist|digits):")).wait_for(timeout=120_000)
    page.locator(".bk-Figure").first.wait_for()
    found["ready (s)"] = time.perf_counter() - start
    page.evaluate(LONG_TASKS)
    start = time.perf_counter()
    train(page)
    page.get_by_text(re.compile("^running: step")).wait_for()
    found["Train to moving (s)"] = time.perf_counter() - start
    page.wait_for_timeout(3000)
    canvas = page.locator(".bk-Figure canvas").first.element_handle()
    found["view updates / s"] = page.evaluate(UPDATES, [canvas, 5000])
    button = page.get_by_role("button", name="Pause", exact=True).element_handle()
    clicks = [page.evaluate(CLICK, button) for _ in range(20)]
    found["click to answer, median (ms)"] = median(clicks)
    found["click to answer, p95 (ms)"] = quantiles(clicks, n=20)[-1]
    page.wait_for_timeout(1000)
    begin, first = time.perf_counter(), steps(page)
    page.wait_for_timeout(1000 * TRAINING)
    found["steps/s, page open"] = (steps(page) - first) / (time.perf_counter() - begin)
    tasks = page.evaluate("window.longTasks")
    found["longest task in the page (ms)"] = max(tasks, default=0.0)
    return found


def alone(dataset):
    """Steps per second of the same training without a dashboard."""
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
    steps, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < TRAINING:
        trainer.advance()
        steps += 1
    return steps / (time.perf_counter() - begin)


def main():
    dataset = sys.argv[1] if len(sys.argv) > 1 else "mnist"
    flags = (*FLAGS, "--dataset", dataset)
    with served(*flags) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        view = {"width": 1440, "height": 1000}
        warm = browser.new_page(viewport=view)
        warm.goto(url)
        warm.get_by_text(re.compile("^(mnist|digits):")).wait_for(timeout=120_000)
        warm.close()
        time.sleep(3)
        found = measure(browser.new_page(viewport=view), url)
        browser.close()
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    found["steps/s, no dashboard"] = alone(dataset)
    found["speed kept"] = found["steps/s, page open"] / found["steps/s, no dashboard"]
    print(f"dashboard, {dataset}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(aligned([(name, f"{value:.2f}") for name, value in found.items()], right=(1,)))


if __name__ == "__main__":
    main()
