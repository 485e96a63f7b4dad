"""Slow, obvious twins of every kernel, in float64: what the fast ones must agree with.

One image after the other, one neuron after the other, one step after the other. Nothing is shared
with the kernels but the meaning of their arguments.
"""

from itertools import pairwise
from math import cosh, floor, pi

import numpy as np
from scipy.optimize import brentq

from snnlab.chip.spec import BRAINSCALES2
from snnlab.events import TICK
from snnlab.learn.gradient.model import CURRENT

DT_CADC, GAP_LSB = BRAINSCALES2.dt_cadc, BRAINSCALES2.gap_lsb

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


def kicks(ticks, currents, clock):
    """What arrives at one synaptic input at each step, an event split between the two nearest."""
    steps = clock.samples * clock.substeps
    kick = np.zeros(max(steps, floor(max(ticks, default=0) * clock.steps_per_tick) + 1) + 1)
    for tick, current in zip(ticks, currents, strict=True):
        step = floor(tick * clock.steps_per_tick)
        into = tick * clock.steps_per_tick - step
        kick[step] += (1.0 - into) * current
        kick[step + 1] += into * current
    return kick


def run_neuron(ticks, currents, neuron, clock, limit, stamp):
    """One neuron driven by spikes at ``ticks`` that add ``currents``, by sign to either input.

    neuron : its constants by name; stamp : from a step and a time in ticks to a time stamp.
    Returns the ticks at which it fires and its membrane at every CADC sample.
    """
    of = {name: float(value) for name, value in neuron.items()}
    kick_exc = kicks(ticks, [max(c, 0.0) for c in currents], clock)
    kick_inh = kicks(ticks, [min(c, 0.0) for c in currents], clock)
    u, exc, inh, until = of["start"], 0.0, 0.0, 0.0
    fired, membrane = [], []
    for step in range(clock.samples * clock.substeps):
        if step % clock.substeps == 0:
            membrane.append(u)
        exc = min(exc + kick_exc[step], limit)
        inh = max(inh + kick_inh[step], -limit)
        gained = of["rise_exc"] * exc + of["rise_inh"] * inh
        u = min(max(of["decay_mem"] * u + gained, of["low"]), of["high"])
        exc *= of["decay_exc"]
        inh *= of["decay_inh"]
        free = min(max(step + 1 - until, 0.0), 1.0)  # of this step, what lies after the release
        u = of["reset"] + free * (u - of["reset"]) if free < 1.0 else u
        if free > 0.0 and u >= of["threshold"]:
            # On the straight line that a whole step of this drive would have taken to get here.
            start = (u - gained) / of["decay_mem"]
            since = min((u - of["threshold"]) / max(u - start, 1e-9), free)
            since = free if of["reset"] >= of["threshold"] else since
            fired.append(stamp(step, (step + 1 - since) / clock.steps_per_tick))
            u = of["reset"]
            until = step + 1 + max(of["refractory"] - since, 0.0)
    return sorted(fired), membrane


def run_layer(events, synapses, neurons, clock, readout, noise, n):
    """A batch through one layer.

    Returns for each image and neuron the ticks of its spikes, the membranes
    float64[image, sample, neuron] and the CADC samples uint8[image, sample, neuron].
    """
    membranes = np.zeros((len(events), clock.samples, n))
    cadc = np.zeros(membranes.shape, np.uint8)
    spikes = []
    width = len(neurons.decay_mem)  # with the padding: it counts in the numbers of the jitter
    last = clock.samples * clock.substeps / clock.steps_per_tick
    for b in range(len(events)):
        mine, sample_id = slice(events.offsets[b], events.offsets[b + 1]), int(events.ids[b])
        inputs = [
            (tick, row)
            for tick, k in zip(events.tick[mine].tolist(), events.channel[mine], strict=True)
            for row in (k, synapses.also[k])
            if row >= 0
        ]
        spikes.append([])
        for j in range(n):
            neuron = {name: constant[j] for name, constant in neurons._asdict().items()}
            drift = noise.drift * gauss(int(noise.run_key), 0, j)
            neuron["threshold"] = neuron["threshold"] * (1.0 + drift)

            def stamp(step, tick, j=j, sample_id=sample_id):
                shake = gauss(int(noise.key), sample_id, (step * width + j) | 2**31)
                return floor(min(max(tick + noise.jitter * shake, 0.0), last))

            ticks = [tick for tick, _ in inputs]
            currents = [float(synapses.current[row, j]) for _, row in inputs]
            fired, membrane = run_neuron(ticks, currents, neuron, clock, synapses.limit, stamp)
            spikes[b].append(fired)
            membranes[b, :, j] = membrane
            for m, u in enumerate(membrane):
                lsb = float(readout.rest[j]) + float(readout.gain[j]) * u
                lsb += readout.noise * gauss(int(noise.key), sample_id, m * n + j)
                code = floor(min(max(lsb, readout.low), readout.high) + 0.5)
                code -= code % (readout.lost + 1)  # low bits that the converter lacks
                cadc[b, m, j] = min(max(code - int(readout.correction[j]), 0), 255)
    return spikes, membranes, cadc


