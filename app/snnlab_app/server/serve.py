"""The web server of the dashboard."""

from collections.abc import Mapping
from errno import EACCES, EADDRINUSE

import panel as pn
from tornado.ioloop import PeriodicCallback

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.lessons import Lesson, bundled
from snnlab_app.compute.pool import Compute
from snnlab_app.page.layout import CLOCK
from snnlab_app.page.main import dashboard
from snnlab_app.page.watching import PATH, watching
from snnlab_app.panel_fixes import change_sessions, first_page, fix_server
from snnlab_app.plots.template import draw_ahead
from snnlab_app.server.access import Access
from snnlab_app.server.admin import Admin
from snnlab_app.server.door import known_only, lead, login_options
from snnlab_app.server.log import tidy
from snnlab_app.server.spare import LOOK_EVERY_MS, Spare
from snnlab_app.views import VIEWS

PORT, MAX_PORTS = 5006, 100
"""First default port, and number of ports tried."""
TAKEN = (EADDRINUSE, EACCES)
"""Errors of a port that another program has; Windows also reserves ranges of them."""
CHECK_LEFT_MS = 1000
LEFT_AFTER_MS = 60_000
"""Closed tabs announce it; a page whose connection was lost may reconnect within a minute."""
MAX_PAGES_FOR_FULL_COLLECTION = 4
"""Active pages up to which a full garbage collection is acceptable."""
DRAW_AHEAD_SECONDS = 0.3
"""Pause between two figures drawn ahead, in which the server answers."""
MAX_RETURN_SECONDS = 7 * 24 * 3600
"""Time within which an open page may reconnect: a week, for courses."""


def serve(
    settings: dict,
    compute: Compute,
    address: str,
    port: int | None = None,
    show: bool = True,
    access: Access | None = None,
    admin: bool = False,
    lessons: Mapping[str, Lesson] | None = None,
) -> None:
    """Serve the dashboard until interrupted; every visitor starts with ``settings``.

    port : by default the first free one from 5006 on, which is printed unless it is 5006; only 5006
    if other origins are configured, as they include the port; admin : also serve a status page at
    a secret address, which is printed; lessons : offered by name, by default the bundled ones.
    Raises :class:`~snnlab.errors.SnnlabError` if the address cannot be listened on.
    """
    access, lessons = access or Access(), bundled() if lessons is None else lessons

    def when_visited(visitor, act):
        spare.when_visited(visitor, act) if spare else act()

    pages = {
        "/": lambda: dashboard(Config.checked(**settings), compute, lessons, when_visited),
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
            **login_options(access),
            session_token_expiration=MAX_RETURN_SECONDS,
            start=False,
        )

    ports = range(PORT, PORT + MAX_PORTS)
    if port or access.origins:  # the port is fixed by a proxy or the origins
        ports = [port or PORT]
    server = _listening(listen, address, ports)
    spare = None
    if not (access.passwords or access.oauth):
        spare = Spare(*first_page(server), lambda: CLOCK.at_work > 0)
        change_sessions(spare.giving)
        PeriodicCallback(spare.look, LOOK_EVERY_MS).start()
    fix_server(lambda: CLOCK.at_work <= MAX_PAGES_FOR_FULL_COLLECTION)
    tidy()
    known_only(server, access.hosts(address))
    lead(server, access.root)
    if admin:
        where = access.seen_at(address, server.port)
        print(f"server status page: {where}{access.root}admin?key={desk.key}", flush=True)
    server.io_loop.add_callback(CLOCK.start)
    drawings = [drawing for view in VIEWS for drawing in view.drawings]
    draw_ahead(drawings, lambda draw: server.io_loop.call_later(DRAW_AHEAD_SECONDS, draw))
    server.start()
    server.io_loop.start()


def _listening(listen, address, ports):
    """A server on the first free port, found by trying to listen."""
    for port in ports:
        try:
            server = listen(port)
        except OSError as error:
            if error.errno in TAKEN and port != ports[-1]:
                continue
            flag = "--port" if error.errno in TAKEN else "--address"
            raise SnnlabError(
                f"cannot listen on {address}:{port} ({error.strerror}): choose another {flag}"
            ) from None
        if port != ports[0]:
            print(f"port {ports[0]} is taken: the dashboard is on port {port}", flush=True)
        return server
    return None
