"""The emulated physics of one layer of neurons.

Arrays and scalars only: nothing is checked here and no unit is known. Time is counted in steps,
potentials in units of the nominal threshold above each neuron's own leak, and ``i`` is a synaptic
current scaled so that ``rise * i`` is what it adds to the membrane in one step.

One file on purpose: numba compiles a cached function again when its own file has changed, not when
the file of something it calls has.
"""

from math import floor
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from snnlab.chip.compiled import compiled

FASTMATH = {"contract", "nsz"}  # fused multiply-add, but no reordering: same bits everywhere
LANES = 16
"""Layers are padded to whole vectors of 16 float32."""
PARTS = 32
"""Parts of a batch that threads share out among themselves."""
UNCOUNTED = {"nogil": True, "_nrt": False}
"""For functions that allocate nothing: without it every view of an array is counted, atomically,
which took a quarter of the time and made threads wait for each other."""


class Neurons(NamedTuple):
    """Constants of a layer's neurons, each float32[neuron]; exc and inh: the two synaptic inputs.

    Potentials start at ``start`` and are held between ``low`` and ``high``.
    """

    decay_mem: np.ndarray
    decay_exc: np.ndarray
    decay_inh: np.ndarray
    rise_exc: np.ndarray
    rise_inh: np.ndarray
    threshold: np.ndarray
    reset: np.ndarray
    start: np.ndarray
    low: np.ndarray
    high: np.ndarray
    refractory: np.ndarray


class Synapses(NamedTuple):
    """What each input adds to the currents of the neurons, by sign : float32[row, neuron].

    Input k adds row k, and row ``also[k]`` too if that is not negative: a stuck synapse beside a
    written one of the other sign. No current exceeds ``limit`` either way.
    """

    current: np.ndarray
    also: np.ndarray
    limit: float


class Work(NamedTuple):
    """What one image changes as it runs, used again for the next.

    u, exc, inh : float32[neuron], membrane and the two synaptic currents;
    until : float64[neuron], when a refractory neuron is let go, in steps; held : uint64[neuron],
    the refractory ones; crossed : bool[neuron], and eight of them a word, uint64[neuron / 8];
    row, amount : int64 and float32, weights to add in this step and which part of them.
    """

    u: np.ndarray
    exc: np.ndarray
    inh: np.ndarray
    until: np.ndarray
    held: np.ndarray
    crossed: np.ndarray
    words: np.ndarray
    row: np.ndarray
    amount: np.ndarray


class Clock(NamedTuple):
    """Grids of time: steps per CADC sample, samples per run, steps per tick of the time stamps."""

    substeps: int
    samples: int
    steps_per_tick: float


class Readout(NamedTuple):
    """The CADC's channels, float32[neuron]: LSB at potential 0, LSB per unit of potential, and what
    digital correction subtracts; then read noise in LSB and the range that saturates."""

    rest: np.ndarray
    gain: np.ndarray
    correction: np.ndarray
    noise: float
    low: float
    high: float


class Noise(NamedTuple):
    """Trial noise: relative drift of thresholds per run, jitter of spikes in ticks, and its keys,
    of the samples' own noise and of the run's."""

    drift: float
    jitter: float
    key: np.uint64
    run_key: np.uint64


@njit(inline="always")
def _mix(x):
    """A bijective 32-bit hash (two multiplications, three shifts)."""
    x = np.uint32(x ^ (x >> np.uint32(16)))
    x = np.uint32(x * np.uint32(0x7FEB352D))
    x = np.uint32(x ^ (x >> np.uint32(15)))
    x = np.uint32(x * np.uint32(0x846CA68B))
    return np.uint32(x ^ (x >> np.uint32(16)))


@njit(inline="always")
def _gauss(key_low, key_high, counter):
    """Nearly normal number of a counter: the sum of the four bytes of its hash.

    Mean 0, variance 1, cut at 3.45 sigma. Counter-based, so any sample can be drawn by any thread
    in any order.
    """
    x = _mix(np.uint32(_mix(np.uint32(counter ^ key_low)) + key_high))
    low = np.uint32(x & np.uint32(0x00FF00FF))
    high = np.uint32((x >> np.uint32(8)) & np.uint32(0x00FF00FF))
    pairs = np.uint32(low + high)
    total = np.int32(pairs & np.uint32(0xFFFF)) + np.int32(pairs >> np.uint32(16))
    return np.float32(total - 510) * np.float32(1.0 / 147.79941)


