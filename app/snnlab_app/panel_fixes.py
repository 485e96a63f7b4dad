"""Faults of Panel, Bokeh and HoloViews that are put right here, and private parts of theirs in use.

``tests/app/browser/test_panel_fixes*.py`` shows each fault in the library itself: where such a test
fails, its fix is no longer needed. The faults of BokehJS are in ``browser/bokeh_fixes.js``. What a
browser may send at most is in ``panel_limits.py``. Imports nothing else of the dashboard.
"""

import asyncio
import gc
import gzip
import logging
import sys
from base64 import b64encode
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from weakref import WeakKeyDictionary

import holoviews as hv
import panel as pn
from bokeh.core.serialization import Deserializer, Serializer
from bokeh.document import Document
from bokeh.document.events import DocumentPatchedEvent
from bokeh.io import doc as current
from bokeh.models import Plot
from bokeh.protocol.message import Message
from bokeh.server.connection import ServerConnection
from bokeh.server.contexts import ApplicationContext
from bokeh.server.protocol_handler import ProtocolHandler
from bokeh.server.tornado import BokehTornado
from bokeh.server.views.ws import WSHandler
from holoviews.plotting.bokeh.element import ElementPlot
from panel.io import document, location
from panel.io.location import Location
from panel.io.server import ComponentResourceHandler, DocHandler
from panel.io.state import set_curdoc
from panel.reactive import Syncable
from panel.util import edit_readonly
from tornado.web import HTTPError

from snnlab_app.panel_limits import assembling_at_most, handling_at_most, unpacking_at_most

_log = logging.getLogger(__name__)

EXAMINED = {"panel": ("1.9", "1.10"), "bokeh": ("3.7", "3.10"), "holoviews": ("1.21", "1.23")}
"""First and last version of each library in which the faults were found."""


LEAVES_PAGES = isinstance(current._PATCHED_CURDOCS, list)
"""Whether this Bokeh keeps the page of a failed callback as the current one, as before 3.10."""

WRITES_LATE = hasattr(ServerConnection, "send_patch_document")
"""Whether this Bokeh writes messages some time after it has made them, as before 3.10."""


def unexamined() -> list[str]:
    """Libraries, with their version, that are newer or older than those examined."""
    return [
        f"{library} {version(library)}"
        for library, (first, last) in EXAMINED.items()
        if not _release(first) <= _release(version(library))[:2] <= _release(last)
    ]


def _release(text):
    return tuple(int(part) for part in text.split(".")[:2])


def fix_server(collect_all: Callable[[], bool]) -> None:
    """Put the server's faults right, once for a process.

    A fix is left out, with a line in the log, where a newer library lacks what it changes.
    collect_all : whether a search for garbage through all memory would disturb nobody now.
    """
    for library in unexamined():
        _log.warning("fixes of %s were not examined", library)
    for owner, name, fixed in (
        (document, "_garbage_collect", lambda _: collecting(collect_all)),
        (Syncable, "_event_coroutine", pn.io.with_lock),
        (document, "_dispatch_msgs", dispatching_all),
        (Location, "_sync_pathname", keeping_paths),
        (location, "parse_query", reading_queries),
        (Serializer, "_encode_bytes", enclosing),
        (Deserializer, "_decode_bytes", unpacking_at_most),
        (Message, "assemble_buffer", assembling_at_most),
        (WSHandler, "on_close", ending_once),
        (ProtocolHandler, "handle", handling_unless_ended),
        (ProtocolHandler, "handle", handling_at_most),
        *([(current, "patch_curdoc", restoring_curdoc)] if LEAVES_PAGES else []),
        *(IN_ORDER if WRITES_LATE else []),
    ):
        if hasattr(owner, name):
            setattr(owner, name, fixed(getattr(owner, name)))
        else:
            _log.warning("%s.%s does not exist: it is not fixed", owner.__name__, name)


