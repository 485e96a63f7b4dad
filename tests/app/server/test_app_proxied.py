"""The dashboard under a path, behind a proxy, opened over plain HTTP from elsewhere."""

import re
import shutil
from urllib.parse import urlsplit

import pytest
from browsing import choose, press
from conftest import Server, free_port, launch, leave_out, until
from playwright.sync_api import Browser, Page, expect
from proxy import Nginx, Proxy

from snnlab_app.server import passwords

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NAME, PASSWORD = "alice", "six-bit weights"
PREFIX = "/class/snnlab"


@pytest.fixture(scope="module")
def elsewhere(browser: Browser):
    """A browser to which ``snn.test`` is this machine: a name that makes no secure context."""
    with launch(browser.browser_type, "--host-resolver-rules=MAP snn.test 127.0.0.1") as another:
        yield another


@pytest.fixture(scope="module", params=["cut", "kept", "nginx"])
def proxied(request, tmp_path_factory):
    """A server with passwords behind a proxy that cuts the prefix off, or keeps it, or nginx."""
    folder = tmp_path_factory.mktemp("proxied")
    file = folder / "passwords"
    passwords.keep(file, NAME, PASSWORD)
    if request.param == "nginx":
        if not shutil.which("nginx"):
            leave_out(FileNotFoundError("nginx: apt-get install nginx-light"))
        proxy = Nginx(folder, free_port())
    else:
        proxy = Proxy(PREFIX, keep=request.param == "kept")
    flags = ["--prefix", PREFIX] if proxy.keep else []
    server = Server(
        "--dataset", "digits", "--epochs", "10000", "--schedule", "constant", "--admin",
        "--basic-auth", str(file), "--origin", f"snn.test:{proxy.port}", *flags,
    )  # fmt: skip
    proxy.target = server.url
    if proxy.keep:
        server.url += PREFIX.lstrip("/") + "/"
    server.wait()
    yield proxy, server
    proxy.close()
    server.stop()


@pytest.fixture
def visit(elsewhere: Browser, proxied):
    """A tab at the login, the address it came by, and the proxy; nothing leaves that address."""
    proxy, server = proxied
    asked, errors = [], []
    url = f"http://snn.test:{proxy.port}{proxy.prefix}/"
    screen = {"width": 1440, "height": 900}
    with elsewhere.new_context(viewport=screen, reduced_motion="reduce") as context:
        context.on("request", lambda request: asked.append(request.url))
        context.on("weberror", lambda error: errors.append(str(error.error)))
        page = context.new_page()
        page.set_default_timeout(240_000)  # kernels may have to be compiled first
        page.goto(url)
        yield page, url, proxy, server
    inside = re.compile(re.escape(url) + "|data:|blob:")
    assert [address for address in asked if not inside.match(address)] == []
    assert (proxy.outside, errors) == ([], [])


def log_in(page: Page, password: str = PASSWORD):
    page.get_by_role("textbox", name="Name").fill(NAME)
    page.get_by_role("textbox", name="Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def shown(page: Page):
    expect(page.locator(".bk-Figure").first).to_be_visible(timeout=240_000)


def offered(page: Page, name: str) -> str:
    """What a button offers to copy."""
    choose(page, name)
    text = page.get_by_role("textbox", name="Text to copy").input_value()
    page.keyboard.press("Escape")
    return text


def test_a_visitor_logs_in_trains_shares_and_leaves(visit):
    page, url, proxy, server = visit
    log_in(page, "wrong")
    expect(page.get_by_role("alert")).to_have_text("Unknown name or wrong password.")
    log_in(page)
    shown(page)
    assert page.url == url
    press(page, "Train")
    expect(page.get_by_text(re.compile("^running: step [0-9]{2}"))).to_be_visible(timeout=240_000)
    link, watch = offered(page, "Copy link"), offered(page, "Share live view")
    assert link.startswith(url + "?v=1")
    assert watch.startswith(url + "watch?of=")
    pupil = page.context.new_page()
    pupil.goto(watch)
    expect(pupil.get_by_text(re.compile("^running: step")).first).to_be_visible(timeout=240_000)
    copy = pupil.get_by_role("link", name="Try it yourself")
    expect(copy).to_have_attribute("href", re.compile("v=1"))
    assert copy.evaluate("link => link.href").startswith(url + "?v=1")
    pupil.goto(link)
    shown(pupil)
    pupil.close(run_before_unload=True)
    page.reload()
    shown(page)
    until(lambda: any(path.endswith("/left") for _, path in proxy.passed), 10)
    key = re.search(r"/admin\?key=\S+", server.printed())[0]
    page.goto(url + key.lstrip("/"))
    expect(page.get_by_text(re.compile("visitors, .* images/s"))).to_be_visible(timeout=240_000)
    page.goto(url + "logout")
    page.get_by_role("link", name="Log in again").click()
    expect(page.get_by_role("textbox", name="Password")).to_be_visible()
    assert urlsplit(page.url).path == f"{proxy.prefix}/login"


def test_after_the_login_comes_what_was_asked_for(visit):
    page, url, _, _ = visit
    page.goto(url + "watch?of=nobody")
    log_in(page, "wrong")
    expect(page.get_by_role("alert")).to_be_visible()
    log_in(page)
    expect(page.get_by_text(re.compile("^nobody shares a training"))).to_be_visible(timeout=240_000)
    assert page.url == url + "watch?of=nobody"


# Whatever the proxy does to a path, a dialog is the same.
on_one_proxy = pytest.mark.parametrize("proxied", ["nginx"], indirect=True)


@on_one_proxy
def test_without_a_clipboard_the_text_is_shown_selected(visit):
    page, url, _, _ = visit
    log_in(page)
    shown(page)
    assert page.evaluate("navigator.clipboard === undefined && !isSecureContext")
    for size in ({"width": 1440, "height": 900}, {"width": 390, "height": 844}):
        page.set_viewport_size(size)
        for name, text in (("Copy link", re.escape(url)), ("Copy as Python", "from snnlab.*\n\n")):
            assert_shown_selected(page, size, name, text)
        choose(page, "Copy link")
        press(page, "Copy")
        expect(page.get_by_text("Copied.").first).to_be_visible()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_text("Copied.")).to_have_count(0)


def assert_shown_selected(page, size, name, pattern):
    choose(page, name)
    dialog = page.get_by_role("dialog", name="Copy this text")
    text = dialog.get_by_role("textbox", name="Text to copy")
    expect(text).to_be_focused()
    assert re.match(pattern, text.input_value())
    assert page.evaluate("getSelection().toString()") == text.input_value()
    box = dialog.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size["width"]
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= size["height"]
    assert text.evaluate("area => area.scrollWidth <= area.clientWidth"), "its lines wrap"
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="Menu", exact=True)).to_be_focused()


@on_one_proxy
def test_keys_and_a_second_text(visit):
    """Keys act on the page no more while the text is shown, and copying copies it whole."""
    page, _, _, _ = visit
    log_in(page)
    shown(page)
    choose(page, "Copy as Python")
    text = page.get_by_role("textbox", name="Text to copy").input_value()
    page.evaluate("document.addEventListener('copy', () => window.copied = getSelection() + '')")
    page.keyboard.press("Control+c")
    assert page.evaluate("window.copied") == text
    page.get_by_role("button", name="Close", exact=True).focus()
    page.keyboard.press("s")
    page.keyboard.press("?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert "die_seed=1&" in offered(page, "Copy link")
