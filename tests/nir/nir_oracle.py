"""NIR's equations solved exactly, in float64: what a graph means, told without the chip.

    tau_syn dI/dt = −I + w_in S        tau_mem dv/dt = (v_leak − v) + r I

Spikes in S are Dirac pulses. Between two of them both equations have closed solutions; a threshold
is found on them by bisection.
"""

import nir
import numpy as np
from scipy.optimize import brentq

GRID = 10e-9


def potential(v, i, neuron, s):
    """Membrane s seconds after it was v and the current i."""
    tau_mem, tau_syn, r, leak = (neuron[k] for k in ("tau_mem", "tau_syn", "r", "v_leak"))
    slow, fast = np.exp(-s / tau_mem), np.exp(-s / tau_syn)
    if tau_mem == tau_syn:
        return leak + (v - leak) * slow + r * i * s / tau_mem * slow
    return leak + (v - leak) * slow + r * i * (fast - slow) / (1 - tau_mem / tau_syn)


def crossing(v, i, neuron, span):
    """Seconds until the threshold is reached, None if it is not within ``span``."""
    threshold = neuron.get("v_threshold", np.inf)
    grid = np.linspace(0, span, int(span / GRID) + 2)
    over = np.flatnonzero(potential(v, i, neuron, grid) > threshold)
    if not len(over):
        return None
    return brentq(
        lambda s: potential(v, i, neuron, s) - threshold, *grid[over[0] - 1 : over[0] + 1]
    )


def run_neuron(times, weights, neuron, tau_ref, samples):
    """Spike times, and the membrane at the times ``samples``, of one neuron at rest."""
    jump = neuron["w_in"] / neuron["tau_syn"]
    kicks = dict.fromkeys((*times, *samples, 0.0), 0.0)
    for t, w in zip(times, weights, strict=True):
        kicks[t] += w * jump
    stops = sorted(kicks)
    v, i, held, fired, seen = neuron["v_leak"], 0.0, -1.0, [], {}
    for t, until in zip(stops, [*stops[1:], stops[-1]], strict=True):
        seen[t] = v
        i += kicks[t]
        while t < until:
            if t < held:
                span = min(held, until) - t
                i *= np.exp(-span / neuron["tau_syn"])
            else:
                span = crossing(v, i, neuron, until - t)
                fires, span = span is not None, until - t if span is None else span
                v, i = potential(v, i, neuron, span), i * np.exp(-span / neuron["tau_syn"])
                if fires:
                    fired.append(t + span)
                    v, held = neuron["v_reset"], t + span + tau_ref
            t += span
    return fired, np.array([seen[t] for t in samples])


def run(graph, inputs, samples):
    """A graph of Linear, CubaLIF, …, Linear, CubaLI, in order of its nodes.

    inputs : list of spike times of each channel : s. Returns for each layer the spike times of
    each neuron, and the last layer's membranes float64[sample, neuron].
    """
    layers, source = list(graph.nodes.values()), inputs
    spikes = []
    for linear, neurons in zip(layers[1:-1:2], layers[2:-1:2], strict=True):
        assert isinstance(linear, nir.Linear)
        out = []
        for j, row in enumerate(linear.weight.astype(np.float64)):
            neuron = {k: float(v[j]) for k, v in vars(neurons).items() if np.shape(v)}
            times = [t for channel in source for t in channel]
            weights = [w for w, channel in zip(row, source, strict=True) for _ in channel]
            out.append(run_neuron(times, weights, neuron, graph.metadata["tau_ref"], samples))
        source = [fired for fired, _ in out]
        spikes.append(source)
    return spikes, np.stack([membrane for _, membrane in out], axis=1)