@njit(inline="always")
def _sample_keys(key, sample_id):
    """Two 32-bit keys of one sample's noise, from a round of splitmix64."""
    z = np.uint64(key) + np.uint64(sample_id) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.uint32(z & np.uint64(0xFFFFFFFF)), np.uint32(z >> np.uint64(32))


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _digitise(u, readout, keys, first, out):
    """One CADC conversion: offset, gain, read noise, saturation, 8 bits, digital correction."""
    noise = np.float32(readout.noise)
    low, high = np.float32(readout.low), np.float32(readout.high)
    for j in range(out.shape[0]):
        lsb = readout.rest[j] + readout.gain[j] * u[j]
        lsb += noise * _gauss(keys[0], keys[1], np.uint32(first + j))
        code = min(max(lsb, low), high) + np.float32(0.5) - readout.correction[j]
        out[j] = np.uint8(min(max(code, np.float32(0.0)), np.float32(255.0)))


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _add_rows(exc, inh, current, row, amount, n, limit):
    """Positive entries feed the excitatory input, negative ones the inhibitory; both saturate.

    Four rows at a time, in order, so that exc and inh are read and written once for the four;
    n must be a multiple of four.
    """
    zero = np.float32(0.0)
    for e in range(0, n, 4):
        a, b, c, d = current[row[e]], current[row[e + 1]], current[row[e + 2]], current[row[e + 3]]
        of_a, of_b, of_c, of_d = amount[e], amount[e + 1], amount[e + 2], amount[e + 3]
        for j in range(exc.shape[0]):
            total = exc[j] + of_a * max(a[j], zero)
            total += of_b * max(b[j], zero)
            total += of_c * max(c[j], zero)
            total += of_d * max(d[j], zero)
            exc[j] = min(total, limit)
        for j in range(inh.shape[0]):
            total = inh[j] + of_a * min(a[j], zero)
            total += of_b * min(b[j], zero)
            total += of_c * min(c[j], zero)
            total += of_d * min(d[j], zero)
            inh[j] = max(total, -limit)


@njit(fastmath=FASTMATH, inline="always", **UNCOUNTED)
def _propagate(u, exc, inh, neurons):
    """One exact exponential step of all membranes.

    Each loop writes one array only: LLVM can then prove that nothing overlaps, and vectorises.
    Inlined, as a call with so many arrays costs 50 ns, as much as the work on 256 neurons.
    """
    for j in range(u.shape[0]):
        drive = neurons.rise_exc[j] * exc[j] + neurons.rise_inh[j] * inh[j]
        u[j] = min(max(neurons.decay_mem[j] * u[j] + drive, neurons.low[j]), neurons.high[j])
    for j in range(u.shape[0]):
        exc[j] *= neurons.decay_exc[j]
    for j in range(u.shape[0]):
        inh[j] *= neurons.decay_inh[j]


@njit(inline="always", **UNCOUNTED)
def _hold(u, reset, held, until, n_held, step):
    """Keep refractory neurons at their reset; returns how many remain.

    ``until`` is when each is let go, in steps: within this one it moves for the rest of it.
    """
    h, one = np.uint64(0), np.uint64(1)  # unsigned: no index is looked at for being negative
    while h < n_held:
        j = held[h]
        if until[j] >= step + 1:
            u[j] = reset[j]
            h += one
        else:
            u[j] = reset[j] + np.float32(step + 1 - until[j]) * (u[j] - reset[j])
            n_held -= one
            held[h] = held[n_held]
    return n_held


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _any_crossed(u, threshold):
    """Whether a neuron is at or above its threshold."""
    count = np.int32(0)
    for j in range(u.shape[0]):
        count += np.int32(u[j] >= threshold[j])
    return count > 0


@njit(**UNCOUNTED)
def _since_crossing(u, exc, inh, j, threshold, neurons):
    """Fraction of the step since neuron j crossed, on a straight line from where it was."""
    drive = neurons.rise_exc[j] * exc / neurons.decay_exc[j]
    drive += neurons.rise_inh[j] * inh / neurons.decay_inh[j]
    before = (u - drive) / neurons.decay_mem[j]
    since = (u - threshold) / max(u - before, np.float32(1e-9))
    return min(max(since, np.float32(0.0)), np.float32(1.0))


