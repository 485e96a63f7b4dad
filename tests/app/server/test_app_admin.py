"""The page for whoever runs a server."""

from types import SimpleNamespace

import panel as pn
import pytest

from snnlab.config import Config
from snnlab_app.server.admin import Admin


class Somebody:
    def __init__(self, state, message=""):
        self.state, self.message, self.snapshot = state, message, None
        self.config = Config.checked(dataset="digits")


class Compute:
    """A server with two visitors, one of them outside, and a sweep."""

    sweeps = SimpleNamespace(pid=99, memory=501_000_000)

    def state(self):
        return [
            {"number": 1, "session": Somebody("failed", "<b>no</b>"), "process": 77},
            {"number": 2, "session": Somebody("loading", "you are 1st in line"), "process": None},
        ]

    def memory(self):
        return {77: 612_000_000}


@pytest.fixture
def admin():
    return Admin(Compute())


def asked(monkeypatch, **arguments):
    monkeypatch.setattr(type(pn.state), "session_args", property(lambda self: arguments))


def test_it_tells_processes_and_visitors_and_shows_text_as_text(admin):
    html = admin.html()
    assert "2 visitors, 0 images/s" in html
    assert "612 MB" in html
    assert "501 MB" in html
    assert "failed: &lt;b&gt;no&lt;/b&gt;" in html
    assert "loading: you are 1st in line" in html
    assert html.count("<tr>") == 2 + 3 + 2  # headers, processes, visitors


@pytest.mark.parametrize("given", [{}, {"key": [b""]}, {"key": [b"guess"]}, {"key": [b"\xff"]}])
def test_without_the_key_nothing_is_told(admin, monkeypatch, given):
    asked(monkeypatch, **given)
    assert "visitors" not in admin.page().object


def test_with_the_key_it_is(admin, monkeypatch):
    asked(monkeypatch, key=[admin.key.encode()])
    monkeypatch.setattr(type(pn.state), "add_periodic_callback", lambda *_, **__: None)
    assert "2 visitors" in admin.page().object


def test_every_server_has_a_key_of_its_own():
    assert len({Admin(Compute()).key for _ in range(50)}) == 50
