"""Which neurons receive gradient: the distribution of membranes, and the surrogate there."""

import numpy as np

from snnlab.chip.recording import Recording
from snnlab.learn.gradient.surrogate import Surrogate
from snnlab.model.gradients import EVENTPROP

REACHED = 0.1
"""Share of the surrogate's peak from which on a neuron counts as reached: a convention, as most
surrogates never fall to zero."""
BIN_LSB = 2
"""Width of a bin of the histogram."""


def membrane_histogram(recording: Recording, layer: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Distribution of a layer's membranes at the CADC samples.

    Returns bin edges in model units, float64[bin + 1], and the share of all samples in each bin,
    float64[bin]. The first sample of each trace, taken at rest, is the reference and not counted.
    """
    cadc = recording.cadc[layer].astype(np.int16)
    above = (cadc[:, 1:] - cadc[:, :1]).ravel()
    counts = np.bincount(above + 255, minlength=511)
    counts = np.append(counts, 0).reshape(-1, BIN_LSB).sum(axis=1)
    edges = (np.arange(len(counts) + 1) * BIN_LSB - 255 - 0.5) / recording.spec.gap_lsb
    return edges, counts / max(len(above), 1)


def reached(recording: Recording, surrogate: Surrogate, layer: int = 0) -> np.ndarray:
    """Whether each neuron receives gradient from each image : bool[image, neuron].

    For a spike the surrogate is evaluated at the potential that
    :meth:`~snnlab.learn.gradient.surrogate.Surrogate.at_spikes` returns.
    """
    cadc, spikes = recording.cadc[layer], recording.spikes[layer]
    above = cadc.astype(np.int16) - cadc[:, :1]
    slope = surrogate.table[above + 255].max(axis=1)
    at_spikes = surrogate.table[surrogate.at_spikes(cadc, spikes) + 255]
    np.maximum.at(slope, (spikes.owner, spikes.channel), at_spikes)
    return slope >= REACHED * surrogate.table.max()


def received(recording: Recording, gradient: str, surrogate: Surrogate) -> np.ndarray:
    """Whether each neuron of the first hidden layer receives gradient : bool[image, neuron].

    gradient : value of the knob; from EventProp every neuron that fires does, and no other.
    """
    if gradient == EVENTPROP:
        return recording.spikes[0].count_by_channel() > 0
    return reached(recording, surrogate)


def slope_spread(edges: np.ndarray, share: np.ndarray, surrogate: Surrogate) -> float:
    """Standard deviation over mean of the surrogate derivative at the membranes.

    edges, share : of :func:`membrane_histogram`. Infinite if the derivative is zero at all of them.
    """
    slope = surrogate.derivative((edges[:-1] + edges[1:]) / 2)
    largest = slope[share > 0].max(initial=0.0)
    if largest == 0.0:
        return float("inf")
    slope = slope / largest  # a derivative may be as small as floating point allows
    mean = float(share @ slope)
    return float(np.sqrt(share @ (slope - mean) ** 2)) / mean
