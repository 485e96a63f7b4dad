"""Empty data of the right shape, so that plots can be drawn before there are data."""

import numpy as np

from snnlab.chip.recording import Recording
from snnlab.config import Config
from snnlab.data.catalogue import CATALOGUE
from snnlab.events import Events
from snnlab_app.session.snapshot import IMAGES, SOUNDS, SPIKES

RECORDED_SAMPLES, RECORDED_CHANNELS = 178, 70
"""Shape of recordings as their knobs are from the start, until the data are read."""
CURVES = ("step", "loss", "accuracy", "spikes", "activity")


def classes_of(config: Config) -> tuple[str, ...]:
    """Class names of its data set; ten digits for own data until they are read."""
    return CATALOGUE[config.dataset].classes or tuple("0123456789")


def kind_of(config: Config) -> str:
    """IMAGES, SOUNDS or SPIKES, as its data set has them."""
    entry = CATALOGUE[config.dataset]
    return IMAGES if not entry.recordings else SOUNDS if entry.sounds else SPIKES


def recording_of(config: Config) -> Recording:
    """A recording of one input without spikes."""
    steps, inputs, labels = config.samples, config.side**2, len(classes_of(config))
    if kind_of(config) != IMAGES:
        steps, inputs = RECORDED_SAMPLES, CATALOGUE[config.dataset].channels or RECORDED_CHANNELS
    return Recording(
        _silence(inputs),
        tuple(map(_silence, config.hidden)),
        tuple(np.zeros((1, steps, n), np.uint8) for n in (*config.hidden, labels)),
    )


def curves() -> dict[str, np.ndarray]:
    """An empty history."""
    return {name: np.empty(0) for name in CURVES}


def _silence(channels):
    none = np.empty(0, np.uint16)
    return Events(np.zeros(2, np.int64), none, none, channels, np.zeros(1, np.uint64))
