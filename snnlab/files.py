"""Atomic writing of files, safe reading of npz archives, the user's cache folder."""

import math
import os
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from errno import EISDIR, ENOENT
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import numpy as np

from snnlab.errors import SnnlabError

REPLACE_WAITS = (0.01, 0.03, 0.1, 0.3, 1.0) if os.name == "nt" else ()
"""Seconds between attempts to replace a file: on Windows not while another process reads it."""
_flushes = ContextVar("flushes", default=True)


@contextmanager
def without_fsync() -> Iterator[None]:
    """Do not flush files to the disk within the block: they survive a crash but not a power cut."""
    before = _flushes.set(False)
    try:
        yield
    finally:
        _flushes.reset(before)


def write_whole(path: Path, fill: Callable[[BinaryIO], object], *, private: bool = False) -> None:
    """Write a file atomically: a temporary file beside it is renamed once it is complete.

    Several processes may write the same path at once. A link is replaced, as a run of somebody else
    may hold links; see :func:`write_named`. ``private`` : readable by the owner only. Raises
    OSError.
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
        _replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def write_named(path: Path, fill: Callable[[BinaryIO], object], *, private: bool = False) -> None:
    """Write a file whose path the user gave, as :func:`write_whole` does.

    A link stays, and what it leads to is replaced; devices, pipes and standard output are written
    to. Raises OSError.
    """
    if is_special(path) or _is_output(path):
        whole = BytesIO()  # zip files and tables need to know where they are
        fill(whole)
        with path.open("ab") as file:
            file.write(whole.getbuffer())
        return
    write_whole(Path(os.path.realpath(path)), fill, private=private)


def _is_output(path):
    """Whether standard output goes to this file, as to /dev/stdout: others may write to it, too."""
    with suppress(OSError, ValueError):
        return os.path.samestat(path.stat(), os.fstat(1))
    return False


def _replace(part, path):
    for wait in REPLACE_WAITS:
        with suppress(PermissionError):
            return os.replace(part, path)
        time.sleep(wait)
    return os.replace(part, path)


def check_place(path: Path, what: str) -> None:
    """Check before a long computation that its result can be written.

    Raises :class:`SnnlabError` if ``path`` is a folder or its parent is not one.
    """
    wrong = EISDIR if path.is_dir() else None if path.parent.is_dir() else ENOENT
    if wrong:
        raise SnnlabError(f"{what} {path} cannot be written: {os.strerror(wrong)}")


def is_special(path: Path) -> bool:
    """Whether there is something that is neither a file nor a folder: a device, a pipe, a socket.

    To read it may take for ever. Raises OSError.
    """
    return path.exists() and not path.is_file() and not path.is_dir()


def npz(arrays: dict[str, np.ndarray]) -> Callable[[BinaryIO], object]:
    """A function that writes named arrays to a file as ``np.savez`` does, without pickling.

    It raises ValueError for an array of objects; ``np.savez`` can do so only from NumPy 2.1 on.
    """

    def fill(file):
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)

    return fill


MAX_NPZ_BYTES = 2**28
"""Largest npz file, packed and unpacked; a network of 4000 neurons takes a sixth of it."""
MIN_UNPACK_LIMIT, MAX_UNPACK_RATIO = 2**26, 4
"""Bytes that any npz file may unpack to; a larger file may unpack to this multiple of its size.

