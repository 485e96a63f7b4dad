"""The Live screen: everything in sight, cause and effect marked, one column on a phone."""

import re

import pytest
from browsing import choose, figure, play, press, says, slider, tab, tile, wait_for
from playwright.sync_api import Page, expect

MOTION = True
pytestmark = pytest.mark.browser

DISPLAYS = ("Raster", "Output membranes", "Accuracy", "Power")
KNOBS = ("Mismatch", "Burst regularisation", "Surrogate steepness")


@pytest.fixture
def desktop(dashboard: Page) -> Page:
    """The live screen at rest, on a desktop."""
    return dashboard


# A column of each source of a figure that has the column "having".
COLUMNS = """([name, column, having]) => {
  const found = []
  for (const model of Bokeh.documents.flatMap(page => [...page._all_models.values()])) {
    if (model.html_attributes?.["aria-label"] !== name) continue
    for (const renderer of model.renderers) {
      const {data} = renderer.data_source
      const get = key => data instanceof Map ? data.get(key) : data[key]
      if (get(having) !== undefined && get(column) !== undefined) found.push([...get(column)])
    }
  }
  return found
}"""


def marks(page, name):
    """Texts of the marks of turned knobs in a figure."""
    return page.evaluate(COLUMNS, [name, "text", "offset"])[0]


def names(page, name):
    """Texts at the ends of the curves of a figure."""
    return page.evaluate(COLUMNS, [name, "text", "color"])[0]


def inside(page, locator):
    """Whether an element lies in the window as a whole, and is seen there."""
    box, size = locator.bounding_box(), page.viewport_size
    return (
        box is not None
        and box["width"] > 0
        and box["x"] >= 0
        and box["x"] + box["width"] <= size["width"]
        and box["y"] >= 0
        and box["y"] + box["height"] <= size["height"]
    )


def says_whole(page, pattern):
    """Whether a text has room for all of it: the line that would cut it is as wide.

    One that is replaced by the next meanwhile is in no line: no.
    """
    return (
        page.get_by_text(re.compile(pattern))
        .locator("visible=true")
        .first.evaluate(
            """text => {
              while (text && getComputedStyle(text).textOverflow !== "ellipsis")
                text = text.parentElement;
              return text !== null && text.scrollWidth <= text.clientWidth;
            }"""
        )
    )


def test_displays_and_knobs_are_in_sight_without_scrolling(desktop: Page):
    for width, height in ((1440, 900), (1280, 720), (390, 844)):
        desktop.set_viewport_size({"width": width, "height": height})
        narrow = width < 900
        gone = 0 if narrow else 1
        drawer = desktop.get_by_role("button", name="Close drawer")
        expect(drawer).to_have_count(gone)
        for name in DISPLAYS if narrow else (*DISPLAYS, "Hidden membranes", "Network"):
            shown = desktop.get_by_role("figure", name=name, exact=True)
            wait_for(desktop, lambda shown=shown: inside(desktop, shown))
            assert shown.bounding_box()["height"] >= 60, (name, width)
        for name in KNOBS:
            knob = desktop.get_by_role("slider", name=re.compile(name))
            wait_for(desktop, lambda knob=knob: inside(desktop, knob))
        dock = desktop.get_by_role("slider", name=re.compile(KNOBS[0])).bounding_box()["y"]
        power = desktop.get_by_role("figure", name="Power", exact=True).bounding_box()
        assert not narrow or power["y"] + power["height"] <= dock, "the dock covers the power"
        assert desktop.evaluate("document.documentElement.scrollWidth") <= width
        if width == 1440:
            assert says_whole(desktop, "^Ready · scikit-learn digits"), "the state is cut"
    the_last_display_can_be_reached(desktop)
    the_sheet_leaves_the_displays_in_sight_and_closes(desktop)


def the_last_display_can_be_reached(page):
    """On a phone: scrolled to the end, the network lies above the dock of knobs."""
    page.locator(".view.live").hover(position={"x": 190, "y": 100})
    page.mouse.wheel(0, 2000)
    network = page.get_by_role("figure", name="Network", exact=True)
    dock = page.get_by_role("slider", name=re.compile(KNOBS[0])).locator("visible=true").first

    def is_above():
        box = network.bounding_box()
        return box["y"] + box["height"] <= dock.bounding_box()["y"]

    wait_for(page, is_above, 20_000)
    page.mouse.wheel(0, -2000)


def the_sheet_leaves_the_displays_in_sight_and_closes(page):
    """On a phone: it covers less than three quarters of the screen, and says how to close it."""
    page.get_by_role("button", name="Open drawer").click()
    sheet, height = page.locator(".MuiDrawer-paper"), page.viewport_size["height"]
    wait_for(page, lambda: height / 4 < sheet.bounding_box()["y"] < height / 2, 20_000)
    page.get_by_role("button", name="Learning", exact=True).click()
    page.get_by_role("slider", name="Learning rate").scroll_into_view_if_needed()
    done = page.get_by_role("button", name="Done")
    assert inside(page, done), "it was scrolled out of sight"
    done.click()
    expect(sheet).to_be_hidden()


def test_enlarged_to_200_percent_a_plot_stays_in_sight(desktop: Page):
    desktop.set_viewport_size({"width": 720, "height": 450})
    raster = desktop.get_by_role("figure", name="Raster", exact=True)
    wait_for(desktop, lambda: raster.bounding_box()["y"] + 100 < 450)
    expect(desktop.get_by_role("button", name="Open drawer")).to_be_visible()


