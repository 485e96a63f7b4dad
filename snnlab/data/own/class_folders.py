"""Image files in sub-folders, one per class, or such sub-folders in ``train`` and ``test``."""

from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np

from snnlab.data.catalogue import Tell
from snnlab.data.images.brightness import WHITE, Levels
from snnlab.data.images.pictures import Picture, read_picture
from snnlab.data.images.preprocess import Fitted
from snnlab.data.own.labelled import (
    Found,
    Labelled,
    Look,
    check_scales,
    format_count,
    natural_key,
    note_spare,
)
from snnlab.data.places import Place
from snnlab.errors import SnnlabError

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".webp", ".avif", ".ppm", ".pgm",
    ".pbm", ".pnm", ".tif", ".tiff",
)  # fmt: skip
"""Recognise a folder of images; the format of each file is read from its content."""
TRAIN, TEST = ("train", "training"), ("test", "testing")
VALIDATION = ("val", "valid", "validation")
MAX_BYTES = 2**25
"""Of one image file."""
REPORT_INTERVAL = 20


def has_pictures(names: list[str]) -> bool:
    """Whether any file has the suffix of an image file."""
    return any(PurePosixPath(name).suffix.lower() in SUFFIXES for name in names)


def read(place: Place, names: list[str], side: int, tell: Tell) -> Found:
    """All images of a place, sorted by name.

    Raises :class:`SnnlabError` if no sub-folder holds images, or none of them is readable.
    """
    parts, notes = _parts(names)
    pictures = _Pictures(place, sum(map(len, parts)), side, tell)
    train, *test = [pictures.read(part) for part in parts if part]
    if pictures.refused:
        (first, why), n = pictures.refused[0], len(pictures.refused)
        files = f"{format_count(n, 'file')} skipped ({first}: {why})"
        if not len(train.labels):
            raise SnnlabError(f"{place.path}: no readable picture, {files}")
        notes.append(files)
    if test and not len(test[0].labels):
        test = []
    return Found(train, *test, notes=tuple(notes), look=pictures.look)


def _parts(names):
    """File names and classes for training and for the test, if any, and remarks on the choice."""
    above = _enclosing([name for name in names if has_pictures([name])] or names)
    named = [(name, name[len(above) :].split("/")) for name in names if name.startswith(above)]
    parts = {
        part: [(name, path[1]) for name, path in named if len(path) > 2 and path[0].lower() in part]
        for part in (TRAIN, TEST, VALIDATION)
    }
    train, test, spare = parts.values()
    outside = len(names) - len(train) - len(test) - len(spare)
    if not train:
        train, test, spare = [(name, path[0]) for name, path in named if len(path) > 1], [], []
        outside = len(names) - len(train)
    if not train:
        raise SnnlabError(
            "no sub-folder with pictures: give one per class, such as cat/1.png and dog/2.png"
        )
    notes = [f"{format_count(outside, 'file')} not in a class, not used"] if outside else []
    if spare:
        notes.append(note_spare(len(spare), not test))
    parts = train, test or spare
    return [sorted(part, key=lambda pair: natural_key(pair[0])) for part in parts], notes


def _enclosing(names):
    """The folder that encloses all pictures and their classes, with a slash; may be empty."""
    split = [name.split("/") for name in names]
    depth = 0
    while len({path[depth] for path in split}) == 1 and all(len(p) > depth + 2 for p in split):
        depth += 1
    return "".join(f"{folder}/" for folder in split[0][:depth])


class _Pictures:
    """Reads pictures and shrinks them at once.

    Of the training pictures, deep and transparent ones are read twice, and all of them if they are
    dim: their scale and background depend on all others.
    """

    def __init__(self, place: Place, total: int, side: int, tell: Tell):
        self._place, self._total, self._side, self._tell = place, total, side, tell
        self.refused: list[tuple[str, str]] = []
        self.look, self._levels, self._done = Look(), None, 0

    def read(self, part: list[tuple[str, str]]) -> Labelled:
        """Images of the given (name, class) pairs; unreadable ones are added to ``refused``.

        The first part is for training: its pictures settle the :attr:`look`. Raises
        :class:`SnnlabError` if they are all of one brightness, or a later part has another scale.
        """
        squares, names, labels, levels, special, grounds = [], [], [], Levels(), [], []
        for (name, label), picture in self._decoded(part):
            levels.add(picture.shades)
            if picture.is_deep or not picture.is_opaque:
                special.append(len(squares))
            if not picture.is_opaque:
                grounds.append(picture.ground)
            squares.append(self.look.fit(picture, self._side))
            names.append(name)
            labels.append(label)
        if not squares:
            empty = np.zeros((0, self._side, self._side), np.uint8)
            return Labelled(Fitted(empty, np.zeros((0, 2), np.uint8)), [])
        look = self._settled(levels, grounds)
        again = special if look.gain == self.look.gain else range(len(squares))
        for k in again if look != self.look else ():
            self._tell(f"reading {format_count(len(again), 'picture')} again", None)
            squares[k] = look.fit(self._picture(names[k]), self._side)
        if self._levels is None:
            self.look, self._levels = look, levels
        return Labelled(Fitted(*map(np.concatenate, zip(*squares, strict=True))), labels)

    def _settled(self, levels, grounds):
        """The look of a part: that of the training pictures, with the depth of others if deeper."""
        check_scales(self._levels or levels, levels)
        own = levels.scale()
        if self._levels is None:
            ground = WHITE if 2 * sum(map(bool, grounds)) >= len(grounds) else 0
            return Look(ground=ground)._replace(**own._asdict())
        if self.look.white is None:
            return self.look._replace(black=own.black, white=own.white)
        return self.look

    def _decoded(self, part) -> Iterator[tuple[tuple[str, str], Picture]]:
        for name, label in part:
            if self._done % REPORT_INTERVAL == 0:
                self._tell(f"reading {self._total:,} pictures", self._done / self._total)
            self._done += 1
            try:
                yield (name, label), self._picture(name)
            except SnnlabError as error:
                self.refused.append((name, str(error).removeprefix("the file ")))

    def _picture(self, name):
        return read_picture(self._place.read(name, MAX_BYTES), most_bytes=MAX_BYTES)
