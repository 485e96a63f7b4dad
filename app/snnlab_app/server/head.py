"""The head of a page is sent before the page is made: the browser reads its libraries meanwhile.

They take it as long as the page takes the server, and a visitor would wait for one after the other.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from time import monotonic

from tornado.web import OutputTransform, RequestHandler

from snnlab_app.panel_fixes import components

_log = logging.getLogger(__name__)

ASKS_WITHIN, QUIET, MAX_PAUSE = 0.2, 0.06, 0.5
"""Seconds in which the browser begins to fetch its libraries unless it has them, without a request
after which it has fetched them, and at most: the server then makes the page, and answers nothing
else."""
END = "</head>"
LOADER = re.compile(r'<script[^>]* src="([^"]*)static/[^"]*es-module-shims[^"]*"></script>')
"""What loads components; before it in the address is the way to the root of the server."""
COMPONENTS = (
    '<link rel="preload" as="fetch" crossorigin="anonymous" href="{0}">'
    "{1}<script>importShim('{0}').catch(() => {{}})</script>"
)
"""Reads the components before the first one is asked for."""
OWN = {"theme", "bokeh-token", "bokeh-session-id"}
"""Arguments with which a page may have another head, or may be refused."""
TROUBLE = f"{END}<body>The page could not be made: the server's log says why.</body></html>"


class Requests(OutputTransform):
    """Notes when the server last answered a request."""

    last = 0.0

    def __init__(self, request):
        Requests.last = monotonic()


class Heads:
    """Heads of pages by path, each as the last page there had it."""

    def __init__(self):
        self._known: dict[str, str] = {}

    def sending_first(self, get_session: Callable[[RequestHandler], Awaitable]) -> Callable:
        """Panel's way to the session of a page, with the head sent before, once it is known."""

        async def send_first(handler):
            path, write = handler.request.path, handler.write
            usual = not OWN & handler.request.arguments.keys()
            head = self._known.get(path) if usual else None
            if head is None:
                if usual:
                    handler.write = lambda page: write(self._learn(path, page))
                return await get_session(handler)
            write(_with_components(head))
            await handler.flush()
            await _libraries()
            handler.write = lambda page: write(self._rest(path, head, page))
            try:
                return await get_session(handler)
            except Exception:
                write(TROUBLE)
                raise

        return send_first

    def _learn(self, path, page):
        head, end, _ = page.partition(END)
        if end:
            self._known[path] = head
        return page

    def _rest(self, path, head, page):
        if page.startswith(head):
            return page[len(head) :]
        _log.warning("the head of %s has changed", path)
        _, end, rest = self._learn(path, page).partition(END)
        return end + rest or page


async def _libraries():
    """Wait until the browser has fetched what the head names."""
    begin = now = monotonic()
    while now < begin + MAX_PAUSE:
        asked = Requests.last > begin
        if now > (Requests.last + QUIET if asked else begin + ASKS_WITHIN):
            return
        await asyncio.sleep(QUIET / 4)
        now = monotonic()


def _with_components(head):
    return LOADER.sub(
        lambda found: COMPONENTS.format(f"./{found[1]}{components()}", found[0]), head, count=1
    )
