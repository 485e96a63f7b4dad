"""EventProp: the exact gradient of the ideal model, from recorded spike times alone."""

from dataclasses import dataclass

import numpy as np

from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2
from snnlab.chip.threads import guarded
from snnlab.events import TICK, Events
from snnlab.learn.gradient import eventprop_kernels as kernels
from snnlab.learn.gradient.eventprop_kernels import Demand, Physics, Spikes
from snnlab.learn.gradient.model import CURRENT, IdealModel
from snnlab.learn.gradient.surrogate import Surrogate

layer_events = guarded(kernels.layer_events)

LEAST_SLOPE = 1.0
"""Least slope of a membrane at a spike, in thresholds per membrane time constant. Where a membrane
only grazes the threshold the exact gradient grows without bound, and the modelled current of a
neuron that fired on the chip may not even reach it."""


@dataclass(frozen=True)
class EventProp:
    """The adjoint of the ideal model with jumps at the chip's spikes (Wunderlich and Pehle 2021).

    On BrainScaleS-2: Pehle et al. (2023, arXiv 2302.07141). Spike times are those recorded,
    currents those of the model, membranes are not needed. Exact as long as no spike appears or
    vanishes, so the loss reaches no neuron that does not fire.

    The slope of a spike count is zero except where a spike appears or vanishes. Its gradient acts
    on the membrane at the spikes, as a surrogate does at the threshold, and in an image without
    spikes on the highest membrane of the model at any CADC sample: penalties on bursts and on
    silent neurons work as with surrogates. ``surrogate`` is not used.
    """

    surrogate: Surrogate
    model: IdealModel
    point: OperatingPoint

    def backward(self, recording, weights, d_traces, d_counts, silent=()):
        """See :meth:`snnlab.learn.gradient.methods.Gradient.backward`."""
        sources = [recording.sources(layer) for layer in range(len(weights))]
        before = (recording.inputs, *recording.spikes)
        physics, grads = self._physics(), []
        demand, fired = _of_labels(d_traces), _spikes(_no_spikes(recording.inputs))
        for layer in reversed(range(len(weights))):
            grad, of_times = layer_events(
                _spikes(sources[layer]), weights[layer], fired, demand, physics, layer > 0,
                layer in recording.recurrent,
            )  # fmt: skip
            grads.insert(0, grad)
            if layer:
                events, of_count = before[layer], d_counts[layer - 1]
                fired = _spikes(events)
                sent_here = sources[layer].channel < events.n_channels  # not returning ones
                demand = Demand(
                    of_times[sent_here], of_count[events.owner, events.channel],
                    BRAINSCALES2.dt_cadc, d_traces[:, :0],
                    _pushed(of_count, silent and silent[layer - 1]), d_traces.shape[1],
                )  # fmt: skip
        return grads

    def _physics(self):
        tau_mem, tau_syn = self.model.tau_mem, self.model.tau_syn
        return Physics(tau_mem, tau_syn, self.point.tau_ref, CURRENT, LEAST_SLOPE / tau_mem)


def _spikes(events: Events) -> Spikes:
    return Spikes(events.offsets, events.tick * TICK, events.channel)


def _no_spikes(events):
    return Events(np.zeros_like(events.offsets), [], [], 1, events.ids)


def _of_labels(d_traces):
    none = np.zeros(0, d_traces.dtype)
    no_peaks = np.zeros((len(d_traces), d_traces.shape[2]), d_traces.dtype)
    return Demand(none, none, BRAINSCALES2.dt_cadc, d_traces, no_peaks, 0)


def _pushed(of_count, silent):
    """Gradient of the peaks of silent neurons; none of those kept from firing."""
    return np.where(silent, np.zeros_like(of_count), of_count) if len(silent) else of_count
