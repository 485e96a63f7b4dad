"""Spiking Heidelberg Digits: spoken digits in two languages, 700 channels of spikes.

Cramer, Stradmann, Schemmel and Zenke, "The Heidelberg Spiking Data Sets for the Systematic
Evaluation of Spiking Neural Networks", IEEE TNNLS 33 (2022); https://zenkelab.org/datasets, CC BY
4.0. 8 156 training and 2 264 test recordings.
"""

import os
from dataclasses import replace
from hashlib import file_digest
from pathlib import Path

from snnlab.data.catalogue import CATALOGUE, Tell
from snnlab.data.published.download import download
from snnlab.data.spikes.files import load_spikes
from snnlab.data.spikes.recorded import RecordedSpikes
from snnlab.errors import DataUnavailable, SnnlabError
from snnlab.files import cache_folder

NAME = "shd"
URL = "https://zenkelab.org/datasets"
FILES = {
    "shd_train.h5.zip": "f3252aeb598ac776c1b526422d90eecb",
    "shd_test.h5.zip": "1503a5064faa34311c398fb0a1ed0a6f",
}
"""Archives by name, and their MD5."""
MAX_BYTES = 2**30
"""Largest archive that is fetched."""


def load(data_dir: str | os.PathLike[str] | None, tell: Tell) -> RecordedSpikes:
    """The data set from a folder, or else the cache, into which it is downloaded.

    data_dir : as for :func:`snnlab.data.load`. Raises :class:`~snnlab.errors.DataUnavailable` if
    neither has it, :class:`SnnlabError` for other or damaged files.
    """
    chosen = data_dir or os.environ.get("SNNLAB_DATA")
    if chosen:
        folder = _find(Path(os.path.expanduser(chosen)))
        origin = f"folder {folder}"
    else:
        folder = cache_folder() / NAME
        origin = f"cache {folder}"
        for name, checksum in FILES.items():
            _obtain(folder / name, checksum, tell)
    tell(f"reading {folder}", None)
    whole = load_spikes(folder, channels=700)
    names = CATALOGUE[NAME].classes
    if len(whole.classes) > len(names):
        raise SnnlabError(
            f"data set {NAME}: {folder} holds {len(whole.classes)} classes, expected {len(names)}:"
            " use --dataset spikes"
        )
    return replace(whole, name=NAME, origin=origin, classes=names, own=None).checked()


def _find(place):
    """The folder with both files, zipped or not, unverified: they may be a part of the set."""
    for home in (place / NAME, place):
        names = {p.name for p in home.iterdir()} if home.is_dir() else set()
        if all({name, name.removesuffix(".zip")} & names for name in FILES):
            return home
    raise SnnlabError(
        f"data set {NAME}: expected {' and '.join(FILES)}, or the same unzipped, in {place} or its"
        f" sub-folder {NAME}: fetch them from {URL}"
    )


def _obtain(path, checksum, tell):
    """The verified archive at ``path``, downloaded if it is not there."""
    if not path.is_file():
        bases = os.environ.get("SNNLAB_MIRROR", "").split()
        urls = [f"{base.rstrip('/')}/{NAME}/{path.name}" for base in bases]
        tried = []
        for url in urls or [f"{URL}/{path.name}"]:
            try:
                download(url, path, MAX_BYTES, tell)
                break
            except SnnlabError as error:
                tried.append(f"{url}: {error}")
        else:
            raise DataUnavailable(
                f"data set {NAME} is not available ({'; '.join(tried)}): give a folder with"
                f" {' and '.join(FILES)} by --data-dir"
            )
    tell(f"verifying {path}", None)
    with path.open("rb") as file:
        found = file_digest(file, "md5").hexdigest()
    if found != checksum:
        path.unlink(missing_ok=True)
        raise SnnlabError(
            f"{path}: expected MD5 {checksum}, found {found}; it was removed and is fetched again"
            " the next time"
        )
