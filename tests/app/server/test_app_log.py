"""The server's log: what is nobody's fault is left out of it, and nothing else."""

import asyncio
import gc
import logging
import re
import signal
import traceback
from contextlib import suppress
from types import SimpleNamespace

import psutil
import pytest
from bokeh.document import Document
from bokeh.protocol import Protocol
from bokeh.server.protocol_handler import ProtocolHandler
from bokeh.server.views.ws import WSHandler
from browsing import Relay
from conftest import Server, aside, launch, until
from panel.io import document
from playwright.sync_api import Browser, Page, expect
from tornado.websocket import WebSocketClosedError

from snnlab_app.server import log

ENDLESS = ("--dataset", "digits", "--epochs", "10000", "--schedule", "constant")


@pytest.fixture
def heard(caplog):
    """What these loggers are given, whatever a library, as Dask, has set for those above them."""
    loggers = [logging.getLogger(name) for name in log.WORDY]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(caplog.handler)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
    yield caplog
    for logger, (level, propagate) in zip(loggers, before, strict=True):
        logger.removeHandler(caplog.handler)
        logger.setLevel(level)
        logger.propagate = propagate


@pytest.fixture
def tidied():
    log.tidy()
    log.tidy()
    yield
    for name in log.LOGGERS:
        logging.getLogger(name).removeFilter(log._tidied)
    for name in log.WORDY:
        logging.getLogger(name).removeFilter(log._shortened)


async def _closed(*_):
    raise WebSocketClosedError


async def _write_to_a_closed_tab():
    """As Bokeh does, as Panel does, and as Panel leaves it when the page is forgotten meanwhile."""
    await WSHandler.send_message(SimpleNamespace(), SimpleNamespace(send=_closed))
    doc = Document()
    document._WRITE_FUTURES[doc] = [asyncio.ensure_future(_closed())]
    await document._run_write_futures(doc)
    forgotten = asyncio.ensure_future(_closed())
    await asyncio.sleep(0)
    del forgotten
    gc.collect()


def test_by_themselves_the_libraries_log_each_piece(heard):
    """Else this mend is needed no more, or has to look for other words."""
    aside(asyncio.run, _write_to_a_closed_tab())
    assert [record.name for record in heard.records] == [
        "bokeh.server.views.ws", "panel.io.document", "asyncio",
    ]  # fmt: skip


def test_a_closed_tab_is_not_logged(heard, tidied):
    aside(asyncio.run, _write_to_a_closed_tab())
    assert heard.records == []


async def _forget(error):
    async def fail():
        raise error

    forgotten = asyncio.ensure_future(fail())
    await asyncio.sleep(0)
    del forgotten
    gc.collect()


def test_every_other_fault_is_logged(heard, tidied):
    aside(asyncio.run, _forget(ValueError("ours")))
    for name in log.LOGGERS:
        logging.getLogger(name).error("Failed sending message due to following error: disk")
    assert [record.name for record in heard.records] == ["asyncio", *log.LOGGERS]


# ── what a browser sent ──

LONG = "\x01" * 1_000_000


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def again(levels):
    """Fails, that many calls below."""
    return again(levels - 1) if levels else 1 / 0


def have_refused(value, fail):
    """Have Bokeh refuse a message that holds a value."""
    handler, connection = ProtocolHandler(), SimpleNamespace(error=lambda *_: None)

    async def refuse(*_):
        fail(value)

    handler._handlers["PATCH-DOC"] = refuse
    message = Protocol().assemble('{"msgtype": "PATCH-DOC"}', "{}", "{}")
    message.content = {"events": [value]}
    aside(asyncio.run, handler.handle(message, connection))


def fail_of(value):
    raise ValueError(f"expected a Bool, got {value}")


def test_bokeh_by_itself_logs_all_of_a_message_that_it_refuses(heard):
    """Else to cut it is needed no more."""
    have_refused(LONG, fail_of)
    assert len(heard.text) > 5 * len(LONG)


