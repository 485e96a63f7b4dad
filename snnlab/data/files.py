"""Idx files on disk: read with suspicion, written whole or not at all."""

import os
from hashlib import sha256
from pathlib import Path

import numpy as np

from snnlab.data.catalogue import Entry, IdxFile
from snnlab.data.idx import idx_header, inflate, read_idx
from snnlab.errors import SnnlabError
from snnlab.files import write_whole


def parse(data: bytes, file: IdxFile, where: str) -> np.ndarray:
    """The array of ``file`` from its bytes, plain or gzipped, if they are genuine : uint8[…].

    ``where`` names the bytes in errors: a path or a URL. Raises
    :class:`~snnlab.errors.SnnlabError` for broken, short or other content.
    """
    return verify(read_idx(inflate(data, file.size, where), where), file, where)


def verify(array: np.ndarray, file: IdxFile, where: str) -> np.ndarray:
    """``array`` itself if as an idx file it has ``file``'s SHA-256, else a SnnlabError."""
    if array.shape != file.shape:
        raise SnnlabError(f"{where}: expected shape {file.shape}, found {array.shape}")
    checksum = sha256(idx_header(array.shape))
    checksum.update(array)
    if checksum.hexdigest() != file.sha256:
        raise SnnlabError(f"{where}: expected SHA-256 {file.sha256}, found {checksum.hexdigest()}")
    return array


def read(path: Path, file: IdxFile) -> np.ndarray:
    """The genuine array of ``file`` at ``path``, plain or gzipped : uint8[…].

    Raises :class:`~snnlab.errors.SnnlabError` if it cannot be read or is something else.
    """
    limit = byte_limit(file)
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise SnnlabError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > limit:
        raise SnnlabError(f"{path}: expected at most {limit} bytes, found more")
    return parse(data, file, str(path))


def byte_limit(file: IdxFile) -> int:
    """The most bytes worth reading: the content, plus gzip's overhead should nothing compress."""
    return file.size + file.size // 64 + 1024


def find(entry: Entry, folder: Path) -> dict[IdxFile, Path]:
    """Where each of the entry's files lies, in ``folder/<name>`` or else in ``folder`` itself.

    Raises :class:`~snnlab.errors.SnnlabError` naming what is missing and what is there instead.
    """
    own = folder / entry.name
    home = own if os.path.isdir(own) else folder
    paths = {file: _plain_or_gzipped(home, file) for file in entry.files}
    missing = [file.name for file, path in paths.items() if path is None]
    if missing:
        raise SnnlabError(
            f"data set {entry.name}: expected {', '.join(missing)} (plain or .gz) in folder "
            f"{folder} or its sub-folder {entry.name}, found in {home}: {_listing(home)}"
        )
    return paths


def write(path: Path, array: np.ndarray) -> None:
    """Put ``array`` at ``path`` as an idx file, whole or not at all. Raises OSError."""

    def fill(stream):
        stream.write(idx_header(array.shape))
        stream.write(np.ascontiguousarray(array).data)

    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, fill)


def _plain_or_gzipped(folder: Path, file: IdxFile) -> Path | None:
    candidates = (folder / file.name, folder / f"{file.name}.gz")
    return next((path for path in candidates if os.path.isfile(path)), None)


def _listing(folder: Path, most: int = 6) -> str:
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return "no such folder"
    except OSError as error:
        return f"no readable folder ({error.strerror})"
    shown = names[:most] + [f"{len(names) - most} more"] * (len(names) > most)
    return ", ".join(shown) or "nothing"
