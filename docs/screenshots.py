"""Take the screenshots of the guide: ``python docs/screenshots.py [data set]``.

Needs the extras ``app`` and ``test``, and Chromium. Starts its own dashboard.
"""

import re
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from snnlab_app.views import NAMES
from snnlab_bench.dashboard.ui import chromium, served

PICTURES = Path(__file__).parent / "views"
SCREEN = {"width": 1280, "height": 800}
EPOCHS, TRIALS = 3, 24
SPARSER = 4
"""Steps by which burst regularisation is raised for the second run of a comparison."""
MISMATCH_PAGES = 3
"""Pages of 10 % by which mismatch is raised for the README's picture."""
MAX_BYTES = 200_000
COLORS = (256, 128, 64, 32)
"""Sizes of the palette; the largest one within the size limit is used."""


def main(dataset: str = "mnist") -> None:
    """Train for some epochs per view, pause, and save a screenshot."""
    PICTURES.mkdir(exist_ok=True)
    with served("--dataset", dataset, "--epochs", "12") as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport=SCREEN, color_scheme="light")
        _keep(_dashboard(page, url), PICTURES.parent / "dashboard.png")
        for view in NAMES:
            take = _swept if view == "sweep" else _trained
            _keep(take(page, f"{url}?view={view}", view), PICTURES / f"{view}.png")


def _dashboard(page: Page, url: str) -> bytes:
    """The Live screen after a turn of mismatch and of burst regularisation."""
    page.goto(url)
    _train(page)
    for name, key, times in (
        ("Mismatch", "PageUp", MISMATCH_PAGES), ("Burst regularisation", "ArrowRight", 2 * SPARSER),
    ):  # fmt: skip
        for _ in range(times):
            page.get_by_role("slider", name=name).press(key)
        page.wait_for_timeout(12_000)
    return page.screenshot()


def _trained(page: Page, url: str, view: str) -> bytes:
    page.goto(url)
    _train(page)
    if view == "compare":  # a run to compare with, then a sparser one
        page.get_by_role("button", name="Pin", exact=False).first.click()
        for _ in range(SPARSER):
            page.get_by_role("slider", name="Burst regularisation").press("ArrowRight")
        page.get_by_role("button", name="Reset", exact=True).click()
        page.get_by_text(re.compile("^Ready")).first.wait_for(timeout=120_000)
        _train(page)
    page.get_by_role("button", name="Pause", exact=True).click(timeout=60_000)
    page.wait_for_timeout(3000)
    return page.screenshot()


def _swept(page: Page, url: str, view: str) -> bytes:
    """A sweep when all its trials have ended, from its figures on."""
    page.goto(url)
    for name, text in (("Trials", str(TRIALS)), ("Epochs of each trial", "1")):
        page.get_by_role("textbox", name=name, exact=True).fill(text, timeout=120_000)
    page.get_by_role("button", name="Start sweep", exact=True).click()
    page.get_by_text(f"all {TRIALS} trials have ended").wait_for(timeout=900_000)
    page.mouse.move(0, 0)
    page.get_by_text("Value of each trial").evaluate("title => title.scrollIntoView()")
    page.wait_for_timeout(3000)
    return page.screenshot()


def _train(page: Page) -> None:
    page.get_by_role("button", name="Train", exact=True).click(timeout=120_000)
    page.get_by_text(re.compile(rf"^running: step \d+, epoch {EPOCHS}")).wait_for(timeout=300_000)


def _keep(png: bytes, path: Path) -> None:
    picture = Image.open(BytesIO(png)).convert("RGB")
    for colors in COLORS:
        out = BytesIO()
        picture.quantize(colors).save(out, "png", optimize=True)
        if len(out.getvalue()) <= MAX_BYTES:
            path.write_bytes(out.getvalue())
            return
    raise SystemExit(f"{path.name} takes more than {MAX_BYTES} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
