"""Log filters for closed connections, refused host names and long texts.

A tab may be closed while messages are being sent. Bokeh, Panel and asyncio each log that as an
error, once per message, which would hide real errors. Where a message of a browser is refused, they
log the whole of it, and its values again in the traceback, so that a visitor could fill the disk.
"""

import logging
from traceback import TracebackException
from urllib.parse import urlsplit

from tornado.websocket import WebSocketClosedError

CLOSED = "Failed sending message as connection was closed"
REFUSED = "Refusing websocket connection from Origin"
LOGGERS = ("asyncio", "bokeh.server.views.ws", "panel.io.document")
WORDY = (
    *LOGGERS, "bokeh.core.has_props", "bokeh.protocol", "bokeh.server.protocol_handler",
    "panel.reactive", "tornado.application",
)  # fmt: skip
"""Loggers that repeat what a browser sent."""
MAX_TEXT = 500
"""Longest message, and longest part of a traceback, in characters."""
MAX_PARTS = 40
"""Most parts of a traceback: the last ones are kept."""


def tidy() -> None:
    """Drop messages on closed tabs; name our flag where a page of another origin is refused; cut
    what is long.

    Harmless when called twice.
    """
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_tidied)
    for name in WORDY:
        logging.getLogger(name).addFilter(_shortened)


def _tidied(record):
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, WebSocketClosedError) or record.msg == CLOSED:
        return False
    if str(record.msg).startswith(REFUSED):
        host = urlsplit(record.args[0]).netloc or "HOST:PORT"
        record.msg = "a page of %s was refused: if it is ours, start the server with --origin %s"
        record.args = record.args[0], host
    return True


def _shortened(record):
    """Cut the texts of a record; a formatter takes the traceback that is there already."""
    try:
        text = record.getMessage()
    except Exception:  # values nested too deep to be shown, for one
        text = str(record.msg)
    record.msg, record.args = _cut(text), None
    if record.exc_info and record.exc_info[1]:
        parts = [part.rstrip("\n") for part in TracebackException(*record.exc_info).format()]
        left_out = [f"({n} parts before)"] if (n := len(parts) - MAX_PARTS) > 0 else []
        record.exc_text = "\n".join([*left_out, *map(_cut, parts[-MAX_PARTS:])])
    return True


def _cut(text):
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… ({len(text):,} characters)"
