"""In-the-loop learning in plain torch: slow, dense, meant to be read.

It is what :mod:`snnlab.learn.gradient.adjoint` must agree with, and what the notebooks build step
by step.
"""

from dataclasses import dataclass

import numpy as np
import torch

from snnlab.chip.recording import Recording
from snnlab.chip.spec import BRAINSCALES2
from snnlab.events import TICK, Events
from snnlab.learn.gradient.model import IdealModel
from snnlab.learn.gradient.surrogate import HALF_UP, THRESHOLD, superspike

_GAP_LSB, _PERIOD = BRAINSCALES2.gap_lsb, BRAINSCALES2.dt_cadc


def inject(measured: torch.Tensor, model: torch.Tensor) -> torch.Tensor:
    """The measured value, with the gradient of the model."""
    return model + (measured - model).detach()


@dataclass(frozen=True)
class Measured:
    """What the chip recorded of one layer, in model units.

    trace : float[sample, step, neuron]; and of a hidden layer fired : bool[sample, step, neuron],
    spikes since the last CADC sample; seen : float[sample, step, neuron], the trace with the place
    at which the surrogate takes neurons to be that fired; psp : float[sample, step, neuron], what
    its spikes do to a neuron behind weight 1; counts : float[sample, neuron].
    """

    trace: torch.Tensor
    fired: torch.Tensor | None = None
    seen: torch.Tensor | None = None
    psp: torch.Tensor | None = None
    counts: torch.Tensor | None = None


def response(events: Events, model: IdealModel, steps: int) -> torch.Tensor:
    """Potential behind weight 1 of each channel : float64[sample, step, channel]."""
    out = np.zeros((len(events), events.n_channels, steps))
    since = np.arange(steps) * _PERIOD - events.tick[:, None] * TICK
    np.add.at(out, (events.owner, events.channel), model.psp(since))
    return torch.from_numpy(out).transpose(1, 2)


def measured(
    recording: Recording, model: IdealModel, overshoot: float | None = None
) -> list[Measured]:
    """A recording, layer by layer, as the reference takes it.

    overshoot : refractory period in s if neurons that fired count as having gone on above the
    threshold, else the surrogate takes them to be at it.
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
                if overshoot is not None:
                    seen[b, m, j] = _continued(trace[b, max(m - 1, 0), j], t, m, ready[b, j])
                    ready[b, j] = t + overshoot / _PERIOD
        layers.append(
            Measured(
                torch.from_numpy(trace),
                torch.from_numpy(fired),
                torch.from_numpy(seen),
                response(events, model, steps),
                torch.from_numpy(events.count_by_channel()).double(),
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
    """Recorded spikes forward, SuperSpike backward."""

    @staticmethod
    def forward(ctx, v, fired, seen, beta):
        ctx.save_for_backward(superspike(seen, beta))
        return fired.to(v.dtype)

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.saved_tensors[0], None, None, None


def reference_forward(
    psp: torch.Tensor,
    weights: list[torch.Tensor],
    layers: list[Measured],
    model: IdealModel,
    beta: float,
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Label traces and spike counts: recorded values that carry the model's gradient.

    psp : float[sample, step, channel], :func:`response` of the input;
    weights : float[input, neuron] for each layer. Returns traces float[sample, step, label] and for
    each hidden layer counts float[sample, neuron].
    """
    grid = np.arange(psp.shape[1]) * _PERIOD
    kernel = torch.from_numpy(model.psp(grid[:, None] - grid[None, :])).to(psp.dtype)
    counts = []
    for weight, layer in zip(weights[:-1], layers[:-1], strict=True):
        v = inject(layer.trace, psp @ weight)
        spikes = _Spike.apply(v, layer.fired, layer.seen, beta)
        counts.append(inject(layer.counts, spikes.sum(1)))
        psp = inject(layer.psp, torch.einsum("mk,bkn->bmn", kernel, spikes))
    return inject(layers[-1].trace, psp @ weights[-1]), counts
