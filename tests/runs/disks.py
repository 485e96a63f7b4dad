"""A small disk that can be filled or made read-only."""

import errno
import gc
import os
import shutil
import subprocess
import sys
from contextlib import suppress

from conftest import until

FILLER = "filler"


class Disk:
    """A disk of a few megabytes: a real one where this process may mount one, else a folder in
    which every change is refused as the system would refuse it."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
        self.real = (
            not (os.environ.get("SNNLAB_TEST_NO_MOUNT") or not shutil.which("mount"))
            and not subprocess.run(mount, capture_output=True).returncode
        )

    def fill(self):
        """Leave no byte."""
        if not self.real:
            _refuse(self.folder, errno.ENOSPC)
            return
        with (self.folder / FILLER).open("wb", buffering=0) as file:
            for size in (2**16, 2**12, 1):
                with suppress(OSError):  # there is no space left
                    while file.write(bytes(size)):
                        pass

    def lock(self):
        """Make it read-only."""
        if self.real:
            until(self._is_locked)  # not while a process just forked has a file open for writing
        else:
            _refuse(self.folder, errno.EROFS)

    def _is_locked(self):
        if not self._remount("ro").returncode:
            return True
        gc.collect()  # a file that nobody refers to any more may still be open for writing
        return False

    def free(self):
        """As in the beginning."""
        _refused.clear()
        if self.real:
            self._remount("rw").check_returncode()
            (self.folder / FILLER).unlink(missing_ok=True)

    def _remount(self, how):
        command = ["mount", "-o", f"remount,{how}", str(self.folder)]
        return subprocess.run(command, capture_output=True)

    def close(self):
        self.free()
        if self.real:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)

    def content(self):
        """All files and what is in them."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes() if path.is_file() else None
            for path in self.folder.rglob("*")
            if path.name != FILLER
        }


_refused = {}
_watching = []


def _refuse(folder, code):
    _refused[str(folder)] = code
    if not _watching:
        _watching.append(True)
        sys.addaudithook(_hook)


_CHANGES = {"open": 0, "os.mkdir": 0, "sqlite3.connect": 0, "os.rename": 1, "os.symlink": 1,
            "os.remove": 0}  # fmt: skip
"""Events that change a folder, and which argument is the place."""
_NO_ROOM_NEEDED = {"os.rename", "os.symlink", "os.remove"}


def _hook(event, arguments):
    """What a full or read-only disk says; an audit hook stays, so it looks whether it is meant."""
    if not _refused or event not in _CHANGES:
        return
    if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
        return
    for folder, code in _refused.items():
        if code == errno.ENOSPC and event in _NO_ROOM_NEEDED:
            continue
        if str(arguments[_CHANGES[event]]).startswith(folder):
            raise OSError(code, os.strerror(code))
