"""The README's animation: ``python -m snnlab_bench.dashboard.journey`` writes docs/mismatch.webp.

A network learns MNIST, the mismatch is dragged from 0 to 30 %, accuracy falls, and in-the-loop
training restores it. The frames are screenshots of a running dashboard in Chromium.
"""

import re
import time
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from snnlab_bench.dashboard.ui import chromium, number, served

TARGET = Path(__file__).resolve().parents[3] / "docs" / "mismatch.webp"
SCREEN = {"width": 1280, "height": 720}
WIDTH = 900
FLAGS = ("--epochs", "10000", "--schedule", "constant")
EVERY, SHOWN_MS, LAST_MS = 0.2, 140, 2500
"""Interval between two frames : s; how long each frame and the last one are shown : ms."""
LEARNT, MISMATCH = 92.0, 30
BEFORE, DRAG, AFTER = 6, 5, 40
"""Number of frames before, during and after the drag."""


def main() -> None:
    """Record the animation and print its size."""
    with served(*FLAGS) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport=SCREEN)
        page.goto(url)
        frames = list(film(page))
    durations = [SHOWN_MS] * (len(frames) - 1) + [LAST_MS]
    first, *rest = frames
    first.save(TARGET, save_all=True, append_images=rest, duration=durations, loop=0,
               quality=55, method=6)  # fmt: skip
    print(f"{TARGET}: {len(frames)} pictures, {TARGET.stat().st_size / 1e6:.2f} MB")


def film(page):
    """Frames of training, dragging the slider, and training on."""
    page.get_by_text(re.compile("^Ready · MNIST")).first.wait_for(timeout=120_000)
    page.get_by_role("button", name="Train", exact=True).first.click()
    while number(page, "Test accuracy") < LEARNT:
        time.sleep(0.5)
    yield from (picture(page) for _ in range(BEFORE))
    slider = page.get_by_role("slider", name=re.compile("Mismatch")).locator("xpath=../..")
    box = slider.bounding_box()
    at, y = box["x"], box["y"] + box["height"] / 2
    page.mouse.move(at, y)
    page.mouse.down()
    for k in range(DRAG):
        page.mouse.move(at + box["width"] * (MISMATCH / 50) * (k + 1) / DRAG, y)
        yield picture(page)
    page.mouse.up()
    yield from (picture(page) for _ in range(AFTER))


def picture(page) -> Image.Image:
    """A screenshot, scaled down."""
    time.sleep(EVERY)
    shot = Image.open(BytesIO(page.screenshot())).convert("RGB")
    return shot.resize((WIDTH, round(WIDTH * shot.height / shot.width)), Image.LANCZOS)


if __name__ == "__main__":
    main()
