"""Pictures of one's own, as they were found, become a data set: classes, range, square, split.

Whatever they came in, pictures that are equal become equal here.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from snnlab.chip.spec import BRAINSCALES2
from snnlab.data.images.pictures import WHITE, Picture
from snnlab.data.images.preprocess import Fitted, fit
from snnlab.errors import SnnlabError, plain
from snnlab.seeding import stream

TEST_SHARE = 0.2
"""Of each class, where nothing is given to be tested on."""
MOST_CLASSES = BRAINSCALES2.n_circuits
"""Each takes a neuron circuit at least."""
MOST_CHARACTERS = 40
"""Of a class's name."""
UNEVEN = 3
"""Times as many pictures as the smallest class has, from which on it is said."""
FEW = 100
"""Test pictures below which it is said."""


class Look(NamedTuple):
    """How every picture of a data set is treated, and every other one that is to be like them.

    turned : whether bright and dark are swapped; white : value of white where a file has more than
    8 bits; ground : brightness behind transparent pixels, 0 or 255.
    """

    turned: bool = False
    white: float = float(WHITE)
    ground: int = WHITE

    def fit(self, picture: Picture, side: int) -> Fitted:
        """One picture in its square, not yet turned."""
        return fit(picture.grey(self.white, self.ground)[None], side)

    def prepare(self, picture: Picture, side: int) -> np.ndarray:
        """A picture as the data set's own are : uint8[side, side]."""
        fitted = self.fit(picture, side)
        return (fitted.turned() if self.turned else fitted).pixels[0]


class Labelled(NamedTuple):
    """Pictures and a label for each.

    images : a :class:`Fitted`, or numbers[image, row, column] on any scale
    labels : whole numbers or words
    """

    images: np.ndarray | Fitted
    labels: np.ndarray | list


class Found(NamedTuple):
    """What a reader found: pictures to train on and, if there are, to test on.

    names : of classes by label; notes : what was done to them, in words.
    """

    train: Labelled
    test: Labelled | None = None
    names: dict[int, str] = {}  # noqa: RUF012 - a tuple's default, never changed
    notes: tuple[str, ...] = ()
    look: Look = Look()


class Learnable(NamedTuple):
    """Arrays as a :class:`~snnlab.data.Dataset` has them, names of classes, look and notes."""

    arrays: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    classes: tuple[str, ...]
    look: Look
    notes: tuple[str, ...]


def learnable(found: Found, side: int) -> Learnable:
    """Pictures of ``side`` pixels in classes, in training and test, and what was done to them.

    Raises :class:`SnnlabError` unless there are two classes or more, and as few as a chip tells
    apart.
    """
    parts = [part for part in (found.train, found.test) if part is not None]
    for part in parts:
        n = len(part.images.pixels if isinstance(part.images, Fitted) else part.images)
        if n != len(part.labels) or not n:
            raise SnnlabError(f"{n} pictures and {len(part.labels)} labels: give one for each")
    values = _values([part.labels for part in parts])
    labels = [_index(part.labels, values) for part in parts]
    fitted, notes = _fitted([part.images for part in parts], side)
    border = sum(np.bincount(f.pixels[f.border], minlength=256) for f in fitted)
    turned = bool(_median(border) > WHITE / 2)
    if turned:
        fitted = [f.turned() for f in fitted]
        notes.append("they are dark on bright, so dark and bright are swapped")
    pixels = [f.pixels for f in fitted]
    if found.test is None:
        (pixels, labels), said = _split(pixels[0], labels[0])
        notes += said
    classes = _names(values, found.names)
    notes += _warnings(labels, classes)
    arrays = pixels[0], labels[0], pixels[1], labels[1]
    return Learnable(arrays, classes, found.look._replace(turned=turned), (*found.notes, *notes))


def words_or_numbers(labels: Iterable[str]) -> np.ndarray | list[str]:
    """Labels written as text: as whole numbers if all are, such as ``3`` or ``3.0``."""
    labels = [label.strip() for label in labels]
    try:
        numbers = np.array(labels, np.float64)
    except ValueError:
        return labels
    whole = np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all()
    return numbers.astype(np.int64) if whole and len(numbers) else labels


