"""Files that are whole or not there."""

import math
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from errno import EISDIR, ENOENT
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import numpy as np

from snnlab.errors import SnnlabError

_flushes = ContextVar("flushes", default=True)


@contextmanager
def unflushed() -> Iterator[None]:
    """What is written in here outlives the process, but not a machine that loses its power."""
    before = _flushes.set(False)
    try:
        yield
    finally:
        _flushes.reset(before)


def write_whole(path: Path, fill: Callable[[BinaryIO], object], *, private: bool = False) -> None:
    """All or nothing: a file of another name beside it takes its name when it is complete.

    Processes that do this at once cannot mix their bytes. ``private`` : for the owner's eyes only.
    Raises OSError.
    """
    part = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            if private:
                part.chmod(0o600)
            fill(file)
            file.flush()
            if _flushes.get():
                os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def check_place(path: Path, what: str) -> None:
    """Whether a file could be put there, before long work for it begins.

    Raises :class:`SnnlabError` for a folder, or a place in none.
    """
    wrong = EISDIR if path.is_dir() else None if path.parent.is_dir() else ENOENT
    if wrong:
        raise SnnlabError(f"{what} {path} cannot be written: {os.strerror(wrong)}")


def npz(arrays: dict[str, np.ndarray]) -> Callable[[BinaryIO], object]:
    """What fills a file with named arrays, as ``np.savez`` does; ValueError instead of a pickle.

    ``np.savez`` itself refuses to pickle from NumPy 2.1 on only.
    """

    def fill(file):
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)

    return fill


MOST_BYTES = 2**28
"""Of an npz file and of all that it unpacks to: a network of 4000 neurons takes a sixth of it."""
SMALL, UNPACKS_BY = 2**26, 4
"""Bytes that any npz file may unpack to, and so many times its length: snnlab never compresses."""
MOST_ARRAYS = 2000
MOST_LISTED = 2**20
"""Bytes of the list of names at a zip file's end."""


def load_npz(
    path: Path,
    what: str,
    content: str,
    shapes: dict[str, tuple[int, ...]] | None = None,
    kinds: str = "biuf",
) -> dict[str, np.ndarray]:
    """All arrays of numbers of an ``npz`` file, or those of these shapes.

    kinds : letters of NumPy's kinds of values that are read; never objects, which are pickles.

    What an array claims to be is looked at before any of it is unpacked: a file of kilobytes can
    hold zeros for gigabytes. Raises :class:`SnnlabError`, naming ``what`` and ``content``, for a
    missing, foreign or damaged file or one that is too large.
    """
    try:
        with path.open("rb") as file:
            most = min(MOST_BYTES, max(SMALL, UNPACKS_BY * _check_zip(file)))
            with zipfile.ZipFile(file) as archive:
                return _unpack(archive, shapes, most, kinds)
    except _TooMuch as error:
        raise SnnlabError(f"{what} {path}: {error}") from None
    except FileNotFoundError:
        raise SnnlabError(f"{what} {path}: no such file") from None
    except Exception as error:  # zipfile, zlib and numpy raise many kinds for damaged files
        raise SnnlabError(
            f"{what} {path}: not an npz file of {content} ({type(error).__name__})"
        ) from None


class _TooMuch(Exception):
    """Why an npz file is not read, for the user."""


def _check_zip(file):
    """Length of a file; refused if its list of names alone would fill the memory."""
    size = file.seek(0, os.SEEK_END)
    if size > MOST_BYTES:
        raise _TooMuch(f"{size:,} bytes, at most {MOST_BYTES:,} are read")
    file.seek(max(0, size - 2**16 - 22))
    tail = file.read()
    end = tail.rfind(b"PK\5\6")
    listed = int.from_bytes(tail[end + 12 : end + 16], "little")
    if end >= 0 and (listed > MOST_LISTED or tail[end - 20 : end - 16] == b"PK\6\7"):
        raise _TooMuch("holds too many files for a few arrays")
    file.seek(0)
    return size


def _unpack(archive, shapes, most, kinds):
    if len(archive.namelist()) > MOST_ARRAYS:
        raise _TooMuch(f"more than the {MOST_ARRAYS} arrays that are read")
    names = [name.removesuffix(".npy") for name in archive.namelist()] if shapes is None else shapes
    left, arrays = most, {}
    for name in names:
        info = archive.getinfo(f"{name}.npy")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("compressed in a way that cannot be unpacked bit by bit")
        with archive.open(info) as member:
            shape, fortran, dtype = _header(member)
            if shapes is not None and shape != shapes[name]:
                raise _TooMuch(f"{name} has shape {shape}, expected {shapes[name]}")
            if dtype.kind not in kinds:
                raise _TooMuch(f"{name} holds NaN, infinity or no numbers at all")
            if (size := math.prod(shape) * dtype.itemsize) > left:
                raise _TooMuch(f"would unpack to over {most:,} bytes, the most that is read")
            left -= size
            content = bytearray(member.read(size))
            if member.read(1):  # also has the checksum looked at
                raise ValueError("more values than the header says")
        arrays[name] = np.frombuffer(content, dtype).reshape(shape, order="FC"[not fortran])
    return arrays


def _header(member):
    """Shape, order and kind of an array as its file claims them."""
    form = np.lib.format
    version = form.read_magic(member)
    read = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}
    shape, fortran, dtype = read[version](member)
    if any(length < 0 for length in shape):
        raise ValueError("a negative length")
    return shape, fortran, dtype


def read_npz(
    path: Path, what: str, shapes: dict[str, tuple[int, ...]], *, may_be_nan: Iterable[str] = ()
) -> dict[str, np.ndarray]:
    """Named arrays of an ``npz`` file, whole numbers and floats of finite value.

    Raises :class:`SnnlabError` unless all have these shapes.
    """
    arrays = load_npz(path, what, ", ".join(shapes), shapes)
    for name, array in arrays.items():
        if array.dtype.kind not in "bif" or not (name in may_be_nan or np.isfinite(array).all()):
            raise SnnlabError(f"{what} {path}: {name} holds NaN, infinity or no numbers at all")
    return {k: v.item() if v.shape == () else v for k, v in arrays.items()}


def cache_folder() -> Path:
    """Where the user's cache is: ``SNNLAB_CACHE``, or where the system keeps such."""
    import pooch

    return Path(os.path.expanduser(os.environ.get("SNNLAB_CACHE") or pooch.os_cache("snnlab")))
