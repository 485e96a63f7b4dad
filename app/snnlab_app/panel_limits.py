"""What a browser may send at most, where Panel and Bokeh take any amount.

``tests/app/browser/test_panel_limits.py`` shows that they do; ``panel_fixes.fix_server`` puts the
limits in place. Imports nothing of the dashboard.
"""

import gzip
from base64 import b64decode
from collections.abc import Awaitable, Callable
from io import BytesIO
from weakref import WeakKeyDictionary

from bokeh.core.serialization import Deserializer
from bokeh.protocol.exceptions import ProtocolError

MAX_BYTES = 20 * 2**20
"""Largest size of the binary parts of one message, packed ones when unpacked: the largest part of
an upload has 8 MB."""
MAX_PARTS = 1000
"""Most binary parts of one message; a page of the dashboard sends one."""
MAX_EVENTS = 1000
"""Most changes in one message; a page sends a few together."""

_unpacked: WeakKeyDictionary[Deserializer, int] = WeakKeyDictionary()


def unpacking_at_most(decode: Callable) -> Callable:
    """Bokeh's way to read bytes, with at most MAX_BYTES unpacked for one message.

    A message of 2 MB may hold bytes that unpack to 2 GB. Bokeh has a reader for each message.
    """

    def decode_bytes(reader, part):
        if not isinstance(packed := part["data"], str):
            return decode(reader, part)
        left = MAX_BYTES - _unpacked.get(reader, 0)
        with gzip.open(BytesIO(b64decode(packed))) as file:
            data = file.read(left + 1)
        if len(data) > left:
            reader.error(f"bytes of a message unpack to more than the {MAX_BYTES:,} allowed")
        _unpacked[reader] = _unpacked.get(reader, 0) + len(data)
        return data

    return decode_bytes


def assembling_at_most(assemble: Callable) -> Callable:
    """Bokeh's way to add a binary part to a message, up to MAX_PARTS of MAX_BYTES together.

    Tornado limits each part only, and a message that stays unfinished is kept.
    """

    def assemble_part(message, header, content):
        had = message.buffers
        if len(had) >= MAX_PARTS:
            raise ProtocolError(f"a message has more than the {MAX_PARTS} binary parts allowed")
        if not isinstance(header["id"], str):
            raise ProtocolError("the name of a binary part is not a text")
        size = sum(len(part.id) + len(part.data) for part in had) + len(header["id"]) + len(content)
        if size > MAX_BYTES:
            raise ProtocolError(
                f"binary parts of a message have more than the {MAX_BYTES:,} bytes allowed"
            )
        assemble(message, header, content)

    return assemble_part


def handling_at_most(handle: Callable[..., Awaitable]) -> Callable[..., Awaitable]:
    """Bokeh's way to act on a message, unless that has more than MAX_EVENTS changes.

    Nobody else is answered meanwhile, for seconds with as many as fit in a message.
    """

    async def handle_message(handler, message, connection):
        content = message.content
        events = content.get("events") if isinstance(content, dict) else None
        if isinstance(events, list) and len(events) > MAX_EVENTS:
            raise ProtocolError(
                f"a message has {len(events):,} changes, at most {MAX_EVENTS:,} are allowed"
            )
        return await handle(handler, message, connection)

    return handle_message


EMPTY = "the file is empty"


def limit_upload(widget, max_bytes: int, chunk_bytes: int, refuse: Callable[[str], None]) -> None:
    """Have a file input take one file of at most ``max_bytes``, in chunks that fit together.

    The limit that the widget itself knows is checked by the browser only; chunks without end would
    pile up in the server. ``refuse`` is called with the browser's own reason, if it has one, and
    with EMPTY for an empty file, of which the browser sends nothing.
    """
    handle, came = widget._handle_msg, [False]

    def fits(message):
        data, chunk, total = (message.get(name) for name in ("data", "chunk", "total_chunks"))
        files = widget._file_buffer.values()
        had = [part for file in files for part in file["chunks"].values()]
        return (
            isinstance(data, bytes | bytearray | memoryview)
            and (type(chunk), type(total)) == (int, int)
            and 1 <= chunk == len(had) + 1 <= total <= max_bytes // chunk_bytes + 1
            and sum(map(len, had)) + len(data) <= max_bytes
        )

    def handle_checked(message):
        status = message.get("status")
        if status == "error":  # the browser has sent nothing
            widget._file_buffer.clear()
            refuse(str(message.get("error")))
        elif status == "upload_event":
            came[0] = True
            if message.get("chunk") == 1:
                widget._file_buffer.clear()
            if fits(message):
                widget._buffer.clear()
                handle(message)
            else:
                widget._file_buffer.clear()
        elif status == "initializing":
            came[0] = False
            handle(message)
        elif status == "finished":
            handle(message)
            if not came[0]:
                refuse(EMPTY)

    widget._handle_msg = handle_checked
