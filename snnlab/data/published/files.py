"""Idx files on disk: verified when read, written atomically."""

import os
from hashlib import sha256
from pathlib import Path

import numpy as np

from snnlab.data.catalogue import Entry, IdxFile
from snnlab.data.idx import idx_header, inflate, read_idx
from snnlab.errors import SnnlabError
from snnlab.files import load_npz, write_whole


def parse(data: bytes, file: IdxFile, where: str) -> np.ndarray:
    """The verified array of ``file`` from its bytes, plain or gzipped : uint8[…].

    ``where`` names the bytes in errors: a path or a URL. Raises
    :class:`~snnlab.errors.SnnlabError` for damaged, incomplete or other content.
    """
    return verify(read_idx(inflate(data, file.size, where), where), file, where)


def verify(array: np.ndarray, file: IdxFile, where: str) -> np.ndarray:
    """``array`` itself; raises :class:`Foreign` unless it has the shape and SHA-256 of ``file``."""
    if array.shape != file.shape:
        raise Foreign(f"{where}: expected shape {file.shape}, found {array.shape}")
    found = checksum(array)
    if found != file.sha256:
        raise Foreign(f"{where}: expected SHA-256 {file.sha256}, found {found}", found)
    return array


class Foreign(SnnlabError):
    """A valid file that is not the expected one; ``checksum`` is its own if it was computed."""

    def __init__(self, text: str, checksum: str = ""):
        super().__init__(text)
        self.checksum = checksum


def checksum(array: np.ndarray) -> str:
    """SHA-256 of an array as an idx file. array : uint8[…]."""
    digest = sha256(idx_header(array.shape))
    digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def read(path: Path, file: IdxFile) -> np.ndarray:
    """The verified array of ``file`` at ``path``, plain or gzipped : uint8[…].

    Raises :class:`~snnlab.errors.SnnlabError` if it cannot be read or has other content.
    """
    limit = byte_limit(file)
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise SnnlabError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > limit:
        raise Foreign(f"{path}: expected at most {limit} bytes, found more")
    return parse(data, file, str(path))


def byte_limit(file: IdxFile) -> int:
    """Largest possible file, in bytes: the content plus gzip's overhead if nothing compresses."""
    return file.size + file.size // 64 + 1024


def find(entry: Entry, folder: Path) -> dict[IdxFile, Path]:
    """Paths of the entry's files: in ``folder``, in its sub-folder of the entry's name, or in
    ``raw`` below either (torchvision's layout).

    Names may have dots instead of dashes, and capitals. Raises
    :class:`~snnlab.errors.SnnlabError` naming the missing files and those found instead.
    """
    homes = _homes(entry, folder)
    there = {home: _by_name(home) for home in homes}
    home = max(homes, key=lambda home: sum(file.name in there[home] for file in entry.files))
    missing = [file.name for file in entry.files if file.name not in there[home]]
    if missing:
        others = any(name.endswith("-ubyte") for name in there[home])
        raise (Foreign if others else SnnlabError)(
            f"data set {entry.name}: expected {', '.join(missing)} (plain or .gz) in folder "
            f"{folder} or its sub-folder {entry.name}, found in {home}: {_listing(home)}"
        )
    return {file: there[home][file.name] for file in entry.files}


def find_npz(entry: Entry, place: Path) -> Path | None:
    """The npz file of Keras's layout, in ``place`` or ``place`` itself; None if missing."""
    inside = [home / f"{entry.name}.npz" for home in _homes(entry, place)]
    known = [place] if place.suffix.lower() == ".npz" else inside
    return next(filter(os.path.isfile, known), None)


def read_npz(path: Path, entry: Entry) -> list[np.ndarray]:
    """The entry's verified arrays, in the order of its files, from an npz file of Keras's layout.

    Raises :class:`~snnlab.errors.SnnlabError` for other content.
    """
    names = ("x_train", "y_train", "x_test", "y_test")
    shapes = dict(zip(names, (file.shape for file in entry.files), strict=True))
    arrays = load_npz(path, f"data set {entry.name}", ", ".join(names), shapes)
    return [
        verify(arrays[name].astype(np.uint8), file, f"{path}: {name}")
        for name, file in zip(names, entry.files, strict=True)
    ]


def _homes(entry: Entry, folder: Path) -> list[Path]:
    """Folders in which the entry's files may be, the likeliest first, ``folder`` last."""
    wanted = _letters(entry.name)
    named = [path for path in _within(folder) if _letters(path.name) == wanted and path.is_dir()]
    homes = [path for home in (*named, folder) for path in (home / "raw", home) if path.is_dir()]
    return homes or [folder]


def _by_name(folder: Path) -> dict[str, Path]:
    """Files of a folder by their names, normalised to those of the original idx files."""
    found: dict[str, Path] = {}
    for path in _within(folder):
        name = path.name.lower().removesuffix(".gz").replace(".", "-")
        if name.endswith("-ubyte") and path.is_dir():  # Kaggle's layout
            path = path / path.name
        if path.is_file():
            found.setdefault(name, path)
    return found


def _letters(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def _within(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # no such folder: the caller reports its files as missing
        return []


def write(path: Path, array: np.ndarray) -> None:
    """Write ``array`` to ``path`` as an idx file, atomically. Raises OSError."""

    def fill(stream):
        stream.write(idx_header(array.shape))
        stream.write(np.ascontiguousarray(array).data)

    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, fill)


def _listing(folder: Path, most: int = 6) -> str:
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return "no such folder"
    except OSError as error:
        return f"not a readable folder ({error.strerror})"
    shown = names[:most] + [f"{len(names) - most} more"] * (len(names) > most)
    return ", ".join(shown) or "nothing"
