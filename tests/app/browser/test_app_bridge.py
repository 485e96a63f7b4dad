"""The page's answers: how long it is left alone. And the browser's part of it, as files."""

import shutil
import subprocess
from pathlib import Path

import pytest

from snnlab_app.browser import bridge
from snnlab_app.browser.bridge import GIVE_UP, MAX_BUSY, MAX_DRAW_SECONDS, SCRIPTS, Bridge
from snnlab_app.browser.dialog import Dialog
from snnlab_app.browser.microphone import Microphone
from snnlab_app.browser.replay import Replay
from snnlab_app.browser.thumbnails import Thumbnails


@pytest.fixture
def clock(monkeypatch):
    """What the time is, in seconds; to be set."""
    now = [1000.0]
    monkeypatch.setattr(bridge, "monotonic", lambda: now[0])
    return now


def answered(clock, after):
    """A page that was sent something and has drawn it some seconds later."""
    page = Bridge()
    page.send()
    clock[0] += after
    page._handle_msg(["drawn", page.sent, after])
    return page


def test_a_page_is_sent_nothing_while_it_draws_and_then_may_rest_as_long(clock):
    page = Bridge()
    page.send()
    assert not page.ready
    page = answered(clock, 0.2)
    assert not page.ready
    clock[0] += 0.21
    assert page.ready


def test_a_page_that_does_not_answer_is_sent_something_again(clock):
    page = Bridge()
    page.send()
    clock[0] += GIVE_UP
    assert page.ready


def test_a_page_that_was_out_of_sight_is_served_at_once_when_it_comes_back(clock):
    assert answered(clock, 300.0).ready


@pytest.mark.parametrize(
    "message", [[], {}, None, 3, "nothing", ["drawn"], ["drawn", "1", 0.1], ["drawn", 1, None]]
)
def test_what_is_no_message_is_passed_over(clock, message):
    page = Bridge()
    page.when("undo", lambda: pytest.fail("nobody said so"))
    page.send()
    page._handle_msg(message)
    assert not page.ready


def test_a_time_that_is_none_is_taken_for_the_longest(clock):
    page = Bridge()
    page.send()
    page._handle_msg(["drawn", page.sent, float("nan")])
    assert not page.ready
    clock[0] += MAX_DRAW_SECONDS / MAX_BUSY
    assert page.ready


def test_every_script_is_a_part_of_the_page_and_is_javascript():
    components = Bridge, Dialog, Microphone, Replay, Thumbnails
    files = {
        path.name: path.read_text("utf-8") for path in Path(bridge.__file__).parent.rglob("*.js")
    }
    assert {*SCRIPTS} < {*files}
    for name, text in files.items():
        assert sum(text in component._esm for component in components) == 1, name
    if node := shutil.which("node"):
        for text in (*files.values(), *(component._esm for component in components)):
            check = [node, "--input-type=module", "--check", "-"]
            assert subprocess.run(check, input=text, text=True, capture_output=True).stderr == ""
