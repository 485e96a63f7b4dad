"""Data sets of one's own: sub-folders of pictures, CSV, npz or idx files, or a zip of such."""

import os
from pathlib import Path

from snnlab.data.catalogue import Tell
from snnlab.data.own import arrays, class_folders, csv_pixels, idx_sets
from snnlab.data.own.labelled import Found, Learnable, Look, learnable
from snnlab.data.own.places import Place
from snnlab.errors import SnnlabError

__all__ = ["Look", "place_of", "read"]

CSV = (".csv", ".tsv", ".csv.gz")
FORMS = "a folder with a sub-folder of pictures for each class, a CSV of pixels, an npz or a zip"


def place_of(name: str, data_dir: str | os.PathLike[str] | None) -> Path:
    """Where a data set of one's own is to be read; raises :class:`SnnlabError` if it is not given.

    ``SNNLAB_DATA`` names the place of the published data sets, never of one's own.
    """
    if not data_dir:
        what = "a folder of idx files" if name == "idx" else FORMS
        raise SnnlabError(
            f"data set {name} is your own: say where it is by --data-dir ({what}), or on the"
            " dashboard drop it on “Data of your own”"
        )
    return Path(os.path.abspath(os.path.expanduser(data_dir)))


def kind_of(path: Path) -> str | None:
    """ "folder" or "idx", if a path looks like such a data set by what its files are called."""
    try:
        with Place(path) as place:
            names, is_zip = place.names, place.is_zip
    except SnnlabError:
        return None
    if idx_sets.Sets.among(names).files:
        return "idx"
    others = class_folders.has_pictures(names) or is_zip
    ends = (*CSV, ".npz", ".zip")
    return "folder" if others or any(n.lower().endswith(ends) for n in names) else None


def read(name: str, path: Path, side: int, tell: Tell) -> Learnable:
    """The data set of one's own at a path, with pictures of ``side`` pixels.

    name : "folder" looks what is there, "idx" wants idx files
    Raises :class:`SnnlabError`, which names the path, for what is missing or cannot be learnt.
    """
    try:
        return learnable(_found(name, path, side, tell), side)
    except SnnlabError as error:
        text = str(error).removeprefix(f"{path.name}: ")
        raise SnnlabError(
            f"data set {name}: {text}" if str(path) in text else f"data set {name}: {path}: {text}"
        ) from None


def _found(name, path, side, tell) -> Found:
    path, beginning = idx_sets.beginning(path)
    tell(f"looking into {path}", None)
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
        if idx_sets.Sets.among(names).files:
            return idx_sets.read(place, names, tell)
        if tables or (path.is_file() and not place.is_zip):
            return csv_pixels.read(place, tables or names, tell)
        if not names:
            raise SnnlabError(f"is empty: give {FORMS}")
        return class_folders.read(place, names, side, tell)