def collecting(collect_all: Callable[[], bool]) -> Callable[[], None]:
    """What Panel does after a visitor has left, but in young memory only while many are at work.

    Panel searches all memory each time, a tenth of a second for each page, and everybody waits.
    """

    def collect():
        gc.collect(2 if collect_all() else 1)

    return collect


def dispatching_all(dispatch):
    """Panel's writer to slow connections, without leaving changes until something else changes.

    A writer that ends opens the way for those that write directly; the next one, called when that
    has just happened, takes it for the end of the document.
    """
    renamed = hasattr(document, "_WRITE_EVENTS")  # by Panel 1.10
    waiting = document._WRITE_EVENTS if renamed else document._WRITE_MSGS

    async def dispatch_all(doc):
        if doc in waiting:
            document._WRITE_BLOCK[doc] = True
        await dispatch(doc)

    return dispatch_all


ENCLOSED = 8192
"""Largest array, in bytes, that is written inside its message."""


def enclosing(encode: Callable) -> Callable:
    """Bokeh's way to write arrays, with small ones inside their message.

    Others follow in two more parts each, and a page that plots takes several hundred a second: half
    of what its browser does.
    """

    def encode_bytes(serializer, array):
        if memoryview(array).nbytes > ENCLOSED:
            return encode(serializer, array)
        data = gzip.compress(bytes(array), compresslevel=0, mtime=1)
        return {"type": "bytes", "data": b64encode(data).decode()}

    return encode_bytes


class Outbox:
    """Messages to one browser, written in the order in which they were made.

    Bokeh writes the changes of a callback after its end. Panel writes its own at once, or has them
    wait while others go first. So a message that names a model may come before the one that brings
    it, and the page fails.
    """

    def __init__(self):
        self._messages, self._writing = deque(), asyncio.Lock()

    def add(self, message: Message) -> None:
        self._messages.append(message)

    async def write(self, send: Callable[[Message], Awaitable[None]]) -> None:
        """Write all that waits: by the end, what was added before is written."""
        async with self._writing:
            while self._messages:
                await send(self._messages.popleft())


_outboxes: WeakKeyDictionary[WSHandler, Outbox] = WeakKeyDictionary()
_send = WSHandler.send_message


def send(socket: WSHandler, *messages: Message) -> Awaitable[None]:
    """Have messages wait their turn at once, and write all that wait when awaited."""
    outbox = _outboxes.setdefault(socket, Outbox())
    for message in messages:
        outbox.add(message)
    return outbox.write(partial(_send, socket))


def send_event(connection: ServerConnection, event: DocumentPatchedEvent) -> Awaitable[None]:
    """Have a change that Bokeh dispatches wait its turn, and write it when awaited."""
    return send(connection._socket, connection.protocol.create("PATCH-DOC", [event]))


def sending_in_order(write: Callable) -> Callable:
    """Panel's way to write changes, in their turn."""

    def send_events(page, connections, events):
        for connection in connections:
            if isinstance(socket := connection._socket, WSHandler):
                outbox = _outboxes.setdefault(socket, Outbox())
                outbox.add(connection.protocol.create("PATCH-DOC", events))
                document._dispatch_write_task(page, send, socket)
            else:
                write(page, [connection], events)

    return send_events


IN_ORDER = (
    (WSHandler, "send_message", lambda _: send),
    (ServerConnection, "send_patch_document", lambda _: send_event),
    (document, "write_events", sending_in_order),
    (document, "schedule_write_events", sending_in_order),
)


def ending_once(end: Callable[[WSHandler], None]) -> Callable[[WSHandler], None]:
    """Bokeh's end of a connection, unless a ping has found the browser gone and ended it before.

    It would fail, and say so in the log.
    """

    def on_close(socket):
        if socket.connection is None or socket.connection._session is not None:
            end(socket)

    return on_close


def handling_unless_ended(handle: Callable[..., Awaitable]) -> Callable[..., Awaitable]:
    """Bokeh's way to act on a message, unless its connection has ended since it arrived.

    It would fail for want of a session, and say so in the log.
    """

    async def handle_message(handler, message, connection):
        ended = connection._session is None
        return None if ended else await handle(handler, message, connection)

    return handle_message


