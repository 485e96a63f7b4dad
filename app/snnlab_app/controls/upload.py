"""Files that visitors send: how much of one is taken, and of which kinds."""

import panel as pn
import panel_material_ui as pmui

from snnlab.data.images.pictures import Picture, read_picture
from snnlab_app.panel_limits import EMPTY, limit_upload

MAX_BYTES = 8_000_000
CHUNK_BYTES = 8_000_000
"""Bytes in which a browser sends a file: the server takes no message of more than 20 MB."""
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "AVIF")
"""Kinds that take at most some 100 MB of memory to read, even if the file is malicious."""


def chooser(max_bytes: int = MAX_BYTES, accept: str = "", **look) -> pmui.FileInput:
    """A button for one file of at most ``max_bytes``, which the server checks as well.

    accept : types and endings of files that the browser sends. Of others it shows a red icon only;
    with none given it sends all, and who reads the file says what is wrong with it.
    """
    widget = pmui.FileInput(accept=accept, max_file_size=max_bytes, chunk_size=CHUNK_BYTES, **look)

    def refuse(reason):
        if reason == EMPTY:
            pn.state.notifications.error("the file is empty: choose another", duration=6000)
            return
        too_large = "exceed" in reason
        kinds = accept.replace(",", ", ") or "PNG or JPEG"
        cure = f"use one of {max_bytes / 1e6:.0f} MB at most" if too_large else f"choose {kinds}"
        pn.state.notifications.error(f"the file was not sent: {cure}", duration=6000)

    limit_upload(widget, max_bytes, CHUNK_BYTES, refuse)
    return widget


def read_upload(data: bytes) -> Picture:
    """The picture in a file that was sent.

    Raises :class:`~snnlab.errors.SnnlabError` if the file is missing or too large.
    """
    return read_picture(data, most_bytes=MAX_BYTES, formats=FORMATS)
