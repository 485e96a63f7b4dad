"""Learning: gradients agree with each other and with finite differences, and training learns."""

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numba
import numpy as np
import pytest
import reference as twin
import torch
from builders import WINDOW, quiet, random_spikes, random_weights, same_recording, spikes

from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.recording import Recording
from snnlab.chip.spec import BRAINSCALES2, ChipSpec
from snnlab.config import Config
from snnlab.data import load
from snnlab.errors import SnnlabError
from snnlab.events import TICK
from snnlab.learn import loss
from snnlab.learn.gradient import adjoint as fused
from snnlab.learn.gradient import reference
from snnlab.learn.gradient.model import CURRENT, IdealModel
from snnlab.learn.gradient.surrogate import Surrogate, superspike
from snnlab.learn.network import INIT_MEAN, INIT_STD, Network, decode
from snnlab.learn.optimizer import FUSED, Adam
from snnlab.learn.trainer import Trainer
from snnlab.seeding import key

DT_CADC, GAP_LSB, WEIGHT_SCALE = (
    BRAINSCALES2.dt_cadc,
    BRAINSCALES2.gap_lsb,
    BRAINSCALES2.weight_scale,
)
TAU_MEM, TAU_REF, TAU_SYN = OperatingPoint.tau_mem, OperatingPoint.tau_ref, OperatingPoint.tau_syn

MODEL = IdealModel(TAU_MEM, TAU_SYN)
MODELS = [MODEL, IdealModel(9e-6, 4e-6)]


def relative(a, b):
    """Distance of two arrays, in lengths of the second."""
    return np.linalg.norm(a - b) / np.linalg.norm(b)


# The ideal model


def test_psp_with_equal_time_constants():
    time = np.linspace(0, 40e-6, 200)
    np.testing.assert_allclose(MODEL.psp(time), CURRENT * time * np.exp(-time / 6e-6), rtol=1e-12)


@pytest.mark.parametrize(("mem", "syn"), [(9e-6, 4e-6), (2e-6, 15e-6)])
def test_psp_with_two_time_constants(mem, syn):
    time = np.linspace(0, 40e-6, 200)
    exact = CURRENT * mem * syn / (mem - syn) * (np.exp(-time / mem) - np.exp(-time / syn))
    np.testing.assert_allclose(IdealModel(mem, syn).psp(time), exact, rtol=1e-9, atol=1e-12)


def test_psp_is_continuous_where_the_time_constants_meet():
    """To first order in the difference: no jump between the two formulas, no cancellation."""
    time = np.linspace(0.1e-6, 40e-6, 100)
    for tau_syn in 6e-6 * (1 + 10.0 ** np.arange(-12, -3)):
        ratio = IdealModel(6e-6, tau_syn).psp(time) / MODEL.psp(time)
        x = time * (1 / tau_syn - 1 / 6e-6)
        assert (np.abs(ratio - (1 - x / 2)) < x**2 / 5 + 1e-12).all()


@pytest.mark.parametrize("model", MODELS)
def test_psp_is_nothing_before_the_spike(model):
    assert (model.psp(np.array([-1e-3, -1e-9, 0.0])) == 0).all()


def test_model_weight_and_chip_weight_mean_the_same():
    """Weight 1 of the model is 240 LSB on the chip."""
    chip = Chip(Mapping((1, 1)), Die.ideal(), quiet())
    trace = chip.run(spikes([[(0, 0)]], 1), [np.array([[60]], np.int8)]).traces(0)[0, :, 0]
    expected = 60 / WEIGHT_SCALE * MODEL.psp(np.arange(20) * DT_CADC)
    np.testing.assert_allclose(trace, expected, atol=0.51 / GAP_LSB)


@pytest.mark.parametrize("model", MODELS)
def test_propagators_lead_each_tick_to_its_next_sample(model):
    table = model.propagators(OperatingPoint())
    ticks = np.arange(WINDOW + 1)
    assert table.sample.shape == ticks.shape
    ahead = table.sample * DT_CADC - ticks * TICK
    assert ahead.min() > -1e-12
    assert ahead.max() < DT_CADC
    np.testing.assert_allclose(table.from_p, model.psp(ahead), atol=1e-6)
    # Two samples on, the same potential again: once step by step, once from the formula.
    p, q = table.from_p, table.from_q
    for m in (1, 2):
        p, q = table.decay_mem * p + table.rise * q, table.decay_syn * q
        np.testing.assert_allclose(p, model.psp(ahead + m * DT_CADC), atol=2e-6)


# The surrogate


@pytest.mark.parametrize("beta", [0.5, 10.0, 50.0])
def test_superspike_is_the_derivative_of_its_primitive(beta):
    v, h = np.linspace(-1, 3, 401) + 1e-3, 1e-6
    primitive = lambda x: (x - 1) / (1 + beta * abs(x - 1))  # noqa: E731
    slope = (primitive(v + h) - primitive(v - h)) / (2 * h)
    np.testing.assert_allclose(superspike(v, beta), slope, rtol=1e-3 if beta > 20 else 1e-4)


def test_superspike_is_one_at_threshold_and_even_about_it():
    assert superspike(1.0, 10.0) == 1.0
    assert superspike(1.3, 10.0) == pytest.approx(superspike(0.7, 10.0))
    assert superspike(1.1, 10.0) == pytest.approx(0.25)


@pytest.mark.parametrize("beta", [0.5, 10.0, 50.0])
def test_the_table_holds_the_derivative_of_every_trace(beta):
    table = Surrogate(beta).table
    assert (table.shape, table.dtype) == ((511,), np.float32)
    cadc = np.array([[[30]] * 3 + [[100]] * 2 + [[200]]], np.uint8)
    trace = Recording(spikes([[]], 1), (), (cadc,)).traces(0).ravel()
    entries = table[cadc.ravel().astype(int) - 30 + 255]
    np.testing.assert_allclose(entries, [twin.superspike(float(v), beta) for v in trace], rtol=1e-6)
    assert table.argmax() == 255 + GAP_LSB
    assert table.max() == 1.0


