"""A page is made before it is asked for, is given to one visitor, and begins with the visit."""

import asyncio
from types import SimpleNamespace

import pytest
from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.server.contexts import ApplicationContext
from bokeh.util.token import check_token_signature, get_session_id
from conftest import aside

from snnlab_app.server.spare import ASKED_FOR, MAX_AGE, QUIET, Spare

SECRET = SimpleNamespace(secret_key="secret", sign_sessions=True, session_token_expiration=300)


class Server:
    """A server with one page, a clock, and a drawing on it."""

    def __init__(self, page=lambda document: None):
        self.made, self.begun, self.given = [], [], []
        self.time, self.drawing = 0.0, False
        self._page = page
        self.context = ApplicationContext(Application(FunctionHandler(self._make)), url="/")
        self.spare = Spare(SECRET, self.context, lambda: self.drawing, lambda: self.time)
        self._get = self.spare.giving(self._as_asked)

    def _make(self, document):
        name = document.session_context.id
        self.made.append(name)
        self.spare.when_visited(name, lambda: self.begun.append(name))
        self._page(document)

    async def _as_asked(self, handler):
        self.given.append(handler.request.headers.get(ASKED_FOR))
        return self.given[-1]

    def look(self, at=None):
        self.time = self.time if at is None else at
        aside(asyncio.run, self.spare.look())
        return self

    def visit(self, context=None, headers=(), **arguments):
        """The session that a visitor is given, None if one is to be made."""
        request = SimpleNamespace(headers=dict(headers), arguments=arguments)
        handler = SimpleNamespace(request=request, application_context=context or self.context)
        return aside(asyncio.run, self._get(handler))


def test_the_first_visitor_gets_the_page_and_the_next_one_another():
    server = Server().look().look()
    (name,) = server.made
    session = server.context.get_session(name)
    assert session.expiration_blocked
    assert server.begun == []
    assert server.visit() == name
    assert server.begun == [name]
    assert not session.expiration_blocked
    assert not session.expiration_requested
    assert session.milliseconds_since_last_unsubscribe < 1000
    assert server.visit() is None
    assert server.begun == [name]


def test_its_token_is_one_of_the_server():
    server = Server().look()
    token = server.context.get_session(server.made[0]).token
    assert check_token_signature(token, secret_key=SECRET.secret_key, signed=True)
    assert get_session_id(token) == server.made[0]


def test_a_page_that_is_made_for_its_visitor_begins_at_once():
    server = Server()
    server.spare.when_visited("somebody", lambda: server.begun.append("somebody"))
    assert server.begun == ["somebody"]


@pytest.mark.parametrize(
    "asked",
    [
        {"mismatch": [b"0.3"]}, {"theme": [b"dark"]}, {"bokeh-session-id": [b"x"]},
        {"headers": {ASKED_FOR: "mine"}}, {"context": object()},
    ],
    ids=["settings", "theme", "session", "its own", "another page"],
)  # fmt: skip
def test_who_asks_for_something_else_gets_that(asked):
    server = Server().look()
    assert server.visit(**asked) == asked.get("headers", {}).get(ASKED_FOR)
    assert server.begun == []
    assert server.visit() == server.made[0]


def test_none_is_made_while_somebody_needs_the_server():
    server = Server().look()
    server.visit()
    server.look(QUIET - 1)
    assert len(server.made) == 1
    server.drawing = True
    server.look(QUIET + 1)
    server.drawing = False
    server.look(2 * QUIET)
    assert len(server.made) == 1
    server.look(2 * QUIET + 1)
    assert len(server.made) == 2
    assert server.visit() == server.made[1]


def test_one_that_waited_for_long_is_made_again():
    server = Server().look()
    old = server.context.get_session(server.made[0])
    server.look(MAX_AGE)
    assert len(server.made) == 1
    server.look(MAX_AGE + 1)
    assert old.expiration_requested
    assert not old.expiration_blocked
    assert server.visit() == server.made[1]
    assert server.begun == [server.made[1]]


def test_a_page_that_cannot_be_made_is_said_once_and_visitors_get_theirs(caplog):
    def fail(document):
        raise ValueError("broken")

    server = Server(fail).look().look()
    assert len(server.made) == 1
    assert caplog.text.count("no page can be made ahead") == 1
    assert "broken" in caplog.text
    assert server.visit() is None
    assert server.begun == []