def keeping_paths(_):
    """Panel's answer to the path in the browser's address bar: none.

    It would take folders that a proxy added in front for folders of this server, and look for
    styles that many folders up, where a proxy calls this server by its own address.
    """

    def leave(location):
        pass

    return leave


def reading_queries(parse: Callable[[str], dict]) -> Callable[[str], dict]:
    """Panel's way to read the parameters of an address, none where it fails.

    It takes "²" for a whole number, and one of thousands of digits, and the page is an error. The
    dashboard reads its links itself.
    """

    def parse_query(query):
        try:
            return parse(query)
        except Exception:
            return {}

    return parse_query


def restoring_curdoc(patch):
    """Bokeh's way to say which page is served, without what an error leaves behind.

    The page of a callback that fails would stay the one that is served, to everybody else's too;
    once its visitor is gone, no page can be drawn any more.
    """

    @contextmanager
    def patch_curdoc(doc):
        try:
            with patch(doc):
                yield
        except BaseException:
            served = current._PATCHED_CURDOCS  # also by other threads: only our own is removed
            mine = [k for k, page in enumerate(served) if page() is doc]
            if mine:
                del served[mine[-1]]
            raise

    return patch_curdoc


# ── pages ──


def load(page: Document) -> None:
    """Have Panel run what waits for the browser.

    Panel waits for a message that a browser does not send again to a server that was restarted.
    """
    with set_curdoc(page):
        pn.state._on_load(page)


def free(page: Document) -> None:
    """Let go of a closed page, which Panel keeps whole for its area for notifications."""
    views = pn.state._views
    for name in [name for name, (_, _, owner, _) in views.items() if owner is page]:
        del views[name]


def without_busy(make: Callable[[], pn.viewable.Viewable]) -> pn.viewable.Viewable:
    """A page that does not mirror whether the server is busy.

    It would walk all its models each time, and every page would with every event of any visitor:
    with thirty that costs more than all the rest.
    """
    others = _watching_busy()
    page = make()
    for watcher in _watching_busy():
        if watcher not in others:
            pn.state.param.unwatch(watcher)
    with edit_readonly(page):
        page.busy = False
    return page


def _watching_busy():
    return list(pn.state.param.watchers.get("busy", {}).get("value", []))


class Markup(pn.pane.HTML):
    """Sends its text when that changes; Panel computes and sends all its properties each time."""

    def _update(self, ref, model):
        model.text = self._transform_object(self.object)["object"]


def rendered(element: hv.Element | hv.Overlay, each_leaf: Callable[[ElementPlot], None]) -> Plot:
    """An element as a Bokeh figure that belongs to no page; ``each_leaf`` sees its parts.

    HoloViews ties a plot to the page in which it is drawn, and the page keeps all its plots.
    """
    plot = hv.renderer("bokeh").get_plot(element, doc=Document())
    plot.traverse(each_leaf, [ElementPlot])
    plot.cleanup()
    return plot.state


# ── the server ──


def change_sessions(change: Callable[[Callable], Callable]) -> None:
    """Change how every page comes to its session, for which Panel has no public way."""
    DocHandler.get_session = change(DocHandler.get_session)


def first_page(server) -> tuple[BokehTornado, ApplicationContext]:
    """A server's application, and what makes the sessions of its first page, for which Bokeh has no
    public way."""
    return server._tornado, server._tornado._applications["/"]


def add_handlers(server, host: str, handlers: list[tuple]) -> None:
    """Add Tornado's handlers for a host pattern, for which Bokeh has no public way."""
    server._tornado.add_handlers(host, handlers)


class LoadedComponents(ComponentResourceHandler):
    """Files of components. Panel's own imports any module that an address names."""

    def parse_url_path(self, path):
        if path.split("/")[0] not in sys.modules:
            raise HTTPError(404, "Module not found")
        return super().parse_url_path(path)