@njit(**UNCOUNTED)
def _insert(tick, channel, n, new_tick, new_channel):
    """Append a spike, keeping the list in order of time (it nearly is)."""
    while n > 0 and tick[n - 1] > new_tick:
        tick[n] = tick[n - 1]
        channel[n] = channel[n - 1]
        n -= 1
    tick[n] = new_tick
    channel[n] = new_channel


@njit(**UNCOUNTED)
def _stamp(step, since, clock, jitter, keys, counter):
    """Time stamp of a spike ``since`` before the end of a step, with its jitter : ticks."""
    tick = (step + 1 - since) / clock.steps_per_tick
    if jitter:
        tick += jitter * _gauss(keys[0], keys[1], np.uint32(counter) | np.uint32(0x80000000))
    last = clock.samples * clock.substeps / clock.steps_per_tick
    return np.uint16(min(max(tick, 0.0), last))


@njit(**UNCOUNTED)
def _fire(work, threshold, neurons, step, clock, jitter, keys, n_held, tick, channel, n_out):
    """Reset and hold every neuron that crossed; returns the numbers of held and of spikes.

    One whose reset lies over its threshold crosses as soon as it is let go, never before.
    """
    u, until, crossed = work.u, work.until, work.crossed
    n = u.shape[0]
    for j in range(n):
        crossed[j] = u[j] >= threshold[j]
    for w in range(work.words.shape[0]):
        if work.words[w] == 0:  # few neurons cross: eight are passed over at once
            continue
        for j in range(8 * w, 8 * w + 8):
            if not crossed[j] or until[j] >= step + 1:
                continue
            since = _since_crossing(u[j], work.exc[j], work.inh[j], j, threshold[j], neurons)
            free = min(step + 1 - until[j], 1.0)
            since = free if neurons.reset[j] >= threshold[j] else min(since, free)
            stamp = _stamp(step, since, clock, jitter, keys, step * n + j)
            _insert(tick, channel, n_out, stamp, np.uint16(j))
            n_out += 1
            u[j] = neurons.reset[j]
            until[j] = step + 1 + max(neurons.refractory[j] - since, 0.0)
            work.held[n_held] = j
            n_held += np.uint64(1)
    return n_held, n_out


@njit(inline="always", **UNCOUNTED)
def _note(work, n, also, k, amount):
    """Put the weights of input k on the list of what this step adds; returns its length."""
    work.row[n], work.amount[n] = k, amount
    n += 1
    if also[k] >= 0:
        work.row[n], work.amount[n] = also[k], amount
        n += 1
    return n


@njit(inline="always", **UNCOUNTED)
def _receive(work, n, synapses):
    """Add what is on the list to the currents."""
    while n % 4:  # filled up with nothing of what is there anyway
        work.row[n], work.amount[n] = work.row[0], np.float32(0.0)
        n += 1
    limit = np.float32(synapses.limit)
    _add_rows(work.exc, work.inh, synapses.current, work.row, work.amount, n, limit)


@njit(inline="always", **UNCOUNTED)
def _begin(work, start):
    for j in range(start.shape[0]):
        work.u[j] = start[j]
        work.exc[j] = np.float32(0.0)
        work.inh[j] = np.float32(0.0)
        work.until[j] = 0.0


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _run_sample(
    in_tick, in_channel, synapses, neurons, threshold, clock, readout, jitter, keys, work, tick,
    channel, cadc,
):  # fmt: skip
    """One image through one layer; returns the number of spikes written."""
    u, n_in = work.u, in_tick.shape[0]
    _begin(work, neurons.start)
    early, late, n_held, n_out = 0, 0, np.uint64(0), 0
    for step in range(clock.samples * clock.substeps):
        m = step // clock.substeps
        if step % clock.substeps == 0 and m < cadc.shape[0]:
            _digitise(u, readout, keys, m * cadc.shape[1], cadc[m])
        # An event inside a step is split linearly between the two ends of the step.
        n = 0
        while late < early:
            after = in_tick[late] * clock.steps_per_tick
            n = _note(work, n, synapses.also, in_channel[late], np.float32(after - floor(after)))
            late += 1
        while early < n_in and in_tick[early] * clock.steps_per_tick < step + 1:
            before = 1 - (in_tick[early] * clock.steps_per_tick - step)
            n = _note(work, n, synapses.also, in_channel[early], np.float32(before))
            early += 1
        if n:
            _receive(work, n, synapses)
        _propagate(u, work.exc, work.inh, neurons)
        n_held = _hold(u, neurons.reset, work.held, work.until, n_held, step)
        if tick.shape[0] and _any_crossed(u, threshold):
            n_held, n_out = _fire(
                work, threshold, neurons, step, clock, jitter, keys, n_held, tick, channel, n_out
            )
    return n_out


