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
from snnlab.chip.kernels.arrays import FASTMATH, UNCOUNTED

LANES = 16
"""Buffers are padded to whole vectors of 16 float32."""
PARTS = 8
"""Parts of a batch whose gradients of the label weights are summed apart, whatever the threads."""


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


@njit(fastmath=FASTMATH, inline="always", **UNCOUNTED)
def _step_back(p, q, g, model):
    """Adjoint of one CADC period, then the gradient that arrives at its beginning."""
    rise, decay_mem = np.float32(model.rise), np.float32(model.decay_mem)
    decay_syn = np.float32(model.decay_syn)
    for j in range(q.shape[0]):
        q[j] = decay_syn * q[j] + rise * p[j]
    for j in range(p.shape[0]):
        p[j] = decay_mem * p[j] + g[j]


@njit(**UNCOUNTED)
def _fill(out, value):
    for j in range(out.shape[0]):
        out[j] = value


@njit(**UNCOUNTED)
def _copy(to, values, lo):
    """Copy columns of values to columns of ``to`` from ``lo`` on, as many as both have.

    An assignment to a slice would compile a second longer, for the text of its error.
    """
    for k in range(to.shape[0]):
        for j in range(min(to.shape[1] - lo, values.shape[1])):
            to[k, lo + j] = values[k, j]


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _collect(grad, row, p, q, from_p, from_q):
    for j in range(p.shape[0]):
        grad[row, j] += from_p * p[j] + from_q * q[j]


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _sample_back(tick, channel, g, model, p, q, grad, current, lo, hi):
    """One image, latest CADC sample first: adds to grad[input, width], fills current.

    g : float32[sample, width], gradient of the membranes of neurons lo … hi; current :
    float32[sample, neuron], of a unit of weighted input spike at each sample, or float32[0, 0] if
    it is not asked for.
    """
    _fill(p, np.float32(0.0))
    _fill(q, np.float32(0.0))
    of_current = np.float32(model.current)
    e = tick.shape[0]
    while e > 0 and model.sample[tick[e - 1]] >= g.shape[0]:
        e -= 1  # spikes after the last sample have no effect on any
    for m in range(g.shape[0] - 1, -1, -1):
        _step_back(p, q, g[m], model)
        if current.shape[0]:
            row = current[m, lo:hi]
            for j in range(row.shape[0]):
                row[j] = of_current * q[j]
        while e > 0 and model.sample[tick[e - 1]] == m:
            e -= 1
            k = tick[e]
            _collect(grad, np.int64(channel[e]), p, q, model.from_p[k], model.from_q[k])


@njit(nogil=True)
def _summed(sums, n):
    """Sum of all parts, in order, without padding : float32[row, n]."""
    out = np.empty((sums.shape[1], n), np.float32)
    for k in range(sums.shape[1]):
        for j in range(n):
            total = sums[0, k, j]
            for part in range(1, sums.shape[0]):
                total += sums[part, k, j]
            out[k, j] = total
    return out


