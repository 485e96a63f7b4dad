"""In-the-loop learning in plain torch: slow, dense, meant to be read.

It is what :mod:`snnlab.learn.gradient.surrogate_gradient` must agree with, and what the notebooks
build step by step.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.recording import Recording
from snnlab.chip.spec import BRAINSCALES2
from snnlab.events import TICK, Events
from snnlab.learn.gradient.model import IdealModel
from snnlab.learn.gradient.surrogate import HALF_UP, Surrogate
from snnlab.model.surrogates import THRESHOLD

_GAP_LSB, _PERIOD = BRAINSCALES2.gap_lsb, BRAINSCALES2.dt_cadc
_LATENCY = BRAINSCALES2.loop_latency


def inject(measured: torch.Tensor, model: torch.Tensor) -> torch.Tensor:
    """The measured value, with the gradient of the model."""
    return model + (measured - model).detach()


@dataclass(frozen=True)
class Measured:
    """What the chip recorded of one layer, in model units.

    trace : float[image, step, neuron]; and of a hidden layer fired : bool[image, step, neuron],
    spikes since the last CADC sample; seen : float[image, step, neuron], the potentials at which
    the surrogate is evaluated; psp : float[image, step, neuron], potential of a neuron that
    receives its spikes through weight 1; counts : float[image, neuron]; returned : the same as psp
    for spikes that return to a recurrent layer, None in others.
    """

    trace: torch.Tensor
    fired: torch.Tensor | None = None
    seen: torch.Tensor | None = None
    psp: torch.Tensor | None = None
    counts: torch.Tensor | None = None
    returned: torch.Tensor | None = None


def response(events: Events, model: IdealModel, steps: int) -> torch.Tensor:
    """Potential behind weight 1 of each channel : float64[image, step, channel]."""
    out = np.zeros((len(events), events.n_channels, steps))
    since = np.arange(steps) * _PERIOD - events.tick[:, None] * TICK
    np.add.at(out, (events.owner, events.channel), model.psp(since))
    return torch.from_numpy(out).transpose(1, 2)


def measured(
    recording: Recording,
    model: IdealModel,
    overshoot: float | None = None,
    before: bool = False,
) -> list[Measured]:
    """A recording, layer by layer, as the reference takes it.

    overshoot : refractory period in s, to evaluate the surrogate of a spike at its overshoot; None
    to evaluate it at the threshold, or with ``before`` at the sample before the spike.
    """
    steps = recording.cadc[-1].shape[1]
    layers = []
    for k, events in enumerate(recording.spikes):
        trace = recording.traces(k).astype(float)
        fired, seen = np.zeros(trace.shape, bool), trace.copy()
        ready = np.full((len(events), events.n_channels), -np.inf)  # in CADC periods
        time = events.tick * TICK / _PERIOD
        for b, j, t in zip(events.owner, events.channel, time, strict=True):
            m = int(np.ceil(t - 1e-9))
            if m < steps:
                fired[b, m, j], seen[b, m, j] = True, THRESHOLD
                if before:
                    seen[b, m, j] = trace[b, max(m - 1, 0), j]
                elif overshoot is not None:
                    seen[b, m, j] = _continued(trace[b, max(m - 1, 0), j], t, m, ready[b, j])
                    ready[b, j] = t + overshoot / _PERIOD
        layers.append(
            Measured(
                torch.from_numpy(trace),
                torch.from_numpy(fired),
                torch.from_numpy(seen),
                response(events, model, steps),
                torch.from_numpy(events.count_by_channel()).double(),
                response(events.delayed(_LATENCY, recording.duration), model, steps)
                if k in recording.recurrent
                else None,
            )
        )
    layers.append(Measured(torch.from_numpy(recording.traces(len(layers))).double()))
    return layers


def _continued(before, time, step, ready):
    """The climb to the threshold, continued to ``step``, to a whole LSB; times in CADC periods."""
    if ready > step - 1:
        before, begin = 0.0, ready
    else:
        begin = step - 1
    climb = max(_GAP_LSB - round(before * _GAP_LSB), 0)
    taken = max(time - begin, TICK / _PERIOD)
    above = round(climb * max(step - time, 0.0) / taken + HALF_UP)
    return min(_GAP_LSB + above, 255) / _GAP_LSB


class _Spike(torch.autograd.Function):
    """Recorded spikes forward, surrogate derivative backward."""

    @staticmethod
    def forward(ctx, v, fired, derivative):
        ctx.save_for_backward(derivative)
        return fired.to(v.dtype)

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.saved_tensors[0], None, None


def reference_forward(
    psp: torch.Tensor,
    weights: list[torch.Tensor],
    layers: list[Measured],
    model: IdealModel,
    derivative: Callable[[torch.Tensor], torch.Tensor],
    silent: tuple[np.ndarray, ...] = (),
    returned: float = 1.0,
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Label traces and spike counts: recorded values that carry the model's gradient.

    psp : float[image, step, channel], :func:`response` of the input;
    weights : float[source, neuron] for each layer; derivative : of a spike, at potentials in model
    units; silent : bool[neuron] for each hidden layer, neurons that no gradient passes; returned :
    of the gradient through returning spikes, the share that passes. Returns
    traces float[image, step, label] and for each hidden layer counts float[image, neuron].
    """
    grid = np.arange(psp.shape[1]) * _PERIOD
    kernel = torch.from_numpy(model.psp(grid[:, None] - grid[None, :])).to(psp.dtype)
    counts = []
    for k, (weight, layer) in enumerate(zip(weights[:-1], layers[:-1], strict=True)):
        slope = derivative(layer.seen)
        if silent:
            slope = slope * torch.from_numpy(~silent[k])
        if layer.returned is None:
            spikes = _Spike.apply(inject(layer.trace, psp @ weight), layer.fired, slope)
        else:
            spikes = _recurrent_spikes(psp, weight, layer, slope, model, returned)
        counts.append(inject(layer.counts, spikes.sum(1)))
        psp = inject(layer.psp, torch.einsum("mk,bkn->bmn", kernel, spikes))
    return inject(layers[-1].trace, psp @ weights[-1]), counts


