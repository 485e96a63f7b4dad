"""Loading of user-supplied data: sub-folders of images, CSV, npz or idx files, or a zip file."""

import os
import zlib
from contextlib import suppress
from pathlib import Path

from snnlab.data.catalogue import Tell
from snnlab.data.own import arrays, class_folders, csv_pixels, idx_sets
from snnlab.data.own.labelled import Found, Learnable, Look, make_learnable
from snnlab.data.places import Place
from snnlab.errors import SnnlabError

__all__ = ["Look", "read", "resolve_place"]

CSV = (".csv", ".tsv", ".csv.gz")
_OTHERS = (
    (0, b"\x93NUMPY", "one NumPy array: save images and labels in one file by np.savez"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5: save images and labels by np.savez; recorded spikes are read"
     " by --dataset spikes"),
    (0, b"PK\3\4", "a damaged or incomplete zip file: copy or zip it again"),
    (0, b"\x89PNG", "one picture: give a folder or zip with one sub-folder of pictures per class"),
    (0, b"\xff\xd8\xff", "one picture: give a folder or zip with one sub-folder of pictures per"
     " class"),
    (0, b"Rar!", "a rar archive: extract it, or give a zip"),
    (0, b"7z\xbc\xaf", "a 7z archive: extract it, or give a zip"),
    (257, b"ustar", "a tar archive: extract it, or give a zip"),
    (0, b"PAR1", "a Parquet file: save it as CSV"),
    (0, b"MATLAB 5.0", "a MATLAB file: save images and labels by np.savez"),
    (0, b"\x80\3", "a pickle, which is never read: save images and labels by np.savez"),
    (0, b"\x80\4", "a pickle, which is never read: save images and labels by np.savez"),
    (0, b"\x80\5", "a pickle, which is never read: save images and labels by np.savez"),
)  # fmt: skip
"""Signatures of files that are not read: offset, bytes, what it is and the cure."""
FORMS = "a folder with one sub-folder of images per class, a CSV file of pixels, an npz or a zip"


def resolve_place(name: str, data_dir: str | os.PathLike[str] | None) -> Path:
    """Absolute path of user-supplied data; raises :class:`SnnlabError` if ``data_dir`` is missing.

    ``SNNLAB_DATA`` is the folder of the published data sets, never of user-supplied ones.
    """
    if not data_dir:
        what = "a folder of idx files" if name == "idx" else FORMS
        raise SnnlabError(
            f"data set {name} is your own: give its path by --data-dir ({what}), or drop it on"
            " “Data of your own” on the dashboard"
        )
    return Path(os.path.abspath(os.path.expanduser(data_dir)))


def guess_kind(path: Path) -> str | None:
    """ "folder" or "idx" if the file names at a path look like such a data set, else None."""
    try:
        with Place(path) as place:
            names, is_zip = place.names, place.is_zip
    except SnnlabError:
        return None
    if idx_sets.Sets.find(names).files:
        return "idx"
    others = class_folders.has_pictures(names) or is_zip
    ends = (*CSV, ".npz", ".zip")
    return "folder" if others or any(n.lower().endswith(ends) for n in names) else None


def read(name: str, path: Path, side: int, tell: Tell) -> Learnable:
    """The user-supplied data set at a path, with images of ``side`` × ``side`` pixels.

    name : "folder" detects the kind of data, "idx" reads idx files only
    Raises :class:`SnnlabError`, naming the path, if data is missing or invalid.
    """
    try:
        return make_learnable(_found(name, path, side, tell), side)
    except SnnlabError as error:
        text = str(error).removeprefix(f"{path.name}: ")
        raise SnnlabError(
            f"data set {name}: {text}" if str(path) in text else f"data set {name}: {path}: {text}"
        ) from None


def _check_kind(place, name):
    """Raises :class:`SnnlabError` for a file that is no table by its first bytes."""
    with place.open(name) as stream:
        start = stream.read(512)
    if start.startswith(b"\x1f\x8b"):
        with suppress(zlib.error):  # a table may be packed by gzip
            start = zlib.decompressobj(31).decompress(start, 512)
    for at, mark, what in _OTHERS:
        if start[at:].startswith(mark):
            raise SnnlabError(f"{name}: is {what}")


def _found(name, path, side, tell) -> Found:
    path, beginning = idx_sets.split_prefix(path)
    tell(f"listing {path}", None)
    with Place(path) as place:
        names = place.names
        if beginning is not None:
            names = [n for n in names if n.lower().startswith(beginning) and "/" not in n]
        if name == "idx":
            return idx_sets.read(place, names, tell)
        npz = [n for n in names if n.lower().endswith(".npz")]
        tables = [n for n in names if n.lower().endswith(CSV)]
        if class_folders.has_pictures(names):
            return class_folders.read(place, names, side, tell)
        if npz:
            return arrays.read(place, npz)
        if idx_sets.Sets.find(names).files:
            return idx_sets.read(place, names, tell)
        if tables or (path.is_file() and not place.is_zip):
            if path.is_file():
                _check_kind(place, names[0])
            return csv_pixels.read(place, tables or names, tell)
        if not names:
            raise SnnlabError(f"is empty: give {FORMS}")
        return class_folders.read(place, names, side, tell)