@pytest.mark.parametrize(
    ("before", "late", "expected"),
    [
        (80, 0.5, 220), (115, 0.5, 185), (115, 0.0, 150), (115, 0.25, 162), (80, 0.9, 80 + 255),
        (150, 0.5, 150), (170, 0.5, 150),
    ],
)  # fmt: skip
def test_an_overshoot_is_the_climb_continued_to_the_next_sample(before, late, expected):
    """From the sample before, through the threshold at 150 LSB, ``late`` of a period to go."""
    cadc = np.full((1, 4, 1), 80, np.uint8)
    cadc[0, 1] = before
    fired = spikes([[(round((2 - late) * DT_CADC / TICK), 0)]], 1)
    assert Surrogate(10.0).at_spikes(cadc, fired).tolist() == [GAP_LSB]
    at = Surrogate(10.0, "overshoot").at_spikes(cadc, fired)
    assert at + 80 == pytest.approx([expected], abs=1)  # a spike is on a clock of 8 ns


def test_the_climb_to_a_second_spike_begins_when_the_refractory_period_ends():
    cadc = np.full((1, 4, 1), 80, np.uint8)
    first, second = round(0.5 * DT_CADC / TICK), round(1.75 * DT_CADC / TICK)
    fired = spikes([[(first, 0), (second, 0)]], 1)
    at = Surrogate(10.0, "overshoot", tau_ref=DT_CADC).at_spikes(cadc, fired)
    assert at == pytest.approx([140, 140], abs=1)  # half up in half, a quarter up in a quarter


# The fused adjoint against torch and against its slow twins


def recorded(sizes, seed=1, model=MODEL):
    """A run on a noisy, mismatched chip, with weights as rounded, in model units."""
    rng = np.random.default_rng(seed)
    point = OperatingPoint(model.tau_mem, model.tau_syn)
    chip = Chip(Mapping(sizes), Die.draw(sigma=0.2, seed=seed), point)
    lsb = random_weights(rng, sizes, spread=20, mean=10)
    recording = chip.run(random_spikes(rng, 12, sizes[0], rate=0.8), lsb, trial=seed)
    assert all(len(layer.tick) > 100 for layer in recording.spikes)
    return rng, point, recording, [w.astype(np.float32) / np.float32(WEIGHT_SCALE) for w in lsb]


def gradients_in_torch(recording, weights, of_traces, of_counts, beta, model, overshoot=None):
    """The same through autograd, in float64."""
    tensors = [torch.tensor(w, dtype=torch.float64, requires_grad=True) for w in weights]
    traces, counts = reference.reference_forward(
        reference.response(recording.inputs, model, 20),
        tensors,
        reference.measured(recording, model, overshoot),
        model,
        beta,
    )
    inner = (traces * torch.from_numpy(of_traces)).sum()
    for count, of_count in zip(counts, of_counts, strict=True):
        inner = inner + (count * torch.from_numpy(of_count)[:]).sum()
    inner.backward()
    return [w.grad.numpy() for w in tensors], traces, counts


@pytest.mark.parametrize("beta", [1.0, 10.0, 50.0])
@pytest.mark.parametrize("sizes", [(50, 30, 5), (40, 70, 30, 5), (20, 4)])
@pytest.mark.parametrize("model", MODELS, ids=["equal", "unequal"])
@pytest.mark.parametrize("at_spike", ["threshold", "overshoot"])
def test_the_fused_adjoint_equals_autograd(sizes, beta, model, at_spike):
    rng, point, recording, weights = recorded(sizes, model=model)
    of_traces = rng.normal(size=(12, 20, sizes[-1])).astype(np.float32)
    of_counts = [rng.normal(size=(12, n)).astype(np.float32) for n in sizes[1:-1]]
    got = fused.adjoint(
        recording,
        weights,
        of_traces,
        of_counts,
        Surrogate(beta, at_spike),
        model.propagators(point),
    )
    overshoot = TAU_REF if at_spike == "overshoot" else None
    expected, *_ = gradients_in_torch(
        recording, weights, of_traces, of_counts, beta, model, overshoot
    )
    for layer, (a, b) in enumerate(zip(got, expected, strict=True)):
        assert a.dtype == np.float32
        assert relative(a, b) < 1e-5, f"layer {layer}"


def test_only_counts_reach_hidden_weights_when_labels_ask_for_nothing():
    rng, point, recording, weights = recorded((50, 30, 5))
    nothing = np.zeros((12, 20, 5), np.float32)
    of_counts = [rng.normal(size=(12, 30)).astype(np.float32)]
    got = fused.adjoint(
        recording, weights, nothing, of_counts, Surrogate(10), MODEL.propagators(point)
    )
    expected, *_ = gradients_in_torch(recording, weights, nothing, of_counts, 10, MODEL)
    assert relative(got[0], expected[0]) < 1e-5
    assert (got[1] == 0).all()


@pytest.mark.parametrize("model", MODELS, ids=["equal", "unequal"])
def test_the_layer_adjoint_agrees_with_its_twin(model):
    rng, point, recording, _ = recorded((50, 70, 5), model=model)
    g = rng.normal(size=(12, 20, 70)).astype(np.float32)
    events = recording.inputs
    got = fused.layer_adjoint(
        events.offsets, events.tick, events.channel, 50, g, model.propagators(point), True
    )
    for a, b in zip(got, twin.layer_adjoint(events, g, model), strict=True):
        assert relative(a, b) < 1e-5


def test_the_lowest_layer_needs_no_gradient_of_its_inputs():
    rng, point, recording, _ = recorded((50, 70, 5))
    g = rng.normal(size=(12, 20, 70)).astype(np.float32)
    events, propagators = recording.inputs, MODEL.propagators(point)
    spikes = events.offsets, events.tick, events.channel, 50, g, propagators
    (grad, upstream), (same, _) = (fused.layer_adjoint(*spikes, need) for need in (False, True))
    np.testing.assert_array_equal(grad, same)
    assert upstream.shape == (12, 0, 70)