@compiled(parallel=True, nogil=True)
def label_adjoint(offsets, tick, channel, n_in, d_traces, model):
    """Gradients of the label layer from those of its traces, float32[image, sample, label].

    offsets, tick, channel : spikes of the layer before it, whose neurons are ``n_in``. Returns the
    weight gradient float32[neuron, label], summed over images, and the gradient of a unit of
    weighted spike arriving at each CADC sample, float32[image, sample, label].
    A fixed number of parts of the batch run in parallel and are summed in order, so the bits do not
    depend on the number of threads.
    """
    n_images, samples, n = d_traces.shape
    width = (n + LANES - 1) // LANES * LANES
    sums = np.zeros((PARTS, n_in, width), np.float32)
    current = np.empty((n_images, samples, n), np.float32)
    zero = np.int64(0)  # a literal 0 is a type of its own: what takes it is compiled twice
    for part in prange(PARTS):
        g = np.zeros((samples, width), np.float32)
        p, q = np.empty(width, np.float32), np.empty(width, np.float32)
        for b in range(part * n_images // PARTS, (part + 1) * n_images // PARTS):
            _copy(g, d_traces[b], zero)
            a, z = offsets[b], offsets[b + 1]
            _sample_back(tick[a:z], channel[a:z], g, model, p, q, sums[part], current[b], zero, n)
    return _summed(sums, n), current


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _add_rows(out, amount, rows):
    """Add amount[k] * rows[k] to out, in order; out is read and written once for four rows."""
    k = 0
    while k + 4 <= rows.shape[0]:
        a, b, c, d = amount[k], amount[k + 1], amount[k + 2], amount[k + 3]
        of_a, of_b, of_c, of_d = rows[k], rows[k + 1], rows[k + 2], rows[k + 3]
        for j in range(out.shape[0]):
            total = out[j] + a * of_a[j]
            total += b * of_b[j]
            total += c * of_c[j]
            out[j] = total + d * of_d[j]
        k += 4
    while k < rows.shape[0]:
        a, of_a = amount[k], rows[k]
        for j in range(out.shape[0]):
            out[j] += a * of_a[j]
        k += 1


@njit(**UNCOUNTED)
def _any(values):
    found = np.int64(0)
    for k in range(values.shape[0]):
        found += np.int64(values[k] != 0)
    return found > 0


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _through_surrogate(g, upstream, weight, of_count, cadc, lo, table):
    """Gradient of the membranes of neurons from ``lo`` on in one image : g[sample, width].

    Rows are taken whole, as views of one axis: numba vectorises no loop over a part of two.
    """
    n = of_count.shape[0]
    first = cadc[0, lo : lo + n]
    for m in range(g.shape[0]):
        row, read = g[m], cadc[m, lo : lo + n]
        for j in range(n):
            row[j] = of_count[j]
        if _any(upstream[m]):
            _add_rows(row, upstream[m], weight)
        for j in range(n):
            row[j] *= table[np.int32(read[j]) - np.int32(first[j]) + 255]


@njit(**UNCOUNTED)
def _of_spike(upstream, weight, of_count, j):
    """Gradient of one spike, before the surrogate."""
    total = of_count
    for k in range(weight.shape[0]):
        total += upstream[k] * weight[k, j]
    return total


@njit(**UNCOUNTED)
def _at_spikes(g, upstream, weight, of_count, table, tick, channel, seen, lo, model):
    """Where a neuron of the block spiked, the surrogate is evaluated at ``seen``."""
    n = of_count.shape[0]
    for e in range(tick.shape[0]):
        m, j = np.int64(model.sample[tick[e]]), np.int64(channel[e]) - lo
        if 0 <= j < n and m < g.shape[0]:
            g[m, j] = table[seen[e] + 255] * _of_spike(upstream[m], weight, of_count[j], j)


@compiled(parallel=True, nogil=True)
def hidden_adjoint(
    inputs, spikes, upstream, weight, of_count, cadc, table, seen, n_in, model, block,
    pass_on,
):  # fmt: skip
    """Surrogate gradients of a hidden layer, through its spikes and membranes to its weights.

    inputs : offsets, tick and channel of the spikes that reach the layer; spikes : of its own.
    upstream : float32[image, sample, next neuron], gradient of a unit of input to the next layer;
    weight : float32[next neuron, neuron], padded to whole blocks; of_count : float32[image,
    neuron], gradient of the spike counts; cadc : uint8[image, sample, neuron]; table :
    float32[511], the surrogate derivative at -255 … 255 LSB above the first sample. The CADC has 8
    bits, so any surrogate is a table.

    seen : int16[spike], potential at which each spike evaluates the surrogate, in LSB above the
    first sample, by :meth:`~snnlab.learn.gradient.surrogate.Surrogate.at_spikes`. After a spike the
    CADC reads the reset: with that potential the gradient of a neuron would shrink the more it
    fires, and bursts could not be unlearnt.

    Returns the weight gradient float32[input, neuron], summed over images, and, if ``pass_on``, the
    gradient of a unit of weighted input spike arriving at each CADC sample, float32[image, sample,
    neuron], otherwise of no images.
    ``block`` neurons at a time run in parallel, and each sums over all images in order: the bits
    depend neither on the size of the blocks nor on the number of threads.
    """
    (offsets, tick, channel), (own_offsets, own_tick, own_channel) = inputs, spikes
    n_images, samples, n = cadc.shape
    grad = np.empty((n_in, n), np.float32)
    current = np.empty((n_images if pass_on else 0, samples, n), np.float32)
    unasked = np.empty((0, 0), np.float32)
    for part in prange((n + block - 1) // block):
        lo, hi = part * block, min((part + 1) * block, n)
        mine, g = np.zeros((n_in, block), np.float32), np.zeros((samples, block), np.float32)
        p, q = np.empty(block, np.float32), np.empty(block, np.float32)
        rows = weight[:, lo : lo + block].copy()
        for b in range(n_images):
            a, z = offsets[b], offsets[b + 1]
            own, end = own_offsets[b], own_offsets[b + 1]
            counted = of_count[b, lo:hi]
            _through_surrogate(g, upstream[b], rows, counted, cadc[b], lo, table)
            _at_spikes(
                g, upstream[b], rows, counted, table, own_tick[own:end], own_channel[own:end],
                seen[own:end], lo, model,
            )  # fmt: skip
            _sample_back(
                tick[a:z], channel[a:z], g, model, p, q, mine,
                current[b] if pass_on else unasked, lo, hi,
            )  # fmt: skip
        _copy(grad, mine, lo)
    return grad, current
