"""Idx files of any data set, as they are: KMNIST, EMNIST, QMNIST and what people write themselves.

Their checksums are not known, so what they are called says what they are.
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from snnlab.data.catalogue import Tell
from snnlab.data.own.labelled import Found, Labelled
from snnlab.data.own.places import SMALL, UNPACKS_BY, Place
from snnlab.data.published.idx import inflate, read_idx
from snnlab.errors import SnnlabError

MOST_BYTES = 2**30
"""Of a file, unpacked: all of EMNIST takes half."""
MOST_MAPPING = 2**16
_NAME = re.compile(
    r"(?P<prefix>.*?)(?P<part>train|test|t10k)(-\d+k)?-(?P<kind>images|labels)(-idx\d-[a-z]+)?"
)


class Sets(NamedTuple):
    """Files of idx sets: by folder and beginning of the name, then by part and kind."""

    files: dict[tuple[str, str], dict[tuple[str, str], str]]

    @classmethod
    def among(cls, names: list[str]) -> "Sets":
        """Those among files, each with images and labels to train on at least."""
        wanted = {("train", "images"), ("train", "labels")}
        return cls({key: files for key, files in _sets(names).items() if wanted <= set(files)})

    def __str__(self) -> str:
        return ", ".join(f"{folder}/{prefix}".removeprefix("./") for folder, prefix in self.files)


def _sets(names):
    """All sets of which there is a file, as in :class:`Sets`."""
    found: dict[tuple[str, str], dict[tuple[str, str], str]] = {}
    for name in names:
        path = PurePosixPath(name)
        if match := _NAME.fullmatch(_plain(path.name)):
            part = "train" if match["part"] == "train" else "test"
            files = found.setdefault((str(path.parent), match["prefix"]), {})
            files.setdefault((part, match["kind"]), name)
    return found


def _lack(names):
    """What is not there, of files without any set to train on."""
    for files in _sets(names).values():
        for kind, other in (("images", "labels"), ("labels", "images")):
            if name := files.get(("train", kind)):
                return f"no {other} beside {name}"
    if sets := _sets(names):
        return f"nothing to train on beside {next(iter(next(iter(sets.values())).values()))}"
    return "no idx files"


def beginning(path: Path) -> tuple[Path, str | None]:
    """A folder, and what the names of one set of idx files in it begin with, if ``path`` is that.

    It is one of the files then, or a path that only begins like theirs: ``EMNIST/emnist-letters``.
    """
    try:
        if path.is_file():
            match = _NAME.fullmatch(_plain(path.name))
            return (path.parent, match["prefix"]) if match else (path, None)
        others = [] if path.exists() or not path.parent.is_dir() else os.listdir(path.parent)
    except (OSError, ValueError):  # it will be said what is wrong with the path
        return path, None
    start = path.name.lower()
    if any(_NAME.fullmatch(_plain(n)) and n.lower().startswith(start) for n in others):
        return path.parent, start
    return path, None


def _plain(name):
    """A name as the originals have it."""
    return name.lower().removesuffix(".gz").replace(".", "-").replace("_", "-")


def read(place: Place, names: list[str], tell: Tell) -> Found:
    """The one set of idx files; raises :class:`SnnlabError` for none, or more than one."""
    sets = Sets.among(names)
    if not sets.files:
        raise SnnlabError(
            f"{_lack(names)}: give train-images-idx3-ubyte and train-labels-idx1-ubyte, plain or"
            " .gz, and for the test t10k-… or test-…"
        )
    if len(sets.files) > 1:
        raise SnnlabError(
            f"{len(sets.files)} data sets ({sets}): name one, as in --data-dir"
            f" {place.path / str(sets).split(', ')[0]}"
        )
    ((folder, prefix), files), notes = next(iter(sets.files.items())), []
    emnist = prefix.startswith("emnist")
    if emnist:
        notes.append("EMNIST's pictures lie on their side, and are set upright")
    parts = [
        _labelled(place, files, part, emnist, tell)
        for part in ("train", "test")
        if {(part, "images"), (part, "labels")} <= set(files)
    ]
    mapping = _mapping(place, names, f"{folder}/{prefix}mapping.txt".removeprefix("./"))
    return Found(*parts, names=mapping, notes=tuple(notes))


def _labelled(place, files, part, emnist, tell):
    images, labels = (_array(place, files[part, kind], tell) for kind in ("images", "labels"))
    if labels.ndim == 2:  # QMNIST's: the class, then who wrote it and where
        labels = labels[:, 0]
    if images.ndim != 3 or labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise SnnlabError(
            f"{files[part, 'images']}: images of shape {images.shape} with labels of shape"
            f" {labels.shape}: give images in three dimensions and a whole number for each"
        )
    return Labelled(images.swapaxes(1, 2) if emnist else images, labels)


def _array(place, name, tell) -> np.ndarray:
    tell(f"reading {name}", None)
    data = place.read(name, MOST_BYTES)
    most = min(MOST_BYTES, max(SMALL, UNPACKS_BY * len(data)))
    return read_idx(inflate(data, most, name), name, any_kind=True)


def _mapping(place, names, wanted):
    """What EMNIST's labels mean: lines of a label and the codes of its characters."""
    found = next((name for name in names if name.lower() == wanted.lower()), None)
    if found is None:
        return {}
    try:
        lines = place.read(found, MOST_MAPPING).decode("ascii").splitlines()
        numbers = [list(map(int, line.split())) for line in lines if line.strip()]
        return {label: "".join(map(chr, codes)) for label, *codes in numbers if codes}
    except ValueError:  # of something else; SnnlabError is one
        return {}
