"""Files that are whole or not there."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from errno import EISDIR, ENOENT
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import numpy as np

from snnlab.errors import SnnlabError


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


def read_npz(
    path: Path, what: str, shapes: dict[str, tuple[int, ...]], *, may_be_nan: Iterable[str] = ()
) -> dict[str, np.ndarray]:
    """Named arrays of an ``npz`` file, whole numbers and floats of finite value.

    Raises :class:`SnnlabError` unless all have these shapes.
    """
    try:
        # numpy leaves a file that it opened itself open when it is no zip.
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            arrays = {name: file[name] for name in shapes}
    except FileNotFoundError:
        raise SnnlabError(f"{what} {path}: no such file") from None
    except Exception as error:  # zipfile, zlib and numpy raise many kinds for damaged files
        raise SnnlabError(
            f"{what} {path}: not an npz file of {', '.join(shapes)} ({type(error).__name__})"
        ) from None
    for name, shape in shapes.items():
        array = arrays[name]
        if array.shape != shape:
            raise SnnlabError(f"{what} {path}: {name} has shape {array.shape}, expected {shape}")
        if array.dtype.kind not in "bif" or not (name in may_be_nan or np.isfinite(array).all()):
            raise SnnlabError(f"{what} {path}: {name} holds NaN, infinity or no numbers at all")
    return {k: v.item() if v.shape == () else v for k, v in arrays.items()}
