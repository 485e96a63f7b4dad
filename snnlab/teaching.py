"""What every notebook starts from: how much to compute, and pictures to learn from."""

import os
from dataclasses import replace

from snnlab.data import Dataset, load
from snnlab.errors import DataUnavailable

FAST = os.environ.get("SNNLAB_FAST") == "1"
"""Whether notebooks shall take little time and draw rough pictures."""


def digits(train: int | None = None, test: int | None = None) -> Dataset:
    """Handwritten digits: MNIST where it is to be had, else scikit-learn's bundled ones.

    train, test : so many pictures at most. With ``SNNLAB_FAST=1`` MNIST is looked for only in the
    folder ``SNNLAB_DATA``, never fetched. Raises :class:`~snnlab.errors.SnnlabError` for a file
    there that is wrong.
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
