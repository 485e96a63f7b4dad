"""Uploaded data sets: one file per visitor, kept unchanged until the visitor leaves."""

import shutil
import zipfile
from io import BytesIO
from pathlib import Path

from snnlab.data.places import Place
from snnlab.errors import SnnlabError
from snnlab.files import write_whole


def put(data: bytes, folder: Path) -> Path:
    """Store a visitor's data set as the only file of a new folder, without unpacking it.

    Its name follows its format: a zip file of arrays (npz), another zip file, or CSV. Raises
    :class:`SnnlabError` for an invalid zip file, and if it cannot be written.
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
    """The visitor's stored file, if it exists."""
    files = list(folder.glob("data.*")) if folder else []
    return files[0] if len(files) == 1 else None


def take_away(folder: Path) -> None:
    """Remove a visitor's stored file; does nothing if there is no such file."""
    shutil.rmtree(folder, ignore_errors=True)
