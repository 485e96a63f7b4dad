"""Light and dark: whose choice it is, and that plots look the same in both."""

import pytest
from browsing import PLOTS, pause, play, press, says, tab, tile, wait_for
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Place and letters of every legend and axis that is looked at, in CSS pixels.
GEOMETRY = """() => {
  const found = [], seen = new Set()
  const walk = view => {
    if (!view || seen.has(view)) return
    seen.add(view)
    const {model, bbox} = view
    const shown = view.parent?.el?.getClientRects().length > 0 && bbox?.width > 0
    if (/Legend$|Axis$/.test(model?.type ?? "") && shown) found.push([
      model.type, bbox.x, bbox.y, bbox.width, bbox.height,
      model.label_text_font_size ?? model.major_label_text_font_size, model.spacing ?? null,
    ].join(" "))
    for (const child of [...(view.child_views ?? []), ...(view.children?.() ?? [])]) walk(child)
  }
  for (const view of Bokeh.index.roots) walk(view)
  return found
}"""
# Legends that reach over the edge of their figure.
OUTSIDE = """() => {
  const found = [], seen = new Set()
  const walk = view => {
    if (!view || seen.has(view)) return
    seen.add(view)
    const {model, bbox, parent} = view
    if (model?.type === "Legend" && bbox.width > 0 && (bbox.x < 0 || bbox.y < 0 ||
        bbox.right > parent.bbox.width || bbox.bottom > parent.bbox.height))
      found.push([bbox.x, bbox.y, bbox.right, bbox.bottom].join(" "))
    for (const child of [...(view.child_views ?? []), ...(view.children?.() ?? [])]) walk(child)
  }
  for (const view of Bokeh.index.roots) walk(view)
  return found
}"""


def is_dark(page: Page) -> bool:
    """Whether the page is drawn light on dark."""
    ground = page.locator("main").first
    red = ground.evaluate("main => parseInt(getComputedStyle(main).backgroundColor.match(/\\d+/))")
    return red < 128


def toggle(page: Page) -> None:
    before = is_dark(page)
    press(page, "Toggle theme")
    wait_for(page, lambda: is_dark(page) != before)
    page.wait_for_timeout(1000)


def still(page: Page) -> list[str]:
    """The geometry, once nothing has moved for two seconds."""
    seen: list[list[str]] = []
    wait_for(page, lambda: seen.append(page.evaluate(GEOMETRY)) or seen[-20:] == [seen[-1]] * 20)
    return seen[-1]


def test_legends_and_axes_stay_as_they_are_in_light_and_dark(new_dashboard: Page):
    play(new_dashboard)
    wait_for(new_dashboard, lambda: tile(new_dashboard, "Batch accuracy") > 60)
    pause(new_dashboard)
    for view, figures in (("Live", 5), ("Sample", 7), ("Energy", 2), ("Compare", 4)):
        tab(new_dashboard, view)
        if view == "Sample":
            says(new_dashboard, "^It shows “").to_be_visible()
            press(new_dashboard, "Figures to save")
        expect(new_dashboard.locator(".bk-Figure:visible")).to_have_count(figures)
        if view == "Compare":
            press(new_dashboard, "Pin run")
        before = still(new_dashboard)
        assert any("Axis" in line for line in before)
        has_legend = any(line.startswith("Legend") for line in before)
        assert has_legend or view != "Sample", view
        for _ in range(2):
            toggle(new_dashboard)
            assert still(new_dashboard) == before, view
            assert new_dashboard.evaluate(OUTSIDE) == [], view


def test_the_drawing_pad_stays_black(new_dashboard: Page):
    tab(new_dashboard, "Sample")
    pad = new_dashboard.locator(".bk-Figure:visible").first.locator("canvas").first
    middle = """canvas => {
      const {width, height} = canvas
      return [...canvas.getContext("2d").getImageData(width / 2, height / 2, 1, 1).data]
    }"""
    for _ in range(3):
        wait_for(new_dashboard, lambda: pad.evaluate(middle) == [0, 0, 0, 255])
        toggle(new_dashboard)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_as_the_system_has_it_unless_chosen_otherwise(
    browser: Browser, digits_server, scheme
):
    with browser.new_context(color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(digits_server.url)
        expect(page.locator(".bk-Figure")).to_have_count(len(PLOTS))
        wait_for(page, lambda: is_dark(page) == (scheme == "dark"))
        page.emulate_media(color_scheme="light" if scheme == "dark" else "dark")
        wait_for(page, lambda: is_dark(page) == (scheme == "light"))
        page.emulate_media(color_scheme=scheme)
        wait_for(page, lambda: is_dark(page) == (scheme == "dark"))

        toggle(page)
        page.reload()
        expect(page.locator(".bk-Figure")).to_have_count(len(PLOTS))
        page.wait_for_timeout(1500)
        assert is_dark(page) == (scheme == "light"), "the visitor's choice counts"
