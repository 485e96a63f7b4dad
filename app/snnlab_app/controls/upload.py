"""Files that visitors send: how much of one is taken, and of which kinds."""

import panel as pn
import panel_material_ui as pmui

from snnlab.data.images.pictures import Picture, read_picture

MOST_BYTES = 8_000_000
CHUNK = 8_000_000
"""Bytes in which a browser sends a file: the server takes no message of more than 20 MB."""
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "AVIF")
"""Kinds that cannot take more than some 100 MB to read, whoever sends them."""


def chooser(most: int = MOST_BYTES, accept: str = "image/*", **look) -> pmui.FileInput:
    """A button for one file, with the server's own opinion of how many bytes are too many."""
    widget = pmui.FileInput(accept=accept, max_file_size=most, chunk_size=CHUNK, **look)
    usual = widget._handle_msg

    def handle(message):
        status = message.get("status")
        if status == "error":  # of the browser's own: it has sent nothing
            widget._file_buffer.clear()
            too_large = "exceed" in str(message.get("error"))
            cure = f"use one of {most / 1e6:.0f} MB at most" if too_large else f"choose {accept}"
            words = f"the file was not sent: {cure}"
            pn.state.notifications.error(words, duration=6000)
            return
        if status not in ("initializing", "upload_event", "finished"):
            return
        # The limit above is the browser's business; parts without end would pile up here.
        if status == "upload_event":
            data, chunk, total = (message.get(name) for name in ("data", "chunk", "total_chunks"))
            if chunk == 1:
                widget._file_buffer.clear()
            files = widget._file_buffer.values()
            had = [part for file in files for part in file["chunks"].values()]
            if (
                not isinstance(data, bytes | bytearray | memoryview)
                or (type(chunk), type(total)) != (int, int)
                or not 1 <= chunk == len(had) + 1 <= total <= most // CHUNK + 1
                or sum(map(len, had)) + len(data) > most
            ):
                widget._file_buffer.clear()
                return
            widget._buffer.clear()
        usual(message)

    widget._handle_msg = handle
    return widget


def read_upload(data: bytes) -> Picture:
    """A picture file that was sent; raises :class:`SnnlabError` for none, or too large a one."""
    return read_picture(data, most_bytes=MOST_BYTES, formats=FORMATS)