def in_order(name: str) -> list[tuple]:
    """A key by which names are sorted as people do: 2 before 10."""
    parts = re.split(r"([0-9]+)", name)
    return [(0, int(p), "") if k % 2 else (1, 0, p.casefold()) for k, p in enumerate(parts)]


def counted(n: int, what: str) -> str:
    """``1 picture``, ``2 pictures``."""
    return f"{n:,} {what}{'s' * (n != 1)}"


def _values(labels):
    """All that labels say, in order."""
    numbers = [np.asarray(part) for part in labels]
    if all(part.dtype.kind in "biu" for part in numbers):
        values = np.unique(np.concatenate(numbers)).tolist()
    else:
        values = sorted({str(x) for part in labels for x in part}, key=lambda x: (in_order(x), x))
    if not 2 <= len(values) <= MOST_CLASSES:
        shown = (
            f"one class only, {str(values[0])[:MOST_CHARACTERS]}"
            if len(values) == 1
            else f"{len(values):,} classes, the chip has {MOST_CLASSES} neuron circuits"
        )
        raise SnnlabError(f"{shown}: give 2 to {MOST_CLASSES} classes to tell apart")
    return values


def _index(labels, values):
    where = {value: k for k, value in enumerate(values)}
    kind = type(values[0])
    items = np.asarray(labels).tolist()
    return np.array([where[kind(item)] for item in items], np.uint8 if len(values) <= 256 else "u2")


def _names(values, names):
    """What classes are called, all different."""
    classes: dict[str, None] = {}
    for value in values:
        name = plain(str(names.get(value, value)))[:MOST_CHARACTERS] or "(no name)"
        while name in classes:
            name += "'"
        classes[name] = None
    return tuple(classes)


def _fitted(images, side):
    """Squares of 8 bits, and what was done for that."""
    if isinstance(images[0], Fitted):
        return images, []
    for part in images:
        if part.dtype.kind not in "biuf" or part.ndim != 3 or 0 in part.shape:
            raise SnnlabError(
                f"pictures are {part.dtype}{part.shape}: give numbers[picture, row, column]"
            )
        if part.dtype.kind == "f" and not np.isfinite(part).all():
            raise SnnlabError("a pixel is empty or no finite number: give 0 to 255")
    low, high = float(images[0].min()), float(images[0].max())
    if low == high:
        raise SnnlabError(f"all pixels are {low:g}: give pictures in which something is seen")
    if low >= 0 and WHITE / 2 < high <= WHITE:
        return [fit(part, side) for part in images], []
    scale = WHITE / (high - low)
    stretched = [fit(part, side, offset=low, scale=scale) for part in images]
    return stretched, [f"brightness from {low:g} to {high:g} is scaled to 0 to {WHITE}"]


def _median(histogram):
    return np.searchsorted(np.cumsum(histogram), histogram.sum() / 2)


def _split(pixels, labels):
    """A fifth of each class for the test, at least one if it has two; always the same."""
    test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = stream(0, "own", int(label)).permutation(np.flatnonzero(labels == label))
        least = min(1, len(members) - 1)
        test[members[: max(least, round(TEST_SHARE * len(members)))]] = True
    if not test.any():
        said = "one picture in each class: the training pictures are tested too"
        return ([pixels, pixels], [labels, labels]), [said]
    said = f"a fifth of each class, always the same, is for the test ({test.sum():,})"
    return ([pixels[~test], pixels[test]], [labels[~test], labels[test]]), [said]


def _warnings(labels, classes):
    """What one should know before one believes an accuracy."""
    train, test = (np.bincount(part, minlength=len(classes)) for part in labels)
    for count, what in ((train, "trained on"), (test, "tested")):
        if lacking := [name for name, n in zip(classes, count, strict=True) if not n]:
            others = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            yield f"no picture of {lacking[0]}{others} is {what}"
    few, many = train[train > 0].min(), train.max()
    if many >= UNEVEN * few:
        names = (classes[int(np.flatnonzero(train == n)[0])] for n in (few, many))
        rare, frequent = names
        yield f"classes are uneven: {few:,} of {rare}, {many:,} of {frequent}"
    if (n := len(labels[1])) < FEW:
        yield f"{counted(n, 'test picture')} only: one is {1 / n:.0%} of the accuracy"