def test_a_turned_knob_is_marked_on_the_curves_and_the_gap_is_named(dashboard: Page):
    play(dashboard)
    wait_for(dashboard, lambda: tile(dashboard, "Batch accuracy") > 70)
    assert marks(dashboard, "Accuracy") == []
    expect(dashboard.get_by_text("line: 250 test images, 95 % band; dots: all 359")).to_be_visible()
    slider(dashboard, "Mismatch").first.press("End")
    wait_for(dashboard, lambda: any("50 %" in text for text in marks(dashboard, "Accuracy")))
    expect(dashboard.get_by_text(re.compile("points by learning since"))).to_be_visible()
    wait_for(dashboard, lambda: len(marks(dashboard, "Power")) == 1)
    says(dashboard, r"^([+−±]\d+ %|×[\d.]+) since step [\d\u202f]+$").to_be_visible()
    since = dashboard.get_by_text(re.compile(r"^ since step [\d\u202f]+$")).locator("visible=true")
    expect(since).to_have_count(1)
    dashboard.set_viewport_size({"width": 1280, "height": 720})
    expect(since).to_have_count(1)
    wait_for(dashboard, lambda: says_whole(dashboard, "^running: step"))
    room = dashboard.locator(".status").bounding_box()["width"]
    assert room >= 180, "less than a long training's step takes"
    ends = names(dashboard, "Accuracy")
    assert any(re.fullmatch(r"no learning [\d.]+ %", text) for text in ends), ends
    press(dashboard, "Reset")
    wait_for(dashboard, lambda: marks(dashboard, "Power") == marks(dashboard, "Accuracy") == [])


def test_accuracy_and_power_move_with_every_other_picture(dashboard: Page):
    play(dashboard)
    wait_for(dashboard, lambda: tile(dashboard, "Batch accuracy") > 60)
    for name in ("Raster", "Output membranes", "Accuracy", "Power"):
        before = figure(dashboard, name)
        wait_for(dashboard, lambda n=name, b=before: figure(dashboard, n) != b, 20_000)


def test_a_clicked_row_of_the_raster_is_watched(desktop: Page):
    def watched():
        return set(names(desktop, "Hidden membranes"))

    wait_for(desktop, lambda: watched() >= set("012345"))
    raster = desktop.get_by_role("figure", name="Raster", exact=True)
    box = raster.bounding_box()
    raster.click(position={"x": 0.6 * box["width"], "y": 0.55 * box["height"]})
    wait_for(desktop, lambda: len(watched() - set("012345")) == 1)


@pytest.mark.slow
@pytest.mark.both_stacks
def test_the_last_display_shows_another_curve(new_dashboard: Page):
    choice = new_dashboard.get_by_role("combobox", name="Display")
    for name, shown in (("Loss", "Hidden spikes"), ("Network", "Network")):
        choice.click()
        new_dashboard.get_by_role("menuitem", name=name, exact=True).click()
        expect(new_dashboard.get_by_role("figure", name=shown, exact=True)).to_be_visible()
    play(new_dashboard)
    choice.click()
    new_dashboard.get_by_role("menuitem", name="Hidden spikes", exact=True).click()
    expect(new_dashboard.get_by_role("figure", name="Hidden spikes", exact=True)).to_be_visible()
    before = figure(new_dashboard, "Hidden spikes")
    wait_for(new_dashboard, lambda: figure(new_dashboard, "Hidden spikes") != before)


def test_presenter_mode_shows_displays_and_knobs_only(desktop: Page):
    height = desktop.get_by_role("figure", name="Raster", exact=True).bounding_box()["height"]
    choose(desktop, "Presenter mode")
    expect(desktop.get_by_role("tab", name="Live")).to_be_hidden()
    raster = desktop.get_by_role("figure", name="Raster", exact=True)
    wait_for(desktop, lambda: raster.bounding_box()["height"] > height + 10)
    for name in KNOBS:
        expect(slider(desktop, name)).to_be_visible()
    expect(desktop.get_by_role("button", name="Learning", exact=True)).to_be_hidden()
    for width, height in ((1440, 900), (1280, 720)):
        desktop.set_viewport_size({"width": width, "height": height})
        wait_for(desktop, lambda: says_whole(desktop, r"active [\d.]+ mW$"), 20_000)
        if width == 1440:
            wait_for(desktop, lambda: says_whole(desktop, "^Ready · scikit-learn digits"), 20_000)
    for leave in ("p", "Escape", "Leave"):
        if leave == "Leave":
            desktop.get_by_role("button", name=leave, exact=True).click()
        else:
            desktop.keyboard.press(leave)
        expect(desktop.get_by_role("tab", name="Live")).to_be_visible()
        expect(desktop.get_by_role("button", name="Leave", exact=True)).to_be_hidden()
        if leave != "Leave":
            desktop.keyboard.press("p")
            expect(desktop.get_by_role("tab", name="Live")).to_be_hidden()


def test_the_numbers_move_in_every_view(dashboard: Page):
    tab(dashboard, "Chip")
    before = tile(dashboard, "Batch accuracy")
    play(dashboard)
    wait_for(dashboard, lambda: tile(dashboard, "Batch accuracy") > before + 30)
    assert tile(dashboard, "Test accuracy") > before
