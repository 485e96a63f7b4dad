"""Shares of a recording at the limits of synaptic currents and of CADC samples.

The rails of a membrane lie outside the converter's range, so samples at its ends include all
membranes at their rails.
"""

from typing import NamedTuple

import numpy as np

from snnlab.chip.layout.partition import joined, place_sources
from snnlab.chip.recording import Recording
from snnlab.events import TICK

MAX_IMAGES = 8
"""Images on which currents are computed: a share of neurons needs no more."""


class Saturated(NamedTuple):
    """Shares at their limit, 0…1, each of the layer where it is highest.

    neurons : those with a saturated synaptic input, mean over images; samples : of the hidden CADC.
    """

    neurons: float
    samples: float

    def describe(self) -> str:
        """Both shares in words."""
        return (
            f"the synaptic inputs of {self.neurons:.1%} of the neurons and {self.samples:.0%} of"
            " the hidden CADC samples are saturated"
        )


def measure_saturation(
    recording: Recording, weights_lsb: list[np.ndarray], tau_syn: float
) -> Saturated:
    """Shares of a recording at their limit; weights and tau_syn : see
    :func:`saturated_currents`."""
    return Saturated(
        max(saturated_currents(recording, w, k, tau_syn) for k, w in enumerate(weights_lsb)),
        max((saturated_samples(recording, k) for k in range(len(recording.spikes))), default=0.0),
    )


def saturated_currents(
    recording: Recording, weight_lsb: np.ndarray, layer: int, tau_syn: float
) -> float:
    """Share of neurons whose synaptic input reaches its limit, mean over images.

    A chip cannot measure its currents: these are of nominal synapses. Excitatory and inhibitory
    input saturate separately. weight_lsb : int8[input, neuron], as written; tau_syn : s.
    """
    events = recording.sources(layer)
    sizes = (recording.inputs.n_channels, *(s.n_channels for s in recording.spikes), 1)
    circuits = joined(place_sources(sizes, recording.recurrent)[layer])
    limit, reached = recording.spec.most_current(circuits), []
    both = np.stack([np.maximum(weight_lsb, 0), np.maximum(-weight_lsb.astype(np.int16), 0)], 1)
    both = both.astype(np.float32)  # [input, sign, neuron]
    for b in range(min(len(events), MAX_IMAGES)):
        mine = slice(events.offsets[b], events.offsets[b + 1])
        current = highest = np.zeros(both.shape[1:], np.float32)
        left = np.exp(-np.diff(events.tick[mine], prepend=0) * (TICK / tau_syn))
        for channel, share in zip(events.channel[mine], left.astype(np.float32), strict=True):
            current = current * share + both[channel]
            highest = np.maximum(highest, current)
        reached.append((highest >= limit).any(axis=0).mean())
    return float(np.mean(reached)) if reached else 0.0


def saturated_samples(recording: Recording, layer: int) -> float:
    """Share of CADC samples at an end of the converter's range, without those before any input."""
    at_end = recording.saturated(layer)[:, 1:]
    return float(at_end.mean()) if at_end.size else 0.0
