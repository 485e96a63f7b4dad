"""Whom the surrogate gradient reaches: where membranes lie, and how much slope they find there."""

import numpy as np

from snnlab.chip.recording import Recording
from snnlab.learn.gradient.surrogate import Surrogate, superspike

REACHED = 0.1
"""A neuron counts as reached by an image if it finds this share of the surrogate's peak: a
convention, the surrogate itself never ends."""
BIN_LSB = 2


def membrane_histogram(recording: Recording, layer: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Where a layer's membranes were at the CADC's samples.

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
    """Whether each neuron finds slope in each image : bool[image, neuron].

    A neuron that fired finds it where
    :meth:`~snnlab.learn.gradient.surrogate.Surrogate.at_spikes` says.
    """
    cadc, spikes = recording.cadc[layer], recording.spikes[layer]
    above = cadc.astype(np.int16) - cadc[:, :1]
    slope = surrogate.table[above + 255].max(axis=1)
    at_spikes = surrogate.table[surrogate.at_spikes(cadc, spikes) + 255]
    np.maximum.at(slope, (spikes.owner, spikes.channel), at_spikes)
    return slope >= REACHED * surrogate.table.max()


def slope_spread(edges: np.ndarray, share: np.ndarray, beta: float) -> float:
    """How far the slopes that membranes find differ: standard deviation over mean.

    edges, share : of :func:`membrane_histogram`; beta : steepness of the surrogate.
    """
    slope = superspike((edges[:-1] + edges[1:]) / 2, beta)
    mean = float(share @ slope)
    return float(np.sqrt(share @ (slope - mean) ** 2)) / max(mean, 1e-12)
