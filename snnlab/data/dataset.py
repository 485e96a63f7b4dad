"""The data set type: labelled images, ready to be encoded."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from snnlab.arrays import as_array, as_pixels, cast_exact
from snnlab.errors import SnnlabError

if TYPE_CHECKING:
    from snnlab.data.own.labelled import Look


class Own(NamedTuple):
    """User-supplied data: its path, how its images are prepared, and remarks for the user.

    look : None for recordings
    """

    place: str
    look: "Look | None"
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images in their original order, ready to be encoded.

    train_images : uint8[image, row, column], square, 0 dark and 255 bright
    train_labels : uint8[image], index into ``classes``
    test_images, test_labels : likewise, never used for training
    classes : names of the classes
    origin : where this copy came from, e.g. ``folder …``, ``mirror …`` or ``generated``
    own : path, preparation and remarks of user-supplied data; None for published data

    Lists, torch tensors and arrays of other dtypes are converted if no value changes: images of
    whole numbers from 0 to 255 or of booleans, labels of whole numbers.
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
            for name, taken in ((f"{part}_images", as_pixels), (f"{part}_labels", _labels)):
                given = taken(getattr(self, name), f"data set {self.name}: {name}")
                object.__setattr__(self, name, given)
        try:
            object.__setattr__(self, "classes", tuple(map(str, self.classes)))
        except TypeError:
            raise SnnlabError(
                f"data set {self.name}: classes = {self.classes!r}, give one name per class"
            ) from None

    def first(self, train: int | None = None, test: int | None = None) -> "Dataset":
        """A part of this data set: at most its first ``train`` and ``test`` images."""
        return replace(
            self,
            train_images=self.train_images[:train], train_labels=self.train_labels[:train],
            test_images=self.test_images[:test], test_labels=self.test_labels[:test],
        )  # fmt: skip

    def for_validation(self, share: float = 0.1) -> "Dataset":
        """Training images only, of which a share tests; the test set is left out.

        The first ``share`` of each class, as in :func:`first_of_each`. To choose settings by it
        keeps the test set unseen. Raises :class:`SnnlabError` if no class has two.
        """
        test = first_of_each(self.train_labels, share)
        if not test.any():
            raise SnnlabError(
                f"data set {self.name}: {len(test)} training images, one of each class: none can be"
                " set aside for validation; use --split official"
            )
        return replace(
            self,
            train_images=self.train_images[~test], train_labels=self.train_labels[~test],
            test_images=self.train_images[test], test_labels=self.train_labels[test],
        )  # fmt: skip

    def arranged(self, settings) -> "Dataset":
        """The data set as the knob ``split`` divides it."""
        return self._validation if settings.split == "validation" else self

    @cached_property
    def _validation(self):
        return self.for_validation()  # one for all trainings, which share what is made of it

    def arrays(self) -> tuple[np.ndarray, ...]:
        """All that distinguishes this data set from another: images and labels."""
        return self.train_images, self.train_labels, self.test_images, self.test_labels

    def checked(self) -> "Dataset":
        """Self; raises :class:`SnnlabError` if user-supplied arrays are invalid."""
        for part in ("train", "test"):
            images, labels = (getattr(self, f"{part}_{what}") for what in ("images", "labels"))
            if images.dtype != np.uint8 or images.ndim != 3 or not images.size:
                raise SnnlabError(
                    f"data set {self.name}: {part}_images are {images.dtype}{images.shape}, give"
                    " uint8[image, row, column] from 0 to 255, at least one image"
                    + "; multiply fractions of full brightness by 255"
                    * (images.dtype.kind == "f")
                )
            if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
                raise SnnlabError(
                    f"data set {self.name}: {part}_labels are {labels.dtype}{labels.shape}, give"
                    f" one whole number for each of the {len(images)} images"
                )
            if labels.min() < 0 or labels.max() >= len(self.classes):
                raise SnnlabError(
                    f"data set {self.name}: {part}_labels range from {labels.min()} to"
                    f" {labels.max()}, {len(self.classes)} classes allow"
                    f" 0 to {len(self.classes) - 1}"
                )
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise SnnlabError(
                f"data set {self.name}: training images have {self.train_images.shape[1:]} pixels,"
                f" test images {self.test_images.shape[1:]}: give both the same size"
            )
        return self


def _labels(given, what):
    made = as_array(given, what)
    return made if made.dtype.kind in "iu" else cast_exact(made, np.int64, what)


def first_of_each(kind: np.ndarray, share: float) -> np.ndarray:
    """The first ``share`` of each kind, rounded down but at least one of two : bool[input].

    kind : int[input]
    """
    first = np.zeros(len(kind), bool)
    for one in np.unique(kind):
        members = np.flatnonzero(kind == one)
        first[members[: max(int(share * len(members) + 1e-9), int(len(members) > 1))]] = True
    return first


def count_images(dataset: Dataset) -> list[tuple[str, str, str]]:
    """Cells of one row per class: its name, its numbers of training and test images."""
    each = zip(
        dataset.classes,
        *(np.bincount(labels, minlength=len(dataset.classes))
          for labels in (dataset.train_labels, dataset.test_labels)),
        strict=True,
    )  # fmt: skip
    return [(name, f"{train:,} training", f"{test:,} test") for name, train, test in each]
