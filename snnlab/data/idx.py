"""The idx format of the MNIST family, read strictly.

A file is two zero bytes, a type code (8: unsigned byte), the number of dimensions, one big-endian
32-bit length per dimension, and the values, last dimension fastest. Lengths in the header are
checked against the actual number of bytes before anything is allocated.
"""

import gzip
import io
import math
import struct
import zlib

import numpy as np

from snnlab.errors import SnnlabError

_UNSIGNED_BYTE = 8
NUMBERS = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
"""Data types of the format, by their type code."""
_MAX_DIMENSIONS = 3
_GZIP_MAGIC = b"\x1f\x8b"


def read_idx(data: bytes, name: str, *, any_kind: bool = False) -> np.ndarray:
    """The array in ``data``, the content of the idx file ``name`` : uint8[…], read-only.

    any_kind : also accept types other than unsigned bytes, which QMNIST's labels have.
    Raises :class:`~snnlab.errors.SnnlabError`, naming the file, for anything but one complete
    array of 1 to 3 dimensions.
    """
    shape, dtype = _read_shape(data, name, any_kind)
    start = len(idx_header(shape))
    promised, held = math.prod(shape), (len(data) - start) // dtype.itemsize
    if held != promised or (len(data) - start) % dtype.itemsize:
        size = "×".join(map(str, shape))
        raise SnnlabError(f"{name}: expected {size} = {promised} values, found {held}")
    return np.frombuffer(data, dtype, offset=start).reshape(shape)


def idx_header(shape: tuple[int, ...]) -> bytes:
    """The header of an idx file with a uint8 array of this shape."""
    return struct.pack(f">HBB{len(shape)}I", 0, _UNSIGNED_BYTE, len(shape), *shape)


def inflate(data: bytes, limit: int, name: str) -> bytes:
    """``data`` decompressed if it is gzipped, at most ``limit`` bytes; otherwise ``data`` itself.

    The content decides, not the file name, because some servers decompress files. Raises
    :class:`~snnlab.errors.SnnlabError` for damaged gzip data or more than ``limit`` bytes.
    """
    if not data.startswith(_GZIP_MAGIC):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            content = stream.read(limit + 1)  # one more, to detect longer content
    except (OSError, EOFError, zlib.error) as error:
        raise SnnlabError(f"{name}: damaged gzip data ({error})") from error
    if len(content) > limit:
        raise SnnlabError(f"{name}: expected {limit} bytes unpacked, found more")
    return content


def _read_shape(data: bytes, name: str, any_kind: bool) -> tuple[tuple[int, ...], np.dtype]:
    magic = data[:4]
    kinds = NUMBERS if any_kind else (_UNSIGNED_BYTE,)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in kinds:
        raise SnnlabError(
            f"{name}: expected an idx file of bytes (magic 00 00 08), found {_show(magic)}"
        )
    dimensions = magic[3]
    if not 1 <= dimensions <= _MAX_DIMENSIONS:
        raise SnnlabError(f"{name}: expected 1 to {_MAX_DIMENSIONS} dimensions, found {dimensions}")
    lengths = data[4 : 4 + 4 * dimensions]
    if len(lengths) < 4 * dimensions:
        raise SnnlabError(
            f"{name}: expected a header of {4 + 4 * dimensions} bytes, found {len(data)}"
        )
    shape = struct.unpack(f">{dimensions}I", lengths)
    if 0 in shape:
        raise SnnlabError(f"{name}: expected values, found the empty shape {shape}")
    return shape, np.dtype(NUMBERS[magic[2]])


def _show(magic: bytes) -> str:
    return magic.hex(" ") or "an empty file"
