"""Batches of input spikes, shuffled in every epoch."""

from math import ceil

import numpy as np

from snnlab.data import Dataset
from snnlab.data.images.source import ImageSource
from snnlab.data.source import Source
from snnlab.data.spikes.recorded import RecordedSpikes
from snnlab.data.spikes.source import SpikeSource
from snnlab.events import Events
from snnlab.seeding import stream


def open_source(dataset: Dataset | RecordedSpikes, settings, window: int) -> Source:
    """The input spikes of a data set.

    settings : knobs by attribute; window : ticks of 8 ns for which an input is emulated.
    """
    kind = ImageSource if isinstance(dataset, Dataset) else SpikeSource
    return kind(dataset, settings, window)


def count_samples(dataset: Dataset | RecordedSpikes, settings) -> int:
    """CADC samples for which an input is emulated: the knob's for images, and for recordings as
    long as they last.

    Raises :class:`SnnlabError` for recordings that last too long.
    """
    return settings.samples if isinstance(dataset, Dataset) else dataset.count_samples(settings)


class Feed:
    """Batches of a source's training inputs.

    The batch size and the seed keep the values they have in ``settings`` at the start.
    """

    def __init__(self, source: Source, settings):
        self.source, self._settings = source, settings
        self._order = (None, None)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass through the training inputs."""
        return ceil(len(self.source.labels("train")) / self._settings.batch)

    def ready(self) -> None:
        """Encode now, so that neither the first batch nor the first evaluation waits for it."""
        self.source.events("test")
        if not self.source.augments:
            self.source.events("train")

    def batch(self, step: int) -> np.ndarray:
        """Indices of the inputs in the batch of a step : int64[input]."""
        epoch, k = divmod(step, self.steps_per_epoch)
        if self._order[0] != epoch:
            n = len(self.source.labels("train"))
            self._order = epoch, stream(self._settings.seed, "order", epoch).permutation(n)
        return self._order[1][k * self._settings.batch : (k + 1) * self._settings.batch]

    def events(self, step: int) -> Events:
        """Spikes of the batch of a step."""
        return self.source.batch(self.batch(step), step // self.steps_per_epoch)
