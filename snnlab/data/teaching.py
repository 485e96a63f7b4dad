"""Shared setup of the notebooks: how much to compute, and which images and sounds to learn from."""

import os
from pathlib import Path

import numpy as np

from snnlab.data import Dataset, load
from snnlab.data.spikes.recorded import RESOLUTION, RecordedSpikes
from snnlab.errors import DataUnavailable
from snnlab.events import Events

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
        return load(name).first(train, test)
    except DataUnavailable:
        return load("digits").first(train, test)


def spoken() -> RecordedSpikes:
    """Spoken digits: the published recordings if they are available, otherwise synthetic syllables.

    As with :func:`digits`, with ``SNNLAB_FAST=1`` nothing is downloaded.
    """
    from snnlab.data.published import spoken_digits  # needs numba

    folder = os.environ.get("SNNLAB_DATA")
    if spoken_digits.find(Path(folder)) if folder else not FAST:
        try:
            return load(spoken_digits.NAME)
        except DataUnavailable:
            pass
    return syllables()


def syllables(takes: int = 30) -> RecordedSpikes:
    """Ten synthetic syllables, vowels that glide from one resonance to another, as spikes.

    takes : of each; a sixth of them tests. Not speech: a stand-in where there is no network.
    """
    from snnlab.data.published.spoken_digits import spikes_of
    from snnlab.data.sound.cochlea import COCHLEA, RATE
    from snnlab.data.sound.wav import Sound, write_wav

    rng, heard, sounds = np.random.default_rng(1), [], {}
    glides = [(a, b) for a in (400.0, 900.0, 1800.0, 3000.0) for b in (500.0, 1200.0, 2400.0)][:10]
    names = [f"{k}_{take}.wav" for k in range(10) for take in range(takes)]
    for name in names:
        start, end = glides[int(name.split("_")[0])]
        t = np.arange(int(rng.uniform(0.25, 0.4) * RATE)) / RATE
        pitch = rng.uniform(100.0, 200.0) * np.arange(1, 18)[:, None]
        resonance = start + (end - start) * t / t[-1] * rng.uniform(0.9, 1.1)
        voice = (np.sin(2 * np.pi * pitch * t) / (1 + ((pitch - resonance) / 250.0) ** 2)).sum(0)
        sound = Sound(0.4 * voice * np.sin(np.pi * t / t[-1]) / np.abs(voice).max(), RATE)
        sounds[name] = write_wav(sound)
        heard.append(spikes_of(sound))
    ticks, channels = map(np.concatenate, zip(*heard, strict=True))
    offsets = np.cumsum([0, *(len(tick) for tick, _ in heard)])
    events = Events(offsets, ticks, channels, COCHLEA.channels, np.arange(len(heard)))
    label, test = np.repeat(np.arange(10), takes), np.arange(len(heard)) % takes < takes // 6
    whole = RecordedSpikes(
        "syllables", events, label, events, label, tuple("0123456789"), origin="made syllables",
        unit=RESOLUTION, sounds=sounds, train_names=names, test_names=names,
    )  # fmt: skip
    return whole.take(np.flatnonzero(~test), len(label) + np.flatnonzero(test)).checked()
