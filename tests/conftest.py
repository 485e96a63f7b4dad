"""What the tests share: a browser, and the dashboard it visits."""

import gc
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from browsing import PLOTS, start_over
from playwright.sync_api import Browser, BrowserType, Page, expect, sync_playwright

# As snnlab sets it, but before a test imports torch first: idle threads must not burn the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Two kernel threads even where there is one core, so that no test of threads is left out.
os.environ["NUMBA_NUM_THREADS"] = "2"
if "PYTEST_XDIST_WORKER" in os.environ:  # tests side by side would wait for each other's threads
    from numba import set_num_threads

    import snnlab.chip  # noqa: F401 - sets how OpenMP waits, before numba loads it

    set_num_threads(1)

PATIENCE = 120
"""Seconds that a busy machine gets for what must come at all; nothing is measured by it."""
expect.set_options(timeout=PATIENCE * 1000)

OUR_TRACEBACK = r'File ".*/(snnlab|snnlab_app)/(?!commands|server|app/|\.venv)'
"""A line of a traceback through our code; what ends a server passes through its first rooms."""

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Modules without a test of the kind that ``-m`` asks for: to import them all takes seconds."""
    asked = re.findall(r"(?<!not )\b(slow|browser|notebook)\b", of := config.option.markexpr)
    if collection_path.suffix != ".py" or not asked or " or " in of:
        return None
    text = collection_path.read_text("utf-8")
    return True if any(f"mark.{kind}" not in text for kind in asked) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first where processes share the tests: they then end together."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: "slow" not in item.keywords)


def pytest_collection_finish() -> None:
    """What is loaded by now stays: who collects garbage need not look through it, for a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def only_what_commands_say(monkeypatch):
    """No lines on how long it takes, which a busy machine would put among the output."""
    monkeypatch.setattr("snnlab.text.progress.LINE_EVERY", 1e6)


def find_chromium() -> str:
    """The system's Chromium; its absence is a failure, never a skip."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert found, "interface tests need Chromium: apt-get install chromium"
    return found


def launch(chromium: BrowserType, *flags: str) -> Browser:
    """The system's Chromium, kept from calling home."""
    return chromium.launch(executable_path=find_chromium(), args=[*FLAGS, *flags])


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a process."""
    with sync_playwright() as playwright:
        yield launch(playwright.chromium)


DESKTOP = {"width": 1400, "height": 1300}


def motion(request: pytest.FixtureRequest) -> str:
    """How much a browser lets move by itself: nothing.

    A page that plays takes a quarter of a core from the tests beside it. A module with tests of
    motion says MOTION = True.
    """
    return "no-preference" if getattr(request.module, "MOTION", False) else "reduce"


@pytest.fixture
def page(browser: Browser, request) -> Iterator[Page]:
    """A tab in a context of its own, on a desktop screen."""
    with browser.new_context(viewport=DESKTOP, reduced_motion=motion(request)) as context:
        yield context.new_page()


@cache
def found(name: str, side: int):
    """A real data set, or the error why it is not available; mirrors are tried once only."""
    from snnlab.data import load
    from snnlab.errors import SnnlabError

    try:
        return load(name, side=side)
    except SnnlabError as error:  # with SNNLAB_DATA, that its folder holds another data set
        return error


def real(name: str, side: int = 16):
    """MNIST or Fashion-MNIST, not to be changed; a test that needs it is left out without it.

    To be called in the test itself, not in a fixture: then all are left out in one line.
    """
    data = found(name, side)
    if isinstance(data, Exception):
        leave_out(data)
    return data


def leave_out(error: Exception):
    """End a test that lacks something from outside; in CI that is a failure."""
    if "CI" in os.environ:
        raise error
    pytest.skip(f"left out: {error}")


def idle(session) -> bool:
    """Whether all that a session was asked for is done: its worker waits for the next order."""
    return session._tasks.idle


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait for it; what never comes is a failure. To ask takes a fifth of the time at most."""
    deadline = time.monotonic() + seconds
    asked = time.monotonic()
    while not condition():
        now = time.monotonic()
        assert now < deadline, "it did not happen in time"
        time.sleep(max(0.01, 4 * (now - asked)))
        asked = time.monotonic()


