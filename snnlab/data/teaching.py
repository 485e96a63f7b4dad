"""Shared setup of the notebooks: how much to compute, and which images to learn from."""

import os
from dataclasses import replace

from snnlab.data import Dataset, load
from snnlab.errors import DataUnavailable

FAST = os.environ.get("SNNLAB_FAST") == "1"
"""Whether notebooks compute short, coarse versions of their figures."""


def digits(train: int | None = None, test: int | None = None) -> Dataset:
    """Handwritten digits: MNIST if it is available, otherwise the digits bundled with scikit-learn.

    train, test : largest number of images. With ``SNNLAB_FAST=1``, MNIST is read only from the
    folder ``SNNLAB_DATA``, never downloaded. Raises :class:`~snnlab.errors.SnnlabError` for an
    invalid file in that folder.
    """
    name = "mnist" if os.environ.get("SNNLAB_DATA") or not FAST else "digits"
    try:
        dataset = load(name)
    except DataUnavailable:
        dataset = load("digits")
    return replace(
        dataset,
        train_images=dataset.train_images[:train], train_labels=dataset.train_labels[:train],
        test_images=dataset.test_images[:test], test_labels=dataset.test_labels[:test],
    )  # fmt: skip
