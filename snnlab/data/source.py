"""Where a training gets its input spikes from: one interface, whatever the data are."""

from typing import Protocol

import numpy as np

from snnlab.events import Events

TEST_IDS = 1 << 32
"""Offset of the ids of test inputs, so that none shares the noise of a training input."""


class Source(Protocol):
    """Input spikes of a data set and their labels; ``part`` is "train" or "test".

    n_channels : input channels; classes : what the labels mean; augments : whether training inputs
    are now altered in each epoch, so that they cannot be encoded in advance.
    """

    n_channels: int
    classes: tuple[str, ...]

    @property
    def augments(self) -> bool: ...

    def labels(self, part: str) -> np.ndarray:
        """Class of each input : int[input]."""

    def events(self, part: str) -> Events:
        """Spikes of all inputs, not augmented; the ids of test inputs begin at ``TEST_IDS``."""

    def batch(self, index: np.ndarray, epoch: int) -> Events:
        """Spikes of the training inputs ``index``, int64[input], as an epoch presents them."""


def number_inputs(part: str, n: int) -> np.ndarray:
    """Ids of the ``n`` inputs of a part : uint64[input]."""
    first = TEST_IDS if part == "test" else 0
    return np.arange(first, first + n, dtype=np.uint64)