snnlab itself never compresses."""
_SMALLER = "save smaller types, such as uint8, or fewer values"
MAX_ARRAYS = 2000
MAX_LIST_BYTES = 2**20
"""Largest table of contents at the end of a zip file."""
ZIP_END = 2**16 + 22
"""Bytes at the end of a zip file that say where its table of contents is, at most."""


def load_npz(
    path: Path,
    what: str,
    content: str,
    shapes: dict[str, tuple[int, ...]] | None = None,
    kinds: str = "biuf",
    wanted: Callable[[str], bool] | None = None,
    unpacked: int = MIN_UNPACK_LIMIT,
) -> dict[str, np.ndarray]:
    """The arrays of an ``npz`` file: all of them, or those named in ``shapes``.

    kinds : NumPy's letters of the kinds of values to accept; objects (pickles) are never read.
    wanted : whether to read an array, by its name
    unpacked : bytes that a file of any size may unpack to

    Sizes are checked before unpacking: a file of kilobytes can unpack to gigabytes of zeros. Raises
    :class:`SnnlabError`, naming ``what`` and ``content``, if the file is missing, damaged, too
    large or of another format, a device or a pipe, or an array has another shape or kind.
    """
    try:
        if is_special(path):
            raise _Refused("a device or a pipe, not a file: copy it to a file")
        with path.open("rb") as file:
            most = min(MAX_NPZ_BYTES, max(unpacked, MAX_UNPACK_RATIO * _check_zip(file)))
            with zipfile.ZipFile(file) as archive:
                return _unpack(archive, _names(archive, shapes, wanted), shapes, most, kinds)
    except _Refused as error:
        raise SnnlabError(f"{what} {path}: {error}") from None
    except FileNotFoundError:
        raise SnnlabError(f"{what} {path}: no such file") from None
    except Exception as error:  # zipfile, zlib and numpy raise many types for damaged files
        raise SnnlabError(
            f"{what} {path}: not an npz file of {content} ({type(error).__name__})"
        ) from None


class _Refused(Exception):
    """Why an npz file is not read, as text for the user."""


def _check_zip(file):
    """Size of a file : bytes. Refused if its table of contents alone would fill the memory."""
    size = file.seek(0, os.SEEK_END)
    if size > MAX_NPZ_BYTES:
        raise _Refused(f"{size:,} bytes, at most {MAX_NPZ_BYTES:,} are allowed: {_SMALLER}")
    file.seek(max(0, size - ZIP_END))
    tail = file.read(ZIP_END)
    end = tail.rfind(b"PK\5\6")
    listed = int.from_bytes(tail[end + 12 : end + 16], "little")
    if end >= 0 and (listed > MAX_LIST_BYTES or tail[end - 20 : end - 16] == b"PK\6\7"):
        raise _Refused("the table of contents is too large for a few arrays")
    file.seek(0)
    return size


def _names(archive, shapes, wanted):
    """Names of the arrays to read."""
    if len(archive.namelist()) > MAX_ARRAYS:
        raise _Refused(f"more than {MAX_ARRAYS} arrays, the most allowed")
    if shapes is not None:
        return list(shapes)
    names = [name.removesuffix(".npy") for name in archive.namelist()]
    return names if wanted is None else list(filter(wanted, names))


def _unpack(archive, names, shapes, most, kinds):
    left, arrays = most, {}
    for name in names:
        info = archive.getinfo(f"{name}.npy")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("compressed by a method that cannot be unpacked in chunks")
        with archive.open(info) as member:
            shape, fortran, dtype = _header(member)
            if shapes is not None and shape != shapes[name]:
                raise _Refused(f"{name} has shape {shape}, expected {shapes[name]}")
            if dtype.hasobject and "U" in kinds:
                raise _Refused(
                    f"{name} holds Python objects, which are not read: save numbers, or text by"
                    f" {name}.astype(str)"
                )
            if dtype.kind not in kinds:
                raise _Refused(f"{name} holds NaN, infinity or non-numeric values")
            if (size := math.prod(shape) * dtype.itemsize) > left:
                cure = _SMALLER if most == MAX_NPZ_BYTES else "save it by np.savez, not compressed"
                raise _Refused(
                    f"would unpack to more than {most:,} bytes, the most allowed: {cure}"
                )
            left -= size
            content = bytearray(member.read(size))
            if member.read(1):  # reading to the end also verifies the checksum
                raise ValueError("more values than the header says")
        arrays[name] = np.frombuffer(content, dtype).reshape(shape, order="FC"[not fortran])
    return arrays


def _header(member):
    """Shape, order and dtype of an array as its header gives them."""
    form = np.lib.format
    version = form.read_magic(member)
    read = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}
    shape, fortran, dtype = read[version](member)
    if any(length < 0 for length in shape):
        raise ValueError("negative length")
    return shape, fortran, dtype


def read_npz(
    path: Path, what: str, shapes: dict[str, tuple[int, ...]], *, may_be_nan: Iterable[str] = ()
) -> dict[str, np.ndarray]:
    """Arrays of an ``npz`` file by name: integers and finite floats. Scalars become Python numbers.

    Raises :class:`SnnlabError` for other values or shapes.
    """
    arrays = load_npz(path, what, ", ".join(shapes), shapes)
    for name, array in arrays.items():
        if not (name in may_be_nan or np.isfinite(array).all()):
            raise SnnlabError(f"{what} {path}: {name} holds NaN, infinity or non-numeric values")
    return {k: v.item() if v.shape == () else v for k, v in arrays.items()}


def cache_folder() -> Path:
    """The user's cache folder: ``SNNLAB_CACHE``, or the system's default for caches."""
    import pooch

    return Path(os.path.expanduser(os.environ.get("SNNLAB_CACHE") or pooch.os_cache("snnlab")))