@njit(nogil=True)
def _drifted(threshold, noise):
    """Thresholds of one run."""
    out = threshold.copy()
    if noise.drift:
        low, high = _sample_keys(noise.run_key, np.uint64(0))
        for j in range(out.shape[0]):
            out[j] *= np.float32(1.0) + np.float32(noise.drift) * _gauss(low, high, np.uint32(j))
    return out


@njit(nogil=True)
def _work(n, most_inputs):
    """Room for the images of a part, allocated once : Work for n padded neurons."""
    crossed = np.empty(n, np.bool_)
    most = 4 * most_inputs + 4  # an input may have two rows, and is split between two steps
    return Work(
        np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n),
        np.empty(n, np.uint64), crossed, crossed.view(np.uint64), np.empty(most, np.int64),
        np.empty(most, np.float32),
    )  # fmt: skip


@compiled(parallel=True, nogil=True)
def run_layer(
    offsets, in_tick, in_channel, ids, synapses, neurons, clock, readout, noise, n, room, read
):  # fmt: skip
    """A batch of images through one layer, parts of it in parallel.

    n : neurons without the padding; room : most spikes one image can cause; read : CADC samples.
    Returns counts int64[image], tick and channel uint16[image, room],
    cadc uint8[image, read, neuron].
    """
    n_images = offsets.shape[0] - 1
    counts = np.zeros(n_images, np.int64)
    tick = np.empty((n_images, room), np.uint16)
    channel = np.empty((n_images, room), np.uint16)
    cadc = np.empty((n_images, read, n), np.uint8)
    threshold = _drifted(neurons.threshold, noise)
    most_inputs = 0
    for b in range(n_images):
        most_inputs = max(most_inputs, offsets[b + 1] - offsets[b])
    for part in prange(PARTS):
        work = _work(threshold.shape[0], most_inputs)
        for b in range(part * n_images // PARTS, (part + 1) * n_images // PARTS):
            lo, hi = offsets[b], offsets[b + 1]
            keys = _sample_keys(noise.key, ids[b])
            counts[b] = _run_sample(
                in_tick[lo:hi], in_channel[lo:hi], synapses, neurons, threshold, clock, readout,
                noise.jitter, keys, work, tick[b], channel[b], cadc[b],
            )  # fmt: skip
    return counts, tick, channel, cadc


@compiled(nogil=True)
def write_synapses(weight_lsb, gains):
    """Signed currents of written weights : float32[input, padded neuron].

    weight_lsb : int8[input, neuron]; gains : float32[2, input, padded neuron] of one LSB, of the
    excitatory synapse positive, of the inhibitory one negative.
    """
    current = np.zeros(gains.shape[1:], np.float32)
    for k in range(weight_lsb.shape[0]):
        for j in range(weight_lsb.shape[1]):
            weight = np.float32(weight_lsb[k, j])
            gain = gains[1, k, j] if weight < 0 else gains[0, k, j]
            current[k, j] = abs(weight) * gain
    return current


@compiled(nogil=True)
def compact(counts, tick, channel):
    """Rows of different lengths, end to end: offsets, tick, channel as in ``Events``."""
    n_images = counts.shape[0]
    offsets = np.zeros(n_images + 1, np.int64)
    for b in range(n_images):
        offsets[b + 1] = offsets[b] + counts[b]
    flat_tick = np.empty(offsets[n_images], np.uint16)
    flat_channel = np.empty(offsets[n_images], np.uint16)
    for b in range(n_images):
        flat_tick[offsets[b] : offsets[b + 1]] = tick[b, : counts[b]]
        flat_channel[offsets[b] : offsets[b + 1]] = channel[b, : counts[b]]
    return offsets, flat_tick, flat_channel
