"""Recorded spikes as the input of a training: scaled to the chip's time, varied in every epoch."""

from dataclasses import replace

import numpy as np

from snnlab.data.batches import take
from snnlab.data.spikes.recorded import RecordedSpikes, join
from snnlab.errors import SnnlabError
from snnlab.events import Events
from snnlab.seeding import stream

VARIATIONS = ("stretch", "shift", "channel_noise", "blend")
"""Knobs that vary training recordings."""


class SpikeSource:
    """A :class:`~snnlab.data.source.Source` of recordings.

    Speedup and duration keep the values they have in ``settings`` at the start; the strengths of
    the variations are read for every batch. window : ticks of 8 ns. Raises :class:`SnnlabError` if
    hardly a spike lies within the duration, as with times in milliseconds.
    """

    def __init__(self, dataset: RecordedSpikes, settings, window: int):
        self.dataset, self._settings, self.window = dataset, settings, window
        self.n_channels, self.classes = dataset.n_channels, dataset.classes
        self._events = {}
        self._check_heard()

    def _check_heard(self):
        recorded, duration = self.dataset.train, self._settings.duration
        if self.dataset.unit is None or len(recorded.tick) < len(recorded):
            return
        heard = int(np.count_nonzero(recorded.tick * self.dataset.unit < duration))
        if heard < len(recorded):
            raise SnnlabError(
                f"data set {self.dataset.name}: only {heard} of {len(recorded.tick)} spikes of"
                f" {len(recorded)} training recordings lie in the {duration:g} s that are played:"
                " give times in seconds, or raise duration"
            )

    @property
    def augments(self) -> bool:
        """Whether training recordings are varied now."""
        return any(getattr(self._settings, name) for name in VARIATIONS)

    def labels(self, part: str) -> np.ndarray:
        """Class of each recording : int64[input]."""
        return self.dataset.labels(part)

    def events(self, part: str) -> Events:
        """Spikes of all recordings of a part, in the chip's time."""
        if part not in self._events:
            self._events[part] = self.encode(self.dataset.events(part))
        return self._events[part]

    def encode(self, recorded: Events) -> Events:
        """Recordings in the chip's time, with only the channels that it hears."""
        return self._kept(self.dataset.scaled(recorded, self._settings, self.window))

    def batch(self, index: np.ndarray, epoch: int) -> Events:
        """Spikes of the training recordings ``index``, varied in each epoch in another way."""
        if not self.augments:
            return take(self.events("train"), index)
        s, all_events = self._settings, self.dataset.train
        draws = [stream(s.seed, "recording", epoch, int(k)) for k in index]
        events, chosen = all_events.take(index), None
        if s.blend:
            events, chosen = self._blended(events, index, draws)
        stretch = np.array([1.0 + s.stretch * rng.uniform(-1.0, 1.0) for rng in draws])
        shift = np.array([s.shift * rng.uniform(-1.0, 1.0) for rng in draws])
        moved = shift[events.owner] * self.dataset.every
        if s.channel_noise:
            noise = [rng.standard_normal(n) for rng, n in zip(draws, events.counts, strict=True)]
            moved = moved + s.channel_noise * np.concatenate(noise)
        channel = np.rint(events.channel + moved)
        inside = (channel >= 0) & (channel < events.n_channels)
        if chosen is not None:
            inside &= chosen
        moved = replace(events, channel=np.where(inside, channel, 0).astype(np.uint16))
        moved, stretch = _only(moved, inside), stretch[events.owner[inside]]
        scaled = self.dataset.scaled(moved, s, self.window, stretch)
        return replace(self._kept(scaled), ids=index.astype(np.uint64))

    def _blended(self, events, index, draws):
        """Recordings with the spikes of another of their class, and which spikes to keep: half."""
        share, labels = self._settings.blend, self.dataset.train_labels
        partner = np.array(index)
        for k, rng in enumerate(draws):
            if rng.random() < share:
                partner[k] = rng.choice(np.flatnonzero(labels == labels[index[k]]))
        other = self.dataset.train.take(partner)
        both = _merged(events, other)
        first = np.concatenate([np.zeros(len(events.tick), bool), np.ones(len(other.tick), bool)])[
            both[1]
        ]  # whether a spike is the partner's
        blended = (partner != index)[both[0].owner]
        keep = [rng.random(n) < 0.5 for rng, n in zip(draws, both[0].counts, strict=True)]
        return both[0], np.where(blended, np.concatenate(keep), ~first)

    def _kept(self, events):
        """Only the channels that the chip hears, numbered from 0."""
        first, every = self.dataset.first, self.dataset.every
        if (first, every) == (0, 1):
            return events
        place = events.channel.astype(np.int64) - first
        kept = _only(events, (place >= 0) & (place % every == 0))
        channel = (kept.channel.astype(np.int64) - first) // every
        return replace(kept, channel=channel.astype(np.uint16), n_channels=self.n_channels)


def _only(events, kept):
    """The spikes where ``kept``, bool[spike], is True."""
    counts = np.bincount(events.owner[kept], minlength=len(events))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return Events(offsets, events.tick[kept], events.channel[kept], events.n_channels, events.ids)


def _merged(a, b):
    """Two batches of equal length as one, input by input; and each spike's place in a, then b."""
    owner = np.concatenate([a.owner, b.owner])
    both = join([a, b])
    order = np.lexsort((both.tick, owner))  # stable: a spike of a comes before one of b
    offsets = a.offsets + b.offsets
    return Events(offsets, both.tick[order], both.channel[order], a.n_channels, a.ids), order
