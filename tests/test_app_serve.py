"""What the server mends of Panel's: a change is written even when the connection is slow."""

import asyncio
from types import SimpleNamespace

import pytest
from bokeh.document import Document
from conftest import aside
from panel.io import document

from snnlab_app.serve import without_rest


class Socket:
    """Of no server's kind."""


class Connection:
    """Keeps what was written, each with the promise that waits for it to be flushed."""

    protocol = SimpleNamespace(create=lambda kind, events: events)

    def __init__(self):
        self._socket, self.written = Socket(), []

    def write(self, events=None, msg=None):
        flushed = asyncio.get_running_loop().create_future()
        self.written.append((*(events or msg), flushed))
        return [flushed]


@pytest.fixture
def connection(monkeypatch):
    """One that Panel knows how to write to."""
    monkeypatch.setitem(document.extra_socket_handlers, Socket, Connection.write)
    return Connection()


async def _changes(connection):
    """A change that is written slowly, and one more when the first has just been flushed."""
    doc = Document()
    document.schedule_write_events(doc, [connection], ["first"])
    while not connection.written:
        await asyncio.sleep(0)
    connection.written[0][-1].set_result(None)
    document.schedule_write_events(doc, [connection], ["second"])
    for _ in range(10):
        await asyncio.sleep(0)
    return doc


def test_a_change_beside_the_end_of_another_is_written_at_once(connection, monkeypatch):
    monkeypatch.setattr(document, "_dispatch_msgs", without_rest(document._dispatch_msgs))
    aside(asyncio.run, _changes(connection))
    assert [words for words, _ in connection.written] == ["first", "second"]


def test_panel_by_itself_leaves_it(connection):
    """Else this mend is needed no more."""
    doc = aside(asyncio.run, _changes(connection))
    assert [words for words, _ in connection.written] == ["first"]
    document._WRITE_FUTURES.pop(doc, None)