def _recurrent_spikes(psp, weight, layer, slope, model, returned):
    """Spikes of a recurrent layer, sample by sample : float[image, step, neuron]."""
    n_in, time = psp.shape[2], np.arange(psp.shape[1]) * _PERIOD
    kernel = torch.from_numpy(model.psp(time[:, None] - time[None, :] - _LATENCY)).to(psp.dtype)
    inputs = (psp @ weight[:n_in]).unbind(1)
    parts = (layer.trace.unbind(1), layer.fired.unbind(1), slope.unbind(1))
    spikes = []
    for m, (drive, trace, fired, derivative) in enumerate(zip(inputs, *parts, strict=True)):
        own = layer.returned[:, m]
        if spikes:
            own = inject(
                own, returned * torch.einsum("k,kbn->bn", kernel[m, :m], torch.stack(spikes))
            )
        v = inject(trace, drive + own @ weight[n_in:])
        spikes.append(_Spike.apply(v, fired, derivative))
    return torch.stack(spikes, 1)


@dataclass(frozen=True)
class ReferenceGradient:
    """Surrogate gradients by torch's autograd in float64: slow, for tests."""

    surrogate: Surrogate
    model: IdealModel
    point: OperatingPoint

    def backward(self, recording, weights, d_traces, d_counts, silent=()):
        """See :meth:`snnlab.learn.gradient.methods.Gradient.backward`."""
        at_spike = self.surrogate.at_spike
        overshoot = self.surrogate.tau_ref if at_spike == "overshoot" else None
        tensors = [torch.tensor(w, dtype=torch.float64, requires_grad=True) for w in weights]
        with torch.enable_grad():  # torch switches it off while it runs a backward pass
            traces, counts = reference_forward(
                response(recording.inputs, self.model, d_traces.shape[1]),
                tensors,
                measured(recording, self.model, overshoot, at_spike == "before"),
                self.model,
                self.surrogate.derivative,
                silent,
                self.surrogate.returned,
            )
        d_outputs = [torch.tensor(d, dtype=torch.float64) for d in (d_traces, *d_counts)]
        grads = torch.autograd.grad([traces, *counts], tensors, d_outputs)
        return [grad.numpy().astype(np.float32) for grad in grads]
