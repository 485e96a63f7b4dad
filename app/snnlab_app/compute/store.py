"""Folders in which visitors' trainings are stored while they last."""

import os
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from snnlab.files import cache_folder

MAX_AGE_SECONDS = 24 * 3600.0
"""Seconds after which an abandoned training is removed."""
MIN_AGE_SECONDS = 3600.0
"""Seconds before which no training is removed, as another server may be writing it."""


class Store:
    """Folders by visitor, in the user's cache; abandoned ones take at most ``megabytes``."""

    def __init__(self, megabytes: float, root: Path | None = None):
        self._root = root or cache_folder() / "visitors"
        self._bytes = 1e6 * megabytes

    def folder(self, visitor: str) -> Path:
        """The folder of a visitor, under a hashed name; it may not exist."""
        return self._root / sha256(visitor.encode()).hexdigest()[:32]

    def own(self, visitor: str) -> Path:
        """The folder of the visitor's own data set; it may not exist."""
        return self.folder(visitor).with_suffix(".own")

    def stay(self, folders: Iterable[Path | None]) -> None:
        """Count these as written just now, as their visitors are still there; None and missing ones
        are passed over."""
        for folder in filter(None, folders):
            with suppress(OSError):
                for file in folder.iterdir():
                    os.utime(file)

    def tidy(self) -> None:
        """Remove abandoned folders that are too old, and the oldest ones beyond the size limit."""
        left = sorted(self._left(), reverse=True)
        total, now = 0, time.time()
        for written, size, folder in left:
            total += size
            age = now - written
            if age > MAX_AGE_SECONDS or (total > self._bytes and age > MIN_AGE_SECONDS):
                shutil.rmtree(folder, ignore_errors=True)

    def _left(self):
        folders = self._root.iterdir() if self._root.is_dir() else ()
        for folder in folders:
            try:
                files = [file.stat() for file in folder.iterdir()]
                written = max((file.st_mtime for file in files), default=folder.stat().st_mtime)
            except OSError:  # removed by another server meanwhile
                continue
            yield written, sum(file.st_size for file in files), folder
