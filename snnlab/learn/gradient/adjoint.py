"""The backward pass of a recorded run: surrogate gradients through the ideal model."""

import numpy as np

from snnlab.chip.recording import Recording
from snnlab.chip.threads import guarded
from snnlab.learn.gradient import kernels
from snnlab.learn.gradient.kernels import Propagators
from snnlab.learn.gradient.surrogate import Surrogate

hidden_gradient, layer_adjoint = guarded(kernels.hidden_gradient), guarded(kernels.layer_adjoint)


def adjoint(
    recording: Recording,
    weights: list[np.ndarray],
    of_traces: np.ndarray,
    of_counts: list[np.ndarray],
    surrogate: Surrogate,
    propagators: Propagators,
    silent: tuple[np.ndarray, ...] = (),
) -> list[np.ndarray]:
    """Gradients of every layer's weights, summed over the batch : float32[input, neuron].

    weights : float32[input, neuron], as rounded on the chip, in model units;
    of_traces : float32[sample, step, label], gradient of the label traces;
    of_counts : float32[sample, neuron] per hidden layer, gradient of the spike counts;
    silent : bool[neuron] per hidden layer, neurons kept from firing: no gradient passes them.
    """
    sources = (recording.inputs, *recording.spikes)
    grads, of_membranes = [], of_traces
    for layer in reversed(range(len(weights))):
        events = sources[layer]
        grad, upstream = layer_adjoint(
            events.offsets, events.tick, events.channel, events.n_channels,
            of_membranes, propagators, layer > 0,
        )  # fmt: skip
        grads.insert(0, grad)
        if layer:
            cadc = recording.cadc[layer - 1]
            of_membranes = hidden_gradient(
                upstream, np.ascontiguousarray(weights[layer].T), of_counts[layer - 1],
                cadc, surrogate.table, events.offsets, events.tick, events.channel,
                propagators.sample, surrogate.at_spikes(cadc, events),
            )  # fmt: skip
            if silent:
                of_membranes[:, :, silent[layer - 1]] = 0.0
    return grads
