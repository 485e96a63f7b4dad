"""Sparse spikes of a batch: input and output of the chip."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from snnlab.arrays import as_array, cast_exact
from snnlab.errors import SnnlabError

TICK = 8e-9
"""Resolution of the chip's spike time stamps : s (Cramer et al. 2022, SI)."""
_CHUNK = 4096  # inputs sorted at a time: the indices of all would take a gigabyte

LAST_TICK = 2**16 - 1
"""Largest time stamp: they have 16 bits."""
_KINDS = {
    "offsets": np.dtype(np.int64), "tick": np.dtype(np.uint16), "channel": np.dtype(np.uint16),
    "ids": np.dtype(np.uint64),
}  # fmt: skip


@dataclass(frozen=True)
class Events:
    """Spikes of a batch of inputs, sorted by time within each input.

    offsets : int64[input + 1]      spikes of input b are ``offsets[b]:offsets[b + 1]``
    tick    : uint16[spike]         time stamp in ticks of 8 ns
    channel : uint16[spike]         input line or neuron that fired
    n_channels : int
    ids     : uint64[input]         identity of each input: keys its trial noise, so that an input
                                    gets the same noise in every batch

    Lists, tensors and arrays of other integer types are converted to these. :meth:`checked` raises
    :class:`SnnlabError` if the arrays contradict each other.
    """

    offsets: np.ndarray
    tick: np.ndarray
    channel: np.ndarray
    n_channels: int
    ids: np.ndarray

    def __post_init__(self):
        for name, dtype in _KINDS.items():
            given = getattr(self, name)
            if getattr(given, "dtype", None) != dtype:
                given = cast_exact(given, dtype, f"Events.{name}")
            # Kernels would be compiled again for every other stride: it takes seconds.
            object.__setattr__(self, name, np.ascontiguousarray(given))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def counts(self) -> np.ndarray:
        """Spikes per input : int64[input]."""
        return np.diff(self.offsets)

    @cached_property
    def owner(self) -> np.ndarray:
        """Input that each spike belongs to : int64[spike]."""
        return np.repeat(np.arange(len(self)), self.counts)

    def checked(self) -> "Events":
        """Self; raises :class:`SnnlabError` if the arrays are inconsistent."""
        offsets, size = self.offsets, len(self.tick)
        if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != size or (self.counts < 0).any():
            raise SnnlabError(
                f"Events.offsets must rise from 0 to the {size} spikes, got {offsets}"
            )
        if len(self.channel) != size or len(self.ids) != len(self):
            raise SnnlabError(
                f"Events: {size} ticks, {len(self.channel)} channels, {len(self.ids)} ids"
                f" for {len(self)} inputs; give one channel per tick and one id per input"
            )
        for name in ("tick", "channel"):
            _check_16_bits(name, getattr(self, name))
        for name in ("offsets", "ids"):
            if (kind := getattr(self, name).dtype) != _KINDS[name]:
                raise SnnlabError(f"Events.{name} are {kind}: give {_KINDS[name]}")
        if size and self.channel.max() >= self.n_channels:
            raise SnnlabError(
                f"Events.channel {self.channel.max()} is out of range, {self.n_channels} channels"
                f" end at {self.n_channels - 1}: raise n_channels or drop these spikes"
            )
        falls = self.tick[1:] < self.tick[:-1]
        first = self.offsets[(self.offsets > 0) & (self.offsets < size)]
        falls[first - 1] = False  # between two inputs
        if falls.any():
            late = np.flatnonzero(falls)
            raise SnnlabError(
                f"Events.tick must not decrease within an input: in input {self.owner[late[0]]},"
                f" {self.tick[late[0]]} is followed by {self.tick[late[0] + 1]}; sort by time"
            )
        return self

    def take(self, inputs: np.ndarray) -> "Events":
        """A batch of the given inputs, in the given order. inputs : int[input], indices."""
        inputs = np.asarray(inputs)
        counts = self.counts[inputs]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        source = np.repeat(self.offsets[inputs] - offsets[:-1], counts) + np.arange(offsets[-1])
        return Events(
            offsets, self.tick[source], self.channel[source], self.n_channels, self.ids[inputs]
        )

    def until(self, last: int) -> "Events":
        """Without the spikes after tick ``last``."""
        if not len(self.tick) or self.tick.max() <= last:
            return self
        return self.delayed(0.0, (last + 0.5) * TICK)

    def delayed(self, time: float, end: float) -> "Events":
        """All spikes ``time`` s later, above 0, to a whole tick; without those after ``end`` s."""
        tick = self.tick.astype(np.int64) + round(time / TICK)
        kept = tick <= min(int(end / TICK), LAST_TICK)
        counts = np.bincount(self.owner[kept], minlength=len(self))
        return replace(
            self,
            offsets=np.concatenate([[0], np.cumsum(counts)]),
            tick=tick[kept].astype(np.uint16),
            channel=self.channel[kept],
        )

    def merged(self, other: "Events") -> "Events":
        """The spikes of both, for the same inputs; the channels of ``other`` come last."""
        place = [e.owner << 16 | e.tick for e in (self, other)]  # both rise
        order = np.argsort(np.concatenate(place), kind="stable")
        channel = np.concatenate([self.channel, other.channel + np.uint16(self.n_channels)])
        return replace(
            self,
            offsets=self.offsets + other.offsets,
            tick=np.concatenate([self.tick, other.tick])[order],
            channel=channel[order],
            n_channels=self.n_channels + other.n_channels,
        )

    def on_grid(self, dt: float) -> "Events":
        """All spike times rounded down to multiples of ``dt`` : s, above 0."""
        _check_step(dt)
        step = np.floor(self.tick * (TICK / dt))
        return replace(self, tick=np.rint(step * (dt / TICK)).astype(np.uint16))

    def count_by_channel(self) -> np.ndarray:
        """Number of spikes : int64[input, channel]."""
        flat = self.owner * self.n_channels + self.channel
        counts = np.bincount(flat, minlength=len(self) * self.n_channels)
        return counts.reshape(len(self), self.n_channels)

    def to_dense(self, dt: float, steps: int) -> np.ndarray:
        """Spike counts in time steps of ``dt`` seconds : uint8[input, step, channel].

        The middle of a tick counts, so that spikes :meth:`on_grid` are in the step they begin.
        """
        _check_step(dt)
        dense = np.zeros((len(self), steps, self.n_channels), np.uint8)
        step = np.floor((self.tick + 0.5) * (TICK / dt) + 1e-9).astype(np.int64)
        inside = step < steps
        np.add.at(dense, (self.owner[inside], step[inside], self.channel[inside]), 1)
        return dense

    @classmethod
    def from_ticks(cls, ticks: np.ndarray, window: int, ids: np.ndarray | None = None) -> "Events":
        """Events with at most one spike per channel, from spike times.

        ticks : array-like[input, channel], in ticks of 8 ns; ``window`` or later means "no spike".
        Raises :class:`SnnlabError` for negative times, NaN, or a window of more than 16 bits.
        """
        ticks = as_array(ticks, "times")
        if ticks.ndim != 2 or ticks.dtype.kind not in "iuf":
            raise SnnlabError(
                f"times of shape {ticks.shape} are {ticks.dtype}: give numbers, one row per input"
            )
        n_inputs, n_channels = ticks.shape
        check_window(window)
        if ticks.dtype.kind != "u" and not (ticks >= 0).all():
            row, channel = np.argwhere(~(ticks >= 0))[0]
            raise SnnlabError(
                f"time of channel {channel} in input {row} is {ticks[row, channel]} ticks,"
                f" allowed are 0 to {window}: shift all times, or give {window} for no spike"
            )
        starts = range(0, max(n_inputs, 1), _CHUNK)
        chunks = [_by_time(ticks[start : start + _CHUNK], window) for start in starts]
        counts, tick, channel = map(np.concatenate, zip(*chunks, strict=True))
        offsets = np.concatenate([[0], np.cumsum(counts)])
        if ids is None:
            ids = np.arange(n_inputs, dtype=np.uint64)
        return cls(offsets, tick, channel, n_channels, ids)


def _check_step(dt):
    if not 0.0 < dt < 1.0:
        raise SnnlabError(
            f"time step dt = {dt} s is out of range: give more than 0 and less than 1 s"
        )


def check_window(window: int) -> None:
    """Raises :class:`SnnlabError` unless the window is from 1 tick to the largest time stamp."""
    if not 0 < window <= LAST_TICK:
        raise SnnlabError(f"window of {window} ticks is out of range: give 1 to {LAST_TICK}")


def _by_time(ticks, window):
    """Spike counts of the inputs, and ticks and channels of their spikes in order of time."""
    ticks = np.minimum(ticks, window).astype(np.uint16)
    order = np.argsort(ticks, axis=1, kind="stable")
    ordered = np.take_along_axis(ticks, order, axis=1)
    fires = ordered < window
    return fires.sum(axis=1), ordered[fires], order[fires].astype(np.uint16)


def _check_16_bits(name, array):
    if array.dtype != np.uint16:
        numbers = array.size and array.dtype.kind in "iuf"
        values = f" from {array.min()} to {array.max()}" if numbers else ""
        raise SnnlabError(f"Events.{name} is {array.dtype}{values}: give uint16, 0 to {LAST_TICK}")