@pytest.mark.parametrize("at_spike", ["threshold", "overshoot"])
def test_the_hidden_gradient_agrees_with_its_twin(at_spike):
    rng, point, recording, weights = recorded((50, 30, 5))
    upstream = rng.normal(size=(12, 20, 5)).astype(np.float32)
    of_count = rng.normal(size=(12, 30)).astype(np.float32)
    fired, cadc, surrogate = recording.spikes[0], recording.cadc[0], Surrogate(10.0, at_spike)
    got = fused.hidden_gradient(
        upstream, np.ascontiguousarray(weights[1].T), of_count, cadc, surrogate.table,
        fired.offsets, fired.tick, fired.channel, MODEL.propagators(point).sample,
        surrogate.at_spikes(cadc, fired),
    )  # fmt: skip
    at = twin.at_spikes(cadc, fired, TAU_REF) if at_spike == "overshoot" else None
    expected = twin.hidden_gradient(upstream, weights[1], of_count, cadc, 10.0, fired, at)
    assert relative(got, expected) < 1e-6


@pytest.mark.parametrize("tau_ref", [40e-9, 1e-6, 2e-6, 5e-6])
def test_overshoots_agree_with_their_twin(tau_ref):
    _, _, recording, _ = recorded((50, 30, 5))
    fired, cadc = recording.spikes[0], recording.cadc[0]
    got = Surrogate(10.0, "overshoot", tau_ref).at_spikes(cadc, fired)
    np.testing.assert_array_equal(got, twin.at_spikes(cadc, fired, tau_ref))
    assert (got > GAP_LSB).mean() > 0.5


@pytest.mark.parametrize("sizes", [(50, 30, 5), (40, 70, 30, 5)])
def test_no_gradient_passes_silent_neurons(sizes):
    """The same as for the network without them."""
    rng, point, _, weights = recorded(sizes)
    silent = tuple(rng.random(n) < 0.4 for n in sizes[1:-1])
    lsb = [np.rint(w * WEIGHT_SCALE).astype(np.int8) for w in weights]
    recording = Chip(Mapping(sizes), Die.draw(sigma=0.2, seed=1), point).run(
        random_spikes(rng, 12, sizes[0], rate=0.8), lsb, trial=1, silent=silent
    )
    of_traces = rng.normal(size=(12, 20, 5)).astype(np.float32)
    of_counts = [rng.normal(size=(12, n)).astype(np.float32) for n in sizes[1:-1]]
    got = fused.adjoint(
        recording, weights, of_traces, of_counts, Surrogate(10), MODEL.propagators(point),
        silent,
    )  # fmt: skip

    awake = [slice(None), *(np.flatnonzero(~s) for s in silent), slice(None)]
    fewer = [w[a][:, b] for w, (a, b) in zip(weights, pairwise(awake), strict=True)]
    layers = [
        replace(events, channel=np.cumsum(~s)[events.channel].astype(np.uint16) - 1)
        for events, s in zip(recording.spikes, silent, strict=True)
    ]
    layers = [
        replace(events, n_channels=int((~s).sum()), channel=events.channel.astype(np.uint16))
        for events, s in zip(layers, silent, strict=True)
    ]
    cadc = tuple(c[..., a] for c, a in zip(recording.cadc, awake[1:], strict=True))
    without = Recording(recording.inputs, tuple(layers), cadc)
    of_fewer = [c[:, ~s] for c, s in zip(of_counts, silent, strict=True)]
    expected, *_ = gradients_in_torch(without, fewer, of_traces, of_fewer, 10, MODEL)
    for whole, part, (a, b) in zip(got, expected, pairwise(awake), strict=True):
        assert relative(whole[a][:, b], part) < 1e-5
        whole[np.ix_(*(np.arange(n)[i] for n, i in zip(whole.shape, (a, b), strict=True)))] = 0
        assert not whole.any()


# The torch reference against finite differences


def test_the_reference_returns_what_was_measured():
    _, _, recording, weights = recorded((40, 30, 20, 5))
    of = np.zeros((12, 20, 5)), [np.zeros((12, 30)), np.zeros((12, 20))]
    _, traces, counts = gradients_in_torch(recording, weights, *of, 10.0, MODEL)
    np.testing.assert_allclose(traces.detach(), recording.traces(-1), atol=1e-12)
    for count, layer in zip(counts, recording.spikes, strict=True):
        np.testing.assert_allclose(count.detach(), layer.count_by_channel(), atol=1e-12)


def test_inject_is_the_measured_value_with_the_models_gradient():
    model = torch.tensor([2.0, 3.0], requires_grad=True)
    out = reference.inject(torch.tensor([7.0, 8.0]), model * 5)
    out.sum().backward()
    assert out.tolist() == [7.0, 8.0]
    assert model.grad.tolist() == [5.0, 5.0]


def test_the_response_is_a_sum_of_psps():
    events = spikes([[(0, 1), (700, 1)], [(4249, 0)]], 3)
    got = reference.response(events, MODEL, 20).numpy()
    time = np.arange(20) * DT_CADC
    np.testing.assert_allclose(got[0, :, 1], MODEL.psp(time) + MODEL.psp(time - 700 * TICK))
    assert got[1].any() == got[0, :, [0, 2]].any() == False  # noqa: E712


def smooth_model(psp, weights, beta, model):
    """What the reference differentiates, written with the primitive of the surrogate.

    Returns every layer's membranes, PSPs and counts.
    """
    grid = np.arange(psp.shape[1]) * DT_CADC
    kernel = model.psp(grid[:, None] - grid[None, :])
    layers = []
    for weight in weights[:-1]:
        v = psp @ weight
        s = (v - 1) / (1 + beta * abs(v - 1))
        psp = np.einsum("mk,bkn->bmn", kernel, s)
        layers.append((v, psp, s.sum(axis=1)))
    return [*layers, (psp @ weights[-1], None, None)]


