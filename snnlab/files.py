"""Files that are whole or not there."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from errno import EISDIR, ENOENT
from math import prod
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import numpy as np
from numpy.lib import format as npy

from snnlab.errors import SnnlabError

MOST_UNFOLDED, UNFOLDS_BY = 2**26, 4
"""Bytes that any npz file may unfold to, and so many times its length: snnlab never compresses."""


def write_whole(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """All or nothing: a file of another name beside it takes its name when it is complete.

    Processes that do this at once cannot mix their bytes. Raises OSError.
    """
    part = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            fill(file)
            file.flush()
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
    """What fills a file with named arrays; no pickle."""
    return lambda file: np.savez(file, allow_pickle=False, **arrays)


def arrays_of(path: Path, what: str, holding: str, names: Iterable[str] | None = None) -> dict:
    """Arrays of an ``npz`` file by name, all or the named ones; no pickle.

    Raises :class:`SnnlabError` that calls the file ``what`` and says that it is none ``holding``
    them, or that it unfolds to far more than it is long.
    """
    try:
        # numpy leaves a file that it opened itself open when it is no zip.
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            _check_sizes(file.zip, path.stat().st_size)
            return {name: file[name] for name in (file.files if names is None else names)}
    except FileNotFoundError:
        raise SnnlabError(f"{what} {path}: no such file") from None
    except _TooLargeError as error:
        raise SnnlabError(f"{what} {path}: {error}") from None
    except Exception as error:  # zipfile, zlib and numpy raise many kinds for damaged files
        kind = type(error).__name__
        raise SnnlabError(f"{what} {path}: not an npz file of {holding} ({kind})") from None


class _TooLargeError(Exception):
    """What an npz file says of its arrays is not believed."""


def _check_sizes(archive, length):
    """Nothing is unfolded, or allocated on the word of a header, that no honest file needs."""
    total = sum(member.file_size for member in archive.infolist())
    if total > max(MOST_UNFOLDED, UNFOLDS_BY * length):
        raise _TooLargeError(f"{length} bytes unfold to {total}, it is a bomb or damaged")
    for member in archive.infolist():
        if not member.filename.endswith(".npy"):
            continue
        with archive.open(member) as stream:
            version = npy.read_magic(stream)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read(stream)
        if dtype.hasobject:  # a pickle, which numpy refuses
            continue
        if prod(shape) * dtype.itemsize > member.file_size or min(shape, default=0) < 0:
            raise _TooLargeError(f"{member.filename} says shape {shape}, and holds less")


def read_npz(
    path: Path, what: str, shapes: dict[str, tuple[int, ...]], *, may_be_nan: Iterable[str] = ()
) -> dict[str, np.ndarray]:
    """Named arrays of an ``npz`` file, whole numbers and floats of finite value.

    Raises :class:`SnnlabError` unless all have these shapes.
    """
    arrays = arrays_of(path, what, ", ".join(shapes), shapes)
    for name, shape in shapes.items():
        array = arrays[name]
        if array.shape != shape:
            raise SnnlabError(f"{what} {path}: {name} has shape {array.shape}, expected {shape}")
        if array.dtype.kind not in "bif" or not (name in may_be_nan or np.isfinite(array).all()):
            raise SnnlabError(f"{what} {path}: {name} holds NaN, infinity or no numbers at all")
    return {k: v.item() if v.shape == () else v for k, v in arrays.items()}


def cache_folder() -> Path:
    """Where the user's cache is: ``SNNLAB_CACHE``, or where the system keeps such."""
    import pooch

    return Path(os.path.expanduser(os.environ.get("SNNLAB_CACHE") or pooch.os_cache("snnlab")))
