"""The cochlea beside lauscher 1.0.1, the program behind the Heidelberg digits (docs/sound.md)."""

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import leave_out

from snnlab.data.published import spoken_digits
from snnlab.data.sound import Cochlea, read_wav
from snnlab.errors import SnnlabError

SPEAKERS = (
    "george", "jackson", "lucas", "nicolas", "theo", "yweweler", "george", "jackson", "theo",
    "nicolas",
)  # fmt: skip
"""Who says 0, 1, … 9 in the recordings that were given to lauscher, take 7 of each."""
EDGES = np.geomspace(100.0, 3800.0, 11)
LAUSCHER = np.array([23.9, 28.2, 31.0, 33.4, 31.4, 19.4, 11.4, 5.8, 3.4, 1.6])
"""Spikes per second and channel between the edges, in Hz, of its 70 channels; each is counted at
the frequency to which its basilar membrane responds most. Measured at 48 kHz, with its defaults."""


def rates(cochlea):
    """Spikes per second and channel in each band, mean over the ten recordings."""
    home = os.environ.get("SNNLAB_DATA")
    place = home and spoken_digits.find(Path(home))
    if not place:
        leave_out(SnnlabError(f"no {spoken_digits.ARCHIVE} in SNNLAB_DATA"))
    read = spoken_digits.read_folder if place.is_dir() else spoken_digits.read_archive
    wavs, band = read(place), np.searchsorted(EDGES, cochlea.frequencies, side="right") - 1
    found = []
    for digit, speaker in enumerate(SPEAKERS):
        sound = read_wav(wavs[f"{digit}_{speaker}_7.wav"])
        counts = np.bincount(cochlea.spikes(sound)[1], minlength=cochlea.channels)
        found.append([counts[band == k].mean() / sound.seconds for k in range(len(LAUSCHER))])
    return np.mean(found, axis=0)


@pytest.mark.slow
def test_without_emphasis_bands_fire_as_in_lauscher():
    mine = rates(Cochlea(emphasis=0.0))
    assert np.corrcoef(mine, LAUSCHER)[0, 1] > 0.75
    assert mine.mean() == pytest.approx(LAUSCHER.mean(), rel=0.3)


@pytest.mark.slow
def test_emphasis_keeps_the_high_bands_awake():
    mine = rates(Cochlea())
    assert (mine[-3:] > 2 * LAUSCHER[-3:]).all()
