"""JupyterLab on a hub: its launcher opens the dashboard, which trains below the user's path."""

import re

import pytest
from browsing import choose, press
from conftest import Server, until
from jupyterlabs import jupyterlab
from playwright.sync_api import Page, expect

from snnlab_app.server.jupyter import ICON, launcher

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.notebook]
HUB_PATH = "/user/alice/"
WAIT_MS = 300_000
"""A dashboard starts from nothing, beside JupyterLab and a browser."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """JupyterLab as a hub starts it for one of its users; its address."""
    with jupyterlab(tmp_path_factory.mktemp("hub"), HUB_PATH) as address:
        yield address


@pytest.fixture
def visited(page: Page):
    """The tab, and all that it and those that it opens asked for, each with its page."""
    page.set_default_timeout(WAIT_MS)
    asked = []
    page.context.on(
        "request", lambda request: asked.append((request.url, request.headers.get("referer")))
    )
    return page, asked


def offered(page, name):
    """What a button of the menu copies."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('nothing')")
    choose(page, name)
    until(lambda: page.evaluate("navigator.clipboard.readText()") != "nothing")
    return page.evaluate("navigator.clipboard.readText()")


def train_and_share(page, root):
    """A page at ``root`` trains, and its links lead below it."""
    expect(page.locator(".bk-Figure").first).to_be_visible(timeout=WAIT_MS)
    assert page.url == root
    press(page, "Train")
    expect(page.get_by_text(re.compile("^running: step [0-9]{2}"))).to_be_visible(timeout=WAIT_MS)
    link, watch = offered(page, "Copy link"), offered(page, "Share live view")
    assert link.startswith(f"{root}?v=1")
    assert watch.startswith(f"{root}watch?of=")
    other = page.context.new_page()
    other.goto(watch)
    expect(other.get_by_text(re.compile("^running: step")).first).to_be_visible(timeout=WAIT_MS)
    other.goto(link)
    expect(other.locator(".bk-Figure").first).to_be_visible(timeout=WAIT_MS)
    other.close()


def test_the_launcher_opens_the_dashboard(visited, hub):
    page, asked = visited
    page.goto(f"{hub}/lab?reset")
    card = page.locator(".jp-LauncherCard", has_text="snnlab")
    expect(card.locator("img, svg").first).to_be_visible()
    with page.expect_popup() as opened:
        card.click()
    asked.clear()
    train_and_share(opened.value, f"{hub}/snnlab/")
    assert [one for one in asked if not re.match(f"{hub}/|data:|blob:", one[0])] == []


def test_the_page_of_another_site_opens_no_websocket(visited, hub):
    """The dashboard takes the proxy's word for the origin, so Jupyter itself has to look at it."""
    page, _ = visited
    page.goto(f"{hub}/snnlab/")
    expect(page.locator(".bk-Figure").first).to_be_visible(timeout=WAIT_MS)
    socket = hub.replace("http", "ws", 1) + "/snnlab/ws"
    attempt = """url => new Promise(done => {
        const socket = new WebSocket(url, ["bokeh", "token"])
        socket.onopen = () => done("open")
        socket.onerror = () => done("refused")
    })"""
    page.goto(hub.replace("127.0.0.1", "localhost") + "/api")
    assert page.evaluate(attempt, socket) == "refused"


def test_a_dashboard_started_in_a_terminal_trains_behind_the_proxy(visited, hub):
    page, _ = visited
    origin = hub.split("/")[2]
    server = Server("--dataset", "digits", "--epochs", "1000", "--origin", origin).wait()
    try:
        port = server.url.rstrip("/").rpartition(":")[2]
        page.goto(f"{hub}/proxy/{port}/")
        train_and_share(page, f"{hub}/proxy/{port}/")
    finally:
        server.stop()


def test_the_entry_needs_no_library():
    entry = launcher()
    assert entry["launcher_entry"]["icon_path"] == str(ICON)
    assert ICON.read_text("utf-8").startswith("<svg ")
