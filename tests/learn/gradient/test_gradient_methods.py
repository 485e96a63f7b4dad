"""Every gradient method fulfils one contract, and the kernels agree with torch and slow twins."""

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import reference as twin
import torch
from builders import random_spikes, same_recording
from training import MODEL, MODELS, few_digits, recorded, relative, settings

from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.recording import Recording
from snnlab.chip.spec import BRAINSCALES2
from snnlab.config import Config
from snnlab.learn.gradient.methods import GRADIENTS
from snnlab.learn.gradient.reference import ReferenceGradient
from snnlab.learn.gradient.surrogate import Surrogate
from snnlab.learn.gradient.surrogate_gradient import (
    SurrogateGradient,
    hidden_adjoint,
    label_adjoint,
)
from snnlab.learn.network import Network, decode
from snnlab.learn.trainer import Trainer
from snnlab.model.surrogates import SHAPES

SIZES = (40, 70, 30, 5)
AT_SPIKE = Config.param["at_spike"].objects


@pytest.fixture(params=GRADIENTS)
def method(request):
    """Every method of the table."""
    return GRADIENTS[request.param]


def gradients_of_loss(rng, sizes):
    """Random gradients with respect to label traces and spike counts."""
    d_traces = rng.normal(size=(12, 20, sizes[-1])).astype(np.float32)
    return d_traces, [rng.normal(size=(12, n)).astype(np.float32) for n in sizes[1:-1]]


# The contract


@pytest.mark.parametrize("sizes", [SIZES, (20, 4)])
@pytest.mark.parametrize("at_spike", AT_SPIKE)
def test_the_same_arguments_give_the_same_bits_and_stay_as_they_are(method, sizes, at_spike):
    rng, point, recording, weights = recorded(sizes)
    d_traces, d_counts = gradients_of_loss(rng, sizes)
    arrays = [*weights, d_traces, *d_counts, *recording.cadc]
    before = [array.copy() for array in arrays]
    first, again = (
        method(Surrogate(10, at_spike), MODEL, point).backward(
            recording, weights, d_traces, d_counts
        )
        for _ in range(2)
    )
    assert [(g.shape, g.dtype) for g in first] == [(w.shape, np.float32) for w in weights]
    assert all(g.any() for g in first)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))


def test_the_gradient_is_linear_in_that_of_the_loss(method):
    rng, point, recording, weights = recorded(SIZES)
    one, two = gradients_of_loss(rng, SIZES), gradients_of_loss(rng, SIZES)
    both = one[0] + 2 * two[0], [a + 2 * b for a, b in zip(one[1], two[1], strict=True)]
    gradient = method(Surrogate(10), MODEL, point)
    a, b, c = (gradient.backward(recording, weights, *d) for d in (one, two, both))
    for of_one, of_two, of_both in zip(a, b, c, strict=True):
        assert relative(of_one + 2 * of_two, of_both) < 1e-5


def test_a_batch_is_the_sum_of_its_images(method):
    rng, point, recording, weights = recorded(SIZES)
    d_traces, d_counts = gradients_of_loss(rng, SIZES)
    gradient = method(Surrogate(10), MODEL, point)
    total = [np.zeros(w.shape) for w in weights]
    for image in ([k] for k in range(12)):
        alone = Recording(
            recording.inputs.take(image),
            tuple(events.take(image) for events in recording.spikes),
            tuple(cadc[image] for cadc in recording.cadc),
        )
        d_alone = d_traces[image], [d[image] for d in d_counts]
        for summed, grad in zip(total, gradient.backward(alone, weights, *d_alone), strict=True):
            summed += grad
    whole = gradient.backward(recording, weights, d_traces, d_counts)
    for a, b in zip(whole, total, strict=True):
        assert relative(a, b) < 1e-5


def test_label_weights_get_the_sum_over_their_recorded_input_spikes(method):
    """Whatever the method, the label layer is linear: potentials are sums of PSPs."""
    rng, point, recording, weights = recorded(SIZES)
    d_traces, d_counts = gradients_of_loss(rng, SIZES)
    got = method(Surrogate(10), MODEL, point).backward(recording, weights, d_traces, d_counts)
    expected, _ = twin.layer_adjoint(recording.spikes[-1], d_traces, MODEL)
    assert relative(got[-1], expected) < 1e-5


def test_only_counts_reach_hidden_weights_when_labels_ask_for_nothing(method):
    rng, point, recording, weights = recorded((50, 30, 5))
    nothing = np.zeros((12, 20, 5), np.float32)
    d_counts = [rng.normal(size=(12, 30)).astype(np.float32)]
    got = method(Surrogate(10), MODEL, point).backward(recording, weights, nothing, d_counts)
    assert got[0].any()
    assert (got[1] == 0).all()


