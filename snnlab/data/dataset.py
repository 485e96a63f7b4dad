"""What a data set is: labelled pictures, ready to be encoded."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from snnlab.arrays import array, exact, pixels_of
from snnlab.errors import SnnlabError

if TYPE_CHECKING:
    from snnlab.data.own.labelled import Look


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


def counts(dataset: Dataset) -> list[tuple[str, str, str]]:
    """Cells of a row for each class: its name, and how many pictures there are of it."""
    each = zip(
        dataset.classes,
        *(np.bincount(labels, minlength=len(dataset.classes))
          for labels in (dataset.train_labels, dataset.test_labels)),
        strict=True,
    )  # fmt: skip
    return [(name, f"{train:,} training", f"{test:,} test") for name, train, test in each]
