"""A view's picture and animation, saved from the page."""

import re
from io import BytesIO

import pytest
from browsing import blank, choose, play, press, save, says, steps, tab, wait_for
from PIL import Image
from playwright.sync_api import Page, expect

from snnlab_app.plots import film
from snnlab_app.views import NAMES, VIEWS

MOTION = True
pytestmark = pytest.mark.browser
TITLES = [view.title for view in VIEWS]


@pytest.fixture
def page(browser):
    """A tab of a size that fits the whole screen."""
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        yield context.new_page()


def ground(page):
    """Colour of the upper left corner and size of the picture of the whole view."""
    name, data = save(page, "Whole view (PNG)")
    assert name == "snnlab-live.png"
    with Image.open(BytesIO(data)) as picture:
        return picture.convert("RGB").getpixel((2, 2)), picture.size


def test_a_picture_of_the_whole_view_has_its_figures_and_words_in_the_colours_of_the_page(
    new_dashboard: Page,
):
    says(new_dashboard, "^Ready · scikit-learn digits").to_be_visible()
    expect(new_dashboard.get_by_role("button", name="Save", exact=True)).to_be_visible()
    light, size = ground(new_dashboard)
    boxes = [
        new_dashboard.get_by_role("figure", name=name, exact=True).bounding_box()
        for name in ("Raster", "Hidden membranes", "Accuracy", "Power")
    ]
    wide = max(b["x"] + b["width"] for b in boxes) - min(b["x"] for b in boxes)
    high = max(b["y"] + b["height"] for b in boxes) - min(b["y"] for b in boxes)
    assert size[0] > wide
    assert size[1] > high + 80  # title, numbers, settings and link
    press(new_dashboard, "Toggle theme")
    new_dashboard.wait_for_timeout(500)
    dark, _ = ground(new_dashboard)
    press(new_dashboard, "Save")  # every button is in sight, and none covers another
    buttons = new_dashboard.get_by_role("dialog").get_by_role("button")
    expect(buttons).to_have_count(1 + 3 + 3 * 6)  # to close, of the view, of its figures
    for box in [one.bounding_box() for one in buttons.all()]:
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 1440
        assert box["y"] + box["height"] <= 900
    new_dashboard.keyboard.press("Escape")
    expect(new_dashboard.get_by_role("dialog")).to_be_hidden()
    assert light == (255, 255, 255)
    assert max(dark) < 40


SAVED = {
    "Live": ("Raster", "time (µs),layer,neuron"),
    "Chip": ("Circuits", "circuit,layer,neuron,dead,threshold − leak (LSB)"),
    "Sample": ("Pixels", "column,row,brightness"),
    "Errors": ("Confusion matrix", "the image shows,decided 0 (images),decided 1 (images)"),
    "Energy": ("Energy", "curve,energy per image (µJ),test accuracy (%)"),
    "Learn": ("Surrogate", '"membrane potential (leak 0, threshold 1)",share of samples,surrogate'),
    "Compare": ("Accuracy", "curve,step,accuracy of batches (%)"),
}
"""A figure of each view, and the beginning of its table."""


@pytest.mark.slow
def test_every_view_is_saved_as_picture_drawing_and_table(new_dashboard: Page):
    says(new_dashboard, "^Ready · scikit-learn digits").to_be_visible()
    for view, (figure, header) in SAVED.items():
        tab(new_dashboard, view)
        if view == "Sample":
            says(new_dashboard, "^It shows “").to_be_visible()
            press(new_dashboard, "Figures to save")
        expect(new_dashboard.get_by_role("button", name="Save", exact=True)).to_be_visible()
        new_dashboard.wait_for_timeout(1000)
        wait_for(new_dashboard, lambda: not blank(new_dashboard))
        files = {}
        for kind in ("png", "svg", "csv"):
            name, files[kind] = save(new_dashboard, f"{figure} as {kind.upper()}")
            assert re.fullmatch(rf"snnlab-[a-z0-9-]+\.{kind}", name), view
        assert files["png"].startswith(b"\x89PNG"), view
        assert len(files["png"]) > 1000, view
        assert b"<svg" in files["svg"], view
        assert b"<text" in files["svg"] or view == "Sample"  # pixels have no axes
        lines = files["csv"].decode().splitlines()
        assert lines[0].startswith(header), view
        assert len(lines) > 5 or view == "Compare"
        name, whole = save(new_dashboard, "Whole view (PNG)")
        assert name == f"snnlab-{NAMES[TITLES.index(view)]}.png"
        with Image.open(BytesIO(whole)) as picture:
            assert picture.width > 500, view
            assert len(picture.convert("RGB").getcolors(2**24)) > 50, view


def test_an_animation_shows_the_last_seconds(new_dashboard: Page):
    play(new_dashboard)
    wait_for(new_dashboard, lambda: steps(new_dashboard) > 100)
    new_dashboard.wait_for_timeout(3000)
    for kind, entry in (("webp", "WebP"), ("gif", "GIF")):
        name, data = save(new_dashboard, f"Animation of the last 8 s ({entry})")
        assert name == f"snnlab-live-animation.{kind}"
        assert len(data) <= film.MAX_BYTES
        with Image.open(BytesIO(data)) as animation:
            assert animation.format.lower() == kind
            assert animation.size == film.SIZE
            assert animation.n_frames >= film.MIN_MOMENTS
        expect(new_dashboard.get_by_role("button", name="Save", exact=True)).to_be_enabled()


@pytest.mark.slow
def test_an_animation_of_nothing_is_refused_in_a_line(new_dashboard: Page):
    says(new_dashboard, "^Ready · scikit-learn digits").to_be_visible()
    choose(new_dashboard, "Save animation of Live, last 8 s")
    says(new_dashboard, "^nothing has moved yet: press Train").to_be_visible()
    tab(new_dashboard, "Energy")
    expect(new_dashboard.get_by_role("button", name="Save", exact=True)).to_be_visible()
    with new_dashboard.expect_download() as download:
        choose(new_dashboard, "Save picture of this view")
    assert download.value.suggested_filename == "snnlab-plane.png"