def run_recurrent_layer(events, synapses, neurons, clock, readout, noise, n, loop):
    """As :func:`run_layer`, for a layer to which its own spikes return, neuron by neuron in each
    step: all of a batch of networks at once is what the kernel does.

    loop : latency in steps, and the row of the first neuron's returning spikes. A share that is
    taken back from a current that was full a step ago never was in it, and stays where it is.
    """
    spikes, steps = [], clock.samples * clock.substeps
    cadc = np.zeros((len(events), clock.samples, n), np.uint8)
    width, last = len(neurons.decay_mem), steps / clock.steps_per_tick
    for b in range(len(events)):
        mine, sample_id = slice(events.offsets[b], events.offsets[b + 1]), int(events.ids[b])
        arriving = [  # step, share that is left to the next step, row
            (floor(at := tick * clock.steps_per_tick), at - floor(at), int(k))
            for tick, k in zip(events.tick[mine].tolist(), events.channel[mine], strict=True)
        ]
        of = [{name: float(c[j]) for name, c in neurons._asdict().items()} for j in range(n)]
        for j in range(n):
            of[j]["threshold"] *= 1.0 + noise.drift * gauss(int(noise.run_key), 0, j)
        u, exc, inh = [neuron["start"] for neuron in of], [0.0] * n, [0.0] * n
        until, fired = [0.0] * n, [[] for _ in range(n)]
        full = {1: [False] * n, -1: [False] * n}  # by the sign of the current
        for step in range(steps):
            if step % clock.substeps == 0:
                m = step // clock.substeps
                for j in range(n):
                    lsb = float(readout.rest[j]) + float(readout.gain[j]) * u[j]
                    lsb += readout.noise * gauss(int(noise.key), sample_id, m * n + j)
                    code = floor(min(max(lsb, readout.low), readout.high) + 0.5)
                    cadc[b, m, j] = min(max(code - int(readout.correction[j]), 0), 255)
            shares = [(k, 1.0 - after) for at, after, k in arriving if at == step]
            shares += [(k, after) for at, after, k in arriving if at == step - 1]
            rows = [(r, s) for k, s in shares for r in (k, synapses.also[k]) if r >= 0]
            for j, neuron in enumerate(of):
                more = {1: 0.0, -1: 0.0}
                for row, share in rows:
                    current = float(synapses.current[row, j])
                    sign = 1 if current > 0.0 else -1
                    if share >= 0.0 or not full[sign][j]:
                        more[sign] += share * current
                if rows:
                    exc[j] = min(max(exc[j] + more[1], 0.0), synapses.limit)
                    inh[j] = max(min(inh[j] + more[-1], 0.0), -synapses.limit)
                    full[1][j] = exc[j] >= synapses.limit
                    full[-1][j] = inh[j] <= -synapses.limit
                gained = neuron["rise_exc"] * exc[j] + neuron["rise_inh"] * inh[j]
                v = neuron["decay_mem"] * u[j] + gained
                v = min(max(v, neuron["low"]), neuron["high"])
                exc[j] *= neuron["decay_exc"]
                inh[j] *= neuron["decay_inh"]
                free = min(max(step + 1 - until[j], 0.0), 1.0)
                u[j] = neuron["reset"] + free * (v - neuron["reset"]) if free < 1.0 else v
                if free <= 0.0 or u[j] < neuron["threshold"]:
                    continue
                start = (u[j] - gained) / neuron["decay_mem"]
                since = min((u[j] - neuron["threshold"]) / max(u[j] - start, 1e-9), free)
                shake = gauss(int(noise.key), sample_id, (step * width + j) | 2**31)
                tick = (step + 1 - since) / clock.steps_per_tick + noise.jitter * shake
                tick = floor(min(max(tick, 0.0), last))
                fired[j].append(tick)
                back = tick * clock.steps_per_tick + loop.latency
                at = max(floor(back), step + 1)
                arriving.append((at, max(back - at, -1.0), loop.first + j))
                u[j] = neuron["reset"]
                until[j] = step + 1 + max(neuron["refractory"] - since, 0.0)
        spikes.append([sorted(ticks) for ticks in fired])
    return spikes, cadc


