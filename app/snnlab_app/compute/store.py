"""Where the trainings of visitors are kept while they last, each in a folder of its own."""

import shutil
import time
from hashlib import sha256
from pathlib import Path

from snnlab.files import cache_folder

MAX_AGE_SECONDS = 24 * 3600.0
"""Seconds after which a training that nobody came back for is removed."""
MIN_AGE_SECONDS = 3600.0
"""Seconds before which none is removed: another server may be writing to it."""


class Store:
    """Folders by visitor, in the user's cache; at most ``megabytes`` of such as were left."""

    def __init__(self, megabytes: float, root: Path | None = None):
        self._root = root or cache_folder() / "visitors"
        self._bytes = 1e6 * megabytes

    def folder(self, visitor: str) -> Path:
        """The folder of a visitor, named so that nobody learns who it is; it may not exist."""
        return self._root / sha256(visitor.encode()).hexdigest()[:32]

    def own(self, visitor: str) -> Path:
        """Likewise, for a data set of the visitor's own."""
        return self.folder(visitor).with_suffix(".own")

    def tidy(self) -> None:
        """Remove what is too old, and the oldest of what is too much."""
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
            except OSError:  # taken away by another server just now
                continue
            written = max((file.st_mtime for file in files), default=0.0)
            yield written, sum(file.st_size for file in files), folder
