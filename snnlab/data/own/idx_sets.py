"""Idx files of any data set (KMNIST, EMNIST, QMNIST, your own), recognised by their file names."""

import os
import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from snnlab.data.catalogue import Tell
from snnlab.data.idx import inflate, read_idx
from snnlab.data.own.labelled import Found, Labelled
from snnlab.data.places import MAX_UNPACK_RATIO, MIN_UNPACK_LIMIT, Place
from snnlab.errors import SnnlabError

MAX_BYTES = 2**30
"""Of a file, unpacked; all of EMNIST takes half of it."""
MAX_MAPPING_BYTES = 2**16
_NAME = re.compile(
    r"(?P<prefix>.*?)(?P<part>train|test|t10k)(-\d+k)?-(?P<kind>images|labels)(-idx\d-[a-z]+)?"
)


class Sets(NamedTuple):
    """Files of idx sets: by folder and name prefix, then by part and kind."""

    files: dict[tuple[str, str], dict[tuple[str, str], str]]

    @classmethod
    def find(cls, names: list[str]) -> "Sets":
        """The sets among files that have training images and labels."""
        wanted = {("train", "images"), ("train", "labels")}
        return cls({key: files for key, files in _sets(names).items() if wanted <= set(files)})

    def __str__(self) -> str:
        return ", ".join(f"{folder}/{prefix}".removeprefix("./") for folder, prefix in self.files)


def _sets(names):
    """All sets with at least one file, as in :class:`Sets`."""
    found: dict[tuple[str, str], dict[tuple[str, str], str]] = {}
    for name in names:
        path = PurePosixPath(name)
        if match := _NAME.fullmatch(_plain(path.name)):
            part = "train" if match["part"] == "train" else "test"
            files = found.setdefault((str(path.parent), match["prefix"]), {})
            files.setdefault((part, match["kind"]), name)
    return found


def _describe_missing(names):
    """What is missing if no set can be trained on."""
    for files in _sets(names).values():
        for kind, other in (("images", "labels"), ("labels", "images")):
            if name := files.get(("train", kind)):
                return f"no {other} for {name}"
    if sets := _sets(names):
        return f"no training files for {next(iter(next(iter(sets.values())).values()))}"
    return "no idx files"


def split_prefix(path: Path) -> tuple[Path, str | None]:
    """Folder and name prefix of one set of idx files, or ``path`` and None if it names no set.

    ``path`` may be one of the files, or a common prefix such as ``EMNIST/emnist-letters``.
    """
    try:
        if path.is_file():
            match = _NAME.fullmatch(_plain(path.name))
            return (path.parent, match["prefix"]) if match else (path, None)
        others = [] if path.exists() or not path.parent.is_dir() else os.listdir(path.parent)
    except (OSError, ValueError):  # reported when the path is read
        return path, None
    start = path.name.lower()
    if any(_NAME.fullmatch(_plain(n)) and n.lower().startswith(start) for n in others):
        return path.parent, start
    return path, None


def _plain(name):
    """A file name, normalised to those of the original idx files."""
    return name.lower().removesuffix(".gz").replace(".", "-").replace("_", "-")


def read(place: Place, names: list[str], tell: Tell) -> Found:
    """The set of idx files of a place; raises :class:`SnnlabError` for none or several."""
    sets = Sets.find(names)
    if not sets.files:
        raise SnnlabError(
            f"{_describe_missing(names)}: give train-images-idx3-ubyte and"
            " train-labels-idx1-ubyte, plain or .gz, and for the test t10k-… or test-…"
        )
    if len(sets.files) > 1:
        raise SnnlabError(
            f"{len(sets.files)} data sets ({sets}): choose one, e.g. --data-dir"
            f" {place.path / str(sets).split(', ')[0]}"
        )
    ((folder, prefix), files), notes = next(iter(sets.files.items())), []
    emnist = prefix.startswith("emnist")
    if emnist:
        notes.append("EMNIST's images are transposed, so they are set upright")
    parts = [
        _labelled(place, files, part, emnist, tell)
        for part in ("train", "test")
        if {(part, "images"), (part, "labels")} <= set(files)
    ]
    mapping = _mapping(place, names, f"{folder}/{prefix}mapping.txt".removeprefix("./"))
    return Found(*parts, names=mapping, notes=tuple(notes))


def _labelled(place, files, part, emnist, tell):
    images, labels = (_array(place, files[part, kind], tell) for kind in ("images", "labels"))
    if labels.ndim == 2:  # QMNIST's: the class, then writer and origin
        labels = labels[:, 0]
    if images.ndim != 3 or labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise SnnlabError(
            f"{files[part, 'images']}: images of shape {images.shape} with labels of shape"
            f" {labels.shape}: give images[image, row, column] and one whole number per image"
        )
    return Labelled(images.swapaxes(1, 2) if emnist else images, labels)


def _array(place, name, tell) -> np.ndarray:
    tell(f"reading {name}", None)
    data = place.read(name, MAX_BYTES)
    most = min(MAX_BYTES, max(MIN_UNPACK_LIMIT, MAX_UNPACK_RATIO * len(data)))
    return read_idx(inflate(data, most, name), name, any_kind=True)


def _mapping(place, names, wanted):
    """Class names of EMNIST by label, from lines of a label and its character codes."""
    found = next((name for name in names if name.lower() == wanted.lower()), None)
    if found is None:
        return {}
    try:
        lines = place.read(found, MAX_MAPPING_BYTES).decode("ascii").splitlines()
        numbers = [list(map(int, line.split())) for line in lines if line.strip()]
        names = {label: "".join(map(chr, codes)) for label, *codes in numbers if codes}
        "".join(names.values()).encode()  # surrogates are no characters
        return names
    except (ValueError, OverflowError):  # a file of another format; includes SnnlabError
        return {}
