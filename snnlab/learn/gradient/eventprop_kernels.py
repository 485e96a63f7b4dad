"""EventProp in numba: the adjoint of a layer of ideal neurons, from spike to spike.

With C the synaptic current per unit of weight, a neuron of the model obeys ``V' = I - V / tau_mem``
and ``I' = -I / tau_syn``; an input spike adds ``C w`` to I; at ``V = 1`` it fires, and V is held at
rest for tau_ref. Backwards in time run ``p``, the gradient of the loss with respect to V, and
``q``, that with respect to I, by the same two exponentials. They jump at recorded times only:

- at an input spike the weight receives ``C q``, the time of the spike ``C w (q / tau_syn - p)``;
- at the end of a refractory period p becomes 0, as V was reset. A later spike is a later release,
  with a membrane that is lower by I: the time of the spike receives ``-p I``;
- at a spike p becomes ``-(gradient of its time) / V'``: a membrane that is higher crosses earlier.

The order of events at one time is input, release, spike, sample. In a recurrent layer its own
spikes return as input spikes: the gradient of the time of return is added to that of the spike.
"""

from math import exp, expm1
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from snnlab.chip.compiled import compiled
from snnlab.chip.kernels.arrays import FASTMATH, UNCOUNTED

PARTS = 16  # parts that a batch is cut into, whatever the number of threads
BLOCK = 16  # inputs whose gradients are summed over the parts at a time
NEVER = -np.inf


class Physics(NamedTuple):
    """Constants of the model: times in s, current in 1/s, least slope in 1/s.

    A smaller slope of the membrane at a spike is raised to ``least_slope``.
    """

    tau_mem: float
    tau_syn: float
    tau_ref: float
    current: float
    least_slope: float


class Spikes(NamedTuple):
    """Spikes of a batch, in order of time within each image.

    offsets : int64[image + 1]; time : float64[spike], s; channel : uint16[spike].
    """

    offsets: np.ndarray
    time: np.ndarray
    channel: np.ndarray


class Demand(NamedTuple):
    """Gradients of the loss with respect to the output of a layer.

    of_time : float[spike], of the times of its spikes; of_height : float[spike], of the membrane at
    its spikes; period : s, between samples; of_sample : float[image, sample, neuron], of its
    membranes, without samples where they are not observed; of_peak : float[image, neuron], of the
    highest membrane at any of ``peaks`` samples of neurons that do not fire.
    """

    of_time: np.ndarray
    of_height: np.ndarray
    period: float
    of_sample: np.ndarray
    of_peak: np.ndarray
    peaks: int


class _Image(NamedTuple):
    """One image: times of input spikes and spikes in s, ends of the refractory periods in s.

    order : spikes by their release; slope : dV/dt at each spike, 1/s; held : current at each
    release, 1/s.
    """

    t_in: np.ndarray
    source: np.ndarray
    t_spike: np.ndarray
    neuron: np.ndarray
    release: np.ndarray
    order: np.ndarray
    slope: np.ndarray
    held: np.ndarray


class _Reached(NamedTuple):
    """Neurons of an image that receive gradient, those that fire first.

    slot : of each neuron, -1 if it receives none; neuron : of each slot, of which n are taken,
    n_fired by neurons that fire; when : of each slot, the sample of the highest membrane.
    """

    slot: np.ndarray
    neuron: np.ndarray
    n: int
    n_fired: int
    when: np.ndarray


@njit(inline="always", **UNCOUNTED)
def _rise(physics, dt):
    """What a unit of decaying current adds to a membrane within dt : s."""
    x = (1.0 / physics.tau_syn - 1.0 / physics.tau_mem) * dt
    ratio = 1.0 - 0.5 * x if abs(x) < 1e-6 else -expm1(-x) / x
    return dt * exp(-dt / physics.tau_mem) * ratio


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _back(p, q, n, physics, dt):
    """Adjoint of dt seconds without events, of n neurons."""
    if dt <= 0.0:
        return
    mem = p.dtype.type(exp(-dt / physics.tau_mem))
    syn = p.dtype.type(exp(-dt / physics.tau_syn))
    rise = p.dtype.type(_rise(physics, dt))
    for a in range(n):
        q[a] = syn * q[a] + rise * p[a]
    for a in range(n):
        p[a] = mem * p[a]


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _gather(row, q, active, n, c):
    """Weight gradients of one input spike; c : current."""
    for a in range(n):
        row[active[a]] += c * q[a]


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _of_time(weight, p, q, active, n, current, rate):
    """Gradient of the time of one input spike; weight : [neuron], rate : 1 / tau_syn."""
    total = p.dtype.type(0.0)
    for a in range(n):
        total += weight[active[a]] * (rate * q[a] - p[a])
    return current * total


