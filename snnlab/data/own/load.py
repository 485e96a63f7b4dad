"""Loading of user-supplied data: sub-folders of images, CSV, npz or idx files, or a zip file."""

import os
from pathlib import Path

from snnlab.data.catalogue import Tell
from snnlab.data.own import arrays, class_folders, csv_pixels, idx_sets
from snnlab.data.own.labelled import Found, Learnable, Look, make_learnable
from snnlab.data.places import Place
from snnlab.errors import SnnlabError

__all__ = ["Look", "read", "resolve_place"]

CSV = (".csv", ".tsv", ".csv.gz")
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
            return csv_pixels.read(place, tables or names, tell)
        if not names:
            raise SnnlabError(f"is empty: give {FORMS}")
        return class_folders.read(place, names, side, tell)