@pytest.mark.parametrize("sizes", [(6, 5, 3), (6, 5, 4, 3)])
@pytest.mark.parametrize("beta", [0.7, 5.0])
@pytest.mark.parametrize("model", MODELS, ids=["equal", "unequal"])
def test_the_reference_equals_finite_differences(sizes, beta, model):
    rng = np.random.default_rng(3)
    psp = reference.response(random_spikes(rng, 2, 6, last=3000), model, 12).numpy()
    weights = [rng.normal(0.3, 0.6, shape) for shape in pairwise(sizes)]
    of_trace = rng.normal(size=(2, 12, 3))
    of_counts = [rng.normal(size=(2, n)) for n in sizes[1:-1]]

    def scalar(weights):
        *hidden, (trace, _, _) = smooth_model(psp, weights, beta, model)
        counts = [count for _, _, count in hidden]
        return (of_trace * np.sin(trace)).sum() + sum(
            (a * n**2).sum() for a, n in zip(of_counts, counts, strict=True)
        )

    numeric = [np.empty_like(w) for w in weights]
    h = 1e-5
    for w, slope in zip(weights, numeric, strict=True):
        for index in np.ndindex(w.shape):
            at = w[index]
            w[index] = at + h
            above = scalar(weights)
            w[index] = at - h
            slope[index] = (above - scalar(weights)) / (2 * h)
            w[index] = at

    *hidden, (trace, _, _) = smooth_model(psp, weights, beta, model)
    layers = [
        reference.Measured(
            torch.from_numpy(v), torch.zeros(v.shape, dtype=torch.bool), torch.from_numpy(v),
            torch.from_numpy(after), torch.from_numpy(count),
        )
        for v, after, count in hidden
    ]  # fmt: skip
    tensors = [torch.tensor(w, requires_grad=True) for w in weights]
    traces, counts = reference.reference_forward(
        torch.from_numpy(psp),
        tensors,
        [*layers, reference.Measured(torch.from_numpy(trace))],
        model,
        beta,
    )
    total = (torch.from_numpy(of_trace) * torch.sin(traces)).sum()
    for a, count in zip(of_counts, counts, strict=True):
        total = total + (torch.from_numpy(a) * count**2).sum()
    total.backward()
    for layer, (w, slope) in enumerate(zip(tensors, numeric, strict=True)):
        assert relative(w.grad.numpy(), slope) < 1e-6, f"layer {layer}"


# Losses, by hand


def test_classification_is_cross_entropy_of_ten_times_the_peaks():
    peaks = torch.tensor([[0.1, 0.3], [0.2, 0.0]], dtype=torch.float64)
    got = loss.classification(peaks, torch.tensor([1, 1]), gain=10.0)
    by_hand = (np.log(1 + np.exp(-2)) + np.log(1 + np.exp(2))) / 2
    assert float(got) == pytest.approx(by_hand, rel=1e-12)


def test_smoothing_spreads_certainty_over_all_labels():
    peaks = torch.tensor([[0.1, 0.3, 0.2]], dtype=torch.float64)
    got = loss.classification(peaks, torch.tensor([1]), gain=4.0, smoothing=0.3)
    minus_log = -np.log(np.exp([0.4, 1.2, 0.8]) / np.exp([0.4, 1.2, 0.8]).sum())
    assert float(got) == pytest.approx(0.7 * minus_log[1] + 0.1 * minus_log.sum(), rel=1e-12)


def test_silence_is_the_squared_shortfall_of_the_mean_count():
    counts = [torch.tensor([[3.0, 0.0, 1.0], [1.0, 0.0, 0.0]]), torch.tensor([[0.0], [0.0]])]
    assert float(loss.silence(counts, 0.8)) == pytest.approx((0.8**2 + 0.3**2) / 3 + 0.8**2)
    assert float(loss.silence(counts, 0.0)) == 0.0


def test_burst_is_the_mean_squared_count_of_each_layer():
    counts = [torch.tensor([[3.0, 0.0], [1.0, 0.0]]), torch.tensor([[2.0], [0.0]])]
    assert float(loss.burst(counts)) == 10 / 4 + 4 / 2


def test_weight_decay_is_the_mean_square_of_each_layer():
    weights = [torch.tensor([[1.0, -2.0]]), torch.tensor([[3.0]])]
    assert float(loss.weight_decay(weights)) == 2.5 + 9.0


def test_readout_is_the_mean_squared_peak():
    assert float(loss.readout(torch.tensor([[1.0, -2.0], [0.0, 1.0]]))) == 6 / 4


# The network


def test_initial_weights_are_the_released_codes():
    network = Network((256, 246, 10), seed=2)
    assert pytest.approx(0.7 * (1 - np.exp(-1.7 / 6))) == INIT_STD
    for layer, (n_in, mean) in enumerate(((256, INIT_MEAN), (246, 0.0))):
        w = network.arrays()[layer]
        std = INIT_STD / np.sqrt(n_in)
        assert abs(w.mean() - mean) < 4 * std / np.sqrt(w.size)
        assert abs(w.std() / std - 1) < 4 / np.sqrt(2 * w.size)


def test_a_seed_is_a_network():
    a, b, other = (Network((9, 8, 3), seed=s).arrays() for s in (1, 1, 2))
    assert all((x == y).all() for x, y in zip(a, b, strict=True))
    assert all((x != y).all() for x, y in zip(a, other, strict=True))
    assert not np.allclose(a[0].ravel()[:24], a[1].ravel())


