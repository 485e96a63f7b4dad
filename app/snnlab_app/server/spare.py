"""The next visitor's page, made before it is asked for: to make one takes the server a second."""

import logging
from collections.abc import Awaitable, Callable
from time import monotonic

from bokeh.server.contexts import ApplicationContext
from bokeh.server.session import ServerSession
from bokeh.server.tornado import BokehTornado
from bokeh.util.token import generate_jwt_token, generate_session_id
from tornado.httputil import HTTPServerRequest, RequestStartLine
from tornado.web import RequestHandler

_log = logging.getLogger(__name__)

LOOK_EVERY_MS = 1000
QUIET = 10.0
"""Seconds without a drawing or a new page after which the server may make one: it answers nothing
else meanwhile."""
MAX_AGE = 3600.0
"""Seconds after which a page that nobody asked for is made again, as its token expires some day."""
ASKED_FOR = "Bokeh-Session-Id"
"""Header of a request for a session that exists."""
PLAIN = {"headers": {}, "cookies": {}, "arguments": {}}
"""What is known of the request of a page that is made ahead."""


class Spare:
    """A page that waits for its visitor.

    application, context : what makes pages, and those of this address; drawing : whether any page
    is being drawn.
    """

    def __init__(
        self,
        application: BokehTornado,
        context: ApplicationContext,
        drawing: Callable[[], bool],
        now: Callable[[], float] = monotonic,
    ):
        self._application, self._context = application, context
        self._drawing, self._now = drawing, now
        self._name: str | None = None  # of the session, also while it is made
        self._session: ServerSession | None = None
        self._acts: list[Callable[[], None]] = []
        self._made, self._busy, self._failed = 0.0, -QUIET, False

    def when_visited(self, visitor: str, act: Callable[[], None]) -> None:
        """Call when the page of this session is asked for: at once, but for the spare one."""
        if visitor == self._name:
            self._acts.append(act)
        else:
            act()

    async def look(self) -> None:
        """Make a page if nobody needs the server, unless one waits."""
        now = self._now()
        if self._drawing():
            self._busy = now
        if self._session and now > self._made + MAX_AGE:
            session, _ = self._let_go()
            session.request_expiration()
        if not (self._name or self._failed) and now >= self._busy + QUIET:
            await self._make()

    def giving(self, get_session: Callable[[RequestHandler], Awaitable]) -> Callable:
        """Panel's way to the session of a page, which is the spare one if it asks for no other."""

        async def give(handler):
            request = handler.request
            plain = not request.arguments and ASKED_FOR not in request.headers
            if self._session and plain and handler.application_context is self._context:
                session, acts = self._let_go()
                request.headers[ASKED_FOR] = session.id
                for act in acts:
                    act()
            self._busy = self._now()
            return await get_session(handler)

        return give

    async def _make(self):
        app = self._application
        key = {"secret_key": app.secret_key, "signed": app.sign_sessions}
        self._name = generate_session_id(**key)
        token = generate_jwt_token(
            self._name, expiration=app.session_token_expiration, extra_payload=PLAIN, **key
        )
        request = HTTPServerRequest(start_line=RequestStartLine("GET", "/", "HTTP/1.0"))
        try:
            made = await self._context.create_session_if_needed(self._name, request, token)
        except Exception:
            _log.exception("no page can be made ahead")
            self._name, self._acts, self._failed = None, [], True
            return
        made.block_expiration()
        self._session, self._made = made, self._now()

    def _let_go(self):
        """The session, from now on like any other, and what is to be called."""
        session, acts = self._session, self._acts
        self._name, self._session, self._acts = None, None, []
        # As if its visitor had just left: it has not been waiting for a return all the time.
        session.subscribe(self)
        session.unsubscribe(self)
        session.unblock_expiration()
        return session, acts
