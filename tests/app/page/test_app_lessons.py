"""Gallery, lesson, tour and help in a real browser; and the pictures of the gallery."""

import re
from html import escape
from xml.etree import ElementTree

import pytest
from browsing import choose, press, says, wait_for
from playwright.sync_api import Page, expect

from snnlab.lessons import bundled
from snnlab.recipes import recipes
from snnlab_app.page.scenarios import Gallery
from snnlab_app.page.sketches import sketch
from snnlab_app.page.tour import STEPS

MAX_GALLERY_BYTES = 60_000


def test_every_scenario_has_a_card_and_a_picture_of_its_settings():
    begun = []
    gallery = Gallery(begun.append, bundled())
    content = gallery.dialog.content
    for name, entry in {**recipes(), **bundled()}.items():
        assert f'data-press="{name}"' in content
        assert escape(entry.title) in content
    shown = sum(bool(recipe.look_for) for recipe in recipes().values()) + len(bundled())
    assert content.count("<svg") == shown
    assert len(content.encode()) < MAX_GALLERY_BYTES
    gallery.dialog._handle_msg("too-steep")
    for message in ("<img>", 3, None, ["too-steep"]):
        gallery.dialog._handle_msg(message)
    assert begun == ["too-steep"]


def test_pictures_are_of_the_settings():
    drawn = {name: sketch(recipe.own) for name, recipe in recipes().items()}
    for svg in drawn.values():
        assert ElementTree.fromstring(svg).attrib["aria-hidden"] == "true"
    assert sketch({"beta": 0.1}) == drawn["too-flat"] != drawn["too-steep"]
    assert len({drawn[name] for name in ("tiny", "two-hidden-layers", "default")}) == 3
    assert drawn["a-bad-chip"] != sketch({"mismatch": 0.1})


def focused(page):
    """The name or text of what has the focus, through shadow trees."""
    return page.evaluate("""() => {
      let node = document.activeElement
      while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement
      return node ? node.getAttribute("aria-label") ?? node.innerText : null
    }""")


def in_dialog(page):
    return page.evaluate("document.activeElement?.closest('dialog[open]') !== null")


@pytest.mark.browser
@pytest.mark.parametrize("opener", ["Scenarios", "Tour", "What is this?"])
def test_escape_closes_tab_stays_inside_and_the_focus_returns(dashboard: Page, opener):
    if opener == "Scenarios":
        dashboard.get_by_role("button", name=opener, exact=True).focus()
        before = focused(dashboard)
        dashboard.keyboard.press("Enter")
    else:
        choose(dashboard, opener)
        before = "Menu"
    dialog = dashboard.get_by_role("dialog")
    expect(dialog).to_be_visible()
    wait_for(dashboard, lambda: in_dialog(dashboard))
    for key in ("Tab", "Shift+Tab"):
        for _ in range(8):
            dashboard.keyboard.press(key)
            # Between its last and its first element the browser's own buttons have the focus.
            assert (
                in_dialog(dashboard)
                or focused(dashboard) in (None, "")
                or dashboard.evaluate("document.activeElement === document.body")
            )
    dashboard.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    wait_for(dashboard, lambda: focused(dashboard) == before)


@pytest.mark.browser
def test_the_key_for_the_tour_opens_it_and_escape_closes_it_at_once(dashboard: Page):
    dashboard.keyboard.press("?")
    says(dashboard, f"^1 of {len(STEPS)}: ").to_be_visible()
    dashboard.keyboard.press("Escape")
    expect(dashboard.get_by_role("dialog")).to_have_count(0)
    dashboard.keyboard.press("?")
    for step in range(1, len(STEPS)):
        says(dashboard, f"^{step} of {len(STEPS)}: ").to_be_visible()
        dashboard.keyboard.press("Enter")  # the focus stays on Next
    says(dashboard, f"^{len(STEPS)} of {len(STEPS)}: ").to_be_visible()
    dashboard.mouse.click(5, 5)  # beside it
    expect(dashboard.get_by_role("dialog")).to_have_count(0)


@pytest.mark.browser
def test_a_lesson_from_the_gallery_to_its_explanation(dashboard: Page):
    press(dashboard, "Scenarios")
    expect(dashboard.get_by_role("dialog")).to_be_visible()
    lesson = bundled()["steepness"]
    dashboard.get_by_role("button", name=re.compile("^" + re.escape(lesson.title))).click()
    expect(dashboard.get_by_role("dialog")).to_have_count(0)
    says(dashboard, re.escape(lesson.question)).to_be_visible()
    choice = dashboard.get_by_role("button", name=lesson.answers[1].text, exact=True)
    asked = r"Now: test accuracy [\d.]+ % \("
    assert choice.is_disabled() or dashboard.get_by_text(re.compile(asked)).first.is_visible()
    says(dashboard, asked).to_be_visible()
    choice.click()
    says(dashboard, f"You predicted “{lesson.answers[1].text}”").to_be_visible()
    says(dashboard, r"Measured after \d+ steps: test accuracy [\d.]+ % \(").to_be_visible()
    says(dashboard, "^paused: step").to_be_visible()
    following = bundled()[lesson.following]
    press(dashboard, "Next lesson")
    says(dashboard, re.escape(following.question)).to_be_visible()
    press(dashboard, "End lesson")
    expect(dashboard.get_by_text(following.question)).to_be_hidden()


@pytest.mark.browser
@pytest.mark.slow
def test_a_link_opens_a_lesson_with_its_settings_and_a_slider_takes_the_prediction(
    dashboard: Page,
):
    lesson = bundled()["burst"]
    dashboard.goto(dashboard.url.split("?")[0] + "?lesson=burst&seed=7")
    says(dashboard, r"Now: hidden spikes / image [\d.]+").to_be_visible()
    slider = dashboard.get_by_role("slider", name="Your prediction")
    slider.press("Home")
    press(dashboard, "Predict")
    says(dashboard, "^You predicted 0. Measured after").to_be_visible()
    expect(dashboard.get_by_role("img", name=re.compile("^Prediction 0, measured"))).to_be_visible()
    press(dashboard, "Try again")
    says(dashboard, re.escape(lesson.question)).to_be_visible()
