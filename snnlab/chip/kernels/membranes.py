"""Membranes and synaptic currents, step by step."""

import numpy as np
from numba import njit

from snnlab.chip.kernels.arrays import FASTMATH, UNCOUNTED


@njit(fastmath=FASTMATH, **UNCOUNTED)
def add_rows(exc, inh, current, row, amount, n, limit):
    """Add n rows of current[row, J] to exc[J] where positive, else to inh[J]; n is a multiple of
    four, and exc and inh are read and written once for four rows, in order."""
    zero = np.float32(0.0)
    for e in range(0, n, 4):  # events of this step
        a, b, c, d = current[row[e]], current[row[e + 1]], current[row[e + 2]], current[row[e + 3]]
        of_a, of_b, of_c, of_d = amount[e], amount[e + 1], amount[e + 2], amount[e + 3]  # 0 … 1
        for j in range(exc.shape[0]):  # J
            total = exc[j] + of_a * max(a[j], zero)  # scaled current, ≥ 0
            total += of_b * max(b[j], zero)
            total += of_c * max(c[j], zero)
            total += of_d * max(d[j], zero)
            exc[j] = min(total, limit)
        for j in range(inh.shape[0]):  # J
            total = inh[j] + of_a * min(a[j], zero)  # scaled current, ≤ 0
            total += of_b * min(b[j], zero)
            total += of_c * min(c[j], zero)
            total += of_d * min(d[j], zero)
            inh[j] = max(total, -limit)


@njit(fastmath=FASTMATH, **UNCOUNTED)
def settle(work, n, current, limit, was_full):
    """After :func:`add_rows` of a recurrent layer without limit: cut its currents to it.

    Of a spike that returned late a surplus is taken back (see ``_send_back``). Where the current
    was full a step ago, the limit kept the surplus out: nothing is taken back. None turns its sign.
    n : rows in work.row, work.amount; was_full : whether any current was full a step ago.
    Returns whether any is now; work.full_exc and work.full_inh say which.
    """
    exc, inh, full_exc, full_inh = work.exc, work.inh, work.full_exc, work.full_inh  # [J] each
    zero, n_full = np.float32(0.0), np.int32(0)
    if was_full:
        for e in range(n):
            share, row = -work.amount[e], current[work.row[e]]
            if share > zero:
                for j in range(exc.shape[0]):  # J
                    exc[j] += full_exc[j] * share * max(row[j], zero)  # scaled current
                for j in range(inh.shape[0]):  # J
                    inh[j] += full_inh[j] * share * min(row[j], zero)  # scaled current
    for j in range(exc.shape[0]):  # J
        exc[j] = min(max(exc[j], zero), limit)
    for j in range(inh.shape[0]):  # J
        inh[j] = max(min(inh[j], zero), -limit)
    for j in range(exc.shape[0]):  # J
        full_exc[j] = np.float32(exc[j] >= limit)
    for j in range(inh.shape[0]):  # J
        full_inh[j] = np.float32(inh[j] <= -limit)
    for j in range(exc.shape[0]):  # J, no early exit: vectorised
        n_full = np.int32(n_full + np.int32(full_exc[j] + full_inh[j] > zero))
    return n_full > 0


@njit(fastmath=FASTMATH, inline="always", **UNCOUNTED)
def propagate(u, exc, inh, neurons):
    """One exact exponential step of all membranes.

    Each loop writes one array only: LLVM can then prove that nothing overlaps, and vectorises.
    Inlined, as a call with ten arrays costs 50 ns, as much as the work on 256 neurons.
    """
    for j in range(u.shape[0]):  # J
        drive = neurons.rise_exc[j] * exc[j] + neurons.rise_inh[j] * inh[j]  # thresholds
        u[j] = min(max(neurons.decay_mem[j] * u[j] + drive, neurons.low[j]), neurons.high[j])
    for j in range(u.shape[0]):  # J
        exc[j] *= neurons.decay_exc[j]  # scaled current
    for j in range(u.shape[0]):  # J
        inh[j] *= neurons.decay_inh[j]  # scaled current


@njit(fastmath=FASTMATH, inline="always", **UNCOUNTED)
def look_ahead(u, exc, inh, neurons, threshold, ahead):
    """Membranes after four steps of :func:`propagate` without input, bit for bit : ahead[J].

    Returns whether a neuron reaches its threshold on the way.
    """
    count = np.int32(0)
    for j in range(u.shape[0]):  # J
        v, e, i = u[j], exc[j], inh[j]
        rise_e, rise_i, keep = neurons.rise_exc[j], neurons.rise_inh[j], neurons.decay_mem[j]
        decay_e, decay_i = neurons.decay_exc[j], neurons.decay_inh[j]
        low, high, top = neurons.low[j], neurons.high[j], threshold[j]
        drive = rise_e * e + rise_i * i
        v = min(max(keep * v + drive, low), high)
        crossed = np.int32(v >= top)
        e, i = e * decay_e, i * decay_i
        drive = rise_e * e + rise_i * i
        v = min(max(keep * v + drive, low), high)
        crossed = np.int32(crossed | np.int32(v >= top))
        e, i = e * decay_e, i * decay_i
        drive = rise_e * e + rise_i * i
        v = min(max(keep * v + drive, low), high)
        crossed = np.int32(crossed | np.int32(v >= top))
        e, i = e * decay_e, i * decay_i
        drive = rise_e * e + rise_i * i
        v = min(max(keep * v + drive, low), high)
        count = np.int32(count + np.int32(crossed | np.int32(v >= top)))
        ahead[j] = v
    return count > 0


@njit(fastmath=FASTMATH, inline="always", **UNCOUNTED)
def go_ahead(work, neurons, reset, n_held):
    """Take the four steps of :func:`look_ahead`, with the refractory neurons held."""
    u, exc, inh = work.u, work.exc, work.inh
    for j in range(u.shape[0]):  # J
        u[j] = work.ahead[j]
    for j in range(exc.shape[0]):  # J
        decay = neurons.decay_exc[j]
        exc[j] = exc[j] * decay * decay * decay * decay
    for j in range(inh.shape[0]):  # J
        decay = neurons.decay_inh[j]
        inh[j] = inh[j] * decay * decay * decay * decay
    for h in range(np.int64(n_held)):
        u[work.held[h]] = reset[work.held[h]]
