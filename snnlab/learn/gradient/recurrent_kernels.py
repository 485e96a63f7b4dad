"""The adjoint of a recurrent layer: one pass back in time through all of its neurons.

In the model a spike that is seen at CADC sample m returns ``loop_latency`` later, between samples m
and m + 1. So the gradient of what returns is known from ``p`` and ``q`` at sample m + 1 before that
of the membranes at m is needed, and no neuron has to wait for another.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from snnlab.chip.compiled import compiled
from snnlab.chip.kernels.arrays import FASTMATH, UNCOUNTED
from snnlab.learn.gradient.kernels import LANES, PARTS, _add_rows, _any, _collect, _fill, _step_back


class Returning(NamedTuple):
    """Weights of a layer's own spikes, float32[neuron, neuron], the source last and padded to whole
    vectors, without rows if no gradient passes back; and how a spike that is seen at one sample
    acts on ``p`` and ``q`` at the next one."""

    weight: np.ndarray
    on_p: float
    on_q: float


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _returned(back, p, q, returning):
    """Gradient of a returning unit of weighted spike at each neuron : back[neuron]."""
    on_p, on_q = np.float32(returning.on_p), np.float32(returning.on_q)
    for j in range(back.shape[0]):
        back[j] = on_p * p[j] + on_q * q[j]


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _through_surrogate(g, of_spike, read, first, table):
    for j in range(read.shape[0]):
        g[j] = of_spike[j] * table[np.int32(read[j]) - np.int32(first[j]) + 255]


@njit(**UNCOUNTED)
def _image_back(
    tick, channel, own_tick, own_channel, seen, upstream, weight, returning, of_count, cadc, table,
    model, p, q, back, of_spike, g, grad, current,
):  # fmt: skip
    """One image, latest CADC sample first: adds to grad[source, width], fills current."""
    _fill(p, np.float32(0.0))
    _fill(q, np.float32(0.0))
    samples, n = cadc.shape
    of_current = np.float32(model.current)
    e, f = tick.shape[0], own_tick.shape[0]
    while e > 0 and model.sample[tick[e - 1]] >= samples:
        e -= 1  # spikes after the last sample have no effect on any
    while f > 0 and model.sample[own_tick[f - 1]] >= samples:
        f -= 1
    for m in range(samples - 1, -1, -1):
        for j in range(n):
            of_spike[j] = of_count[j]
        if _any(upstream[m]):
            _add_rows(of_spike, upstream[m], weight)
        if returning.weight.shape[0]:
            _returned(back, p, q, returning)
            if _any(back):
                _add_rows(of_spike, back, returning.weight)
        _through_surrogate(g, of_spike, cadc[m], cadc[0], table)
        last = f
        while f > 0 and model.sample[own_tick[f - 1]] == m:
            f -= 1
        for k in range(f, last):
            j = np.int64(own_channel[k])
            g[j] = of_spike[j] * table[seen[k] + 255]
        _step_back(p, q, g, model)
        if current.shape[0]:
            for j in range(n):
                current[m, j] = of_current * q[j]
        while e > 0 and model.sample[tick[e - 1]] == m:
            e -= 1
            k = tick[e]
            _collect(grad, np.int64(channel[e]), p, q, model.from_p[k], model.from_q[k])


@compiled(parallel=True, nogil=True)
def recurrent_adjoint(
    sources, spikes, upstream, weight, returning, of_count, cadc, table, seen, n_in, model, pass_on,
):  # fmt: skip
    """Surrogate gradients of a recurrent layer, through its spikes and membranes to its weights.

    sources : offsets, tick and channel of the spikes that reach the layer, its own returning ones
    included, from ``n_in`` channels; spikes : of its own, as they were sent; weight : float32[next
    neuron, neuron], padded to whole vectors. The other arguments and what is returned : as for
    :func:`~snnlab.learn.gradient.kernels.hidden_adjoint`, the weight gradient with one row for
    every source.
    A fixed number of parts of the batch run in parallel and are summed in order, so the bits do not
    depend on the number of threads.
    """
    (offsets, tick, channel), (own_offsets, own_tick, own_channel) = sources, spikes
    n_images, samples, n = cadc.shape
    width = (n + LANES - 1) // LANES * LANES
    sums = np.zeros((PARTS, n_in, width), np.float32)
    current = np.empty((n_images if pass_on else 0, samples, n), np.float32)
    unasked = np.empty((0, 0), np.float32)
    for part in prange(PARTS):
        p, q = np.empty(width, np.float32), np.empty(width, np.float32)
        g, of_spike = np.zeros(width, np.float32), np.zeros(width, np.float32)
        back = np.zeros(width, np.float32)
        for b in range(part * n_images // PARTS, (part + 1) * n_images // PARTS):
            a, z = offsets[b], offsets[b + 1]
            own, end = own_offsets[b], own_offsets[b + 1]
            _image_back(
                tick[a:z], channel[a:z], own_tick[own:end], own_channel[own:end], seen[own:end],
                upstream[b], weight, returning, of_count[b], cadc[b], table, model, p, q, back,
                of_spike, g, sums[part], current[b] if pass_on else unasked,
            )  # fmt: skip
    for part in range(1, PARTS):
        sums[0] += sums[part]
    return sums[0, :, :n].copy(), current
