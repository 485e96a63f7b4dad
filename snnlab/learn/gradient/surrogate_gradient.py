"""Surrogate gradients of a recorded run through the ideal model, by the numba kernels."""

from dataclasses import dataclass

import numpy as np
from numba import get_num_threads

from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2
from snnlab.chip.threads import guarded
from snnlab.learn.gradient import kernels, recurrent_kernels
from snnlab.learn.gradient.model import CURRENT, IdealModel
from snnlab.learn.gradient.surrogate import Surrogate

hidden_adjoint, label_adjoint = guarded(kernels.hidden_adjoint), guarded(kernels.label_adjoint)
recurrent_adjoint = guarded(recurrent_kernels.recurrent_adjoint)
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

    def backward(self, recording, weights, d_traces, d_counts, silent=()):
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
            n = cadc.shape[2]
            may_fire = ~silent[layer] if silent else np.ones(n, bool)
            onwards = weights[layer + 1][:n].T * may_fire  # [next neuron, neuron]
            rest = (
                d_counts[layer] * may_fire, cadc, self.surrogate.table,
                self.surrogate.at_spikes(cadc, spikes),
            )  # fmt: skip
            if layer in recording.recurrent:
                returned = self.surrogate.returned
                back = weights[layer][inputs.n_channels :].T * (may_fire * returned)
                arriving = recording.sources(layer)
                grad, upstream = recurrent_adjoint(
                    _arrays(arriving), _arrays(spikes), upstream, _padded(onwards, kernels.LANES),
                    self._returning(back if returned else back[:0], recording.spec.loop_latency),
                    *rest,
                    arriving.n_channels, propagators, layer > 0,
                )  # fmt: skip
            else:
                block = _block(n)
                grad, upstream = hidden_adjoint(
                    _arrays(inputs), _arrays(spikes), upstream, _padded(onwards, block), *rest,
                    inputs.n_channels, propagators, block, layer > 0,
                )  # fmt: skip
            grads.insert(0, grad)
        return grads

    def _returning(self, weight, latency):
        """weight : float32[neuron, source]; latency : s, within a CADC period."""
        ahead = BRAINSCALES2.dt_cadc - latency
        on_q = CURRENT * np.exp(-ahead / self.model.tau_syn)
        padded = _padded(weight, kernels.LANES)
        return recurrent_kernels.Returning(padded, float(self.model.psp(ahead)), float(on_q))


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
