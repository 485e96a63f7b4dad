"""A batch of images through one layer."""

from math import floor

import numpy as np
from numba import njit, prange

from snnlab.chip.compiled import compiled
from snnlab.chip.kernels.arrays import FASTMATH, QUIET, UNCOUNTED, Work
from snnlab.chip.kernels.membranes import add_rows, go_ahead, look_ahead, propagate, settle
from snnlab.chip.kernels.noise import gauss, sample_keys
from snnlab.chip.kernels.spikes import any_crossed, fire, hold


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _digitise(u, readout, keys, first, out):
    """One CADC conversion, u[J] to out[J]; steps in the order of :class:`Readout`.

    The padding is converted too: a loop over whole vectors is twice as fast.
    """
    noise = np.float32(readout.noise)  # LSB
    low, high = np.float32(readout.low), np.float32(readout.high)  # LSB
    mask = np.int32(readout.lost)  # 0 of 8 bits, 31 of 3 bits
    for j in range(out.shape[0]):  # J
        lsb = readout.rest[j] + readout.gain[j] * u[j]  # LSB, exact
        lsb += noise * gauss(keys[0], keys[1], np.uint32(first + j))  # LSB, with read noise
        read = min(max(lsb, low), high) + np.float32(0.5)  # LSB, saturated; its floor is 8 bits
        code = read - readout.correction[j] - np.float32(np.int32(read) & mask)  # low bits dropped
        out[j] = np.uint8(min(max(code, np.float32(0.0)), np.float32(255.0)))  # 8 bits


@njit(inline="always", **UNCOUNTED)
def _is_quiet(work, n_held, clock, step, early, late, in_tick):
    """Whether no spike arrives and no neuron's refractory period ends within the next four steps,
    which lie between two CADC samples."""
    end = step + QUIET
    if step % QUIET or clock.substeps % QUIET or late < early:
        return False
    if early < in_tick.shape[0] and in_tick[early] * clock.steps_per_tick < end:
        return False
    released = np.int64(0)
    for h in range(np.int64(n_held)):
        released += np.int64(work.until[work.held[h]] < end)
    return released == 0


@njit(inline="always", **UNCOUNTED)
def _note(work, n, also, k, amount):
    """Append the rows of input k to those that this step adds; returns their number."""
    work.row[n], work.amount[n] = k, amount
    n += 1
    if also[k] >= 0:  # its second row
        work.row[n], work.amount[n] = also[k], amount
        n += 1
    return n


@njit(inline="always", **UNCOUNTED)
def _receive(work, n, synapses, limit):
    """Add the first n rows of the list to the currents, each up to ``limit``."""
    while n % 4:  # filled up with a share of 0 of a row that is read anyway
        work.row[n], work.amount[n] = work.row[0], np.float32(0.0)
        n += 1
    add_rows(work.exc, work.inh, synapses.current, work.row, work.amount, n, limit)


@njit(inline="always", **UNCOUNTED)
def _begin(work, start):
    for j in range(start.shape[0]):  # J
        work.u[j] = start[j]
        work.exc[j] = np.float32(0.0)
        work.inh[j] = np.float32(0.0)
        work.until[j] = 0.0


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _run_sample(
    in_tick, in_channel, synapses, neurons, threshold, clock, readout, jitter, keys, work, tick,
    channel, cadc, loop,
):  # fmt: skip
    """One image through one layer; returns the number of spikes written.

    in_tick, in_channel : uint16[event], in order of time; tick, channel : uint16[room] of output
    spikes; cadc : uint8[sample, neuron]; loop : of a recurrent layer, otherwise None, with which
    numba leaves out what concerns returning spikes.
    """
    u, n_in = work.u, in_tick.shape[0]
    _begin(work, neurons.start)
    zero = np.int64(0)  # a literal 0 is a type of its own: what takes it is compiled twice
    early, late = zero, zero  # next event by its first, second share
    own_early, own_late = zero, zero  # the same of returning spikes, of which there are n_out
    n_held, n_out, step = np.uint64(0), zero, zero
    full = False  # a current of a recurrent layer is at its limit
    while step < clock.samples * clock.substeps:
        m = step // clock.substeps  # CADC sample
        if step % clock.substeps == 0 and m < cadc.shape[0]:
            _digitise(u, readout, keys, m * cadc.shape[1], work.read)
            for j in range(cadc.shape[1]):
                cadc[m, j] = work.read[j]
        quiet = _is_quiet(work, n_held, clock, step, early, late, in_tick)
        if loop is not None:
            waits = own_early < n_out and work.loop_step[own_early] < step + QUIET
            quiet = quiet and own_late == own_early and not waits
        if quiet and not look_ahead(u, work.exc, work.inh, neurons, threshold, work.ahead):
            go_ahead(work, neurons, neurons.reset, n_held)
            step += QUIET
            continue
        # An event inside a step is split linearly between the two ends of the step.
        n = 0  # rows in work.row, work.amount
        while late < early:
            after = in_tick[late] * clock.steps_per_tick  # steps
            n = _note(work, n, synapses.also, in_channel[late], np.float32(after - floor(after)))
            late += 1
        while early < n_in and in_tick[early] * clock.steps_per_tick < step + 1:
            before = 1 - (in_tick[early] * clock.steps_per_tick - step)  # share, 0 … 1
            n = _note(work, n, synapses.also, in_channel[early], np.float32(before))
            early += 1
        if loop is not None:
            while own_late < own_early:
                after = work.loop_after[own_late]
                n = _note(work, n, synapses.also, work.loop_row[own_late], after)
                own_late += 1
            while own_early < n_out and work.loop_step[own_early] == step:
                before = np.float32(1.0) - work.loop_after[own_early]
                n = _note(work, n, synapses.also, work.loop_row[own_early], before)
                own_early += 1
        if n:
            if loop is None:
                _receive(work, n, synapses, np.float32(synapses.limit))
            else:
                _receive(work, n, synapses, np.float32(np.inf))
                full = settle(work, n, synapses.current, np.float32(synapses.limit), full)
        propagate(u, work.exc, work.inh, neurons)
        n_held = hold(u, neurons.reset, work.held, work.until, n_held, step)
        if tick.shape[0] and any_crossed(u, threshold):
            n_held, n_out = fire(
                work, threshold, neurons, step, clock, jitter, keys, n_held, tick, channel, n_out,
                loop,
            )  # fmt: skip
        step += 1
    return n_out


