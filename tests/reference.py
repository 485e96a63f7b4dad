"""Slow, obvious twins of every kernel, in float64: what the fast ones must agree with.

One image after the other, one neuron after the other, one step after the other. Nothing is shared
with the kernels but the meaning of their arguments.
"""

from math import floor

import numpy as np

from snnlab.chip.constants import DT_CADC, GAP_LSB
from snnlab.events import TICK

M32, M64 = 2**32 - 1, 2**64 - 1


def mix(x):
    """The 32-bit hash behind the read noise."""
    x ^= x >> 16
    x = x * 0x7FEB352D & M32
    x ^= x >> 15
    x = x * 0x846CA68B & M32
    return x ^ x >> 16


def gauss(key, sample_id, counter):
    """Read noise number ``counter`` of one image: the sum of four bytes, standardised."""
    z = (key + sample_id * 0x9E3779B97F4A7C15) & M64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & M64
    z = (z ^ z >> 27) * 0x94D049BB133111EB & M64
    z ^= z >> 31
    low, high = z & M32, z >> 32
    total = sum(mix((mix(counter ^ low) + high) & M32).to_bytes(4, "little"))
    return (total - 4 * 127.5) / np.sqrt(4 * (256**2 - 1) / 12)


def run_neuron(ticks, weights, neuron, clock):
    """One neuron driven by spikes at ``ticks`` through ``weights``.

    Returns the ticks at which it fires and its membrane at every CADC sample.
    """
    decay_mem, decay_syn, rise, threshold, reset, refractory, _ = neuron
    steps = clock.samples * clock.substeps
    kick = np.zeros(max(steps, floor(max(ticks, default=0) * clock.steps_per_tick) + 1) + 1)
    for tick, weight in zip(ticks, weights, strict=True):
        step = floor(tick * clock.steps_per_tick)
        into = tick * clock.steps_per_tick - step
        kick[step] += (1.0 - into) * weight
        kick[step + 1] += into * weight

    u, i, wait = 0.0, 0.0, 0.0
    fired, membrane = [], []
    for step in range(steps):
        if step % clock.substeps == 0:
            membrane.append(u)
        i += kick[step]
        gained = rise * i
        u = decay_mem * u + gained
        i *= decay_syn
        if wait >= 1.0:
            u = reset
        elif wait > 0.0:  # released within this step, free for the rest of it
            u = reset + (1.0 - wait) * (u - reset)
        wait = max(wait - 1.0, 0.0)
        if u >= threshold:
            # On the straight line that a whole step of this drive would have taken to get here.
            start = (u - gained) / decay_mem
            since = min((u - threshold) / max(u - start, 1e-9), 1.0)
            fired.append(floor((step + 1 - since) / clock.steps_per_tick))
            u = reset
            wait = max(refractory - since, 0.0)
    return fired, membrane


def run_layer(events, weight, neurons, clock, readout, n):
    """A batch through one layer, without any padding.

    Returns for each image and neuron the ticks of its spikes, the membranes
    float64[image, sample, neuron] and the CADC samples uint8[image, sample, neuron].
    """
    membranes = np.zeros((len(events), clock.samples, n))
    cadc = np.zeros(membranes.shape, np.uint8)
    spikes = []
    for b in range(len(events)):
        mine = slice(events.offsets[b], events.offsets[b + 1])
        ticks, channels = events.tick[mine].tolist(), events.channel[mine]
        spikes.append([])
        for j in range(n):
            neuron = [float(constant[j]) for constant in neurons]
            fired, membrane = run_neuron(ticks, weight[channels, j].tolist(), neuron, clock)
            spikes[b].append(fired)
            membranes[b, :, j] = membrane
            for m, u in enumerate(membrane):
                noise = gauss(int(readout.key), int(events.ids[b]), m * n + j)
                lsb = neuron[-1] + readout.gain * u + readout.noise * noise
                cadc[b, m, j] = floor(min(max(lsb, readout.low), readout.high) + 0.5)
    return spikes, membranes, cadc


def compact(counts, tick, channel):
    """Rows of different lengths, end to end."""
    rows = range(len(counts))
    offsets = np.array([sum(counts[:b]) for b in range(len(counts) + 1)])
    flat_tick = [tick[b, k] for b in rows for k in range(counts[b])]
    flat_channel = [channel[b, k] for b in rows for k in range(counts[b])]
    return offsets, np.array(flat_tick, np.uint16), np.array(flat_channel, np.uint16)


def superspike(v, beta):
    """The surrogate derivative of one potential in model units."""
    return (1.0 + beta * abs(v - 1.0)) ** -2


def layer_adjoint(events, g, model):
    """The sums that the backward recursion stands for, written out.

    A spike reaches every later sample through the PSP. g : float64[image, sample, neuron].
    """
    n_images, samples, n = g.shape
    grad = np.zeros((events.n_channels, n))
    current = np.zeros(g.shape)
    for b in range(n_images):
        for e in range(events.offsets[b], events.offsets[b + 1]):
            for m in range(samples):
                late = m * DT_CADC - events.tick[e] * TICK
                grad[events.channel[e]] += model.psp(late) * g[b, m]
        for m in range(samples):
            for later in range(m, samples):
                current[b, m] += model.psp((later - m) * DT_CADC) * g[b, later]
    return grad, current


def hidden_gradient(upstream, weight, of_count, cadc, beta, spikes):
    """Gradient of hidden membranes; weight : [neuron, next neuron], spikes : Events of the layer.

    The surrogate sees the CADC sample, or the threshold if the neuron fired since the last one.
    """
    n_images, samples, n = cadc.shape
    g = np.zeros(cadc.shape)
    fired = np.zeros(cadc.shape, bool)
    for b in range(n_images):
        for e in range(spikes.offsets[b], spikes.offsets[b + 1]):
            for m in range(samples):
                late = m * DT_CADC - spikes.tick[e] * TICK
                fired[b, m, spikes.channel[e]] |= -1e-12 < late < DT_CADC - 1e-12
        for m in range(samples):
            for j in range(n):
                v = (int(cadc[b, m, j]) - int(cadc[b, 0, j])) / GAP_LSB
                slope = superspike(1.0 if fired[b, m, j] else v, beta)
                g[b, m, j] = slope * (of_count[b, j] + weight[j] @ upstream[b, m])
    return g
