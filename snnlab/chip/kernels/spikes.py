"""Threshold crossings, their time stamps, and the refractory period."""

import numpy as np
from numba import njit

from snnlab.chip.kernels.arrays import FASTMATH, UNCOUNTED
from snnlab.chip.kernels.noise import gauss


@njit(inline="always", **UNCOUNTED)
def hold(u, reset, held, until, n_held, step):
    """Hold refractory neurons at their reset until their period ends; returns how many remain."""
    h, one = np.uint64(0), np.uint64(1)  # unsigned: numba does not test for negative indices
    while h < n_held:
        j = held[h]  # neuron
        if until[j] >= step + 1:  # steps
            u[j] = reset[j]  # thresholds
            h += one
        else:
            u[j] = reset[j] + np.float32(step + 1 - until[j]) * (u[j] - reset[j])  # thresholds
            n_held -= one
            held[h] = held[n_held]  # the last takes the free place
    return n_held


@njit(fastmath=FASTMATH, **UNCOUNTED)
def any_crossed(u, threshold):
    """Whether a neuron is at or above its threshold."""
    count = np.int32(0)
    for j in range(u.shape[0]):  # J, no early exit: vectorised; numba adds int32 as int64
        count = np.int32(count + np.int32(u[j] >= threshold[j]))
    return count > 0


@njit(**UNCOUNTED)
def _since_crossing(u, exc, inh, j, threshold, neurons):
    """Fraction of the step since neuron j crossed, on a straight line from its last potential."""
    drive = neurons.rise_exc[j] * exc / neurons.decay_exc[j]  # thresholds, as in propagate
    drive += neurons.rise_inh[j] * inh / neurons.decay_inh[j]
    before = (u - drive) / neurons.decay_mem[j]  # potential at the start of the step
    since = (u - threshold) / max(u - before, np.float32(1e-9))  # steps
    return min(max(since, np.float32(0.0)), np.float32(1.0))


@njit(**UNCOUNTED)
def _insert(tick, channel, n, new_tick, new_channel):
    """Append a spike to tick[n], channel[n], kept in order of time (it nearly is)."""
    while n > 0 and tick[n - 1] > new_tick:
        tick[n] = tick[n - 1]
        channel[n] = channel[n - 1]
        n -= 1
    tick[n] = new_tick
    channel[n] = new_channel


@njit(**UNCOUNTED)
def _send_back(work, n, arrival, next_step, row):
    """Append a spike that returns at ``arrival`` steps as number n, kept in order of steps.

    It acts from the next step on, so none that has arrived is moved. If it arrived before, its two
    shares are those of the straight line through both: more than 1 now, the surplus taken back a
    step later, as if it had acted in time.
    """
    arrives = max(np.int64(arrival), next_step)
    while n > 0 and work.loop_step[n - 1] > arrives:
        work.loop_step[n] = work.loop_step[n - 1]
        work.loop_after[n] = work.loop_after[n - 1]
        work.loop_row[n] = work.loop_row[n - 1]
        n -= 1
    work.loop_step[n] = arrives
    work.loop_after[n] = max(arrival - arrives, -1.0)
    work.loop_row[n] = row


@njit(**UNCOUNTED)
def _stamp(step, since, clock, jitter, keys, counter):
    """Time stamp of a spike ``since`` steps before the end of a step : ticks."""
    tick = (step + 1 - since) / clock.steps_per_tick  # ticks
    if jitter:
        tick += jitter * gauss(keys[0], keys[1], np.uint32(counter) | np.uint32(0x80000000))
    last = clock.samples * clock.substeps / clock.steps_per_tick  # ticks
    return np.uint16(min(max(tick, 0.0), last))


@njit(**UNCOUNTED)
def fire(work, threshold, neurons, step, clock, jitter, keys, n_held, tick, channel, n_out, loop):
    """Reset and hold every neuron that crossed; returns the numbers of held neurons and of spikes.
    A neuron whose reset lies over its threshold fires as its refractory period ends.
    loop : of a recurrent layer, otherwise None."""
    u, until, crossed = work.u, work.until, work.crossed  # [J] each
    n = u.shape[0]
    for j in range(n):  # J
        crossed[j] = u[j] >= threshold[j]
    for w in range(work.words.shape[0]):  # J / 8
        if work.words[w] == 0:  # few neurons cross: skip eight at once
            continue
        for j in range(8 * w, 8 * w + 8):
            if not crossed[j] or until[j] >= step + 1:  # held for the whole step
                continue
            since = _since_crossing(u[j], work.exc[j], work.inh[j], j, threshold[j], neurons)
            free = min(step + 1 - until[j], 1.0)  # steps since the refractory period ended
            since = free if neurons.reset[j] >= threshold[j] else min(since, free)  # steps
            stamp = _stamp(step, since, clock, jitter, keys, step * n + j)  # ticks
            _insert(tick, channel, n_out, stamp, np.uint16(j))
            if loop is not None:
                arrival = stamp * clock.steps_per_tick + loop.latency  # steps
                _send_back(work, n_out, arrival, step + 1, loop.first + j)
            n_out += 1
            u[j] = neurons.reset[j]  # thresholds
            until[j] = step + 1 + max(neurons.refractory[j] - since, 0.0)  # steps
            work.held[n_held] = j
            n_held += np.uint64(1)
    return n_held, n_out
