"""From times, units and labels, as files hold them, to recordings: what is wrong is found here."""

from dataclasses import dataclass, field

import numpy as np

from snnlab.data.source import number_inputs
from snnlab.data.spikes.recorded import RESOLUTION
from snnlab.errors import SnnlabError
from snnlab.events import LAST_TICK, Events

MAX_CHANNELS = 2**16
MAX_SECONDS = 3600.0
"""Longest recording that is read : s."""
MAX_PLAYED = 20.0
"""Most of a recording that can be played to the chip, by the knob duration : s. Later spikes are
left out, so that 16 bits hold the times of the others."""


@dataclass(frozen=True, eq=False)
class Table:
    """What a file holds of one part of a data set, not yet checked.

    times : float[spike], s; units : int[spike]; counts : int[recording], spikes of each
    labels : int[recording]; speakers : int[recording], empty if unknown
    """

    times: np.ndarray = field(repr=False)
    units: np.ndarray = field(repr=False)
    counts: np.ndarray
    labels: np.ndarray
    speakers: np.ndarray = ()

    def checked(self, channels: int, what: str) -> "Table":
        """Self; raises :class:`SnnlabError`, naming ``what``, for values that are not allowed."""
        counts, n = np.asarray(self.counts), len(self.counts)
        if not n:
            raise SnnlabError(f"{what}: holds no recordings")
        total = int(counts.sum())
        if len(self.times) != total or len(self.units) != total or (counts < 0).any():
            raise SnnlabError(
                f"{what}: {len(self.times)} times and {len(self.units)} units for {total} spikes of"
                f" {n} recordings: give one of each per spike"
            )
        for name in ("labels", "speakers"):
            given = np.asarray(getattr(self, name))
            if name == "speakers" and not given.size:
                continue
            if given.shape != (n,) or given.dtype.kind not in "iu":
                raise SnnlabError(
                    f"{what}: {name} are {given.dtype}{given.shape} for {n} recordings: give one"
                    " whole number for each"
                )
            if given.min() < 0 or given.max() >= 2**16:
                raise SnnlabError(
                    f"{what}: {name} range from {given.min()} to {given.max()}: count from 0"
                )
        self._check_times(what)
        self._check_units(channels, what)
        return self

    def _check_times(self, what):
        times = self.times
        if times.dtype.kind not in "fiu":
            raise SnnlabError(f"{what}: times are {times.dtype}: give seconds")
        owner = np.repeat(np.arange(len(self.counts)), self.counts)
        for wrong, why, cure in (
            (~np.isfinite(times), "no number", "remove it"),
            (times < 0, "negative", "shift all times of the recording"),
            (times > MAX_SECONDS, f"beyond {MAX_SECONDS:g} s", "give seconds"),
        ):
            if wrong.any():
                k = int(wrong.argmax())
                raise SnnlabError(
                    f"{what}: a time in recording {owner[k]} is {times[k]:g} s, {why}: {cure}"
                )
        late = (np.diff(times) < 0) & (np.diff(owner) == 0)
        if late.any():
            k = int(late.argmax())
            raise SnnlabError(
                f"{what}: times must not decrease within a recording: in recording {owner[k]},"
                f" {times[k]:g} s is followed by {times[k + 1]:g} s: sort by time"
            )

    def _check_units(self, channels, what):
        units = self.units
        if units.dtype.kind not in "iu":
            raise SnnlabError(f"{what}: units are {units.dtype}: give whole numbers")
        wrong = (units < 0) | (units >= channels)
        if wrong.any():
            k = int(wrong.argmax())
            recording = int(np.searchsorted(np.cumsum(self.counts), k, side="right"))
            raise SnnlabError(
                f"{what}: unit {units[k]} in recording {recording} is out of range: {channels}"
                f" channels end at {channels - 1}"
            )

    def late(self) -> int:
        """Number of spikes later than can be played."""
        return int(np.count_nonzero(self.times > MAX_PLAYED))

    def longest(self) -> float:
        """Time of the last spike that can be played : s."""
        return float(self.times[self.times <= MAX_PLAYED].max(initial=0.0))

    def events(self, part: str, channels: int, unit: float) -> Events:
        """The spikes that can be played, in ticks of ``unit`` seconds."""
        played = self.times <= MAX_PLAYED
        ticks = np.minimum(np.floor(self.times[played] / unit), LAST_TICK).astype(np.uint16)
        before = np.concatenate([[0], np.cumsum(played)])
        offsets = before[np.concatenate([[0], np.cumsum(self.counts)])]
        ids = number_inputs(part, len(self.counts))
        return Events(offsets, ticks, self.units[played].astype(np.uint16), channels, ids)


def choose_unit(*tables: Table) -> float:
    """Step of time in which 16 bits hold all that can be played : s."""
    return max(RESOLUTION, *(table.longest() / LAST_TICK for table in tables))


def choose_channels(channels: int) -> tuple[int, int]:
    """First channel and step of those that the chip hears, of recordings with ``channels``.

    Of the 700 of the Heidelberg digits 70: the first 70 are left out, then every 9th is taken
    (Cramer et al. 2022). Of others all, or of more than 256 every second, third, …, so that 256
    inputs suffice.
    """
    return (70, 9) if channels == 700 else (0, -(-channels // 256))
