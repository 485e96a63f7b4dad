"""Surrogate gradients of a recorded run through the ideal model, by the numba kernels."""

from dataclasses import dataclass

import numpy as np
from numba import get_num_threads

from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.recording import Recording
from snnlab.chip.threads import guarded
from snnlab.learn.gradient import kernels
from snnlab.learn.gradient.model import IdealModel
from snnlab.learn.gradient.surrogate import Surrogate

hidden_adjoint, label_adjoint = guarded(kernels.hidden_adjoint), guarded(kernels.label_adjoint)
LEAST_BLOCK = 32
"""Fewest neurons that a thread takes at a time: with fewer, its loops are too short."""


@dataclass(frozen=True)
class SurrogateGradient:
    """The adjoint of the ideal model, a surrogate in place of each spike's derivative.

    Surrogate gradients: Neftci, Mostafa and Zenke (2019); with the chip's recorded membranes and
    spikes in place of the model's own: Cramer et al. (2022).
    """

    surrogate: Surrogate
    model: IdealModel
    point: OperatingPoint

    def backward(
        self,
        recording: Recording,
        weights: list[np.ndarray],
        d_traces: np.ndarray,
        d_counts: list[np.ndarray],
        silent: tuple[np.ndarray, ...] = (),
    ) -> list[np.ndarray]:
        """See :meth:`snnlab.learn.gradient.methods.Gradient.backward`."""
        propagators = self.model.propagators(self.point)
        sources = (recording.inputs, *recording.spikes)
        last = sources[-1]
        grad, upstream = label_adjoint(
            last.offsets, last.tick, last.channel, last.n_channels, d_traces, propagators
        )
        grads = [grad]
        for layer in reversed(range(len(weights) - 1)):
            inputs, spikes, cadc = sources[layer], sources[layer + 1], recording.cadc[layer]
            may_fire = ~silent[layer] if silent else np.ones(cadc.shape[2], bool)
            block = _block(cadc.shape[2])
            grad, upstream = hidden_adjoint(
                _arrays(inputs), _arrays(spikes), upstream,
                _padded(weights[layer + 1].T * may_fire, block), d_counts[layer] * may_fire,
                cadc, self.surrogate.table, self.surrogate.at_spikes(cadc, spikes),
                inputs.n_channels, propagators, block, layer > 0,
            )  # fmt: skip
            grads.insert(0, grad)
        return grads


def _arrays(events):
    return events.offsets, events.tick, events.channel


def _block(n):
    """Neurons that a thread takes at a time, of n : whole vectors."""
    vectors = -(-n // (kernels.LANES * get_num_threads()))
    return max(kernels.LANES * vectors, LEAST_BLOCK)


def _padded(weight, block):
    """Columns filled up with zeros to whole blocks : float32[next neuron, padded neuron]."""
    out = np.zeros((len(weight), -(-weight.shape[1] // block) * block), np.float32)
    out[:, : weight.shape[1]] = weight
    return out
