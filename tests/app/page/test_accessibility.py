"""Every view as axe-core sees it, light and dark, on a desktop and on a phone."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import pause, play, steps, tab, wait_for
from playwright.sync_api import Browser, Page, expect

from snnlab_app.views import VIEWS

pytestmark = pytest.mark.browser

SCREENS = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
CASES = [(scheme, screen) for scheme in ("light", "dark") for screen in SCREENS]
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


QUICK = ("light", "desktop"), ("dark", "phone")
"""Cases in which every scheme and every screen comes once; the others are slow tests."""
PARAMS = [
    pytest.param(case, id=" ".join(case), marks=[] if case in QUICK else [pytest.mark.slow])
    for case in CASES
]


@pytest.fixture(scope="module", params=PARAMS)
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


@pytest.mark.parametrize("view", [view.title for view in VIEWS])
def test_nothing_keeps_anybody_from_using_a_view(trained: Page, view):
    tab(trained, view)
    expect(trained.get_by_role("status").first).to_be_visible()
    trained.wait_for_timeout(1500)
    assert violations(trained) == []


def test_who_wants_less_motion_gets_none(trained: Page):
    assert trained.evaluate(MOVING) == []