def aside(call: Callable, *arguments):
    """Call in a thread of its own: in this one a browser's event loop may be running."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call, *arguments).result()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """``snnlab app`` as a person would start it, in a process of its own."""

    def __init__(self, *flags: str, **environment: str):
        self.url = f"http://127.0.0.1:{(port := free_port())}/"
        command = [sys.executable, "-m", "snnlab", "app", "--no-browser", "--port", str(port)]
        self._command, self._environment = [*command, *flags], {**os.environ, **environment}
        self._printed = tempfile.TemporaryFile("w+")  # noqa: SIM115 - a pipe would fill up
        self.start_again()

    def start_again(self) -> None:
        """Once more, when it has ended."""
        self.process = subprocess.Popen(
            self._command, env=self._environment, stdout=self._printed,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def wait(self, seconds: float = PATIENCE) -> "Server":
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.printed()
            try:  # an address that costs the server nothing: every page would have a session
                with urllib.request.urlopen(f"{self.url}left", b"", timeout=5):
                    return self
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.1)
        raise AssertionError(f"no answer from {self.url} within {seconds} s")

    def stop(self) -> str:
        """End it; returns what it printed."""
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)
        with self._printed:
            return self.printed()

    def printed(self) -> str:
        self._printed.seek(0)
        return self._printed.read()


@pytest.fixture(scope="session")
def the_digits_server() -> Iterator[Server]:
    """The dashboard on the bundled digits, one for all tests of a process: every page has a
    training of its own.
    """
    server = Server("--dataset", "digits", "--epochs", "10000", "--schedule", "constant").wait()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def digits_server(the_digits_server: Server) -> Iterator[Server]:
    """The dashboard; in the end no error may have passed through our code.

    A tab that closes makes the web server itself complain of its connection: that is no error.
    """
    before = len(the_digits_server.printed())
    yield the_digits_server
    printed = the_digits_server.printed()[before:]
    assert not re.search(OUR_TRACEBACK, printed), printed


@pytest.fixture
def new_dashboard(page: Page, digits_server: Server) -> Iterator[Page]:
    """The page, just loaded; in the end no error may have shown and nothing left the machine."""
    trouble = load_page(page, digits_server)
    yield page
    assert trouble == []


@pytest.fixture(scope="session")
def shared_dashboard(browser: Browser, the_digits_server: Server) -> Iterator[Callable]:
    """One page for the tests of a process, as the one before left it: to load one takes seconds.

    Called with how much may move by itself; returns the page and its errors so far.
    """
    with ExitStack() as stack:

        @cache
        def shared(motion: str) -> tuple[Page, list[str]]:
            context = browser.new_context(viewport=DESKTOP, reduced_motion=motion)
            page = stack.enter_context(context).new_page()
            return page, load_page(page, the_digits_server)

        yield shared


@pytest.fixture
def dashboard(shared_dashboard: Callable, digits_server: Server, request) -> Iterator[Page]:
    """The page that tests before have used, on which a visitor starts over with all defaults.

    Not for tests that leave what stays then, as units, pins, or a chosen display.
    """
    page, trouble = shared_dashboard(motion(request))
    start_over(page, DESKTOP)
    trouble.clear()
    yield page
    assert trouble == []


def load_page(page: Page, server: Server) -> list[str]:
    """Load the dashboard; returns its errors, to which later ones are added."""
    trouble = note_trouble(page)
    page.goto(server.url)
    expect(page.locator(".bk-Figure")).to_have_count(len(PLOTS))
    return trouble


def note_trouble(page: Page) -> list[str]:
    """Errors that a tab shows from now on, and requests that leave the machine or fail."""
    trouble = []
    page.on("console", lambda m: trouble.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("requestfailed", lambda r: None if _left(r) else trouble.append(f"failed {r.url}"))
    page.on("request", lambda request: trouble.append(request.url) if _foreign(request) else None)
    return trouble


def _left(request):
    """Whether the page gave it up itself, as all that is under way when the page is left."""
    return request.failure == "net::ERR_ABORTED"


def _foreign(request):
    return not re.match(r"(http|ws)://127\.0\.0\.1[:/]|data:|blob:", request.url)


@pytest.fixture
def clipboard(dashboard: Page):
    dashboard.context.grant_permissions(["clipboard-read", "clipboard-write"])
    dashboard.evaluate("navigator.clipboard.writeText('')")  # all pages of a browser share one
    return lambda: dashboard.evaluate("navigator.clipboard.readText()")
