"""Gradients through recurrence: one pass back in time is autograd's, and the slope of the model."""

from dataclasses import replace
from functools import partial

import numba
import numpy as np
import pytest
import reference as twin
import torch
from builders import random_spikes
from test_eventprop import STEPS, TAU_REF, of_labels, of_spikes, packed, physics
from training import MODEL, MODELS, recorded, relative

from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.spec import BRAINSCALES2
from snnlab.config import Config
from snnlab.learn.gradient import reference
from snnlab.learn.gradient.eventprop import layer_events
from snnlab.learn.gradient.methods import GRADIENTS
from snnlab.learn.gradient.reference import ReferenceGradient
from snnlab.learn.gradient.surrogate import Surrogate
from snnlab.learn.gradient.surrogate_gradient import SurrogateGradient
from snnlab.model.surrogates import SHAPES
from snnlab.model.topology import find_shapes

NETWORKS = [((50, 30, 5), (0,)), ((40, 30, 20, 5), (0, 1)), ((40, 30, 20, 5), (1,))]
AT_SPIKE = Config.param["at_spike"].objects
LATENCY, PERIOD = BRAINSCALES2.loop_latency, BRAINSCALES2.dt_cadc


def gradients_of_loss(rng, sizes):
    """Random gradients with respect to label traces and spike counts."""
    d_traces = rng.normal(size=(12, 20, sizes[-1])).astype(np.float32)
    return d_traces, [rng.normal(size=(12, n)).astype(np.float32) for n in sizes[1:-1]]


@pytest.mark.parametrize(("sizes", "recurrent"), NETWORKS)
@pytest.mark.parametrize(
    ("model", "at_spike", "shape"),
    [
        *((MODELS[k % 2], "threshold", shape) for k, shape in enumerate(SHAPES)),
        *((MODELS[k % 2], at_spike, "superspike") for k, at_spike in enumerate(AT_SPIKE)),
    ],
)
def test_the_kernel_equals_autograd(sizes, recurrent, model, at_spike, shape):
    rng, point, recording, weights = recorded(sizes, model=model, recurrent=recurrent)
    surrogate, d_outputs = Surrogate(5.0, at_spike, shape=shape), gradients_of_loss(rng, sizes)
    got, expected = (
        method(surrogate, model, point).backward(recording, weights, *d_outputs)
        for method in (SurrogateGradient, ReferenceGradient)
    )
    for layer, (a, b) in enumerate(zip(got, expected, strict=True)):
        assert a.dtype == np.float32
        assert a.shape == find_shapes(sizes, recurrent)[layer]
        assert relative(a, b) < 1e-5, f"layer {layer}"
        n_in = sizes[layer]
        if layer in recurrent:
            assert relative(a[n_in:], b[n_in:]) < 1e-5, f"recurrent weights of layer {layer}"


@pytest.mark.parametrize("returned", [0.0, 0.3])
def test_a_share_of_the_gradient_passes_back(returned):
    """As autograd's; with none of it the gradient of the inputs is that of a plain layer."""
    sizes = (50, 30, 5)
    rng, point, recording, weights = recorded(sizes, recurrent=(0,))
    surrogate, d_outputs = Surrogate(5.0, returned=returned), gradients_of_loss(rng, sizes)
    got, expected = (
        method(surrogate, MODEL, point).backward(recording, weights, *d_outputs)
        for method in (SurrogateGradient, ReferenceGradient)
    )
    assert relative(got[0], expected[0]) < 1e-5
    assert got[0][50:].any()
    if returned == 0.0:
        plain = SurrogateGradient(Surrogate(5.0), MODEL, point).backward(
            replace(recording, recurrent=()), [weights[0][:50], weights[1]], *d_outputs
        )
        assert relative(got[0][:50], plain[0]) < 1e-5


def test_recurrence_takes_part_in_the_gradient_of_the_inputs():
    """Without what returns, the gradient of the input weights is another one."""
    sizes = (50, 30, 5)
    rng, point, recording, weights = recorded(sizes, recurrent=(0,))
    d_outputs, gradient = gradients_of_loss(rng, sizes), SurrogateGradient
    whole = gradient(Surrogate(5.0), MODEL, point).backward(recording, weights, *d_outputs)
    weights = [weights[0] * (np.arange(80) < 50)[:, None], weights[1]]
    without = gradient(Surrogate(5.0), MODEL, point).backward(recording, weights, *d_outputs)
    assert relative(whole[0][:50], without[0][:50]) > 0.1


