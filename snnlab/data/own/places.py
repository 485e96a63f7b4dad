"""Where a person keeps data: a folder, a zip file or a single file, all read the same way.

A zip file is never unpacked onto the disk: its members are read one by one, so it does not matter
what paths or links they claim to be.
"""

import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from snnlab.errors import SnnlabError

MOST_FILES = 500_000
MOST_LISTED = 2**26
"""Bytes of the list at a zip file's end: a hundred for each of its files."""
SMALL, UNPACKS_BY = 2**28, 10
"""Bytes that an archive may unpack to, and the ratio to its own length beyond that."""
LITTER = ("thumbs.db", "desktop.ini", "__macosx")
"""What systems leave in folders beside hidden files."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def check_unpacked(size: int, packed: int, name: str) -> None:
    """Raises :class:`SnnlabError` if it is out of proportion what a packed file unpacks to.

    size, packed : bytes of both
    """
    if size > max(SMALL, UNPACKS_BY * packed):
        raise SnnlabError(
            f"{name}: unpacks to {size:,} bytes or more, {UNPACKS_BY} times its length are read:"
            " give it unpacked"
        )


class Place:
    """Files by name: paths with slashes, below the folder or zip file.

    ``path`` is the place itself; ``names`` are sorted and leave out what is hidden. An npz file
    is a single file. A context, at whose end it is closed. Raises :class:`SnnlabError` if it cannot
    be read, or is a zip file of zeros for gigabytes.
    """

    def __init__(self, path: Path):
        self.path, self._zip = path, None
        try:
            if path.is_dir():
                self._files = dict(_walk(path))
            elif path.suffix.lower() != ".npz" and zipfile.is_zipfile(path):
                _check_list(path)
                self._zip = zipfile.ZipFile(path)
                self._files = dict(_members(self._zip))
            else:
                path.stat()  # has an error say what is wrong with it
                self._files = {path.name: path}
        except SnnlabError:
            raise
        except FileNotFoundError:
            raise SnnlabError(f"{path}: no such file or folder, give --data-dir") from None
        except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
            where, why = getattr(error, "filename", None), getattr(error, "strerror", None)
            raise SnnlabError(f"{where or path}: cannot be read ({why or 'damaged'})") from None
        if len(self._files) > MOST_FILES:
            raise SnnlabError(f"{path}: holds more than the {MOST_FILES:,} files that are read")
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
        """A file, to be read; raises :class:`SnnlabError`, there and then or while it is read."""
        where = f"{self.path}: {name}" if self._zip else self._files[name]
        try:
            with self._opened(self._files[name]) as stream:
                yield stream
        except SnnlabError:
            raise
        except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
            why = getattr(error, "strerror", None) or "damaged, or under a password"
            raise SnnlabError(f"{where}: cannot be read ({why})") from None

    def _opened(self, file):
        if self._zip is None:
            return file.open("rb")
        if file.compress_type not in _METHODS:
            raise SnnlabError(f"{self.path}: is compressed in an unusual way: zip it as usual")
        return self._zip.open(file)

    def size(self, name: str) -> int:
        """Bytes that a file holds, as far as known without reading it."""
        return self._files[name].file_size if self._zip else os.path.getsize(self._files[name])

    def read(self, name: str, most: int) -> bytes:
        """All of a file, up to a limit in bytes; raises :class:`SnnlabError` for more."""
        with self.open(name) as stream:
            data = stream.read(most + 1)
        if len(data) > most:
            raise SnnlabError(f"{name}: more than the {most:,} bytes that are read")
        return data


def _walk(top):
    """Files below a folder by their names; links are followed, but never in a circle."""
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
            if found > MOST_FILES:
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


def _check_list(path):
    """Whether a zip file's list of names fits into memory, before it is read."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 2**16 - 22))
        tail = file.read()
    end = tail.rfind(b"PK\5\6")
    listed = tail[end + 12 : end + 16]
    if tail[end - 20 : end - 16] == b"PK\6\7":  # the large form has another record before it
        listed = tail[end - 36 : end - 28]
    if int.from_bytes(listed, "little") > MOST_LISTED:
        raise SnnlabError(f"{path}: holds more than the {MOST_FILES:,} files that are read")
