"""Data sets of visitors' own: one file each, kept as it came until its visitor leaves."""

import shutil
import zipfile
from io import BytesIO
from pathlib import Path

from snnlab.data.own.places import Place
from snnlab.errors import SnnlabError
from snnlab.files import write_whole


def put(data: bytes, folder: Path) -> Path:
    """A visitor's data set as the only file of a folder, which is made; nothing is unpacked.

    It is called by what it is: a zip file of arrays, any other zip file, or else CSV. Raises
    :class:`SnnlabError` for a zip file that would not be read, and if it cannot be written.
    """
    name = "data.csv"
    try:
        if zipfile.is_zipfile(BytesIO(data)):
            name = "data.npz" if b".npy" in data[:256] else "data.zip"
        take_away(folder)
        folder.mkdir(parents=True, mode=0o700)
        path = folder / name
        write_whole(path, lambda file: file.write(data), private=True)
    except OSError as error:
        raise SnnlabError(f"your data cannot be kept on the server: {error.strerror}") from None
    try:
        with Place(path):
            return path
    except SnnlabError as error:
        take_away(folder)
        raise SnnlabError(str(error).replace(str(path), name)) from None


def put_before(folder: Path | None) -> Path | None:
    """What a visitor has put there, if it is still there."""
    files = list(folder.glob("data.*")) if folder else []
    return files[0] if len(files) == 1 else None


def take_away(folder: Path) -> None:
    """Remove what a visitor has put there; harmless if there is nothing."""
    shutil.rmtree(folder, ignore_errors=True)