@njit(**UNCOUNTED)
def _select(fired, of_sample, of_peak, slot, active):
    """Neurons that receive gradient, and their slots; returns how many, and how many fired."""
    slot[:] = -1
    n = 0
    for f in range(fired.shape[0]):
        if slot[fired[f]] < 0:
            slot[fired[f]] = n
            active[n] = fired[f]
            n += 1
    n_fired = n
    for j in range(slot.shape[0]):
        if slot[j] < 0 and (of_sample.shape[0] or of_peak[j] != 0.0):
            slot[j] = n
            active[n] = j
            n += 1
    return n, n_fired


@njit(**UNCOUNTED)
def _releases(image, slot, tau_ref, last):
    """Fill release and order of an image: ends of the refractory periods, and their order in time.

    A neuron whose stamps are closer than its period is released at the later of the two.
    """
    time, fired, release, order = image.t_spike, image.neuron, image.release, image.order
    last[:] = np.inf
    for f in range(time.shape[0] - 1, -1, -1):
        release[f] = min(time[f] + tau_ref, last[slot[fired[f]]])
        last[slot[fired[f]]] = time[f]
    for f in range(time.shape[0]):
        k = f
        while k > 0 and release[order[k - 1]] > release[f]:
            order[k] = order[k - 1]
            k -= 1
        order[k] = f


@njit(fastmath=FASTMATH, **UNCOUNTED)
def _receive(i, u, weight, active, n, physics, dt):
    """dt seconds without events, then an input spike through weight[neuron]."""
    mem = i.dtype.type(exp(-dt / physics.tau_mem))
    syn, rise = i.dtype.type(exp(-dt / physics.tau_syn)), i.dtype.type(_rise(physics, dt))
    c = i.dtype.type(physics.current)
    for a in range(n):
        u[a] = mem * u[a] + rise * i[a]
    for a in range(n):
        i[a] = syn * i[a] + c * weight[active[a]]


@njit(**UNCOUNTED)
def _find_peaks(i, u, since, at, first, n, physics, m, highest, when):
    """Note a membrane at sample m, at time ``at``, if none was higher; the latest of equal ones."""
    mem, rise = exp(-(at - since) / physics.tau_mem), _rise(physics, at - since)
    for a in range(first, n):
        v = mem * u[a] + rise * i[a]
        if v >= highest[a]:
            highest[a], when[a] = v, m


@njit(**UNCOUNTED)
def _forward(image, weight, reached, physics, demand, i, u, highest):
    """Currents of the model at spikes and releases, and when silent neurons come nearest to firing.

    Fills slope and held of the image, and ``when`` of the neurons reached.
    """
    slot, n, n_fired = reached.slot, reached.n, reached.n_fired
    i[:], u[:], highest[:], reached.when[:] = 0.0, 0.0, -np.inf, -1
    e, r, f, m, now = 0, 0, 0, 0, 0.0
    peaks = demand.peaks if n > n_fired else 0
    while True:
        t_in = image.t_in[e] if e < image.t_in.shape[0] else np.inf
        t_release = image.release[image.order[r]] if r < image.release.shape[0] else np.inf
        t_spike = image.t_spike[f] if f < image.t_spike.shape[0] else np.inf
        t_sample = m * demand.period if m < peaks else np.inf
        if t_in <= min(t_release, t_spike, t_sample):
            if t_in == np.inf:
                return
            _receive(i, u, weight[image.source[e]], reached.neuron, n, physics, t_in - now)
            now = t_in
            e += 1
        elif t_release <= min(t_spike, t_sample):
            g = image.order[r]
            held = i[slot[image.neuron[g]]] * exp(-(t_release - now) / physics.tau_syn)
            image.held[g] = held
            r += 1
        elif t_spike <= t_sample:
            current = i[slot[image.neuron[f]]] * exp(-(t_spike - now) / physics.tau_syn)
            image.slope[f] = max(current - 1.0 / physics.tau_mem, physics.least_slope)
            f += 1
        else:
            if e:  # before the first input spike no weight could act
                _find_peaks(i, u, now, t_sample, n_fired, n, physics, m, highest, reached.when)
            m += 1