@pytest.mark.parametrize(("largest", "scale"), [(0.1, 250.0), (0.252, 250.0), (0.63, 100.0)])
def test_the_label_scale_follows_the_largest_weight(largest, scale):
    network = Network((4, 3, 2))
    label = np.array([[0.0, -largest], [0.05, 0.0], [0.0, largest / 2]])
    network.load_weights([np.zeros((4, 3)), label])
    assert network.scales() == [240.0, pytest.approx(scale, rel=1e-6)]
    lsb = network.weights_lsb()[1]
    assert lsb[0, 1] == -round(largest * scale)
    assert lsb[1, 0] == round(0.05 * scale)


def test_weights_are_rounded_and_stay_within_six_bits():
    network = Network((4, 3, 2))
    given = np.array([-9.0, -63.6, -0.6, 0.4, 0.6, 62.4, 62.6, 63.4, 99.0, 0, 1, -2]) / 240
    given[0] *= 240
    network.load_weights([given.reshape(4, 3), np.zeros((3, 2))])
    lsb = network.weights_lsb()
    assert lsb[0].ravel().tolist() == [-63, -63, -1, 0, 1, 62, 63, 63, 63, 0, 1, -2]
    assert {w.dtype for w in lsb} == {np.dtype(np.int8)}
    assert (lsb[1] == 0).all()


def test_clamping_keeps_hidden_weights_only():
    network = Network((4, 3, 2))
    network.load_weights([np.full((4, 3), -1.0), np.full((3, 2), 1.0)])
    network.clamp()
    hidden, label = network.arrays()
    np.testing.assert_allclose(hidden, -63 / 240)
    assert (label == 1.0).all()


def test_arrays_are_copies():
    network = Network((4, 3, 2))
    network.arrays()[0][:] = 5.0
    assert np.abs(network.arrays()[0]).max() < 1.0


def test_weights_of_another_shape_are_refused_and_change_nothing():
    network = Network((4, 3, 2))
    before = network.arrays()
    with pytest.raises(SnnlabError, match=r"layer 1 have shape \(2, 3\).* takes \(3, 2\)"):
        network.load_weights([np.zeros((4, 3)), np.zeros((2, 3))])
    with pytest.raises(SnnlabError, match="1 weight matrices given"):
        network.load_weights([np.zeros((4, 3))])
    assert all((a == b).all() for a, b in zip(before, network.arrays(), strict=True))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused(bad):
    weights = [np.zeros((4, 3)), np.zeros((3, 2))]
    weights[0][1, 2] = weights[0][3, 0] = bad
    with pytest.raises(SnnlabError, match="layer 0 hold 2 NaN or infinite values of 12"):
        Network((4, 3, 2)).load_weights(weights)


def test_traces_are_decoded_to_the_units_of_the_float_weights():
    """Half the scale on the chip, half the potential: decoding gives it back."""
    chip = Chip(Mapping((1, 1)), Die.ideal(), quiet())
    events = spikes([[(0, 0)]], 1)
    full, half = (chip.run(events, [np.array([[w]], np.int8)]) for w in (60, 30))
    np.testing.assert_allclose(decode(full, 240.0), full.traces(-1), atol=1e-6)
    np.testing.assert_allclose(decode(half, 120.0), decode(full, 240.0), atol=1.01 * 2 / GAP_LSB)


def test_the_loop_is_the_chip_forward_and_the_adjoint_backward():
    sizes = (40, 30, 4)
    rng = np.random.default_rng(5)
    network, chip = Network(sizes), Chip(Mapping(sizes))
    network.load_weights([rng.normal(0.05, 0.1, (40, 30)), rng.normal(0, 0.4, (30, 4))])
    events = random_spikes(rng, 6, 40)
    surrogate, propagators = Surrogate(10.0), MODEL.propagators(chip.point)
    recording, traces, counts = network.in_the_loop(chip, events, surrogate, propagators, trial=3)

    assert same_recording(recording, chip.run(events, network.weights_lsb(), trial=3))
    np.testing.assert_array_equal(traces.detach(), decode(recording, network.scales()[-1]))
    np.testing.assert_array_equal(counts[0].detach(), recording.spikes[0].count_by_channel())
    np.testing.assert_allclose(network.scores(recording), traces.detach().amax(1))
    area = traces.detach().clamp(min=0).mean(1)
    np.testing.assert_allclose(network.scores(recording, "sum"), area, rtol=1e-6)

    of_traces = rng.normal(size=traces.shape).astype(np.float32)
    of_counts = rng.normal(size=counts[0].shape).astype(np.float32)
    (
        (traces * torch.from_numpy(of_traces)).sum()
        + (counts[0] * torch.from_numpy(of_counts)).sum()
    ).backward()
    chips_own = [
        (w / scale).astype(np.float32)
        for w, scale in zip(network.weights_lsb(), network.scales(), strict=True)
    ]
    expected = fused.adjoint(recording, chips_own, of_traces, [of_counts], surrogate, propagators)
    for weight, grad in zip(network.weights, expected, strict=True):
        assert relative(weight.grad.numpy(), grad) < 1e-5


# Training


def test_idle_threads_are_told_to_sleep_before_torch_wakes_them():
    """OpenMP reads how to wait once, when it loads; a spinning pool starves the kernels' one."""
    code = "import sys; from snnlab import Trainer; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = run.stdout.split()
    assert modules.index("snnlab.chip") < modules.index("torch")


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def few(digits):
    """A hundred digits to learn, fifty to test."""
    return replace(
        digits,
        train_images=digits.train_images[:100],
        train_labels=digits.train_labels[:100],
        test_images=digits.test_images[:50],
        test_labels=digits.test_labels[:50],
    )


def settings(**changes):
    start = {"dataset": "digits", "hidden": [40], "batch": 20, "epochs": 1, "learning_rate": 3e-3}
    return Config.checked(**(start | changes))


def trained(data, **changes):
    """Weights after all epochs."""
    trainer = Trainer(settings(**changes), data)
    for _ in trainer:
        pass
    return trainer.network.arrays()


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.fixture
def threads():
    """Sets the number of threads, and puts it back."""
    before = numba.get_num_threads()
    yield numba.set_num_threads
    numba.set_num_threads(before)