def test_a_refused_message_is_logged_in_few_words(heard, tidied):
    have_refused(LONG, fail_of)
    assert len(heard.text) < 4000
    assert heard.text.count("characters)") == 2
    assert (
        "error handling message\n message: Message 'PATCH-DOC' content: {'events': ['" in heard.text
    )
    assert "ValueError: expected a Bool, got \x01\x01" in heard.text
    assert "in fail_of" in heard.text, "where it failed is kept"
    heard.clear()
    have_refused(LONG, lambda _: again(300))
    assert len(heard.text) < 20_000
    assert heard.text.endswith("ZeroDivisionError: division by zero\n")
    heard.clear()
    have_refused(deep(100_000), lambda _: fail_of("a list"))
    assert "message: %r" in heard.text, "it is nested too deep to be shown"
    assert heard.text.endswith("ValueError: expected a Bool, got a list\n")


@pytest.mark.parametrize("name", log.WORDY)
def test_short_texts_are_logged_as_they_are(heard, tidied, name):
    try:
        fail_of("a text")
    except ValueError:
        logging.getLogger(name).exception("a callback of %s failed", "beta")
    (record,) = heard.records
    assert record.getMessage() == "a callback of beta failed"
    assert record.exc_text == "".join(traceback.format_exception(*record.exc_info)).rstrip()
    logging.getLogger(name).error("x" * 600)
    assert heard.records[1].getMessage() == "x" * 500 + "… (600 characters)"


# ── pages that leave ──


@pytest.fixture
def server():
    started = Server(*ENDLESS).wait()
    yield started
    if started.process.poll() is None:
        started.stop()


def shown(page: Page):
    expect(page.locator(".bk-Figure").first).to_be_visible(timeout=240_000)


def train(page: Page, url: str):
    page.goto(url)
    shown(page)
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_text(re.compile("^running: step [0-9]{2}"))).to_be_visible(timeout=240_000)


def visitors(server):
    """Open connections of pages."""
    ports = server.process.pid, int(server.url.rsplit(":", 1)[1].strip("/"))
    found = psutil.Process(ports[0]).net_connections("tcp")
    return [c for c in found if c.laddr.port == ports[1] and c.status == "ESTABLISHED"]


def train_and_kill(browser: Browser, url: str):
    """A browser of its own whose page trains, and which is killed then, with all its processes."""
    before = set(psutil.Process().children(recursive=True))
    another = launch(browser.browser_type)
    train(another.new_page(), url)
    for process in set(psutil.Process().children(recursive=True)) - before:
        with suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.mark.slow
@pytest.mark.browser
def test_pages_that_leave_in_all_ways_leave_nothing_in_the_log(page: Page, server):
    context, browser = page.context, page.context.browser
    for milliseconds in (50, 100, 200, 300, 500, 700, 900, 1200, 1600, 2000):
        early = context.new_page()
        early.goto(server.url, wait_until="commit")
        early.wait_for_timeout(milliseconds)
        early.close(run_before_unload=True)
    for said_goodbye in (True, False):
        trained = context.new_page()
        train(trained, server.url)
        trained.close(run_before_unload=said_goodbye)
    relay = Relay(int(server.url.rsplit(":", 1)[1].strip("/")))
    train(page, f"http://127.0.0.1:{relay.port}/")
    for _ in range(2):
        relay.cut()
        expect(page.get_by_text("re-established").first).to_be_visible(timeout=30_000)
        expect(page.get_by_text("re-established")).to_have_count(0, timeout=30_000)
    page.reload()
    shown(page)
    page.goto("about:blank")
    relay.close()
    train_and_kill(browser, server.url)
    several = [context.new_page() for _ in range(4)]
    for one in several:
        one.goto(server.url, wait_until="commit")
    for one in several:
        shown(one)
        one.get_by_role("button", name="Train", exact=True).click()
    context.close()
    until(lambda: visitors(server) == [])
    assert server.stop().splitlines() == [f"Launching server at {server.url.rstrip('/')}"]


@pytest.mark.slow
@pytest.mark.browser
def test_a_server_that_is_ended_under_open_pages_says_nothing(page: Page, server):
    train(page, server.url)
    shown_too = page.context.new_page()
    shown_too.goto(server.url)
    shown(shown_too)
    server.process.send_signal(signal.SIGINT)
    server.process.wait(20)
    assert server.stop().splitlines() == [f"Launching server at {server.url.rstrip('/')}"]
