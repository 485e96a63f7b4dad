"""Every view on every screen, light and dark: it fits, all is drawn, named and accessible."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import blank, pause, play, steps, tab, wait_for
from playwright.sync_api import Browser, Page, expect

from snnlab_app.views import VIEWS

pytestmark = pytest.mark.browser

SCREENS = {
    "phone": {"width": 390, "height": 844}, "desktop": {"width": 1440, "height": 900},
    "large": {"width": 2560, "height": 1440},
}  # fmt: skip
CASES = [
    ("light", "desktop"),
    pytest.param(("dark", "phone"), marks=[pytest.mark.slow, pytest.mark.both_stacks]),
    pytest.param(("dark", "large"), marks=pytest.mark.slow),
]
ROLES = ("button", "slider", "combobox", "textbox", "tab")
# Elements, also in shadow roots, that move when something about them changes.
MOVING = """() => {
  const found = []
  const walk = root => {
    for (const node of root.querySelectorAll("*")) {
      const {transitionDuration, animationName} = getComputedStyle(node)
      const waits = transitionDuration.split(",").some(time => parseFloat(time) > 0)
      if (waits || animationName !== "none") found.push(node.tagName + "." + node.className)
      if (node.shadowRoot) walk(node.shadowRoot)
    }
  }
  walk(document)
  return found
}"""
# Controls and figures that reach over an edge of the screen, by what they say.
OUTSIDE = """() => {
  const found = []
  const swiped = node => {
    for (; node; node = node.parentNode ?? node.host)
      if (node.role === "tablist" || node.classList?.contains("MuiTabs-scroller")) return true
    return false
  }
  const walk = root => {
    for (const node of root.querySelectorAll("*")) {
      if (node.shadowRoot) walk(node.shadowRoot)
      if (!node.matches("button, input, a, canvas, [role=combobox], [role=slider]")) continue
      const {left, right, width} = node.getBoundingClientRect()
      const seen = width > 0 && getComputedStyle(node).opacity > 0
      const outside = left < -1 || right > innerWidth + 1
      if (seen && outside && !swiped(node)) found.push(node.outerHTML.slice(0, 150))
    }
  }
  walk(document)
  return found
}"""


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def trained(request, browser: Browser, digits_server) -> Iterator[Page]:
    """A page on a training that has begun, in one of the schemes, on one of the screens."""
    scheme, screen = request.param
    options = {"color_scheme": scheme, "reduced_motion": "reduce", "viewport": SCREENS[screen]}
    with browser.new_context(**options) as context:
        page = context.new_page()
        page.goto(digits_server.url)
        expect(page.locator(".bk-Figure").first).to_be_visible()
        play(page)
        wait_for(page, lambda: steps(page) > 60)
        pause(page)
        yield page


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong, in lines."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['html'][:200]}"
        for rule in found
        for node in rule["nodes"]
    ]


def nameless(page: Page) -> list[str]:
    """Controls without a name, as a screen reader lists them."""
    lines = page.locator("body").aria_snapshot().splitlines()
    return [line for line in lines if re.fullmatch(rf"\s*- ({'|'.join(ROLES)})( \[.*\])*:?", line)]


@pytest.mark.parametrize("view", [view.title for view in VIEWS])
def test_a_view_fits_is_drawn_and_keeps_nobody_from_using_it(trained: Page, view):
    tab(trained, view)
    expect(trained.get_by_role("status").first).to_be_visible()
    trained.wait_for_timeout(700)
    figures = trained.locator(".bk-Figure").locator("visible=true")
    if view != "Sweep":  # which has figures only when there is something to show
        wait_for(trained, lambda: figures.count() and not blank(trained))
    assert trained.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert trained.evaluate(OUTSIDE) == []
    assert nameless(trained) == []
    assert violations(trained) == []


def test_who_wants_less_motion_gets_none(trained: Page):
    assert trained.evaluate(MOVING) == []
