"""What Panel and Bokeh by themselves take from a browser without a limit, and the limits."""

import asyncio
import gzip
import json
import tracemalloc
from base64 import b64encode
from types import SimpleNamespace

import panel_material_ui as pmui
import pytest
from bokeh.core.serialization import DeserializationError, Deserializer
from bokeh.document import Document
from bokeh.models import Div
from bokeh.protocol import Protocol
from bokeh.protocol.exceptions import ProtocolError
from bokeh.protocol.message import Message
from bokeh.protocol.receiver import Receiver
from bokeh.server.connection import ServerConnection
from bokeh.server.protocol_handler import ProtocolHandler
from bokeh.server.session import ServerSession
from conftest import aside
from tornado.ioloop import IOLoop

from snnlab_app import panel_limits
from snnlab_app.controls.upload import CHUNK_BYTES
from snnlab_app.panel_limits import (
    MAX_BYTES,
    MAX_EVENTS,
    MAX_PARTS,
    assembling_at_most,
    handling_at_most,
    unpacking_at_most,
)


def packed(size):
    """Zeros of this size inside a message."""
    return {"type": "bytes", "data": b64encode(gzip.compress(bytes(size))).decode()}


def read(part):
    """What a reader takes from a part of a message, and the memory that this took at most."""
    tracemalloc.start()
    try:
        return Deserializer().decode(part), tracemalloc.get_traced_memory()[1]
    except DeserializationError as error:
        return str(error), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_bytes_that_unpack_to_far_more_are_not_unpacked(monkeypatch):
    bomb = packed(6 * MAX_BYTES)
    assert len(bomb["data"]) < MAX_BYTES / 100
    assert len(read(bomb)[0]) == 6 * MAX_BYTES, "else this limit is no longer needed"
    fixed = unpacking_at_most(Deserializer._decode_bytes)
    monkeypatch.setattr(Deserializer, "_decode_bytes", fixed)
    refused = "bytes of a message unpack to more than the 20,971,520 allowed"
    for message in (bomb, [packed(MAX_BYTES // 4)] * 400):
        said, memory = read(message)
        assert said == refused
        assert memory < 4 * MAX_BYTES
    for size in (0, 9, MAX_BYTES):
        assert read([packed(size)])[0] == [bytes(size)]
    assert read([packed(MAX_BYTES // 4)] * 4)[0] == [bytes(MAX_BYTES // 4)] * 4


@pytest.mark.parametrize(
    "data", ["no base64", b64encode(b"no gzip").decode(), packed(9)["data"][:16]],
    ids=["no base64", "no gzip", "cut"],
)  # fmt: skip
def test_bytes_that_are_damaged_are_refused_as_before(monkeypatch, data):
    def fault():
        with pytest.raises((ValueError, OSError, EOFError)) as refused:
            Deserializer().decode({"type": "bytes", "data": data})
        return refused.type, str(refused.value)

    before = fault()
    fixed = unpacking_at_most(Deserializer._decode_bytes)
    monkeypatch.setattr(Deserializer, "_decode_bytes", fixed)
    assert fault() == before


async def _received(count, *parts):
    """The message of which these are the binary parts, None while others are to come."""
    receiver = Receiver(Protocol())
    header = {"msgid": "x", "msgtype": "PATCH-DOC", "num_buffers": count}
    for fragment in (header, {}, {"events": []}):
        await receiver.consume(json.dumps(fragment))
    for name, content in parts:
        await receiver.consume(json.dumps({"id": name}))
        message = await receiver.consume(content)
    return message


def received(*arguments):
    return aside(asyncio.run, _received(*arguments))


ENDLESS = {
    "large": (
        [("k", bytes(MAX_BYTES // 4))] * 5,
        "parts of a message have more than the 20,971,520",
    ),
    "many": ([("k", b"")] * (MAX_PARTS + 1), "more than the 1000 binary parts"),
    "long names": (
        [("k" * MAX_BYTES, b"")] * 2,
        "parts of a message have more than the 20,971,520",
    ),
    "odd names": ([([[], []], b"")], "name of a binary part is not a text"),
}


@pytest.mark.parametrize(("parts", "said"), ENDLESS.values(), ids=ENDLESS)
def test_parts_of_a_message_without_end_are_refused(monkeypatch, parts, said):
    assert received(10**6, *parts) is None, "else this limit is no longer needed"
    monkeypatch.setattr(Message, "assemble_buffer", assembling_at_most(Message.assemble_buffer))
    with pytest.raises(ProtocolError, match=said):
        received(10**6, *parts)


def test_the_largest_part_of_an_upload_is_taken(monkeypatch):
    monkeypatch.setattr(Message, "assemble_buffer", assembling_at_most(Message.assemble_buffer))
    chunk = bytes(CHUNK_BYTES)
    assert [len(part.data) for part in received(1, ("p1", chunk)).buffers] == [CHUNK_BYTES]
    assert len(received(2, ("p1", chunk), ("p2", chunk)).buffers) == 2


def handled(count):
    """How many of these changes in one message reach the page."""
    page, socket = Document(), SimpleNamespace()
    page.add_root(text := Div())
    seen = []
    text.on_change("tags", lambda attr, old, new: seen.append(new))
    change = {"kind": "ModelChanged", "model": {"id": text.id}, "attr": "tags"}
    content = {"events": [{**change, "new": [k]} for k in range(count)]}

    async def handle():
        session = ServerSession("id", page, IOLoop.current())
        connection = ServerConnection(Protocol(), socket, None, session)
        message = Protocol().assemble('{"msgid": "x", "msgtype": "PATCH-DOC"}', "{}", "{}")
        message.content = content
        return await ProtocolHandler().handle(message, connection)

    assert aside(asyncio.run, handle()).msgtype == "OK"
    return len(seen)


def test_many_thousand_changes_in_one_message_are_refused(monkeypatch):
    assert handled(MAX_EVENTS + 1) == MAX_EVENTS + 1, "else this limit is no longer needed"
    monkeypatch.setattr(ProtocolHandler, "handle", handling_at_most(ProtocolHandler.handle))
    with pytest.raises(ProtocolError, match="has 1,001 changes, at most 1,000 are allowed"):
        handled(MAX_EVENTS + 1)
    assert handled(MAX_EVENTS) == MAX_EVENTS


@pytest.mark.parametrize("content", [[], "x", {}, {"events": 5}, {"events": {}}])
def test_content_of_other_kinds_is_left_to_bokeh(content):
    async def handle(*_):
        return "handled"

    message = SimpleNamespace(content=content)
    assert aside(asyncio.run, handling_at_most(handle)(None, message, None)) == "handled"


def test_a_file_input_by_itself_takes_more_than_its_limit():
    limit, chunk = 1000, 400

    def held(widget):
        for number in range(1, 6):
            widget._handle_msg({
                "status": "upload_event", "name": "a.zip", "mime_type": "", "data": bytes(chunk),
                "chunk": number, "total_chunks": 9,
            })  # fmt: skip
        files = widget._file_buffer.values()
        return sum(len(part) for file in files for part in file["chunks"].values())

    plain, limited = (pmui.FileInput(max_file_size=limit, chunk_size=chunk) for _ in range(2))
    panel_limits.limit_upload(limited, limit, chunk, lambda reason: None)
    assert held(plain) == 5 * chunk > limit
    assert held(limited) <= limit