def test_training_gives_the_same_bits_on_any_number_of_threads(few, threads):
    threads(1)
    one = trained(few, hidden=[70, 20])
    threads(2)
    assert equal(trained(few, hidden=[70, 20]), one)


def test_warped_and_dropped_out_training_gives_the_same_bits_on_any_number_of_threads(few, threads):
    knobs = {"hidden": [40, 20], "rotation": 0.2, "bend": 1.0, "mirror": 0.5, "dropout": 0.3}
    threads(1)
    one = trained(few, **knobs)
    threads(2)
    assert equal(trained(few, **knobs), one)
    assert not equal(trained(few, **knobs, seed=2), one)


def test_an_image_is_warped_anew_in_every_epoch_and_never_for_a_test(few):
    trainer = Trainer(settings(batch=100, epochs=2, shift=2.0), few)
    before = trainer.test_events.tick.tobytes()
    first, second = (p.recording.inputs for p in trainer)
    first, second = (e.take(np.argsort(e.ids)) for e in (first, second))
    assert first.ids.tolist() == list(range(100))
    changed = [
        a.channel.tolist() != b.channel.tolist()
        for a, b in ((first.take([k]), second.take([k])) for k in range(100))
    ]
    assert np.mean(changed) > 0.9
    assert trainer.test_events.tick.tobytes() == before


def test_dropped_neurons_keep_silent_and_do_not_learn(few):
    config = settings(hidden=[200], dropout=0.4, rho_weight=0.0, batch=100)
    trainer = Trainer(config, few)
    before = trainer.network.arrays()[0]
    recording = trainer.advance().recording
    moved = (trainer.network.arrays()[0] != before).any(axis=0)
    fired = recording.spikes[0].count_by_channel().any(axis=0)
    assert not (fired & ~moved).any()
    assert abs((~moved).mean() - 0.4) < 4 * np.sqrt(0.24 / 200)


def test_all_neurons_fire_in_a_test_whatever_the_dropout(few):
    """The chip, not a rescaled one: as after training."""
    plain, dropping = (Trainer(settings(dropout=d), few).evaluate() for d in (0.0, 0.4))
    assert plain == dropping


def test_a_recording_lasts_as_many_samples_as_asked_for(few):
    recording = Trainer(settings(samples=7), few).advance().recording
    assert {cadc.shape[1] for cadc in recording.cadc} == {7}
    assert recording.inputs.tick.max() < 7 * DT_CADC / TICK


def test_the_seed_is_the_training(few):
    first = trained(few, mismatch=0.1)
    assert equal(trained(few, mismatch=0.1), first)
    assert not equal(trained(few, mismatch=0.1, seed=2), first)
    assert not equal(trained(few, mismatch=0.1, die_seed=2), first)


def test_digits_are_learnt_on_a_mismatched_chip(digits):
    config = settings(hidden=[60], batch=50, epochs=8, mismatch=0.1)
    trainer = Trainer(config, digits)
    progress = list(trainer)
    evaluations = [p.evaluation for p in progress if p.evaluation]
    assert len(evaluations) == 8
    assert evaluations[-1].accuracy > 0.85
    assert 1 < evaluations[-1].spikes < 200
    assert np.mean([p.loss for p in progress[-10:]]) < 0.3 * np.mean([p.loss for p in progress[:3]])


def test_two_hidden_layers_learn_too(digits):
    trainer = Trainer(settings(hidden=[60, 30], batch=50, epochs=6), digits)
    *_, last = trainer
    assert last.evaluation.accuracy > 0.8


def test_progress_counts_steps_epochs_and_samples(few):
    trainer = Trainer(settings(batch=30, epochs=2), few)
    assert trainer.steps_per_epoch == 4
    progress = list(trainer)
    assert [p.step for p in progress] == list(range(1, 9))
    assert [p.epoch for p in progress] == [0] * 4 + [1] * 4
    assert [p.samples for p in progress] == [30, 30, 30, 10] * 2
    assert [p.evaluation is not None for p in progress] == [False] * 3 + [True] + [False] * 3 + [
        True
    ]
    assert all(0 <= p.accuracy <= 1 for p in progress)
    assert trainer.finished


def test_an_epoch_shows_every_image_once_in_an_order_of_its_own(few):
    orders = []
    trainer = Trainer(settings(batch=30, epochs=2), few)
    for epoch in range(2):
        ids = [trainer.advance().recording.inputs.ids for _ in range(4)]
        orders.append(np.concatenate(ids))
        assert sorted(orders[epoch].tolist()) == list(range(100))
    assert (orders[0] != orders[1]).any()


def test_noise_is_new_in_every_epoch(few):
    trainer = Trainer(settings(batch=100, epochs=2, learning_rate=0.0), few)
    first, second = (p.recording for p in trainer)
    for a, b in zip(first.cadc, second.cadc, strict=True):
        a, b = (x[np.argsort(run.inputs.ids)] for x, run in ((a, first), (b, second)))
        assert 0.1 < (a != b).mean() < 1.0
    np.testing.assert_array_equal(
        first.spikes[0].take(np.argsort(first.inputs.ids)).tick,
        second.spikes[0].take(np.argsort(second.inputs.ids)).tick,
    )


def test_progress_is_of_its_own_batch(few):
    progress = Trainer(settings(), few).advance()
    np.testing.assert_array_equal(
        progress.labels, few.train_labels[progress.recording.inputs.ids.astype(int)]
    )
    assert progress.spikes == progress.recording.spikes_per_sample()


def test_the_first_loss_is_what_the_losses_add_up_to(few):
    config = settings(rho_burst=0.3, rho_weight=7.0, rho_readout=0.2)
    trainer = Trainer(config, few)
    hidden = trainer.network.arrays()[0].astype(float)
    scale = trainer.network.scales()[-1]
    first = trainer.advance()
    peaks = first.recording.traces(-1).max(axis=1).astype(float) * 240 / scale
    logits = 10 * peaks
    expected = (
        (np.log(np.exp(logits).sum(1)) - logits[np.arange(20), first.labels]).mean()
        + 0.3 * (first.recording.spikes[0].count_by_channel() ** 2).mean()
        + 7.0 * (hidden**2).mean()
        + 0.2 * (peaks**2).mean()
    )
    assert first.loss == pytest.approx(expected, rel=1e-5)
    assert first.accuracy == (peaks.argmax(1) == first.labels).mean()


