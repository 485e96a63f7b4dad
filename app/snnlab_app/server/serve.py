"""The web server of the dashboard."""

import gc
from contextlib import contextmanager
from errno import EADDRINUSE

import panel as pn
from bokeh.io import doc as current
from panel.io import document
from panel.reactive import Syncable

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab_app.compute.pool import Compute
from snnlab_app.page.layout import CLOCK
from snnlab_app.page.main import dashboard
from snnlab_app.page.watching import PATH, watching
from snnlab_app.server.access import Access
from snnlab_app.server.admin import Admin
from snnlab_app.server.door import known_only, lead
from snnlab_app.server.log import tidy

PORT, MOST_PORTS = 5006, 100
"""Where one looks for a free port, and how many are tried."""
CHECK_LEFT_MS = 1000
LEFT_AFTER_MS = 60_000
"""A closed tab says so; one that was lost may come back within a minute."""
FEW = 4
"""Pages at work among which a search through all memory is not felt: it takes a tenth of a second
for each page there is, and everybody waits."""
LONGEST = 7 * 24 * 3600
"""Seconds for which an open page may come back: a whole week's course."""


def serve(
    settings: dict,
    compute: Compute,
    address: str,
    port: int | None = None,
    show: bool = True,
    access: Access | None = None,
    admin: bool = False,
) -> None:
    """Serve the dashboard until interrupted; every visitor starts with ``settings``.

    Without a ``port`` on the first that is free from 5006 on, which is printed if it is another;
    on 5006 alone if browsers come by another origin, which would not follow.
    With ``admin``, a page tells what goes on; its address is printed, and known to nobody else.
    Raises :class:`~snnlab.errors.SnnlabError` if the address cannot be listened on.
    """
    access = access or Access()
    pages = {
        "/": lambda: dashboard(Config.checked(**settings), compute),
        f"/{PATH}": lambda: watching(compute),
    }
    if admin:
        pages["/admin"] = (desk := Admin(compute)).page

    def listen(port):
        return pn.serve(
            pages,
            address=address,
            port=port,
            show=show,
            title="snnlab",
            check_unused_sessions_milliseconds=CHECK_LEFT_MS,
            unused_session_lifetime_milliseconds=LEFT_AFTER_MS,
            **access.options(address, port),
            session_token_expiration=LONGEST,
            start=False,
        )

    ports = range(PORT, PORT + MOST_PORTS)
    if port or access.origins:  # others know it: a proxy, or the origins themselves
        ports = [port or PORT]
    server = _listening(listen, address, ports)
    _adjust_panel()
    tidy()
    known_only(server, access.hosts(address))
    lead(server, access.root)
    if admin:
        where = f"http://{address}:{server.port}{access.root}admin"
        print(f"server status page: {where}?key={desk.key}", flush=True)
    server.io_loop.add_callback(CLOCK.start)
    server.start()
    server.io_loop.start()


def _listening(listen, address, ports):
    """A server on the first of the ports that is free: only who listens knows that for sure."""
    for port in ports:
        try:
            server = listen(port)
        except OSError as error:
            if error.errno == EADDRINUSE and port != ports[-1]:
                continue
            raise SnnlabError(
                f"cannot listen on {address}:{port} ({error.strerror}): choose another --port"
            ) from None
        if port != ports[0]:
            print(f"port {ports[0]} is taken: the dashboard is on port {port}", flush=True)
        return server
    return None


LEAVES_PAGES = isinstance(current._PATCHED_CURDOCS, list)
"""Whether this Bokeh keeps the page of a failed callback as the current one, as before 3.10."""


def _adjust_panel():
    document._garbage_collect = _collect
    # A click that arrives while another change is waiting would run without the document's lock,
    # without which no figure of Bokeh's may change.
    Syncable._event_coroutine = pn.io.with_lock(Syncable._event_coroutine)
    document._dispatch_msgs = without_rest(document._dispatch_msgs)
    if LEAVES_PAGES:
        current.patch_curdoc = taken_back(current.patch_curdoc)


def without_rest(dispatch):
    """Panel's writer to slow connections, but for what it leaves until something else changes.

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


def taken_back(patch):
    """Bokeh's way to say which page is served, but for what an error leaves behind.

    The page of a callback that fails would stay the one that is served, to everybody else's too;
    once its visitor is gone, no page can be drawn any more.
    """

    @contextmanager
    def patch_curdoc(doc):
        try:
            with patch(doc):
                yield
        except BaseException:
            served = current._PATCHED_CURDOCS  # also by other threads: only our own is taken back
            mine = [k for k, page in enumerate(served) if page() is doc]
            if mine:
                del served[mine[-1]]
            raise

    return patch_curdoc


def _collect():
    """What Panel does after a visitor has gone; while many are at work, Python finds the time."""
    gc.collect(2 if CLOCK.at_work <= FEW else 1)
