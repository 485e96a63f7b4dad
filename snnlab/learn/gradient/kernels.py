"""The backward pass in numba: the adjoint of a homogeneous, ideal layer.

The model potential of a neuron at CADC sample m is ``sum_e w[c_e] k(t_m - t_e)`` over its input
spikes e. Its adjoint runs backwards in time with the same two exponentials: ``p`` is the gradient
of all later samples with respect to the membrane, ``q`` that with respect to the synaptic current.
A spike reads both at its own time stamp: spike times enter as recorded, not rounded to a grid.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from snnlab.chip.compiled import compiled
from snnlab.chip.kernels import FASTMATH, UNCOUNTED

BLOCK = 64


class Propagators(NamedTuple):
    """Propagators of one CADC period, and of each tick to its next sample.

    A spike at tick k acts on sample ``sample[k]`` (the first not before it) through
    ``from_p[k] * p + from_q[k] * q``. int16[tick], float32[tick], float32[tick].
    """

    decay_mem: float
    decay_syn: float
    rise: float
    current: float
    sample: np.ndarray
    from_p: np.ndarray
    from_q: np.ndarray


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _step_back(p, q, g, model):
    """Adjoint of one CADC period, then the gradient that arrives at its beginning."""
    rise, decay_mem = np.float32(model.rise), np.float32(model.decay_mem)
    decay_syn = np.float32(model.decay_syn)
    for j in range(p.shape[0]):
        q[j] = decay_syn * q[j] + rise * p[j]
        p[j] = decay_mem * p[j] + g[j]


@njit(**UNCOUNTED)
def _fill(out, value):
    for j in range(out.shape[0]):
        out[j] = value


@njit(**UNCOUNTED)
def _scaled(out, factor, values):
    for j in range(out.shape[0]):
        out[j] = factor * values[j]


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _collect(row, p, q, from_p, from_q):
    for j in range(p.shape[0]):
        row[j] += from_p * p[j] + from_q * q[j]


@njit(**UNCOUNTED)
def _sample_back(tick, channel, g, model, p, q, grad, current):
    """One image, latest CADC sample first: adds to grad[input, neuron], fills current."""
    _fill(p, np.float32(0.0))
    _fill(q, np.float32(0.0))
    e = tick.shape[0]
    while e > 0 and model.sample[tick[e - 1]] >= g.shape[0]:
        e -= 1  # spikes after the last sample have no effect on any
    for m in range(g.shape[0] - 1, -1, -1):
        _step_back(p, q, g[m], model)
        if current.shape[0]:
            _scaled(current[m], np.float32(model.current), q)
        while e > 0 and model.sample[tick[e - 1]] == m:
            e -= 1
            k = tick[e]
            _collect(grad[channel[e]], p, q, model.from_p[k], model.from_q[k])


@compiled(parallel=True, nogil=True)
def layer_adjoint(offsets, tick, channel, n_in, g, model, upstream):
    """Gradients of one layer from those of its membranes, g : float32[image, sample, neuron].

    Returns the weight gradient float32[input, neuron], summed over images, and the gradient of a
    unit of weighted input spike arriving at each CADC sample, float32[image, sample, neuron], or of
    no samples if ``upstream`` is not asked for.
    Blocks of neurons run in parallel and each sums over all images in order, so the bits do not
    depend on the number of threads.
    """
    n_images, samples, n = g.shape
    grad = np.empty((n_in, n), np.float32)
    current = np.empty((n_images, samples if upstream else 0, n), np.float32)
    for block in prange((n + BLOCK - 1) // BLOCK):
        lo, hi = block * BLOCK, min((block + 1) * BLOCK, n)
        mine = np.zeros((n_in, hi - lo), np.float32)
        p, q = np.empty(hi - lo, np.float32), np.empty(hi - lo, np.float32)
        for b in range(n_images):
            a, z = offsets[b], offsets[b + 1]
            _sample_back(
                tick[a:z], channel[a:z], g[b, :, lo:hi], model, p, q, mine, current[b, :, lo:hi]
            )
        grad[:, lo:hi] = mine
    return grad, current


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _through_surrogate(out, upstream, weight, of_count, cadc, first, table):
    """Gradient of one image's membranes at one sample."""
    for j in range(out.shape[0]):
        out[j] = of_count[j]
    for k in range(weight.shape[0]):
        amount = upstream[k]
        for j in range(out.shape[0]):
            out[j] += amount * weight[k, j]
    for j in range(out.shape[0]):
        out[j] *= table[np.int32(cadc[j]) - np.int32(first[j]) + 255]


@njit(**UNCOUNTED)
def _of_spike(upstream, weight, of_count, j):
    """Gradient of one spike, before the surrogate."""
    total = of_count
    for k in range(weight.shape[0]):
        total += upstream[k] * weight[k, j]
    return total


@compiled(parallel=True, nogil=True)
def hidden_gradient(upstream, weight, of_count, cadc, table, offsets, tick, channel, sample, seen):
    """Surrogate gradient of hidden membranes : float32[image, sample, neuron].

    upstream : float32[image, sample, next neuron], gradient of a unit of input to the next layer;
    weight : float32[next neuron, neuron]; of_count : float32[image, neuron], gradient of the spike
    counts; cadc : uint8[image, sample, neuron]; table : float32[511], the surrogate derivative at
    -255 … 255 LSB above the first sample. The CADC has 8 bits, so any surrogate is a table.

    seen : int16[spike], potential at which each spike evaluates the surrogate, in LSB above the
    first sample, by :meth:`~snnlab.learn.gradient.surrogate.Surrogate.at_spikes`. After a spike the
    CADC reads the reset: with that potential the gradient of a neuron would shrink the more it
    fires, and bursts could not be unlearnt.
    """
    n_images, samples, n = cadc.shape
    g = np.empty((n_images, samples, n), np.float32)
    for b in prange(n_images):
        for m in range(samples):
            _through_surrogate(
                g[b, m], upstream[b, m], weight, of_count[b], cadc[b, m], cadc[b, 0], table
            )
        for e in range(offsets[b], offsets[b + 1]):
            m, j = sample[tick[e]], channel[e]
            if m < samples:
                g[b, m, j] = table[seen[e] + 255] * _of_spike(
                    upstream[b, m], weight, of_count[b, j], j
                )
    return g
