"""The handwritten digits bundled with scikit-learn: real data without a download.

1797 images of 8×8 pixels and 17 grey levels, the test part of UCI's "Optical Recognition of
Handwritten Digits" (Alpaydin & Kaynak, 1998).
"""

import gzip
import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from snnlab.data.catalogue import CATALOGUE, Tell
from snnlab.data.dataset import Dataset
from snnlab.data.images.preprocess import resize
from snnlab.errors import DataUnavailable
from snnlab.seeding import stream

_PICTURES, _SIDE, _BRIGHTEST = 1797, 8, 16
_TRAIN_SHARE = 0.8


def load(data_dir: None, tell: Tell) -> Dataset:
    """The data set; it takes neither a folder nor time."""
    classes = CATALOGUE["digits"].classes
    return Dataset("digits", *read(), classes=classes, origin="bundled with scikit-learn")


def read() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Train images, train labels, test images, test labels : uint8[image, 16, 16], uint8[image].

    The split is fixed and takes four fifths of each class for training. Raises
    :class:`~snnlab.errors.DataUnavailable` if scikit-learn or its file is missing.
    """
    table = _table()
    labels = table[:, -1].astype(np.uint8)
    grey = np.rint(table[:, :-1] * (255 / _BRIGHTEST)).astype(np.uint8)
    images = resize(grey.reshape(-1, _SIDE, _SIDE))
    train = _stratified(labels)
    return images[train], labels[train], images[~train], labels[~train]


def _table() -> np.ndarray:
    """One row per image: 64 grey levels from 0 to 16, then the digit : float64[1797, 65]."""
    # Importing sklearn.datasets takes two seconds, reading its file directly 30 ms.
    spec = find_spec("sklearn")
    if spec is None or not spec.origin:
        raise DataUnavailable("data set digits is part of scikit-learn: install scikit-learn")
    path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
    expected = (_PICTURES, _SIDE**2 + 1)
    try:
        with gzip.open(path, "rt", encoding="ascii") as lines:
            table = np.loadtxt(lines, delimiter=",").reshape(expected)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataUnavailable(
            f"data set digits: {path} is missing or damaged ({error}): reinstall scikit-learn"
        ) from error
    return table


def _stratified(labels: np.ndarray) -> np.ndarray:
    """Which images are for training : bool[image]."""
    train = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = stream(0, "digits", int(label)).permutation(np.flatnonzero(labels == label))
        train[members[: round(_TRAIN_SHARE * len(members))]] = True
    return train
