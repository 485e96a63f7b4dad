"""Uploaded data sets: one file per visitor, kept unchanged until the visitor leaves."""

import os
import shutil
import zipfile
from io import BytesIO
from pathlib import Path

from snnlab.data.places import Place
from snnlab.errors import SnnlabError
from snnlab.files import write_whole


def put(data: bytes, folder: Path) -> Path:
    """Store a visitor's data set as the only file of a folder, without unpacking it.

    Its name follows its format: a zip file of arrays (npz), another zip file, or CSV. It replaces
    the file before it; one that is refused does not. Raises :class:`SnnlabError` for an invalid zip
    file, and if it cannot be written.
    """
    name, new = "data.csv", folder.with_name(f"{folder.name}.new")
    if zipfile.is_zipfile(BytesIO(data)):
        name = "data.npz" if b".npy" in data[:256] else "data.zip"
    path = new / name
    take_away(new)  # of an earlier process, which was killed
    try:
        new.mkdir(parents=True, mode=0o700)
        write_whole(path, lambda file: file.write(data), private=True)
        with Place(path):
            pass
        take_away(folder)
        new.rename(folder)
    except OSError as error:
        take_away(new)
        raise SnnlabError(f"your data cannot be kept on the server: {error.strerror}") from None
    except SnnlabError as error:
        take_away(new)
        raise SnnlabError(str(error).replace(str(path), name)) from None
    return folder / name


def lend(path: Path, folder: Path) -> Path:
    """The file in a new folder as well, where it stays as it is when the visitor replaces it.

    Raises :class:`SnnlabError` if it cannot be written there.
    """
    lent = folder / path.name
    try:
        folder.mkdir(parents=True, mode=0o700)
        try:
            os.link(path, lent)
        except OSError:  # not on this file system
            shutil.copyfile(path, lent)
    except OSError as error:
        take_away(folder)
        raise SnnlabError(f"your data cannot be kept on the server: {error.strerror}") from None
    return lent


def put_before(folder: Path | None) -> Path | None:
    """The visitor's stored file, if it exists."""
    files = list(folder.glob("data.*")) if folder else []
    return files[0] if len(files) == 1 else None


def take_away(folder: Path) -> None:
    """Remove a visitor's stored file; does nothing if there is no such file."""
    shutil.rmtree(folder, ignore_errors=True)