def test_training_and_evaluation_read_out_alike(few):
    """A training by the sum minimises and counts by it."""
    trainer = Trainer(settings(readout="sum", rho_burst=0.0, rho_weight=0.0), few)
    scale = trainer.network.scales()[-1]
    first = trainer.advance()
    area = np.maximum(first.recording.traces(-1).astype(float) * 240 / scale, 0.0).mean(axis=1)
    logits = 10 * area
    expected = np.log(np.exp(logits).sum(1)) - logits[np.arange(20), first.labels]
    assert first.loss == pytest.approx(expected.mean(), rel=1e-5)
    assert first.accuracy == (area.argmax(1) == first.labels).mean()
    right = [
        trainer.network.scores(run, "sum").argmax(1) == few.test_labels[part]
        for part, run in trainer.recordings()
    ]
    assert trainer.evaluate().accuracy == np.concatenate(right).mean()


def test_evaluation_is_on_the_test_images_with_noise_of_their_own(few):
    trainer = Trainer(settings(), few)
    assert not set(trainer.test_events.ids.tolist()) & set(trainer.train_events.ids.tolist())
    recording = trainer.chip.run(
        trainer.test_events, trainer.network.weights_lsb(), trial=key(1, "test", 0)
    )
    right = trainer.network.scores(recording).argmax(1) == few.test_labels
    evaluation = trainer.evaluate()
    assert evaluation.accuracy == right.mean()
    assert evaluation.spikes == recording.spikes_per_sample()
    assert trainer.evaluate() == evaluation


def test_preparing_learns_nothing(few):
    told = []
    trainer, plain = (Trainer(settings(), few) for _ in range(2))
    before = trainer.network.arrays()
    trainer.prepare(lambda message, fraction: told.append(message))
    assert told
    assert equal(trainer.network.arrays(), before)
    assert trainer.step == 0
    trainer.advance()
    plain.advance()
    assert equal(trainer.network.arrays(), plain.network.arrays())


def test_training_starts_from_given_weights(few):
    weights = [w * 0.5 for w in Network((256, 40, 10), seed=9).arrays()]
    trainer = Trainer(settings(), few, weights)
    assert equal(trainer.network.arrays(), weights)


def test_hidden_weights_stay_where_six_bits_reach(few):
    weights = trained(few, learning_rate=0.1, schedule="constant", epochs=2)
    assert np.abs(weights[0]).max() == pytest.approx(63 / 240)


# Knobs turned under way


def after_turning(data, **turned):
    """Weights after one step, some knobs, and another step."""
    config = settings(schedule="constant")
    trainer = Trainer(config, data)
    trainer.advance()
    for name, value in turned.items():
        config.set(name, value)
    progress = trainer.advance()
    return trainer, progress


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("beta", 40.0), ("rho_burst", 0.5), ("rho_weight", 50.0), ("rho_readout", 1.0),
        ("learning_rate", 1e-2), ("mismatch", 0.3), ("cadc_noise", 5.0), ("die", "ideal"),
        ("die_seed", 7), ("threshold_drift", 0.1), ("spike_jitter", 5e-7),
        ("calibration", "measured"), ("dead", 0.2), ("stuck", 0.02), ("logit_gain", 3.0),
        ("label_smoothing", 0.2), ("dropout", 0.5), ("rotation", 0.2), ("shift", 1.0),
        ("stretch", 0.1), ("bend", 1.0), ("mirror", 0.5), ("rho_silent", 10.0),
        ("killed", list(range(100))), ("at_spike", "overshoot"), ("weight_bits", 4),
        ("cadc_bits", 4),
    ],
)  # fmt: skip
def test_a_live_knob_takes_effect_at_the_next_step(few, name, value):
    plain, _ = after_turning(few)
    turned, _ = after_turning(few, **{name: value})
    assert not equal(turned.network.arrays(), plain.network.arrays())


def test_every_live_knob_is_tested_above():
    marks = test_a_live_knob_takes_effect_at_the_next_step.pytestmark
    assert {name for name, _ in marks[0].args[1]} | {"epochs", "least_spikes"} == Config.LIVE


def test_the_least_activity_takes_effect_at_the_next_step(few):
    plain, _ = after_turning(few, rho_silent=10.0)
    turned, _ = after_turning(few, rho_silent=10.0, least_spikes=1.0)
    assert not equal(turned.network.arrays(), plain.network.arrays())


@pytest.mark.parametrize("name", ["tau_mem", "batch", "seed", "schedule", "theta_in", "samples"])
def test_other_knobs_wait_for_a_new_training(few, name):
    values = {"tau_mem": 9e-6, "batch": 10, "seed": 8, "schedule": "cosine", "theta_in": 0.5}
    value = (values | {"samples": 9})[name]
    plain, _ = after_turning(few)
    turned, _ = after_turning(few, **{name: value})
    assert equal(turned.network.arrays(), plain.network.arrays())


def test_mismatch_deepens_the_die_under_the_network(few):
    trainer, _ = after_turning(few)
    before = trainer.chip.die
    assert trainer.chip.die is before
    trainer.config.mismatch = 0.3
    after = trainer.chip.die
    assert after.tau_mem.std() > 3 * before.tau_mem.std()
    np.testing.assert_array_equal(after.gain, before.gain)


def test_noise_is_heard_in_the_next_recording(few):
    _, silent = after_turning(few, cadc_noise=0.0, die="ideal")
    assert (silent.recording.cadc[0][:, 0] == 80).all()
    _, loud = after_turning(few, cadc_noise=8.0, die="ideal")
    assert loud.recording.cadc[0][:, 0].std() == pytest.approx(8.0, rel=0.2)


