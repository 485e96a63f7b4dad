"""Pictures that visitors send: how much of one is taken, and of which kinds."""

import panel_material_ui as pmui

from snnlab.data.pictures import Picture, read_picture

MOST_BYTES = 8_000_000
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "AVIF")
"""Kinds that cannot take more than some 100 MB to read, whoever sends them."""


def chooser(**look) -> pmui.FileInput:
    """A button for one picture, with the server's own opinion of how much is too much."""
    widget = pmui.FileInput(accept="image/*", max_file_size=MOST_BYTES, **look)
    usual = widget._handle_msg

    def handle(message):
        # The limit above is the browser's business; parts without end would pile up here.
        if message.get("status") == "upload_event":
            data = message.get("data")
            if (message.get("total_chunks"), message.get("chunk")) != (1, 1) or not (
                isinstance(data, bytes | bytearray | memoryview) and len(data) <= MOST_BYTES
            ):
                return
            widget._buffer.clear()
        usual(message)

    widget._handle_msg = handle
    return widget


def read_upload(data: bytes) -> Picture:
    """A picture file that was sent; raises :class:`SnnlabError` for none, or too large a one."""
    return read_picture(data, most_bytes=MOST_BYTES, formats=FORMATS)
