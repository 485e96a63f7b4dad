"""The emulated physics of one layer of neurons.

Kernels take arrays and scalars and check nothing. Time is counted in steps, potentials in units of
the nominal threshold above each neuron's own leak, and a synaptic current is scaled so that
``rise * current`` is what it adds to the membrane in one step. J stands for padded neurons.

All of this is in one file because numba compiles a cached function again when its own file has
changed, not when the file of something it calls has.
"""

from math import floor
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from snnlab.chip.compiled import compiled

FASTMATH = {"contract", "nsz"}  # fused multiply-add, but no reordering: the order of sums is fixed
LANES = 16  # layers are padded to whole vectors of 16 float32
PARTS = 32  # parts that a batch is cut into, whatever the number of threads
# For functions that allocate nothing: counting references to array views, which is atomic, took a
# quarter of the time and made threads wait for each other.
UNCOUNTED = {"nogil": True, "_nrt": False}


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

    Input k adds row k, and row ``also[k]`` unless that is negative: a stuck synapse beside a
    written one of the other sign. Currents are cut at ±``limit``.
    """

    current: np.ndarray
    also: np.ndarray
    limit: float


class Work(NamedTuple):
    """Buffers of one image, reused for the next.

    u, exc, inh : float32[neuron], membrane and the two synaptic currents;
    until : float64[neuron], end of the refractory period in steps; held : uint64[neuron], indices
    of refractory neurons; crossed : bool[neuron], also seen as words of eight, uint64[neuron / 8];
    row, amount : int64 and float32, rows of weights to add in this step and the share of each.
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
    """CADC channels, float32[neuron]: LSB at potential 0, LSB per unit of potential, and LSB that
    digital correction subtracts; for all: read noise and ends of the range in LSB, and a mask of
    the low bits that a converter of fewer than 8 bits lacks."""

    rest: np.ndarray
    gain: np.ndarray
    correction: np.ndarray
    noise: float
    low: float
    high: float
    lost: int


class Noise(NamedTuple):
    """Trial noise: relative drift of thresholds per run, jitter of spikes in ticks, and two keys,
    for noise of each image and of the whole run."""

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
    """Nearly normal number from a counter: the sum of the four bytes of its hash. Mean 0, variance
    1, cut at 3.45 sigma. Any thread may draw any number in any order."""
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
    """One CADC conversion, u[J] to out[neuron]; steps in the order of :class:`Readout`."""
    noise = np.float32(readout.noise)  # LSB
    low, high = np.float32(readout.low), np.float32(readout.high)  # LSB
    mask = np.int32(readout.lost)  # 0 of 8 bits, 31 of 3 bits
    for j in range(out.shape[0]):  # neurons without padding
        lsb = readout.rest[j] + readout.gain[j] * u[j]  # LSB, exact
        lsb += noise * _gauss(keys[0], keys[1], np.uint32(first + j))  # LSB, with read noise
        read = min(max(lsb, low), high) + np.float32(0.5)  # LSB, saturated; its floor is 8 bits
        code = read - readout.correction[j] - np.float32(np.int32(read) & mask)  # low bits dropped
        out[j] = np.uint8(min(max(code, np.float32(0.0)), np.float32(255.0)))  # 8 bits


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _add_rows(exc, inh, current, row, amount, n, limit):
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


@njit(fastmath=FASTMATH, inline="always", **UNCOUNTED)
def _propagate(u, exc, inh, neurons):
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


@njit(inline="always", **UNCOUNTED)
def _hold(u, reset, held, until, n_held, step):
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
def _any_crossed(u, threshold):
    """Whether a neuron is at or above its threshold."""
    count = np.int32(0)
    for j in range(u.shape[0]):  # J, no early exit: vectorised
        count += np.int32(u[j] >= threshold[j])
    return count > 0


@njit(**UNCOUNTED)
def _since_crossing(u, exc, inh, j, threshold, neurons):
    """Fraction of the step since neuron j crossed, on a straight line from its last potential."""
    drive = neurons.rise_exc[j] * exc / neurons.decay_exc[j]  # thresholds, as in _propagate
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
def _stamp(step, since, clock, jitter, keys, counter):
    """Time stamp of a spike ``since`` steps before the end of a step : ticks."""
    tick = (step + 1 - since) / clock.steps_per_tick  # ticks
    if jitter:
        tick += jitter * _gauss(keys[0], keys[1], np.uint32(counter) | np.uint32(0x80000000))
    last = clock.samples * clock.substeps / clock.steps_per_tick  # ticks
    return np.uint16(min(max(tick, 0.0), last))


@njit(**UNCOUNTED)
def _fire(work, threshold, neurons, step, clock, jitter, keys, n_held, tick, channel, n_out):
    """Reset and hold every neuron that crossed; returns the numbers of held neurons and of spikes.
    A neuron whose reset lies over its threshold fires as its refractory period ends."""
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
            n_out += 1
            u[j] = neurons.reset[j]  # thresholds
            until[j] = step + 1 + max(neurons.refractory[j] - since, 0.0)  # steps
            work.held[n_held] = j
            n_held += np.uint64(1)
    return n_held, n_out


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
def _receive(work, n, synapses):
    """Add the first n rows of the list to the currents."""
    while n % 4:  # filled up with a share of 0 of a row that is read anyway
        work.row[n], work.amount[n] = work.row[0], np.float32(0.0)
        n += 1
    limit = np.float32(synapses.limit)
    _add_rows(work.exc, work.inh, synapses.current, work.row, work.amount, n, limit)


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
    channel, cadc,
):  # fmt: skip
    """One image through one layer; returns the number of spikes written.

    in_tick, in_channel : uint16[event], in order of time; tick, channel : uint16[room] of output
    spikes; cadc : uint8[sample, neuron].
    """
    u, n_in = work.u, in_tick.shape[0]
    _begin(work, neurons.start)
    early, late, n_held, n_out = 0, 0, np.uint64(0), 0  # next event by its first, second share
    for step in range(clock.samples * clock.substeps):
        m = step // clock.substeps  # CADC sample
        if step % clock.substeps == 0 and m < cadc.shape[0]:
            _digitise(u, readout, keys, m * cadc.shape[1], cadc[m])
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
    """Thresholds of one run : float32[J]."""
    out = threshold.copy()
    if noise.drift:
        low, high = _sample_keys(noise.run_key, np.uint64(0))
        for j in range(out.shape[0]):
            out[j] *= np.float32(1.0) + np.float32(noise.drift) * _gauss(low, high, np.uint32(j))
    return out


@njit(nogil=True)
def _work(n, most_inputs):
    """Buffers for the images of a part, allocated once : Work for n padded neurons."""
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

    offsets : int64[image + 1] into in_tick, in_channel : uint16[event]; ids : uint64[image];
    n : neurons without padding; room : most spikes one image can cause; read : CADC samples.
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
    for part in prange(PARTS):  # any thread may take any part
        work = _work(threshold.shape[0], most_inputs)
        for b in range(part * n_images // PARTS, (part + 1) * n_images // PARTS):
            lo, hi = offsets[b], offsets[b + 1]  # events of image b
            keys = _sample_keys(noise.key, ids[b])  # the same in any batch
            counts[b] = _run_sample(
                in_tick[lo:hi], in_channel[lo:hi], synapses, neurons, threshold, clock, readout,
                noise.jitter, keys, work, tick[b], channel[b], cadc[b],
            )  # fmt: skip
    return counts, tick, channel, cadc