def compact(counts, tick, channel):
    """Rows of different lengths, end to end."""
    rows = range(len(counts))
    offsets = np.array([sum(counts[:b]) for b in range(len(counts) + 1)])
    flat_tick = [tick[b, k] for b in rows for k in range(counts[b])]
    flat_channel = [channel[b, k] for b in rows for k in range(counts[b])]
    return offsets, np.array(flat_tick, np.uint16), np.array(flat_channel, np.uint16)


SURROGATES = {
    "superspike": lambda v, beta: (1.0 + beta * abs(v - 1.0)) ** -2,
    "sigmoid": lambda v, beta: cosh(beta * (v - 1.0) / 2.0) ** -2,
    "triangle": lambda v, beta: max(0.0, 1.0 - beta * abs(v - 1.0)),
    "arctan": lambda v, beta: 1.0 / (1.0 + (pi * beta * (v - 1.0) / 2.0) ** 2),
}
"""The surrogate derivative of one potential in model units, by shape."""
SOFT_SPIKES = {
    "superspike": lambda x, beta: x / (1.0 + beta * abs(x)),
    "sigmoid": lambda x, beta: 2.0 / beta * np.tanh(beta * x / 2.0),
    "triangle": lambda x, beta: np.where(
        beta * abs(x) < 1.0, x * (1.0 - beta * abs(x) / 2.0), np.sign(x) / (2.0 * beta)
    ),
    "arctan": lambda x, beta: 2.0 / (pi * beta) * np.arctan(pi * beta * x / 2.0),
}
"""The smooth spike that each is the derivative of, over potentials above the threshold."""


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


def at_spikes(cadc, spikes, tau_ref):
    """Where the climb to the threshold leads by the next sample : LSB[spike], to a whole one."""
    out = []
    for b in range(len(spikes)):
        ready = {}
        for e in range(spikes.offsets[b], spikes.offsets[b + 1]):
            j, time = int(spikes.channel[e]), spikes.tick[e] * TICK
            step = next(m for m in range(10_000) if m * DT_CADC > time - 1e-12)
            begin, v = (step - 1) * DT_CADC, 0.0
            if 0 < step <= cadc.shape[1]:
                v = float(cadc[b, step - 1, j]) - float(cadc[b, 0, j])
            elif step:
                v = float(cadc[b, -1, j]) - float(cadc[b, 0, j])
            if ready.get(j, -1.0) > begin:
                begin, v = ready[j], 0.0
            ready[j] = time + tau_ref
            slope = max(GAP_LSB - v, 0.0) / max(time - begin, TICK)
            v_next = GAP_LSB + slope * max(step * DT_CADC - time, 0.0)
            out.append(min(np.rint(v_next + 1e-6), 255))
    return np.array(out)


def before_spikes(cadc, spikes):
    """What the CADC read last before each spike, above the first sample : LSB[spike]."""
    out = []
    for b in range(len(spikes)):
        for e in range(spikes.offsets[b], spikes.offsets[b + 1]):
            earlier = [
                m for m in range(cadc.shape[1]) if m * DT_CADC < spikes.tick[e] * TICK - 1e-12
            ]
            trace = cadc[b, :, spikes.channel[e]].astype(float)
            out.append(trace[earlier[-1] if earlier else 0] - trace[0])
    return np.array(out)


def hidden_gradient(upstream, weight, d_count, cadc, derivative, spikes, at=None):
    """Gradient of hidden membranes; weight : [neuron, next neuron], spikes : Events of the layer.

    ``derivative``, a surrogate, is taken at the CADC sample, or at the threshold if the neuron
    fired since the last one; or at the potentials ``at`` of :func:`at_spikes`.
    """
    n_images, samples, n = cadc.shape
    g = np.zeros(cadc.shape)
    for b in range(n_images):
        seen = (cadc[b].astype(float) - cadc[b, 0]) / GAP_LSB
        for e in range(spikes.offsets[b], spikes.offsets[b + 1]):
            for m in range(samples):
                late = m * DT_CADC - spikes.tick[e] * TICK
                if -1e-12 < late < DT_CADC - 1e-12:
                    seen[m, spikes.channel[e]] = 1.0 if at is None else at[e] / GAP_LSB
        for m in range(samples):
            for j in range(n):
                slope = derivative(seen[m, j])
                g[b, m, j] = slope * (d_count[b, j] + weight[j] @ upstream[b, m])
    return g