@pytest.mark.parametrize("name", GRADIENTS)
def test_a_batch_is_the_sum_of_its_images(name):
    sizes = (40, 30, 20, 5)
    rng, point, recording, weights = recorded(sizes, recurrent=(0, 1))
    d_traces, d_counts = gradients_of_loss(rng, sizes)
    gradient = GRADIENTS[name](Surrogate(5.0), MODEL, point)
    total = [np.zeros(w.shape) for w in weights]
    for image in ([k] for k in range(12)):
        alone, d_alone = recording.take(image), [d[image] for d in d_counts]
        grads = gradient.backward(alone, weights, d_traces[image], d_alone)
        for summed, grad in zip(total, grads, strict=True):
            summed += grad
    whole = gradient.backward(recording, weights, d_traces, d_counts)
    for a, b in zip(whole, total, strict=True):
        assert b.any()
        assert relative(a, b) < 1e-5


@pytest.mark.parametrize("name", ["surrogate", "eventprop"])
def test_the_bits_do_not_depend_on_the_threads(name):
    sizes = (40, 30, 20, 5)
    rng, point, recording, weights = recorded(sizes, recurrent=(0, 1))
    d_outputs = gradients_of_loss(rng, sizes)
    gradient, found = GRADIENTS[name](Surrogate(5.0), MODEL, point), []
    threads = numba.get_num_threads()
    try:
        for n in (1, threads):
            numba.set_num_threads(n)
            found.append(gradient.backward(recording, weights, *d_outputs))
    finally:
        numba.set_num_threads(threads)
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("name", GRADIENTS)
def test_no_gradient_passes_silent_neurons(name):
    """Weights from and to neurons that may not fire receive none, and change nothing."""
    sizes = (50, 30, 5)
    rng, point, _, weights = recorded(sizes, recurrent=(0,))
    silent = rng.random(30) < 0.4
    lsb = [np.rint(w * BRAINSCALES2.weight_scale).astype(np.int8) for w in weights]
    recording = Chip(Mapping(sizes, recurrent=(0,)), Die.draw(sigma=0.2, seed=1), point).run(
        random_spikes(rng, 12, 50, rate=0.8), lsb, trial=1, silent=(silent,)
    )
    assert not recording.spikes[0].count_by_channel()[:, silent].any()
    d_outputs = gradients_of_loss(rng, sizes)
    gradient = GRADIENTS[name](Surrogate(5.0), MODEL, point)
    got = gradient.backward(recording, weights, *d_outputs, (silent,))
    assert not got[0][:, silent].any()
    assert not got[0][50:][silent].any()
    assert got[0][50:][~silent][:, ~silent].any()
    cut = weights[0].copy()
    cut[50:][silent] = cut[:, silent] = 0.0
    again = gradient.backward(recording, [cut, weights[1]], *d_outputs, (silent,))
    assert all(np.array_equal(a, b) for a, b in zip(got, again, strict=True))


# The reference


def smooth_model(psp, weights, soft, model):
    """A recurrent layer with smooth spikes and its labels, sample by sample.

    Returns membranes, PSPs, counts and returned PSPs of the layer, and the label traces.
    """
    n_in, time = psp.shape[2], np.arange(psp.shape[1]) * PERIOD
    v = np.zeros((*psp.shape[:2], weights[0].shape[1]))
    s, returned = np.zeros_like(v), np.zeros_like(v)
    for m, now in enumerate(time):
        returned[:, m] = np.einsum("k,bkn->bn", model.psp(now - time - LATENCY), s)
        v[:, m] = psp[:, m] @ weights[0][:n_in] + returned[:, m] @ weights[0][n_in:]
        s[:, m] = soft(v[:, m] - 1)
    after = np.einsum("mk,bkn->bmn", model.psp(time[:, None] - time[None, :]), s)
    return v, after, s.sum(axis=1), returned, after @ weights[1]


