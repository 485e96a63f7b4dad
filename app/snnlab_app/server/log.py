"""Log filters for closed connections and refused host names.

A tab may be closed while messages are being sent. Bokeh, Panel and asyncio each log that as an
error, once per message, which would hide real errors.
"""

import logging
from urllib.parse import urlsplit

from tornado.websocket import WebSocketClosedError

CLOSED = "Failed sending message as connection was closed"
REFUSED = "Refusing websocket connection from Origin"
LOGGERS = ("asyncio", "bokeh.server.views.ws", "panel.io.document")


def tidy() -> None:
    """Drop messages on closed tabs; name our flag where a page of another origin is refused.

    Harmless when called twice.
    """
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_tidied)


def _tidied(record):
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, WebSocketClosedError) or record.msg == CLOSED:
        return False
    if str(record.msg).startswith(REFUSED):
        host = urlsplit(record.args[0]).netloc or "HOST:PORT"
        record.msg = "a page of %s was refused: if it is ours, start the server with --origin %s"
        record.args = record.args[0], host
    return True
