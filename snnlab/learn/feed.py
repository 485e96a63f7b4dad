"""Batches of input spikes from images, shuffled in every epoch and warped on request."""

from functools import cached_property
from math import ceil
from typing import NamedTuple
from weakref import WeakValueDictionary

import numpy as np

from snnlab.chip.spec import BRAINSCALES2
from snnlab.data import Dataset
from snnlab.data.images.augment import Warp, warp
from snnlab.data.images.encoding import latency_encode
from snnlab.events import Events
from snnlab.seeding import key, stream

TEST_IDS = 1 << 32
"""Offset of the ids of test images, so that none shares the noise of a training image."""


class Code(NamedTuple):
    """Settings of the latency encoding, by the names of their knobs; window in ticks of 8 ns."""

    encoding: str
    tau_in: float
    theta_in: float
    grid: str
    window: int

    def encode(self, images: np.ndarray, ids: np.ndarray) -> Events:
        """Spikes of images uint8[image, row, column]; ids uint64[image] select their noise."""
        events = latency_encode(images, self.tau_in, self.theta_in, self.window, ids, self.encoding)
        return events.on_grid(BRAINSCALES2.dt_cadc) if self.grid == "cadc" else events


class Feed:
    """The spikes of a data set's images.

    Data set, batch size, latency code and seed keep the values they have in ``settings`` at the
    start; the strengths of the warp are read for every batch. window : ticks of 8 ns.
    """

    def __init__(self, dataset: Dataset, settings, window: int):
        self.dataset, self.settings = dataset, settings
        self.code = Code(*(getattr(settings, name) for name in Code._fields[:-1]), window)
        self._order = (None, None)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass through the training images."""
        return ceil(len(self.dataset.train_images) / self.settings.batch)

    @cached_property
    def train(self) -> Events:
        """Spikes of all training images, not warped."""
        return _encoded(self.dataset, "train", self.code)

    @cached_property
    def test(self) -> Events:
        """Spikes of all test images."""
        return _encoded(self.dataset, "test", self.code)

    def ready(self) -> None:
        """Encode now, so that neither the first batch nor the first evaluation waits for it."""
        _ = self.test
        if not self.warp:
            _ = self.train

    def batch(self, step: int) -> np.ndarray:
        """Indices of the images in the batch of a step : int64[image]."""
        epoch, k = divmod(step, self.steps_per_epoch)
        if self._order[0] != epoch:
            n = len(self.dataset.train_images)
            self._order = epoch, stream(self.settings.seed, "order", epoch).permutation(n)
        return self._order[1][k * self.settings.batch : (k + 1) * self.settings.batch]

    def events(self, step: int) -> Events:
        """Spikes of the batch of a step."""
        index = self.batch(step)
        if not (by := self.warp):
            return self.train.take(index)
        ids = index.astype(np.uint64)
        epoch = step // self.steps_per_epoch
        seen = key(self.settings.seed, "warp", epoch)
        return self.code.encode(warp(self.dataset.train_images[index], ids, by, seen), ids)

    @property
    def warp(self) -> Warp:
        """Present strengths of the warp of training images."""
        s = self.settings
        return Warp(s.rotation, s.shift, s.stretch, s.bend, s.mirror)


_in_use: WeakValueDictionary[tuple, Events] = WeakValueDictionary()


def _encoded(dataset, part, code):
    """Spikes of a data set's images, shared by all trainers that use the same encoding."""
    events = _in_use.get((dataset, part, code))
    if events is None:
        images = getattr(dataset, f"{part}_images")
        first = TEST_IDS if part == "test" else 0
        ids = np.arange(first, first + len(images), dtype=np.uint64)
        events = _in_use[dataset, part, code] = code.encode(images, ids)
    return events