@pytest.mark.parametrize("method", [SurrogateGradient, ReferenceGradient])
def test_counts_pass_the_surrogate_at_every_sample(method):
    rng, point, recording, weights = recorded((50, 30, 5))
    nothing = np.zeros((12, 20, 5), np.float32)
    d_counts = [rng.normal(size=(12, 30)).astype(np.float32)]
    got = method(Surrogate(10), MODEL, point).backward(recording, weights, nothing, d_counts)
    sums = twin.hidden_gradient(
        np.zeros((12, 20, 5)), weights[1], d_counts[0], recording.cadc[0],
        Surrogate(10).derivative, recording.spikes[0],
    )  # fmt: skip
    expected, _ = twin.layer_adjoint(recording.inputs, sums, MODEL)
    assert relative(got[0], expected) < 1e-5


@pytest.mark.parametrize("sizes", [(50, 30, 5), (40, 70, 30, 5)])
def test_no_gradient_passes_silent_neurons(method, sizes):
    """The same as that of this method for the network without them."""
    rng, point, _, weights = recorded(sizes)
    silent = tuple(rng.random(n) < 0.4 for n in sizes[1:-1])
    lsb = [np.rint(w * BRAINSCALES2.weight_scale).astype(np.int8) for w in weights]
    recording = Chip(Mapping(sizes), Die.draw(sigma=0.2, seed=1), point).run(
        random_spikes(rng, 12, sizes[0], rate=0.8), lsb, trial=1, silent=silent
    )
    d_traces, d_counts = gradients_of_loss(rng, sizes)
    gradient = method(Surrogate(10), MODEL, point)
    got = gradient.backward(recording, weights, d_traces, d_counts, silent)

    awake = [slice(None), *(np.flatnonzero(~s) for s in silent), slice(None)]
    fewer = [w[a][:, b].copy() for w, (a, b) in zip(weights, pairwise(awake), strict=True)]
    layers = [
        replace(events, channel=np.cumsum(~s)[events.channel].astype(np.uint16) - 1)
        for events, s in zip(recording.spikes, silent, strict=True)
    ]
    layers = [
        replace(events, n_channels=int((~s).sum()), channel=events.channel.astype(np.uint16))
        for events, s in zip(layers, silent, strict=True)
    ]
    cadc = tuple(c[..., a].copy() for c, a in zip(recording.cadc, awake[1:], strict=True))
    without = Recording(recording.inputs, tuple(layers), cadc)
    d_fewer = [c[:, ~s].copy() for c, s in zip(d_counts, silent, strict=True)]
    expected = gradient.backward(without, fewer, d_traces, d_fewer)
    for whole, part, (a, b) in zip(got, expected, pairwise(awake), strict=True):
        assert relative(whole[a][:, b], part) < 1e-5
        whole[np.ix_(*(np.arange(n)[i] for n, i in zip(whole.shape, (a, b), strict=True)))] = 0
        assert not whole.any()


def test_the_loop_is_the_chip_forward_and_the_method_backward(method):
    sizes = (40, 30, 4)
    rng = np.random.default_rng(5)
    network, chip = Network(sizes), Chip(Mapping(sizes))
    network.load_weights([rng.normal(0.05, 0.1, (40, 30)), rng.normal(0, 0.4, (30, 4))])
    events = random_spikes(rng, 6, 40)
    gradient = method(Surrogate(10.0), MODEL, chip.point)
    recording, traces, counts = network.in_the_loop(chip, events, gradient, trial=3)

    assert same_recording(recording, chip.run(events, network.weights_lsb(), trial=3))
    np.testing.assert_array_equal(traces.detach(), decode(recording, network.scales()[-1]))
    np.testing.assert_array_equal(counts[0].detach(), recording.spikes[0].count_by_channel())
    np.testing.assert_allclose(network.scores(recording), traces.detach().amax(1))
    above, below = traces.detach().clamp(min=0), traces.detach().clamp(max=0)
    area = (above + 0.1 * below).mean(1)
    np.testing.assert_allclose(network.scores(recording, "sum"), area, rtol=1e-5, atol=1e-7)

    d_traces = rng.normal(size=traces.shape).astype(np.float32)
    d_counts = rng.normal(size=counts[0].shape).astype(np.float32)
    (
        (traces * torch.from_numpy(d_traces)).sum() + (counts[0] * torch.from_numpy(d_counts)).sum()
    ).backward()
    chips_own = [
        (w / scale).astype(np.float32)
        for w, scale in zip(network.weights_lsb(), network.scales(), strict=True)
    ]
    expected = gradient.backward(recording, chips_own, d_traces, [d_counts])
    for weight, grad in zip(network.parameters(), expected, strict=True):
        assert relative(weight.grad.numpy(), grad) < 1e-5


@pytest.mark.parametrize("at_spike", AT_SPIKE)
def test_the_trainer_takes_its_gradient_from_the_table(monkeypatch, at_spike):
    rng = np.random.default_rng(3)
    weights = [rng.normal(0.03, 0.05, (256, 40)), rng.normal(0.0, 0.3, (40, 10))]

    def gradients(**changes):
        config = settings(dropout=0.3, at_spike=at_spike, rho_weight=0.0, **changes)
        trainer = Trainer(config, few_digits(), weights)
        trainer.advance()
        return trainer.gradients

    kernels, steeper = gradients(), gradients(beta=20.0)
    used = []

    class Watched(ReferenceGradient):
        def backward(self, *arguments):
            used.append(self)
            return super().backward(*arguments)

    monkeypatch.setitem(GRADIENTS, "surrogate", Watched)
    reference = gradients()
    assert [gradient.surrogate for gradient in used] == [Surrogate(10.0, at_spike)]
    for a, b in zip(kernels, reference, strict=True):
        assert relative(a, b) < 1e-5
    assert relative(steeper[0], reference[0]) > 0.01


