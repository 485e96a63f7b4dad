"""Leaving and coming back, in a real browser: closed tabs, lost connections, a server killed."""

import re

import pytest
from browsing import Relay
from conftest import Server, until
from playwright.sync_api import Page, expect

from snnlab.runs.run import Run

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ENDLESS = ("--dataset", "digits", "--epochs", "10000", "--schedule", "constant")


@pytest.fixture
def visited(tmp_path):
    """A server, and the folder with what it keeps of its visitors."""
    server = Server(*ENDLESS, SNNLAB_CACHE=str(tmp_path)).wait()
    yield server, tmp_path / "visitors"
    if server.process.poll() is None:
        server.stop()


def train(page: Page):
    expect(page.get_by_text(re.compile("^Ready · scikit-learn digits"))).to_be_visible()
    page.get_by_role("button", name="Train", exact=True).click()
    trains = re.compile("^running: step [0-9]{2}")
    expect(page.get_by_text(trains)).to_be_visible()


def step_of(page: Page) -> int:
    text = page.get_by_text(re.compile("^(running|paused): step")).inner_text()
    return int(re.search("step ([0-9]+)", text)[1])


def test_a_closed_tab_frees_what_it_had(page: Page, visited):
    server, kept = visited
    page.goto(server.url)
    train(page)
    until(lambda: list(kept.iterdir()) != [], 20)
    page.close(run_before_unload=True)
    until(lambda: list(kept.iterdir()) == [], 5)


def test_a_closed_tab_that_was_busy_frees_what_it_had(page: Page, visited):
    server, kept = visited
    page.goto(server.url)
    train(page)
    until(lambda: list(kept.iterdir()) != [], 20)
    page.evaluate("""addEventListener("beforeunload", () => setTimeout(() => {
        const end = Date.now() + 2000  // the browser waits for half a second
        while (Date.now() < end);
    }))""")
    page.close(run_before_unload=True)
    until(lambda: list(kept.iterdir()) == [], 10)


def test_a_tab_that_only_seemed_to_be_closed_trains_on(page: Page, visited):
    server, kept = visited
    relay = Relay(int(server.url.rsplit(":", 1)[1].strip("/")))
    page.goto(f"http://127.0.0.1:{relay.port}/")
    train(page)
    until(lambda: list(kept.iterdir()) != [], 20)
    page.evaluate("dispatchEvent(new Event('beforeunload'))")  # as a download does
    before = step_of(page)
    page.wait_for_timeout(4000)
    until(lambda: step_of(page) > before)
    page.evaluate("""() => {
        dispatchEvent(new Event("beforeunload"))
        dispatchEvent(new PageTransitionEvent("pagehide", {persisted: true}))
    }""")  # one may go back to the page
    relay.cut()
    page.wait_for_timeout(4000)
    assert len(list(kept.iterdir())) == 1
    relay.close()


def test_a_lost_connection_finds_its_training_where_it_was(page: Page, visited):
    server, kept = visited
    relay = Relay(int(server.url.rsplit(":", 1)[1].strip("/")))
    page.goto(f"http://127.0.0.1:{relay.port}/")
    train(page)
    before = step_of(page)
    relay.cut()
    expect(page.get_by_text("Server connection lost").first).to_be_visible()
    expect(page.get_by_text("re-established").first).to_be_visible()
    until(lambda: step_of(page) > before + 50)
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_text(re.compile("^paused: step"))).to_be_visible()
    assert len(list(kept.iterdir())) == 1
    relay.close()


def test_after_the_server_was_killed_the_page_finds_its_training(page: Page, visited):
    server, kept = visited
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.url)
    train(page)
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_text(re.compile("^paused: step"))).to_be_visible()
    before = step_of(page)
    (folder,) = kept.iterdir()
    until(lambda: Run.open(folder).record["steps"] == before)
    server.process.kill()
    server.process.wait()
    expect(page.get_by_text("Server connection lost").first).to_be_visible()
    server.start_again()
    said = page.get_by_text(f"this training was interrupted, and continues from step {before}")
    expect(said).to_be_visible()
    expect(page.locator(".bk-Figure").first).to_be_visible()
    page.get_by_role("button", name="Train", exact=True).click()
    until(lambda: step_of(page) > before)
    here = server.url, f"blob:{server.url}", "data:"
    assert [url for url in asked if not url.startswith(here)] == []
