"""What a session puts on the chip to be looked at: test inputs, and what a visitor drew or said."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Protocol

import numpy as np

from snnlab.data import Dataset
from snnlab.data.published import spoken_digits
from snnlab.data.sound.cochlea import COCHLEA, trim
from snnlab.data.sound.wav import Sound, read_wav, write_wav
from snnlab.data.source import TEST_IDS
from snnlab.data.spikes.recorded import RecordedSpikes
from snnlab.errors import SnnlabError
from snnlab.events import TICK, Events
from snnlab.learn.trainer import Trainer
from snnlab_app.session.control import WEIGHT
from snnlab_app.session.snapshot import IMAGES, SOUNDS, SPIKES, Clip

COLUMNS = 150
"""Columns of a picture of a recording, and of its waveform."""
FLOOR_DB = 40.0
"""Level below the loudest that is drawn black : dB."""
OWN = "you"
"""Who said what a visitor added."""


@dataclass(frozen=True, eq=False)
class Input:
    """One input of the chip.

    events : its spikes; picture : uint8[row, column]; label : None if nobody knows it; noise,
    number : stream and number of its trial noise; clip : its sound, if it is one.
    """

    events: Events
    picture: np.ndarray
    label: str | None
    noise: str
    number: int
    clip: Clip | None = None


class Inputs(Protocol):
    """Inputs of one training; ``kind`` is IMAGES, SOUNDS or SPIKES."""

    kind: str

    def test(self, index: int) -> Input:
        """An input of the test set."""

    def own(self, given) -> Input | None:
        """What a visitor gave, None if it does not fit; raises :class:`SnnlabError`."""

    def pictures(self, index: np.ndarray) -> tuple[list[np.ndarray], list[bytes]]:
        """Pictures of test inputs, and their wav files if they have sound."""


def open_inputs(trainer: Trainer) -> Inputs:
    """The inputs of a trainer's data set."""
    return (_Images if isinstance(trainer.dataset, Dataset) else _Recordings)(trainer)


class _Images:
    kind = IMAGES

    def __init__(self, trainer):
        self._trainer, self._data = trainer, trainer.dataset
        self.test = lru_cache(maxsize=4)(self._test)  # the same one again in most snapshots

    def _test(self, index):
        label = self._data.classes[self._data.test_labels[index]]
        return self._input(self._data.test_images[index], label, "frame", TEST_IDS + index)

    def own(self, given):
        fits = isinstance(given, np.ndarray) and given.shape == self._data.test_images.shape[1:]
        return self._input(given, None, "drawn", 0) if fits else None

    def _input(self, image, label, noise, number):
        events = self._trainer.encode(image[None], np.array([number], np.uint64))
        return Input(events, image, label, noise, number)

    def pictures(self, index):
        return list(self._data.test_images[index]), []


class _Recordings:
    def __init__(self, trainer):
        self._trainer, self._data = trainer, trainer.dataset
        self.kind = SOUNDS if self._data.sounds else SPIKES
        window, settings = trainer.point.window * TICK, trainer.settings
        self._speedup = settings.speedup if self._data.unit is not None else 1.0
        self._seconds = window * self._speedup
        self._test = lru_cache(maxsize=64)(self._pictured)

    def test(self, index):
        label = self._data.classes[self._data.test_labels[index]]
        events = self._trainer.test_events.take(np.array([index]))
        picture, clip = self._test(index)
        return Input(events, picture, label, "frame", TEST_IDS + index, clip)

    def own(self, given):
        if not isinstance(given, bytes) or self.kind != SOUNDS:
            return None
        sound = spoken_digits.only_digit(given)
        tick, channel = spoken_digits.spikes_of(sound)
        events = self._trainer.source.encode(_one(tick, channel))
        picture, clip = self._drawn(sound)
        return Input(events, picture, None, "drawn", 0, clip)

    def _pictured(self, index):
        """Picture of a test recording, and its sound if that can still be read."""
        try:
            wav = self._data.wav(index)
            sound = trim(read_wav(wav)) if wav else None
        except SnnlabError:  # the archive is gone
            sound = None
        if sound is None:
            return self._counted(self._trainer.test_events.take(np.array([index]))), None
        return self._drawn(sound)

    def _drawn(self, sound):
        """The cochleagram of a sound over the time that is played, and the sound itself."""
        played = Sound(sound.samples[: round(self._seconds * sound.rate)], sound.rate)
        step = self._seconds / COLUMNS
        level = 1.0 + 20.0 / FLOOR_DB * np.log10(np.maximum(COCHLEA.bands(played, step), 1e-6))
        picture = np.zeros((COCHLEA.channels, COLUMNS), np.uint8)
        shown = np.rint(255.0 * np.clip(level, 0.0, 1.0)).astype(np.uint8)[::-1, :COLUMNS]
        picture[:, : shown.shape[1]] = shown
        return picture, Clip(write_wav(sound), outline(played, step))

    def _counted(self, events):
        """Spikes of an input by channel, the highest on top, and time, where there is no sound."""
        window = self._trainer.point.window
        column = events.tick.astype(np.int64) * COLUMNS // window
        counts = np.zeros((events.n_channels, COLUMNS))
        np.add.at(counts, (events.n_channels - 1 - events.channel.astype(int), column), 1.0)
        return np.rint(255.0 * counts / max(counts.max(), 1.0)).astype(np.uint8)

    def pictures(self, index):
        found = [self._test(int(k)) for k in index]
        wavs = [clip.wav for _, clip in found if clip]
        return [picture for picture, _ in found], wavs if len(wavs) == len(found) else []


def outline(sound: Sound, step: float) -> np.ndarray:
    """Lowest and highest sample in each of COLUMNS steps : float32[column, (low, high)], full
    scale of the sound ±1; 0 after its end."""
    edges = np.rint(np.arange(COLUMNS + 1) * step * sound.rate).astype(int)
    ends, x = np.zeros((COLUMNS, 2), np.float32), sound.samples
    for k, (first, last) in enumerate(pairwise(edges)):
        if first < len(x):
            piece = x[first : max(last, first + 1)]
            ends[k] = piece.min(), piece.max()
    return ends / max(float(np.abs(ends).max()), 1e-9)


def _one(tick, channel):
    none = np.zeros(1, np.uint64)
    return Events(np.array([0, len(tick)]), tick, channel, COCHLEA.channels, none)


def with_own(dataset: RecordedSpikes, given: tuple[tuple[bytes, int], ...]) -> RecordedSpikes:
    """The spoken digits with recordings of a visitor, (wav file, class), among those learned.

    Each counts ``WEIGHT`` times. Raises :class:`SnnlabError` for what is no spoken digit.
    """
    if not given:
        return dataset
    heard = [spoken_digits.hear(wav) for wav, _ in given for _ in range(WEIGHT)]
    ticks, channels = map(np.concatenate, zip(*heard, strict=True))
    offsets = np.cumsum([0, *(len(tick) for tick, _ in heard)])
    ids = np.arange(len(heard), dtype=np.uint64)
    events = Events(offsets, ticks, channels, COCHLEA.channels, ids)
    labels = np.repeat([label for _, label in given], WEIGHT)
    return dataset.with_training(events, labels, OWN)
