"""Pictures that visitors send: how much of one is taken, and decoded with suspicion.

A few dozen bytes can claim to be a picture of gigabytes. What it claims is asked before any of it
is unpacked, and held against what its format costs.
"""

import warnings
from io import BytesIO

import numpy as np
import panel_material_ui as pmui
from PIL import Image, UnidentifiedImageError

from snnlab.errors import SnnlabError

MOST_BYTES = 8_000_000
MOST_PIXELS = {"JPEG": 64_000_000, "PNG": 16_000_000, "GIF": 16_000_000, "BMP": 16_000_000,
               "WEBP": 4_000_000}  # fmt: skip
"""By what it takes to read one: a JPEG is shrunk line by line, WebP wants 15 bytes a pixel."""
SCANNED = 16_000_000
"""Pixels of a JPEG in several scans, which is held in memory whole."""
MOST_SCANS = 30
"""Of a JPEG: each is a pass over the picture, and costs a file a few bytes; usual are ten."""
SHOWN = 400
"""Pixels to which a picture is shrunk."""


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


def grey(data: bytes) -> np.ndarray:
    """A picture file as brightness : uint8[row, column]; transparent is white.

    Raises :class:`SnnlabError` for what is no picture, or too large a one.
    """
    if len(data) > MOST_BYTES:
        raise SnnlabError(f"the picture has {len(data):,} bytes: use one of {MOST_BYTES:,} at most")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(BytesIO(data), formats=tuple(MOST_PIXELS)) as picture:
                _check(picture, data)
                return _shrunk(picture)
    except SnnlabError:
        raise
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise SnnlabError("the file is no picture that can be read: use PNG or JPEG") from None


def _check(picture, data):
    most = MOST_PIXELS[picture.format]
    if picture.format == "JPEG":
        scans = _scans(data)
        if scans > MOST_SCANS:
            raise SnnlabError(f"the picture has {scans:,} scans: save it anew, as plain JPEG")
        if scans > 1 or "progressive" in picture.info:
            most = SCANNED
    if (pixels := picture.width * picture.height) > most:
        raise SnnlabError(
            f"the picture has {pixels:,} pixels: use one of {most:,} at most, as {picture.format}"
        )


def _scans(data):
    """Scans of a JPEG, or a few more: what is appended to it is counted too."""
    at = 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda":
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return data.count(b"\xff\xda", at)


def _shrunk(picture):
    """Light and opacity apart: together Pillow would copy all of it once more."""
    picture.draft("RGB", (2 * SHOWN, 2 * SHOWN))
    if picture.mode == "P":
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    light = picture.convert("L")
    opaque = picture.getchannel("A") if "A" in picture.getbands() else None
    light.thumbnail((SHOWN, SHOWN))
    if opaque is not None:
        opaque.thumbnail((SHOWN, SHOWN))
        light = Image.composite(light, Image.new("L", light.size, 255), opaque)
    return np.asarray(light)