# The kernels against torch and their slow twins


@pytest.mark.parametrize("beta", [1.0, 10.0, 50.0])
@pytest.mark.parametrize("sizes", [(50, 30, 5), (40, 70, 30, 5), (20, 4)])
@pytest.mark.parametrize("model", MODELS, ids=["equal", "unequal"])
@pytest.mark.parametrize("at_spike", AT_SPIKE)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernels_equal_autograd(sizes, beta, model, at_spike, shape):
    rng, point, recording, weights = recorded(sizes, model=model)
    surrogate, d_outputs = Surrogate(beta, at_spike, shape=shape), gradients_of_loss(rng, sizes)
    got, expected = (
        method(surrogate, model, point).backward(recording, weights, *d_outputs)
        for method in (SurrogateGradient, ReferenceGradient)
    )
    for layer, (a, b) in enumerate(zip(got, expected, strict=True)):
        assert a.dtype == np.float32
        assert relative(a, b) < 1e-5, f"layer {layer}"


def arrays(events):
    return events.offsets, events.tick, events.channel


@pytest.mark.parametrize("model", MODELS, ids=["equal", "unequal"])
@pytest.mark.parametrize("labels", [5, 20])
def test_the_label_adjoint_agrees_with_its_twin(model, labels):
    rng, point, recording, _ = recorded((50, 70, labels), model=model)
    d_traces = rng.normal(size=(12, 20, labels)).astype(np.float32)
    events = recording.spikes[0]
    got = label_adjoint(*arrays(events), 70, d_traces, model.propagators(point))
    for a, b in zip(got, twin.layer_adjoint(events, d_traces, model), strict=True):
        assert relative(a, b) < 1e-5


SURROGATE = Surrogate(10.0)


def hidden_layer(neurons=70, labels=5, surrogate=SURROGATE, model=MODEL):
    """A recorded hidden layer, and a function of block and pass_on that is its adjoint."""
    rng, point, recording, weights = recorded((50, neurons, labels), model=model)
    upstream = rng.normal(size=(12, 20, labels)).astype(np.float32)
    upstream[3:6, 7:] = 0.0  # as after the last peak of all labels
    d_count = rng.normal(size=(12, neurons)).astype(np.float32)
    inputs, fired, cadc = recording.inputs, recording.spikes[0], recording.cadc[0]

    def adjoint(block, pass_on=True):
        weight = np.zeros((labels, -(-neurons // block) * block), np.float32)
        weight[:, :neurons] = weights[1].T
        return hidden_adjoint(
            arrays(inputs), arrays(fired), upstream, weight, d_count, cadc, surrogate.table,
            surrogate.at_spikes(cadc, fired), 50, model.propagators(point), block, pass_on,
        )  # fmt: skip

    return recording, (upstream, weights[1], d_count, cadc), adjoint


@pytest.mark.parametrize("model", MODELS, ids=["equal", "unequal"])
@pytest.mark.parametrize("at_spike", AT_SPIKE)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_hidden_adjoint_agrees_with_its_twins(model, at_spike, shape):
    surrogate = Surrogate(10.0, at_spike, shape=shape)
    recording, (upstream, weight, d_count, cadc), adjoint = hidden_layer(30, 5, surrogate, model)
    fired = recording.spikes[0]
    at = {
        "threshold": lambda: None,
        "before": lambda: twin.before_spikes(cadc, fired),
        "overshoot": lambda: twin.at_spikes(cadc, fired, OperatingPoint.tau_ref),
    }[at_spike]()
    derivative = partial(twin.SURROGATES[shape], beta=10.0)
    g = twin.hidden_gradient(upstream, weight, d_count, cadc, derivative, fired, at)
    expected = twin.layer_adjoint(recording.inputs, g, model)
    for a, b in zip(adjoint(32), expected, strict=True):
        assert relative(a, b) < 1e-5


@pytest.mark.parametrize("labels", [1, 4, 11])
def test_blocks_of_any_size_give_the_same_bits(labels):
    *_, adjoint = hidden_layer(labels=labels)
    grad, current = adjoint(256)
    for block in (32, 48, 80):
        again = adjoint(block)
        np.testing.assert_array_equal(again[0], grad)
        np.testing.assert_array_equal(again[1], current)


def test_the_lowest_layer_needs_no_gradient_of_its_inputs():
    *_, adjoint = hidden_layer()
    (grad, upstream), (same, _) = adjoint(32, pass_on=False), adjoint(32)
    np.testing.assert_array_equal(grad, same)
    assert upstream.shape == (0, 20, 70)