@pytest.mark.parametrize("model", MODELS, ids=["equal", "unequal"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_reference_equals_finite_differences(model, shape):
    beta = 2.0
    soft, surrogate = partial(twin.SOFT_SPIKES[shape], beta=beta), Surrogate(beta, shape=shape)
    rng = np.random.default_rng(3)
    psp = reference.response(random_spikes(rng, 2, 6, last=3000), model, 12).numpy()
    weights = [rng.normal(0.3, 0.6, (11, 5)), rng.normal(0.3, 0.6, (5, 3))]
    of_trace, of_count = rng.normal(size=(2, 12, 3)), rng.normal(size=(2, 5))

    def scalar():
        _, _, count, _, trace = smooth_model(psp, weights, soft, model)
        return (of_trace * np.sin(trace)).sum() + (of_count * count**2).sum()

    numeric, h = [np.empty_like(w) for w in weights], 1e-5
    for w, slope in zip(weights, numeric, strict=True):
        for index in np.ndindex(w.shape):
            at = w[index]
            w[index] = at + h
            above = scalar()
            w[index] = at - h
            slope[index] = (above - scalar()) / (2 * h)
            w[index] = at

    v, after, count, returned, trace = map(
        torch.from_numpy, smooth_model(psp, weights, soft, model)
    )
    fired = torch.zeros(v.shape, dtype=torch.bool)
    tensors = [torch.tensor(w, requires_grad=True) for w in weights]
    traces, (counts,) = reference.reference_forward(
        torch.from_numpy(psp), tensors,
        [reference.Measured(v, fired, v, after, count, returned), reference.Measured(trace)],
        model, surrogate.derivative,
    )  # fmt: skip
    loss = (torch.from_numpy(of_trace) * torch.sin(traces)).sum()
    (loss + (torch.from_numpy(of_count) * counts**2).sum()).backward()
    for w, slope in zip(tensors, numeric, strict=True):
        assert relative(w.grad.numpy(), slope) < 1e-6
    assert relative(tensors[0].grad.numpy()[6:], numeric[0][6:]) < 1e-6


# EventProp

PASSES = 30
"""After 12 passes spike times change by less than 1e-20 s."""


class Exact:
    """A recurrent layer of ideal neurons and its labels, from event to event, in float64."""

    def __init__(self, model, seed=1):
        rng = np.random.default_rng(seed)
        self.model = model
        self.inputs = [sorted((t, c) for c in range(5) for t in rng.uniform(0, 7e-6, 2))]
        self.weights = [rng.normal(0.4, 0.3, (8, 3)), rng.normal(0.0, 0.5, (3, 2))]
        self.weights[0][5:] = rng.normal(0.1, 0.3, (3, 3))
        self.toward = rng.normal(size=(1, STEPS, 2))

    def run(self):
        """Sources and spikes of the layer : lists of (time, channel) for each image.

        Spikes return late, so every pass makes more of them final.
        """
        sources, sent = [], []
        for image in self.inputs:
            own = []
            for _ in range(PASSES):
                into = sorted([*image, *((t + LATENCY, 5 + j) for t, j in own)])
                own = sorted(
                    (t, j) for j in range(3)
                    for t in twin.fire(
                        [t for t, _ in into], [self.weights[0][c, j] for _, c in into],
                        self.model, TAU_REF, STEPS * PERIOD,
                    )
                )  # fmt: skip
            sources.append(into)
            sent.append(own)
        return sources, sent

    def traces(self, sent):
        grid, out = np.arange(STEPS) * PERIOD, np.zeros((1, STEPS, 2))
        for b, image in enumerate(sent):
            for t, c in image:
                out[b] += self.model.psp(grid - t)[:, None] * self.weights[1][c]
        return out

    def loss(self):
        """Of the label traces, not linear in them; and the number of spikes."""
        _, sent = self.run()
        return (self.toward * np.sin(self.traces(sent))).sum(), [len(image) for image in sent]

    def gradients(self):
        sources, sent = self.run()
        d_traces = self.toward * np.cos(self.traces(sent))
        constants = physics(self.model)
        labels, of_time = layer_events(
            packed(sent), self.weights[1], packed([[]]), of_labels(d_traces), constants, True,
            False,
        )  # fmt: skip
        demand = of_spikes(of_time, np.zeros(len(of_time)), np.zeros((1, 3)))
        hidden, _ = layer_events(
            packed(sources), self.weights[0], packed(sent), demand, constants, False, True
        )
        return hidden, labels


@pytest.mark.parametrize("model", MODELS, ids=["equal", "unequal"])
def test_eventprop_is_the_slope_of_the_loss(model):
    """Central differences of an event-driven simulation, in random directions of the inputs'
    weights, of the recurrent ones and of the labels'."""
    network, rng, h = Exact(model), np.random.default_rng(7), 1e-6
    got, start = network.gradients(), network.weights
    assert min(network.loss()[1]) > 6
    for layer, rows in ((0, slice(0, 5)), (0, slice(5, 8)), (1, slice(0, 3))):
        numeric, along = [], []
        for _ in range(3):
            toward, ends = np.zeros_like(start[layer]), []
            toward[rows] = rng.normal(size=toward[rows].shape)
            for step in (h, -h):
                network.weights = [
                    w + step * toward if k == layer else w for k, w in enumerate(start)
                ]
                ends.append(network.loss())
            assert ends[0][1] == ends[1][1], "no spike appears or vanishes"
            numeric.append((ends[0][0] - ends[1][0]) / (2 * h))
            along.append((got[layer] * toward).sum())
        assert np.abs(numeric).max() > 0.01
        assert relative(np.array(along), np.array(numeric)) < 1e-6
