"""Faults of Panel and Bokeh on the way between server and browser: each in the library itself, and
put right."""

import asyncio
import json
from functools import partial
from types import SimpleNamespace

import bokeh
import numpy as np
import panel as pn
import pytest
from bokeh.core.serialization import Deserializer, Serializer
from bokeh.document import Document
from bokeh.io import doc as current
from bokeh.models import Div
from bokeh.protocol import Protocol
from bokeh.protocol.message import Message
from bokeh.server.connection import ServerConnection
from bokeh.server.protocol_handler import ProtocolHandler
from bokeh.server.session import ServerSession
from bokeh.server.tornado import BokehTornado
from bokeh.server.views.ws import WSHandler
from conftest import aside
from packaging.version import Version
from panel.io import document, location
from panel.io.location import Location
from panel.io.state import set_curdoc
from panel.reactive import Syncable
from panel.util import edit_readonly
from served import served
from tornado import locks
from tornado.ioloop import IOLoop
from tornado.websocket import WebSocketClosedError

from snnlab_app import panel_fixes
from snnlab_app.panel_fixes import (
    WRITES_LATE,
    dispatching_all,
    enclosing,
    ending_once,
    handling_unless_ended,
)


def test_the_installed_libraries_were_examined(monkeypatch):
    assert panel_fixes.unexamined() == []
    monkeypatch.setattr(
        panel_fixes, "version", {"panel": "1.11.0", "bokeh": "3.6.2", "holoviews": "1.22"}.get
    )
    assert panel_fixes.unexamined() == ["panel 1.11.0", "bokeh 3.6.2"]


def test_where_a_library_lost_the_faulty_part_the_fix_is_left_out_and_said(monkeypatch, caplog):
    for owner, name in (
        (document, "_garbage_collect"),
        (Location, "_sync_pathname"),
        (location, "parse_query"),
        (Syncable, "_event_coroutine"),
        (Serializer, "_encode_bytes"),
        (Deserializer, "_decode_bytes"),
        (Message, "assemble_buffer"),
        (WSHandler, "on_close"),
        (ProtocolHandler, "handle"),
        (current, "patch_curdoc"),
        *((owner, name) for owner, name, _ in panel_fixes.IN_ORDER if WRITES_LATE),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))  # to be put back
    monkeypatch.delattr(document, "_dispatch_msgs")
    panel_fixes.fix_server(lambda: True)
    assert caplog.messages == ["panel.io.document._dispatch_msgs does not exist: it is not fixed"]
    assert not hasattr(document, "_dispatch_msgs")
    assert Syncable._event_coroutine.lock


# ── a slow connection ──


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


def folders_up(monkeypatch):
    """Where a page below a proxy's path looks for styles, once its browser has sent the path."""
    server = SimpleNamespace(port=5006, prefix="")
    monkeypatch.setattr(pn.state, "_servers", {"id": (server, None, [])})
    with set_curdoc(served()):
        location = Location()
        with edit_readonly(location):
            location.port = "5006"
            location.pathname = "/user/alice/snnlab/watch"
        return pn.state.rel_path


def test_panel_by_itself_counts_a_proxys_folders(monkeypatch):
    assert folders_up(monkeypatch) == "../../.."


def test_a_proxys_folders_are_not_counted(monkeypatch):
    monkeypatch.setattr(Location, "_sync_pathname", panel_fixes.keeping_paths(None))
    assert folders_up(monkeypatch) == ""


ODD_QUERIES = ("?x=²", "?x=" + "9" * 5000)


def parameters(query):
    """What Panel reads from the end of an address when a page begins, or the error."""
    with set_curdoc(served()):
        place = Location()
        try:
            place.search = query
            return place.query_params
        except ValueError:
            return ValueError


def test_panel_by_itself_fails_on_odd_numbers_in_an_address(monkeypatch):
    """From 1.10 on it does so on the longest only."""
    assert ValueError in map(parameters, ODD_QUERIES), "else this fix is no longer needed"
    fixed = panel_fixes.reading_queries(location.parse_query)
    monkeypatch.setattr(location, "parse_query", fixed)
    assert [parameters(query) for query in ODD_QUERIES if parameters(query)] in ([], [{"x": "²"}])
    assert parameters("?seed=3&x=y") == {"seed": 3, "x": "y"}


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
    monkeypatch.setattr(document, "_dispatch_msgs", dispatching_all(document._dispatch_msgs))
    aside(asyncio.run, _changes(connection))
    assert [words for words, _ in connection.written] == ["first", "second"]


def test_panel_by_itself_leaves_it(connection):
    """Else this fix is no longer needed."""
    doc = aside(asyncio.run, _changes(connection))
    assert [words for words, _ in connection.written] == ["first"]
    document._WRITE_FUTURES.pop(doc, None)


