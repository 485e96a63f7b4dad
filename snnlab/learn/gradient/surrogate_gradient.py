"""Surrogate gradients of a recorded run through the ideal model, by the numba kernels."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.recording import Recording
from snnlab.chip.threads import guarded
from snnlab.learn.gradient import kernels
from snnlab.learn.gradient.model import IdealModel
from snnlab.learn.gradient.surrogate import Surrogate

hidden_gradient, layer_adjoint = guarded(kernels.hidden_gradient), guarded(kernels.layer_adjoint)


@dataclass(frozen=True)
class SurrogateGradient:
    """The adjoint of the ideal model, a surrogate in place of each spike's derivative.

    Surrogate gradients: Neftci, Mostafa and Zenke (2019); with the chip's recorded membranes and
    spikes in place of the model's own: Cramer et al. (2022).
    """

    surrogate: Surrogate
    model: IdealModel
    point: OperatingPoint

    reads_membranes: ClassVar = True

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
        grads, d_membranes = [], d_traces
        for layer in reversed(range(len(weights))):
            events = sources[layer]
            grad, upstream = layer_adjoint(
                events.offsets, events.tick, events.channel, events.n_channels,
                d_membranes, propagators, layer > 0,
            )  # fmt: skip
            grads.insert(0, grad)
            if layer:
                cadc = recording.cadc[layer - 1]
                d_membranes = hidden_gradient(
                    upstream, np.ascontiguousarray(weights[layer].T), d_counts[layer - 1],
                    cadc, self.surrogate.table, events.offsets, events.tick, events.channel,
                    propagators.sample, self.surrogate.at_spikes(cadc, events),
                )  # fmt: skip
                if silent:
                    d_membranes[:, :, silent[layer - 1]] = 0.0
        return grads