@pytest.mark.parametrize("bits", [2, 4, 5])
def test_weights_and_samples_have_the_bits_of_the_next_step(few, bits):
    trainer, progress = after_turning(few, weight_bits=bits, cadc_bits=bits + 1)
    spec = ChipSpec(weight_bits=bits, cadc_bits=bits + 1)
    assert trainer.chip.spec == progress.recording.spec == spec
    for mine, full in zip(trainer.weights_lsb(), trainer.network.weights_lsb(), strict=True):
        assert set(mine.ravel()) <= set(spec.weight_levels)
        assert not set(full.ravel()) <= set(spec.weight_levels)
        assert np.abs(mine.astype(int) - full).max() <= spec.weight_step / 2 + 1
    for cadc in progress.recording.cadc:
        assert (cadc % 2 ** (7 - bits) == 0).all()
    trainer.config.set("weight_bits", 6)
    assert equal(trainer.weights_lsb(), trainer.network.weights_lsb())


def test_gradients_see_the_weights_as_rounded(few):
    """The chip of 3 bits gives the gradient of a network whose weights lie on its levels."""
    config = settings(weight_bits=3, learning_rate=0.0)
    trainer = Trainer(config, few)
    trainer.network.load_weights([5 * w for w in trainer.network.arrays()])
    pairs = zip(trainer.weights_lsb(), trainer.network.scales(), strict=True)
    on_levels = [w / np.float32(scale) for w, scale in pairs]
    other = Trainer(settings(weight_bits=6, learning_rate=0.0), few)
    other.network.load_weights(on_levels)
    assert equal(trainer.weights_lsb(), other.weights_lsb())
    trainer.config.rho_weight = other.config.rho_weight = 0.0
    for each in (trainer, other):
        each.advance()
    grads = [[w.grad.numpy() for w in each.network.weights] for each in (trainer, other)]
    assert any(np.abs(g).max() > 0 for g in grads[0])
    assert equal(*grads)


def test_evaluation_rounds_for_the_chip_that_it_is_given(few):
    """What 3 bits make of weights is the same on a chip of 6 bits, if it is not rounded again."""
    trainer = Trainer(settings(), few)
    trainer.advance()
    chip, mapping, point = trainer.chip, trainer.mapping, trainer.chip.point
    coarse = Chip(mapping, chip.die, point, spec=ChipSpec(weight_bits=3))
    part, recording = next(iter(trainer.recordings(coarse)))
    weights = [ChipSpec(weight_bits=3).rounded(w * s) for w, s in
               zip(trainer.network.arrays(), trainer.network.scales(), strict=True)]  # fmt: skip
    by_hand = chip.run(
        trainer.test_events.take(part), weights, trial=key(trainer.settings.seed, "test", 1)
    )
    np.testing.assert_array_equal(recording.cadc[-1], by_hand.cadc[-1])


def test_no_learning_rate_no_learning(few):
    trainer, _ = after_turning(few, learning_rate=0.0)
    before = trainer.network.arrays()
    trainer.advance()
    assert equal(trainer.network.arrays(), before)


def test_fewer_epochs_stop_the_training(few):
    config = settings(epochs=50)
    trainer = Trainer(config, few)
    for progress in trainer:
        if progress.evaluation:
            config.epochs = 1
    assert trainer.step == trainer.steps_per_epoch


def test_more_epochs_carry_on(few):
    config = settings(epochs=1)
    trainer = Trainer(config, few)
    assert len(list(trainer)) == 5
    config.epochs = 2
    assert len(list(trainer)) == 5


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("constant", [1.0, 1.0, 1.0, 1.0]),
        ("exponential", [1.0, 1.0, 0.97, 0.97]),
        ("cosine", [1.0, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5]),
    ],
)
def test_the_learning_rate_follows_its_schedule(few, schedule, rates):
    trainer = Trainer(settings(schedule=schedule, batch=50, epochs=2), few)
    got = []
    for rate in rates:
        got.append(trainer.learning_rate / 3e-3)
        before = trainer.network.arrays()
        trainer.advance()
        # Adam's first steps move a weight by about the rate, whatever the gradient.
        moved = max(
            np.abs(a - b).max() for a, b in zip(before, trainer.network.arrays(), strict=True)
        )
        assert 0.5 * rate < moved / 3e-3 < 2.0 * rate
    assert got == pytest.approx(rates)
    assert trainer.finished


def test_adam_is_torchs_own():
    """The functional form and the class: the same bits after every step."""
    generator = torch.Generator().manual_seed(1)
    start = [torch.randn(shape, generator=generator) for shape in ((7, 5), (5, 3))]
    ours = [p.clone().requires_grad_() for p in start]
    theirs = [p.clone().requires_grad_() for p in start]
    adam, twin = Adam(ours), torch.optim.Adam(theirs, lr=1.0, fused=FUSED)
    for rate in (1e-3, 5e-3, 1e-4):
        twin.param_groups[0]["lr"] = rate
        for a, b in zip(ours, theirs, strict=True):
            gradient = torch.randn(a.shape, generator=generator)
            a.grad, b.grad = gradient, gradient.clone()
        adam.step(rate)
        twin.step()
        for a, b in zip(ours, theirs, strict=True):
            assert torch.equal(a, b)
    adam.zero_grad()
    assert all(p.grad is None for p in ours)


# What does not fit


def test_a_network_that_does_not_fit_is_refused_before_it_trains(few):
    with pytest.raises(SnnlabError, match="Network 256-300-10 needs 630 neuron circuits"):
        Trainer(settings(hidden=[300]), few)


def test_weights_of_another_network_are_refused(few):
    with pytest.raises(SnnlabError, match="weights of layer 0 have shape"):
        Trainer(settings(), few, Network((256, 30, 10)).arrays())
