"""From user-supplied images to a data set: classes, brightness range, square shape, split.

Equal images give equal results, whatever file format they came in.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from snnlab.chip.spec import BRAINSCALES2
from snnlab.data.images.brightness import WHITE, Levels, Scale
from snnlab.data.images.pictures import Picture
from snnlab.data.images.preprocess import Fitted, fit
from snnlab.errors import SnnlabError, plain
from snnlab.seeding import stream

TEST_SHARE = 0.2
"""Fraction of each class that is used for the test if no test images are given."""
MAX_CLASSES = BRAINSCALES2.n_circuits
"""Each needs a neuron circuit."""
MAX_NAME_LENGTH = 40
"""Characters of a class name."""
MAX_CLASS_RATIO = 3
"""Ratio of the largest to the smallest class from which a warning is given."""
MIN_TEST_IMAGES = 100
"""Number of test images below which a warning is given."""
MIN_REACH, MAX_REACH = 1 / 8, 2
"""Brightest test pixel, as a multiple of the brightest training pixel, if both have one scale."""


class Look(NamedTuple):
    """How the pictures of a data set, and others to be classified with it, are prepared.

    turned : whether bright and dark are swapped; ground : brightness behind transparent pixels, 0
    or 255; black, white, gain : see :class:`Scale`.
    """

    turned: bool = False
    white: float | None = None
    ground: int = WHITE
    black: float = 0.0
    gain: float = 1.0

    @classmethod
    def of_record(cls, known: dict) -> "Look":
        """From the fields that a run keeps; the first runs had neither black nor gain.

        Raises KeyError, TypeError or ValueError for others.
        """
        known = dict(known)
        if "gain" not in known:  # white was 255 also where pictures had 8 bits
            white = known["white"]
            known |= {"black": 0.0, "gain": 1.0, "white": None if white == WHITE else white}
        look = cls(**{name: known[name] for name in cls._fields})
        kinds = [type(value) for value in look if value is not None]
        if kinds != [bool, *[float] * (look.white is not None), int, float, float]:
            raise TypeError
        if not (look.gain > 0.0 and (look.white is None or look.white > look.black)):
            raise ValueError
        return look

    @property
    def scale(self) -> Scale:
        """Values of black and white."""
        return Scale(self.black, self.white, self.gain)

    def fit(self, picture: Picture, side: int) -> Fitted:
        """One picture of the data set scaled into its square, not yet inverted."""
        return fit(picture.grey(self.scale, self.ground)[None], side)

    def prepare(self, picture: Picture, side: int) -> np.ndarray:
        """Another picture, prepared like those of the data set : uint8[side, side]."""
        scale = self.scale.suited(picture.levels)
        fitted = self._replace(**scale._asdict()).fit(picture, side)
        return (fitted.turned() if self.turned else fitted).pixels[0]


class Labelled(NamedTuple):
    """Images with one label each.

    images : a :class:`Fitted`, or numbers[image, row, column] on any scale
    labels : whole numbers or words
    """

    images: np.ndarray | Fitted
    labels: np.ndarray | list


class Found(NamedTuple):
    """Result of a reader: training images and, if there are any, test images.

    names : class names by label; notes : remarks on how the images were read.
    """

    train: Labelled
    test: Labelled | None = None
    names: dict[int, str] = {}  # noqa: RUF012 - a tuple's default, never changed
    notes: tuple[str, ...] = ()
    look: Look = Look()


class Learnable(NamedTuple):
    """Arrays of a :class:`~snnlab.data.Dataset`, class names, preparation and remarks."""

    arrays: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    classes: tuple[str, ...]
    look: Look
    notes: tuple[str, ...]


def make_learnable(found: Found, side: int) -> Learnable:
    """Convert what a reader found to images of ``side`` × ``side`` pixels, split into two parts.

    Raises :class:`SnnlabError` unless there is one label per image and 2 to 512 classes.
    """
    parts = [part for part in (found.train, found.test) if part is not None]
    for part in parts:
        n = len(part.images.pixels if isinstance(part.images, Fitted) else part.images)
        if n != len(part.labels) or not n:
            raise SnnlabError(f"{n} images and {len(part.labels)} labels: give one label per image")
    values = _values([part.labels for part in parts])
    labels = [_index(part.labels, values) for part in parts]
    fitted, look = _fitted([part.images for part in parts], side, found.look)
    notes = look.scale.describe()
    border = sum(np.bincount(f.pixels[f.border], minlength=256) for f in fitted)
    turned = bool(_median(border) > WHITE / 2)
    if turned:
        fitted = [f.turned() for f in fitted]
        notes.append("the images are dark on bright and were inverted")
    pixels = [f.pixels for f in fitted]
    if found.test is None:
        (pixels, labels), said = _split(pixels[0], labels[0])
        notes += said
    classes = _names(values, found.names)
    notes += _warnings(labels, classes)
    arrays = pixels[0], labels[0], pixels[1], labels[1]
    return Learnable(arrays, classes, look._replace(turned=turned), (*found.notes, *notes))


def parse_labels(labels: Iterable[str]) -> np.ndarray | list[str]:
    """Labels from text, as integers if all are whole numbers such as ``3`` or ``3.0``.

    Raises :class:`SnnlabError` for one that is empty, or NaN among numbers.
    """
    labels = [label.strip() for label in labels]
    if "" in labels:
        raise _unlabelled(labels.index(""))
    try:
        numbers = np.array(labels, np.float64)
    except ValueError:
        return labels
    if np.isnan(numbers).any():
        raise _unlabelled(int(np.isnan(numbers).argmax()))
    whole = np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all()
    return numbers.astype(np.int64) if whole and len(numbers) else labels


def _unlabelled(k):
    return SnnlabError(f"image {k} (from 0) has no label: remove it or label it")


def note_spare(n: int, is_test: bool) -> str:
    """A remark on ``n`` images for validation, which are for the test if there are no others."""
    use = "used for the test" if is_test else "not used"
    return f"the validation part ({format_count(n, 'image')}) is {use}"


def natural_key(name: str) -> list[tuple]:
    """Sort key that orders the numbers in names by value: ``2`` before ``10``."""
    parts = re.split(r"([0-9]+)", name)
    return [(0, int(p), "") if k % 2 else (1, 0, p.casefold()) for k, p in enumerate(parts)]


def format_count(n: int, what: str) -> str:
    """``1 picture``, ``2 pictures``."""
    return f"{n:,} {what}{'s' * (n != 1)}"


def _values(labels):
    """Different values of the labels, sorted."""
    numbers = [np.asarray(part) for part in labels]
    if all(part.dtype.kind in "biu" for part in numbers):
        values = np.unique(np.concatenate(numbers)).tolist()
    else:
        values = sorted(
            {str(x) for part in labels for x in part}, key=lambda x: (natural_key(x), x)
        )
    if not 2 <= len(values) <= MAX_CLASSES:
        shown = (
            f"one class only, {str(values[0])[:MAX_NAME_LENGTH]}"
            if len(values) == 1
            else f"{len(values):,} classes, the chip has {MAX_CLASSES} neuron circuits"
        )
        raise SnnlabError(f"{shown}: give 2 to {MAX_CLASSES} classes")
    return values


def _index(labels, values):
    where = {value: k for k, value in enumerate(values)}
    kind = type(values[0])
    # Not by way of an array of text, which loses NUL characters at the end of a word.
    return np.array([where[kind(x)] for x in labels], np.uint8 if len(values) <= 256 else "u2")


def _names(values, names):
    """Class names: printable, short and all different."""
    classes: dict[str, None] = {}
    for value in values:
        name = plain(str(names.get(value, value)))[:MAX_NAME_LENGTH] or "(no name)"
        while name in classes:
            name += "'"
        classes[name] = None
    return tuple(classes)


def check_scales(trained: Levels, tested: Levels) -> None:
    """Raises :class:`SnnlabError` for training images of one colour, test images on another scale.

    Pictures of 8 bits and deeper ones may be mixed: they are compared with their kind.
    """
    if trained.flat is not None:
        raise SnnlabError(f"all pixels are {trained.flat:g}: give images with some contrast")
    for deep, (low, high) in trained.reach.items():
        lowest, highest = tested.reach.get(deep, (low, high))
        span, spanned = high - min(low, 0.0), highest - min(lowest, 0.0)
        if span and not MIN_REACH * span <= spanned <= MAX_REACH * span:
            raise SnnlabError(
                f"test images reach {highest:g}, training images {high:g}: give both on one scale"
            )


def _fitted(images, side, look):
    """Images as squares of 8 bits, and how they were prepared."""
    if isinstance(images[0], Fitted):
        return images, look
    for part in images:
        if part.dtype.kind not in "biuf" or part.ndim != 3 or 0 in part.shape:
            raise SnnlabError(
                f"images are {part.dtype}{part.shape}: give numbers[image, row, column]"
            )
        if part.dtype.kind == "f" and not np.isfinite(part).all():
            raise SnnlabError("a pixel is empty or not finite: give 0 to 255")
    deep = images[0].dtype != np.uint8
    trained, tested = Levels(), Levels()
    trained.add(images[0], deep)
    for part in images[1:]:
        tested.add(part, deep)
    check_scales(trained, tested)
    scale = trained.scale()
    fitted = [fit(scale.to_bytes(part), side) for part in images]
    return fitted, look._replace(**scale._asdict())


def _median(histogram):
    return np.searchsorted(np.cumsum(histogram), histogram.sum() / 2)


def _split(pixels, labels):
    """A fixed split with a fifth of each class for the test, at least one image if it has two."""
    test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = stream(0, "own", int(label)).permutation(np.flatnonzero(labels == label))
        least = min(1, len(members) - 1)
        test[members[: max(least, round(TEST_SHARE * len(members)))]] = True
    if not test.any():
        note = "one image per class: training images are also used for the test"
        return ([pixels, pixels], [labels, labels]), [note]
    note = f"a fifth of each class, always the same, is for the test ({test.sum():,} images)"
    return ([pixels[~test], pixels[test]], [labels[~test], labels[test]]), [note]


def _warnings(labels, classes):
    """Warnings that limit the meaning of an accuracy."""
    train, test = (np.bincount(part, minlength=len(classes)) for part in labels)
    for count, what in ((train, "used for training"), (test, "used for the test")):
        if lacking := [name for name, n in zip(classes, count, strict=True) if not n]:
            others = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            yield f"no image of {lacking[0]}{others} is {what}"
    few, many = train[train > 0].min(), train.max()
    if many >= MAX_CLASS_RATIO * few:
        rare, frequent = (classes[int(np.flatnonzero(train == n)[0])] for n in (few, many))
        yield f"classes are unbalanced: {few:,} of {rare}, {many:,} of {frequent}"
    if (n := len(labels[1])) < MIN_TEST_IMAGES:
        yield f"only {format_count(n, 'test image')}: each is {1 / n:.0%} of the accuracy"
