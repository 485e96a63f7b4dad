"""Images as input spikes: encoded once, or warped and encoded for every batch."""

from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakValueDictionary

import numpy as np

from snnlab.chip.spec import BRAINSCALES2
from snnlab.data.batches import take
from snnlab.data.images.augment import Warp, warp
from snnlab.data.images.encoding import latency_encode
from snnlab.data.source import number_inputs
from snnlab.errors import SnnlabError
from snnlab.events import Events
from snnlab.seeding import key

if TYPE_CHECKING:
    from snnlab.data.dataset import Dataset


class Encoding(NamedTuple):
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


class ImageSource:
    """A :class:`~snnlab.data.source.Source` of images.

    The encoding and the seed keep the values they have in ``settings`` at the start; the strengths
    of the warp are read for every batch. window : ticks of 8 ns. Raises :class:`SnnlabError` if
    hardly a pixel of the training images is bright enough for a spike.
    """

    def __init__(self, dataset: "Dataset", settings, window: int):
        self._dataset, self._settings = dataset, settings
        self.n_channels, self.classes = dataset.train_images[0].size, dataset.classes
        self._events = {}
        self.encoding = Encoding(*(getattr(settings, k) for k in Encoding._fields[:-1]), window)
        self._check_seen()

    def _check_seen(self):
        images, theta_in = self._dataset.train_images, self.encoding.theta_in
        least = int(255 * theta_in) + 1
        if not images.any():  # as of a run that is to classify others
            return
        seen = int(np.count_nonzero(images >= least))
        if seen < len(images):
            raise SnnlabError(
                f"data set {self._dataset.name}: only {seen} pixels of {len(images)} training"
                f" images send a spike: their brightest pixel is {images.max()}, and theta_in ="
                f" {theta_in:g} asks for {least} of 255: give brighter images, or lower theta_in"
            )

    @property
    def warp(self) -> Warp:
        """Present strengths of the warp of training images."""
        s = self._settings
        return Warp(s.rotation, s.shift, s.stretch, s.bend, s.mirror)

    @property
    def augments(self) -> bool:
        """Whether training images are warped now."""
        return bool(self.warp)

    def labels(self, part: str) -> np.ndarray:
        """Class of each image : int[image]."""
        return getattr(self._dataset, f"{part}_labels")

    def events(self, part: str) -> Events:
        """Spikes of all images, not warped; shared by all trainers that use the same encoding."""
        if part not in self._events:
            place = self._dataset, part, self.encoding
            events = _in_use.get(place)
            if events is None:
                images = getattr(self._dataset, f"{part}_images")
                ids = number_inputs(part, len(images))
                events = _in_use[place] = self.encoding.encode(images, ids)
            self._events[part] = events
        return self._events[part]

    def batch(self, index: np.ndarray, epoch: int) -> Events:
        """Spikes of training images, warped in each epoch in another way."""
        if not (by := self.warp):
            return take(self.events("train"), index)
        ids, seen = index.astype(np.uint64), key(self._settings.seed, "warp", epoch)
        images = warp(self._dataset.train_images[index], ids, by, seen)
        return self.encoding.encode(images, ids)


_in_use: WeakValueDictionary[tuple, Events] = WeakValueDictionary()
