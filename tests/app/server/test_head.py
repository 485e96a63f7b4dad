"""The head of a page goes out before the page is made, and both together are the page."""

import asyncio
from types import SimpleNamespace

import pytest
from conftest import aside

from snnlab_app.panel_fixes import components
from snnlab_app.server import head as module
from snnlab_app.server.head import END, TROUBLE, Heads, Requests

HEAD = (
    '<html><head><script type="text/javascript" src="static/x/es-module-shims.min.js"></script>'
    '<script src="static/js/bokeh.min.js"></script>'
)
PAGE = f"{HEAD}{END}<body>token {{}}</body></html>"


class Handler:
    """What Panel's handler of a page does, with what it sends in ``sent``."""

    def __init__(self, heads, path="/", **arguments):
        self.request = SimpleNamespace(path=path, arguments=arguments)
        self.sent, self.made_after = [], None
        self._get_session = heads.sending_first(self._make)

    def write(self, text):
        self.sent.append(text)

    async def flush(self):
        self.sent.append(None)

    async def _make(self, handler):
        self.made_after = len(self.sent)
        return "session"

    def get(self, page):
        async def get():
            assert await self._get_session(self) == "session"
            self.write(page)

        aside(asyncio.run, get())
        return self


@pytest.fixture
def heads(monkeypatch):
    monkeypatch.setattr(module, "ASKS_WITHIN", 0.0)
    return Heads()


def test_from_the_second_page_on_the_head_is_sent_before_the_page_is_made(heads):
    first = Handler(heads).get(PAGE.format(1))
    assert (first.sent, first.made_after) == ([PAGE.format(1)], 0)
    second = Handler(heads).get(PAGE.format(2))
    head, flushed, rest = second.sent
    assert (flushed, second.made_after) == (None, 2)
    assert rest == f"{END}<body>token 2</body></html>"
    added = head.replace('src="static', "").replace("static/js/bokeh.min.js", "")
    assert added.count(f"./{components()}") == 2  # fetched at once, and read
    assert head.index("importShim(") > head.index("es-module-shims.min.js")
    for part in HEAD.split("<script"):
        assert part in head


def test_the_components_are_found_from_a_page_further_down(heads):
    below = PAGE.replace('"static', '"../static')
    for k in (1, 2):
        sent = Handler(heads, "/a/b").get(below.format(k)).sent
    assert f"importShim('./../{components()}')" in sent[0]


@pytest.mark.parametrize("own", ["theme", "bokeh-token", "bokeh-session-id"])
def test_a_page_that_may_differ_is_sent_as_it_is(heads, own):
    for k in (1, 2):
        asked = Handler(heads, **{own: [b"x"]}).get(PAGE.format(k))
        assert asked.sent == [PAGE.format(k)]
    usual = Handler(heads).get(PAGE.format(3))
    assert usual.sent == [PAGE.format(3)]


def test_each_path_has_its_own_head(heads):
    Handler(heads).get(PAGE.format(1))
    assert Handler(heads, "/watch").get(PAGE.format(2)).sent == [PAGE.format(2)]


def test_a_head_that_has_changed_is_said_and_used_from_then_on(heads, caplog):
    Handler(heads).get(PAGE.format(1))
    newer = PAGE.replace("bokeh.min.js", "bokeh-2.min.js")
    sent = Handler(heads).get(newer.format(2)).sent
    assert sent[-1] == f"{END}<body>token 2</body></html>"
    assert "the head of / has changed" in caplog.text
    assert "bokeh-2.min.js" in Handler(heads).get(newer.format(3)).sent[0]


def test_a_page_without_a_head_is_sent_as_it_is(heads):
    for _ in range(2):
        assert Handler(heads).get("<html>refused</html>").sent == ["<html>refused</html>"]


def test_what_has_no_head_at_all_follows_one_that_was_sent(heads):
    Handler(heads).get(PAGE.format(1))
    assert Handler(heads).get("<p>refused</p>").sent[1:] == [None, "<p>refused</p>"]


def test_a_page_that_cannot_be_made_ends_in_a_sentence(heads):
    Handler(heads).get(PAGE.format(1))
    broken = Handler(heads)

    async def fail(handler):
        raise ValueError("broken")

    broken._get_session = heads.sending_first(fail)
    with pytest.raises(ValueError, match="broken"):
        broken.get(PAGE.format(2))
    assert broken.sent[-1] == TROUBLE


@pytest.mark.parametrize(("asks", "least", "most"), [(0, 0.2, 0.3), (3, 0.1, 0.2), (99, 0.5, 0.6)])
def test_it_waits_until_the_browser_has_its_libraries(monkeypatch, asks, least, most):
    clock = [100.0]

    async def sleep(seconds):
        clock[0] += seconds
        if clock[0] > 100.05 + 0.02 * len(asked) and len(asked) < asks:
            asked.append(clock[0])
            Requests(None)

    asked = []
    monkeypatch.setattr(module, "monotonic", lambda: clock[0])
    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    monkeypatch.setattr(Requests, "last", 0.0)
    aside(asyncio.run, module._libraries())
    assert least <= clock[0] - 100 <= most