@njit(nogil=True)
def drift(threshold, noise):
    """Thresholds of one run : float32[J]."""
    out = threshold.copy()
    if noise.drift:
        low, high = sample_keys(noise.run_key, np.uint64(0))
        for j in range(out.shape[0]):
            out[j] *= np.float32(1.0) + np.float32(noise.drift) * gauss(low, high, np.uint32(j))
    return out


@njit(nogil=True)
def make_work(n, most_inputs, returning):
    """Buffers for the images of a part, allocated once : Work for n padded neurons.

    returning : most spikes that return to the layer, 0 unless it is recurrent.
    """
    crossed = np.empty(n, np.bool_)
    # An input may have two rows, and is split between two steps.
    most = 4 * (most_inputs + returning) + 4
    return Work(
        np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.float32),
        np.empty(n, np.float32), np.empty(n, np.uint8), np.empty(n),
        np.empty(n, np.uint64), crossed, crossed.view(np.uint64), np.empty(most, np.int64),
        np.empty(most, np.float32), np.empty(returning, np.int64),
        np.empty(returning, np.float32), np.empty(returning, np.int64),
        np.empty(n, np.float32), np.empty(n, np.float32),
    )  # fmt: skip


@compiled(parallel=True, nogil=True)
def run_layer(
    offsets, in_tick, in_channel, ids, synapses, neurons, clock, readout, noise, n, room, read,
    parts, loop,
):  # fmt: skip
    """A batch of images through one layer, parts of it in parallel.

    offsets : int64[image + 1] into in_tick, in_channel : uint16[event]; ids : uint64[image];
    n : neurons without padding; room : most spikes one image can cause; read : CADC samples;
    parts : of the batch, which does not change the result; loop : of a recurrent layer, or None.
    Returns counts int64[image], tick and channel uint16[image, room],
    cadc uint8[image, read, neuron].
    """
    n_images = offsets.shape[0] - 1
    counts = np.zeros(n_images, np.int64)
    tick = np.empty((n_images, room), np.uint16)
    channel = np.empty((n_images, room), np.uint16)
    cadc = np.empty((n_images, read, n), np.uint8)
    threshold = drift(neurons.threshold, noise)
    most_inputs, returning = np.int64(0), np.int64(room if loop is not None else 0)
    for b in range(n_images):
        most_inputs = max(most_inputs, offsets[b + 1] - offsets[b])
    for part in prange(parts):  # any thread may take any part
        work = make_work(threshold.shape[0], most_inputs, returning)
        for b in range(part * n_images // parts, (part + 1) * n_images // parts):
            lo, hi = offsets[b], offsets[b + 1]  # events of image b
            keys = sample_keys(noise.key, ids[b])  # the same in any batch
            counts[b] = _run_sample(
                in_tick[lo:hi], in_channel[lo:hi], synapses, neurons, threshold, clock, readout,
                noise.jitter, keys, work, tick[b], channel[b], cadc[b], loop,
            )  # fmt: skip
    return counts, tick, channel, cadc
