"""A folder, a zip file or a single file of user-supplied data, all read through one interface.

A zip file is never unpacked to the disk: its members are read one by one, so paths and links in it
have no effect.
"""

import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from snnlab.errors import SnnlabError
from snnlab.files import ZIP_END, is_special

MAX_FILES = 500_000
MAX_LIST_BYTES = 2**26
"""Largest table of contents at the end of a zip file: about a hundred bytes per file."""
MIN_UNPACK_LIMIT, MAX_UNPACK_RATIO = 2**28, 10
"""Bytes that any archive may unpack to; a larger one may unpack to this multiple of its size."""
LITTER = ("thumbs.db", "desktop.ini", "__macosx")
"""Files of the operating system that are ignored, as are hidden files."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def check_unpacked(size: int, packed: int, name: str) -> None:
    """Raises :class:`SnnlabError` if a file unpacks to far more than its size (a zip bomb).

    size, packed : bytes, unpacked and packed
    """
    if size > max(MIN_UNPACK_LIMIT, MAX_UNPACK_RATIO * packed):
        raise SnnlabError(
            f"{name}: unpacks to {size:,} bytes or more, at most {MAX_UNPACK_RATIO} times its size"
            " is allowed: give it unpacked"
        )


class Place:
    """The files of a folder or zip file by name, or a single file (as an npz file is).

    ``path`` is the folder or file; ``names`` are sorted paths with slashes relative to it, without
    hidden files. A context manager that closes the file. Raises :class:`SnnlabError` if it cannot
    be read, holds too many files, or is a zip bomb, a device or a pipe.
    """

    def __init__(self, path: Path):
        self.path, self._zip = path, None
        try:
            _check_file(path)
            if path.is_dir():
                self._files = dict(_walk(path))
            elif path.suffix.lower() != ".npz" and zipfile.is_zipfile(path):
                _check_list(path)
                self._zip = zipfile.ZipFile(path)
                self._files = dict(_members(self._zip))
            else:
                path.stat()  # raises OSError with the reason if it cannot be read
                self._files = {path.name: path}
        except SnnlabError:
            raise
        except FileNotFoundError:
            raise SnnlabError(f"{path}: no such file or folder, give --data-dir") from None
        except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
            where, why = getattr(error, "filename", None), getattr(error, "strerror", None)
            raise SnnlabError(f"{where or path}: cannot be read ({why or 'damaged'})") from None
        if len(self._files) > MAX_FILES:
            raise _too_many(path)
        if self._zip:
            size = sum(info.file_size for info in self._files.values())
            check_unpacked(size, path.stat().st_size, str(path))
        self.names = sorted(self._files)

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_):
        if self._zip:
            self._zip.close()

    @property
    def is_zip(self) -> bool:
        """Whether it is a zip file."""
        return self._zip is not None

    def real(self, name: str) -> Path | None:
        """A file's path on disk; None for a member of a zip file."""
        return None if self._zip else self._files[name]

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open a file for reading; raises :class:`SnnlabError`, also while it is being read."""
        where = f"{self.path}: {name}" if self._zip else self._files[name]
        try:
            with self._opened(self._files[name]) as stream:
                yield stream
        except SnnlabError:
            raise
        except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
            why = getattr(error, "strerror", None) or "damaged or password-protected"
            raise SnnlabError(f"{where}: cannot be read ({why})") from None

    def _opened(self, file):
        if self._zip is None:
            _check_file(file)
            return file.open("rb")
        if file.compress_type not in _METHODS:
            raise SnnlabError(f"{self.path}: unsupported compression method: zip it with deflate")
        return self._zip.open(file)

    def size(self, name: str) -> int:
        """Size of a file : bytes, as declared, without reading it."""
        return self._files[name].file_size if self._zip else os.path.getsize(self._files[name])

    def read(self, name: str, most: int) -> bytes:
        """The content of a file; raises :class:`SnnlabError` for more than ``most`` bytes."""
        with self.open(name) as stream:
            data = stream.read(most + 1)
        if len(data) > most:
            raise SnnlabError(f"{name}: more than {most:,} bytes, the most allowed")
        return data


def _walk(top):
    """Files below a folder by name; links are followed, but not in cycles."""
    seen, found = set(), 0
    for folder, below, files in os.walk(top, onerror=_raise, followlinks=True):
        real = os.path.realpath(folder)
        below[:] = [] if real in seen else [name for name in below if _shown(name)]
        if real in seen:
            continue
        seen.add(real)
        for name in filter(_shown, files):
            path = Path(folder, name)
            yield path.relative_to(top).as_posix(), path
            found += 1
            if found > MAX_FILES:
                return


def _raise(error):
    raise error


def _members(archive):
    for info in archive.infolist():
        parts = [part for part in info.filename.replace("\\", "/").split("/") if part]
        if parts and not info.is_dir() and ".." not in parts and all(map(_shown, parts)):
            yield "/".join(parts), info


def _shown(name):
    return not name.startswith(".") and name.lower() not in LITTER


def _check_file(path):
    if is_special(path):
        raise SnnlabError(f"{path}: a device or a pipe, not a file: copy it to a file")


def _check_list(path):
    """Raises :class:`SnnlabError` if a zip file's table of contents would fill the memory."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - ZIP_END))
        tail = file.read(ZIP_END)
    end = tail.rfind(b"PK\5\6")
    listed = tail[end + 12 : end + 16]
    if tail[end - 20 : end - 16] == b"PK\6\7":  # zip64 has another record before it
        listed = tail[end - 36 : end - 28]
    if int.from_bytes(listed, "little") > MAX_LIST_BYTES:
        raise _too_many(path)


def _too_many(path):
    return SnnlabError(f"{path}: more than {MAX_FILES:,} files, the most allowed")