class Climb:
    """The membrane of an ideal neuron since its release : a sum of PSPs, in closed form.

    times, weights : of all its input spikes, s and model units; released : s, None before the first
    spike of its own. A membrane that is free since r forgets what was before:
    ``V(t) = sum_k w_k (psp(t - t_k) - exp(-(t - r) / tau_mem) psp(r - t_k))``.
    """

    def __init__(self, times, weights, model, released=None):
        self.times, self.weights = np.asarray(times, float), np.asarray(weights, float)
        self.model, self.released = model, released

    def _after(self, t):
        """Slope of one PSP : 1/s."""
        m, on = self.model, t >= 0
        t = np.where(on, t, 0.0)
        return np.where(on, CURRENT * np.exp(-t / m.tau_syn) - m.psp(t) / m.tau_mem, 0.0)

    def of_weights(self, t):
        """Slope of V(t) in every weight."""
        whole = self.model.psp(t - self.times)
        if self.released is None:
            return whole
        left = np.exp(-(t - self.released) / self.model.tau_mem)
        return whole - left * self.model.psp(self.released - self.times)

    def potential(self, t):
        return float(self.of_weights(t) @ self.weights)

    def slope(self, t):
        """Of V in time : 1/s."""
        current = CURRENT * np.exp(-(t - self.times) / self.model.tau_syn) * (self.times <= t)
        return float(current @ self.weights) - self.potential(t) / self.model.tau_mem

    def of_times(self, t):
        """Slope of V(t) in the time of every input spike."""
        slope = -self.weights * self._after(t - self.times)
        if self.released is not None:
            left = np.exp(-(t - self.released) / self.model.tau_mem)
            slope += left * self.weights * self._after(self.released - self.times)
        return slope

    def of_release(self, t):
        """Slope of V(t) in the time of the release."""
        if self.released is None:
            return 0.0
        r, left = self.released, np.exp(-(t - self.released) / self.model.tau_mem)
        current = CURRENT * np.exp(-(r - self.times) / self.model.tau_syn) * (self.times <= r)
        return -left * float(current @ self.weights)


def fire(times, weights, model, tau_ref, end):
    """Times at which an ideal neuron fires before ``end``, to the precision of float64 : s."""
    fired, climb, start = [], Climb(times, weights, model), 0.0
    edges = sorted(t for t in times if t < end)
    while True:
        stops = [start, *(t for t in edges if t > start), end]
        found = None
        for a, b in pairwise(stops):
            if b - a < 1e-14:  # s, two spikes at once
                continue
            top = b  # the membrane rises at first only, if at all: it falls from its peak on
            if climb.slope(b - 1e-15) < 0.0:
                top = _root(climb.slope, a, b - 1e-15) if climb.slope(a) > 0.0 else a
            if climb.potential(top) > 1.0:
                found = _root(lambda t, c=climb: c.potential(t) - 1.0, a, top)
                break
        if found is None:
            return fired
        fired.append(found)
        start = found + tau_ref
        climb = Climb(times, weights, model, start)
        if start >= end:
            return fired


def _root(f, low, high):
    """Where f changes sign, to the last bits."""
    return brentq(f, low, high, xtol=1e-22, rtol=1e-15)


def spike_slopes(times, weights, fired, model, tau_ref):
    """How the recorded spikes of an ideal neuron depend on what it receives, by the implicit
    function theorem, forwards in time.

    Returns of each spike : slope of its time in the weight of every input spike and in its time,
    and of the membrane at the spike in the weights. Currents are the model's, times the recorded.
    """
    n, out, released = len(times), [], None
    d_release = np.zeros(n), np.zeros(n)
    for s in fired:
        climb = Climb(times, weights, model, released)
        current = CURRENT * np.exp(-(s - climb.times) / model.tau_syn) * (climb.times <= s)
        speed = float(current @ climb.weights) - 1.0 / model.tau_mem  # V is 1 where it fires
        height = [
            direct + climb.of_release(s) * indirect
            for direct, indirect in zip(
                (climb.of_weights(s), climb.of_times(s)), d_release, strict=True
            )
        ]
        d_release = tuple(-h / speed for h in height)
        out.append((*d_release, height[0]))
        released = s + tau_ref
    return out