@njit(**UNCOUNTED)
def _backward(image, weight, reached, physics, demand, p, q, grad, upstream, returned):
    """One image, latest event first: adds to grad[input, neuron], fills upstream[input spike].

    demand : of this image alone; returned[spike] : gradient of the time at which each spike
    returns, filled on the way.
    """
    slot, neuron, n = reached.slot, reached.neuron, reached.n
    p[:], q[:] = 0.0, 0.0
    g, n_before = 0, weight.shape[0] - (returned.shape[0] > 0) * weight.shape[1]
    for k in range(image.source.shape[0]):
        g += image.source[k] >= n_before  # spikes that return, in order: the first of the layer
    current, rate = p.dtype.type(physics.current), p.dtype.type(1.0 / physics.tau_syn)
    e, r, f = image.t_in.shape[0] - 1, image.release.shape[0] - 1, image.t_spike.shape[0] - 1
    m = max(demand.of_sample.shape[0], demand.peaks if n > reached.n_fired else 0) - 1
    now = np.inf
    while e >= 0:
        t_in = image.t_in[e]
        t_release = image.release[image.order[r]] if r >= 0 else NEVER
        t_spike = image.t_spike[f] if f >= 0 else NEVER
        t_sample = m * demand.period if m >= 0 else NEVER
        t = max(max(t_in, t_release), max(t_spike, t_sample))
        if now < np.inf:
            _back(p, q, n, physics, now - t)
        now = t
        if t_sample == t:
            if demand.of_sample.shape[0]:
                for a in range(n):
                    p[a] += demand.of_sample[m, neuron[a]]
            else:
                for a in range(reached.n_fired, n):
                    if reached.when[a] == m:
                        p[a] += demand.of_peak[neuron[a]]
            m -= 1
        elif t_spike == t:
            a = slot[image.neuron[f]]
            later = returned[f] if returned.shape[0] else p.dtype.type(0.0)
            of_time = demand.of_time[f] + later - image.held[f]
            p[a] = demand.of_height[f] - of_time / image.slope[f]
            f -= 1
        elif t_release == t:
            h = image.order[r]
            a = slot[image.neuron[h]]
            image.held[h] *= p[a]
            p[a] = 0.0
            r -= 1
        else:
            k = image.source[e]
            _gather(grad[k], q, neuron, n, current)
            if k >= n_before:
                g -= 1
                returned[g] = _of_time(weight[k], p, q, neuron, n, current, rate)
            elif upstream.shape[0]:
                upstream[e] = _of_time(weight[k], p, q, neuron, n, current, rate)
            e -= 1


@compiled(parallel=True, nogil=True)
def layer_events(inputs, weight, fired, demand, physics, upstream, recurrent):
    """Gradients of one layer from those of its output.

    inputs, fired : Spikes into the layer, and its own (none of a layer that does not fire);
    weight : float[input, neuron], its type is that of all gradients; demand : Demand; recurrent :
    whether the last inputs are the layer's own spikes, returned in the order in which it sent them.
    Returns the weight gradient float[input, neuron], summed over images, and the gradient of the
    time of each input spike float[spike], empty unless ``upstream``. Only neurons that fire, are
    sampled or have a gradient of their peak are visited. Parts of the batch run in parallel and are
    added in order, so the bits do not depend on the number of threads.
    """
    n_in, n = weight.shape
    n_images, n_spikes = inputs.offsets.shape[0] - 1, fired.time.shape[0]
    of_inputs = np.zeros(inputs.time.shape[0] if upstream else 0, weight.dtype)
    parts = min(PARTS, n_images)
    grads = np.zeros((parts, n_in, n), weight.dtype)
    release, slope, held = np.empty(n_spikes), np.empty(n_spikes), np.zeros(n_spikes)
    order = np.empty(n_spikes, np.int64)
    returned = np.zeros(n_spikes if recurrent else 0, weight.dtype)
    for part in prange(parts):
        p, q = np.empty(n, weight.dtype), np.empty(n, weight.dtype)
        i, u = np.empty(n, weight.dtype), np.empty(n, weight.dtype)
        highest, last = np.empty(n), np.empty(n)
        when, slot, active = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
        for b in range(part * n_images // parts, (part + 1) * n_images // parts):
            lo, hi = inputs.offsets[b], inputs.offsets[b + 1]
            s, z = fired.offsets[b], fired.offsets[b + 1]
            image = _Image(
                inputs.time[lo:hi], inputs.channel[lo:hi], fired.time[s:z], fired.channel[s:z],
                release[s:z], order[s:z], slope[s:z], held[s:z],
            )  # fmt: skip
            wanted = Demand(
                demand.of_time[s:z], demand.of_height[s:z], demand.period,
                demand.of_sample[b], demand.of_peak[b], demand.peaks,
            )  # fmt: skip
            count, count_fired = _select(
                image.neuron, wanted.of_sample, wanted.of_peak, slot, active
            )
            reached = _Reached(slot, active, count, count_fired, when)
            _releases(image, slot, physics.tau_ref, last)
            _forward(image, weight, reached, physics, wanted, i, u, highest)
            _backward(
                image, weight, reached, physics, wanted, p, q, grads[part],
                of_inputs[lo:hi] if upstream else of_inputs,
                returned[s:z] if recurrent else returned,
            )  # fmt: skip
    grad = np.zeros((n_in, n), weight.dtype)
    for block in prange((n_in + BLOCK - 1) // BLOCK):
        for k in range(block * BLOCK, min((block + 1) * BLOCK, n_in)):
            for part in range(parts):
                for j in range(n):
                    grad[k, j] += grads[part, k, j]
    return grad, of_inputs