# ── messages in order ──


class Browser(WSHandler):
    """The server's end of a connection; keeps what is written."""

    def __init__(self):
        self.write_lock, self.ws_connection, self.written = locks.Lock(), self.End(), []
        self.ws_connection.written = self.written

    class End:
        def is_closing(self):
            return False

        def write_message(self, message, binary=False):
            self.written.append(message)
            (flushed := asyncio.get_running_loop().create_future()).set_result(None)
            return flushed

    def changes(self):
        """Kinds of the changes in each message."""
        messages = [json.loads(part)["events"] for part in self.written if '"events"' in part]
        return [[event["kind"] for event in message] for message in messages]


async def _bring_and_name():
    """Changes of one callback: a model that Bokeh sends, and a property of it that Panel sends."""
    page, browser, text = Document(), Browser(), Div()
    session = ServerSession("id", page, IOLoop.current())
    connection = ServerConnection(Protocol(), browser, None, session)

    def change():
        page.add_root(text)
        page.hold()
        text.text = "more"
        held, page.callbacks._held_events = page.callbacks._held_events, []
        page.unhold()
        document.write_events(page, [connection], held)

    await session.with_document_locked(change)
    for _ in range(10):
        await asyncio.sleep(0)
    return browser.changes()


def test_only_before_bokeh_3_10_a_message_may_name_a_model_that_a_later_one_brings(monkeypatch):
    """Newer ones run callbacks in a thread of their own, where Panel lets Bokeh write."""
    assert (Version(bokeh.__version__) < Version("3.10")) == WRITES_LATE
    if WRITES_LATE:
        assert aside(asyncio.run, _bring_and_name()) == [["ModelChanged"], ["RootAdded"]]
        for owner, name, fixed in panel_fixes.IN_ORDER:
            monkeypatch.setattr(owner, name, fixed(getattr(owner, name)))
        assert aside(asyncio.run, _bring_and_name()) == [["RootAdded"], ["ModelChanged"]]


def _parts(array):
    """The part of a message that has an array, and the arrays outside it."""
    serializer = Serializer()
    return serializer.encode({"values": array}), serializer.buffers


def test_a_small_array_travels_inside_its_message(monkeypatch):
    few, many = np.arange(1024.0), np.arange(1025.0)
    assert len(_parts(few)[1]) == 1, "else this fix is no longer needed"
    monkeypatch.setattr(Serializer, "_encode_bytes", enclosing(Serializer._encode_bytes))
    message, outside = _parts(few)
    assert outside == []
    assert np.array_equal(Deserializer().decode(json.loads(json.dumps(message)))["values"], few)
    message, outside = _parts(many)
    assert len(outside) == 1
    assert np.array_equal(Deserializer().decode(message)["values"], many)


# ── a browser that has gone ──


def test_a_connection_that_a_ping_has_ended_ends_once_more():
    ended = []

    def ping(_):
        raise WebSocketClosedError

    session = SimpleNamespace(
        subscribe=lambda _: None, unsubscribe=ended.append, notify_connection_lost=lambda: None
    )
    socket = SimpleNamespace(close_code=None, close_reason=None, ping=ping)
    socket.connection = ServerConnection(None, socket, None, session)
    socket.application = server = SimpleNamespace(_clients={socket.connection})
    server.client_lost = partial(BokehTornado.client_lost, server)
    BokehTornado._keep_alive(server)
    assert (ended, server._clients) == ([socket.connection], set())
    with pytest.raises(AssertionError):
        WSHandler.on_close(socket)
    ending_once(WSHandler.on_close)(socket)
    assert len(ended) == 1


def test_a_message_of_a_connection_that_has_ended_since_is_dropped(caplog):
    session = SimpleNamespace(subscribe=lambda _: None, unsubscribe=lambda _: None)
    connection = ServerConnection(Protocol(), None, None, session)
    questions = [connection.protocol.create(kind) for kind in ("SERVER-INFO-REQ", "PULL-DOC-REQ")]

    def answers(handle):
        caplog.clear()
        found = [aside(asyncio.run, handle(ProtocolHandler(), q, connection)) for q in questions]
        return [answer and answer.msgtype for answer in found]

    fixed = handling_unless_ended(ProtocolHandler.handle)
    assert answers(fixed)[0] == "SERVER-INFO-REPLY"
    connection.detach_session()
    assert answers(ProtocolHandler.handle)[1] == "ERROR"
    assert "error handling message" in caplog.text, "else this fix is no longer needed"
    assert answers(fixed) == [None, None]
    assert caplog.records == []
