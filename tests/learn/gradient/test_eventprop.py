"""EventProp is the slope of the loss wherever no spike appears or vanishes."""

from itertools import pairwise

import numba
import numpy as np
import pytest
import reference as twin
import torch
from builders import quiet
from training import MODEL, MODELS, recorded, relative, settings

from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2
from snnlab.config import Config
from snnlab.events import TICK, Events
from snnlab.learn.gradient.eventprop import LEAST_SLOPE, EventProp, layer_events
from snnlab.learn.gradient.eventprop_kernels import PARTS, Demand, Physics, Spikes
from snnlab.learn.gradient.methods import GRADIENTS
from snnlab.learn.gradient.model import CURRENT
from snnlab.learn.gradient.surrogate import Surrogate
from snnlab.learn.trainer import Trainer

TAU_REF, PERIOD, STEPS = OperatingPoint.tau_ref, BRAINSCALES2.dt_cadc, 10
NONE = np.zeros(0)


def physics(model, least_slope=1e-3, tau_ref=TAU_REF):
    return Physics(model.tau_mem, model.tau_syn, tau_ref, CURRENT, least_slope / model.tau_mem)


def packed(images):
    """Spikes of (time, channel) pairs for each image."""
    flat = [pair for image in images for pair in image]
    offsets = np.cumsum([0, *map(len, images)]).astype(np.int64)
    return Spikes(
        offsets, np.array([t for t, _ in flat], float), np.array([c for _, c in flat], np.uint16)
    )


def of_labels(d_traces):
    return Demand(NONE, NONE, PERIOD, d_traces, np.zeros((len(d_traces), d_traces.shape[2])), 0)


def of_spikes(of_time, of_height, of_peak, peaks=STEPS):
    nothing = np.zeros((len(of_peak), 0, of_peak.shape[1]))
    return Demand(of_time, of_height, PERIOD, nothing, of_peak, peaks)


class Exact:
    """A network of ideal neurons, from event to event, in float64."""

    def __init__(self, model, sizes, seed=1):
        rng = np.random.default_rng(seed)
        self.model, self.sizes = model, sizes
        self.inputs = [
            sorted((t, c) for c in range(sizes[0]) for t in rng.uniform(0, 7e-6, 2))
            for _ in range(2)
        ]
        spreads = [(0.4, 0.3), *[(0.6, 0.5)] * (len(sizes) - 3), (0.0, 0.5)]
        self.weights = [
            rng.normal(*spread, shape)
            for spread, shape in zip(spreads, pairwise(sizes), strict=True)
        ]
        self.toward = rng.normal(size=(2, STEPS, sizes[-1]))

    def spikes(self):
        """What every layer sends: lists of (time, channel) for each image."""
        layers = [self.inputs]
        for weight in self.weights[:-1]:
            layers.append([
                sorted(
                    (t, j) for j in range(weight.shape[1])
                    for t in twin.fire(
                        [t for t, _ in image], [weight[c, j] for _, c in image], self.model,
                        TAU_REF, STEPS * PERIOD,
                    )
                )
                for image in layers[-1]
            ])  # fmt: skip
        return layers

    def traces(self, sent):
        grid, out = np.arange(STEPS) * PERIOD, np.zeros((2, STEPS, self.sizes[-1]))
        for b, image in enumerate(sent[-1]):
            for t, c in image:
                out[b] += self.model.psp(grid - t)[:, None] * self.weights[-1][c]
        return out

    def loss(self):
        """Of the label traces, not linear in them; and the number of spikes of every layer."""
        sent = self.spikes()
        return (self.toward * np.sin(self.traces(sent))).sum(), [len(i) for s in sent for i in s]

    def gradients(self, least_slope=1e-3):
        sent, constants = self.spikes(), physics(self.model, least_slope)
        d_traces = self.toward * np.cos(self.traces(sent))
        demand, fired, grads = of_labels(d_traces), packed([[], []]), []
        for k in reversed(range(len(self.weights))):
            grad, of_time = layer_events(
                packed(sent[k]), self.weights[k], fired, demand, constants, k > 0, False
            )
            grads.insert(0, grad)
            fired = packed(sent[k])
            nothing = np.zeros((2, self.sizes[k]))
            demand = of_spikes(of_time, np.zeros(len(of_time)), nothing)
        return grads


@pytest.mark.parametrize("model", MODELS, ids=["equal", "unequal"])
def test_it_is_the_slope_of_the_loss(model):
    """Central differences of an event-driven simulation in float64, in random directions."""
    network, rng, h = Exact(model, (5, 4, 3, 2)), np.random.default_rng(7), 1e-6
    got, start = network.gradients(), network.weights
    assert all(len(image) > 5 for layer in network.spikes() for image in layer)
    for layer, grad in enumerate(got):
        numeric, along = [], []
        for _ in range(8):
            toward, ends = rng.normal(size=grad.shape), []
            for step in (h, -h):
                network.weights = [
                    w + step * toward if k == layer else w for k, w in enumerate(start)
                ]
                ends.append(network.loss())
            assert ends[0][1] == ends[1][1], "no spike appears or vanishes"
            numeric.append((ends[0][0] - ends[1][0]) / (2 * h))
            along.append((grad * toward).sum())
        assert np.abs(numeric).min() > 0.01
        assert relative(np.array(along), np.array(numeric)) < 1e-6


def slow_gradients(inputs, weight, fired, demand, model, tau_ref):
    """The kernel's sums written out: slopes of every spike in what its neuron received."""
    grad, of_times = np.zeros(weight.shape), np.zeros(len(inputs.time))
    for b in range(len(inputs.offsets) - 1):
        into = slice(inputs.offsets[b], inputs.offsets[b + 1])
        times, rows = inputs.time[into], inputs.channel[into].astype(int)
        for j in range(weight.shape[1]):
            own = [
                f for f in range(fired.offsets[b], fired.offsets[b + 1]) if fired.channel[f] == j
            ]
            w = weight[rows, j]
            of_weight, of_time = np.zeros(len(times)), np.zeros(len(times))
            slopes = twin.spike_slopes(times, w, fired.time[own], model, tau_ref)
            climb, previous = twin.Climb(times, w, model), None
            for f, (in_weight, in_time, _) in zip(own, slopes, strict=True):
                of_weight += demand.of_time[f] * in_weight
                of_time += demand.of_time[f] * in_time
                # A push on the membrane at a spike acts on this climb, from the last release on.
                late = twin.Climb(times, w, model, previous and previous[0] + tau_ref)
                before = (np.zeros(len(times)),) * 2 if previous is None else previous[1:]
                of_weight += demand.of_height[f] * (
                    late.of_weights(fired.time[f]) + late.of_release(fired.time[f]) * before[0]
                )
                of_time += demand.of_height[f] * (
                    late.of_times(fired.time[f]) + late.of_release(fired.time[f]) * before[1]
                )
                previous = fired.time[f], in_weight, in_time
            if not own:
                grid = np.arange(demand.peaks) * demand.period
                top = max(grid, key=climb.potential, default=0.0)
                of_weight += demand.of_peak[b, j] * climb.of_weights(top)
                of_time += demand.of_peak[b, j] * climb.of_times(top)
            np.add.at(grad[:, j], rows, of_weight)
            of_times[into] += of_time
    return grad, of_times


@pytest.mark.parametrize("model", MODELS, ids=["equal", "unequal"])
def test_the_kernel_agrees_with_its_twin_on_recorded_spikes(model):
    """Of a mismatched, noisy chip, whose spikes the model would not have fired at these times."""
    rng, _, recording, weights = recorded((30, 24, 5), model=model)
    inputs, fired = (
        Spikes(e.offsets, e.tick * TICK, e.channel) for e in (recording.inputs, recording.spikes[0])
    )
    quiet_ones = recording.spikes[0].count_by_channel() == 0
    demand = of_spikes(
        rng.normal(size=len(fired.time)), 1e5 * rng.normal(size=len(fired.time)),
        1e5 * rng.normal(size=quiet_ones.shape), 20,
    )  # fmt: skip
    weight = weights[0].astype(float)
    assert quiet_ones.any(), "some neurons are silent in some images"
    assert not quiet_ones.all()
    no_floor = physics(model, -np.inf)
    got = layer_events(inputs, weight, fired, demand, no_floor, True, False)
    expected = slow_gradients(inputs, weight, fired, demand, model, TAU_REF)
    for a, b in zip(got, expected, strict=True):
        assert relative(a, b) < 1e-9


def test_float32_serves_as_well_as_float64():
    rng, point, recording, weights = recorded((40, 70, 30, 5))
    d_traces = rng.normal(size=(12, 20, 5)).astype(np.float32)
    d_counts = [rng.normal(size=(12, n)).astype(np.float32) for n in (70, 30)]
    method = EventProp(Surrogate(10.0), MODEL, point)
    single = method.backward(recording, weights, d_traces, d_counts)
    double = method.backward(
        recording, [w.astype(float) for w in weights], d_traces.astype(float),
        [d.astype(float) for d in d_counts],
    )  # fmt: skip
    for a, b in zip(single, double, strict=True):
        assert (a.dtype, b.dtype) == (np.float32, np.float64)
        assert relative(a, b) < 1e-4


def test_on_an_ideal_chip_it_is_the_slope_of_the_ideal_model():
    """The chip's spikes, on its own grid of time, instead of those of the event-driven model."""
    network = Exact(MODEL, (8, 6, 2), seed=4)
    lsb = [np.clip(np.rint(w * 240 / 4), -63, 63).astype(np.int8) for w in network.weights]
    network.weights = [w.astype(float) / 240 for w in lsb]
    network.inputs = [
        sorted((round(t / TICK) * TICK, c) for t, c in image * 2) for image in network.inputs
    ]
    flat = packed(network.inputs)
    events = Events(
        flat.offsets, np.rint(flat.time / TICK).astype(np.uint16), flat.channel, 8,
        np.arange(2, dtype=np.uint64),
    )  # fmt: skip
    point = quiet(samples=STEPS, substeps=64)
    recording = Chip(Mapping((8, 6, 2)), Die.ideal(), point).run(events, lsb)
    exact = network.spikes()[1]
    for b, image in enumerate(exact):
        mine = slice(*recording.spikes[0].offsets[b : b + 2])
        assert len(image) > 3
        assert recording.spikes[0].channel[mine].tolist() == [c for _, c in image]
        late = recording.spikes[0].tick[mine] * TICK - [t for t, _ in image]
        assert np.abs(late).max() < 5 * TICK
    expected = network.gradients(LEAST_SLOPE)
    d_traces = network.toward * np.cos(network.traces([exact]))
    got = EventProp(Surrogate(10.0), MODEL, point).backward(
        recording, network.weights, d_traces, [np.zeros((2, 6))]
    )
    for a, b in zip(got, expected, strict=True):
        assert relative(a, b) < 0.02


def test_one_layer_agrees_with_norse():
    """Its EventProp in small Euler steps, without a refractory period; the loss is of the times."""
    lif = pytest.importorskip("norse.torch.functional.lif")
    step = pytest.importorskip("norse.torch.functional.adjoint.lif_adjoint").lif_adjoint_step
    rng, dt, n_steps, n_in, n = np.random.default_rng(2), 1e-3, 3000, 6, 4
    came = np.sort(rng.integers(0, 1500, n_in))
    weight = torch.tensor(rng.uniform(1.5, 3.0, (n, n_in)), requires_grad=True)
    parameters = lif.LIFParameters(
        tau_syn_inv=torch.tensor(1.0), tau_mem_inv=torch.tensor(1.0), v_leak=torch.tensor(0.0),
        v_th=torch.tensor(1.0), v_reset=torch.tensor(0.0),
    )  # fmt: skip
    nothing, none = torch.zeros(1, n, dtype=torch.float64), torch.zeros(n, n, dtype=torch.float64)
    state, spikes = lif.LIFState(nothing, nothing, nothing), []
    for k in range(n_steps):
        given = torch.zeros(1, n_in, dtype=torch.float64)
        given[0, came == k] = 1.0
        z, state = step(given, state, weight, none, parameters, dt)
        spikes.append(z)
        state = lif.LIFState(torch.zeros_like(z), state.v, state.i)
    fired = torch.stack(spikes)[:, 0]
    when, who = (index.numpy() for index in torch.nonzero(fired.detach(), as_tuple=True))
    assert len(when) > 2 * n
    of_time = rng.normal(size=len(when))
    toward = torch.zeros(n_steps, n, dtype=torch.float64)
    toward[when, who] = torch.from_numpy(-of_time)  # of a spike itself: it comes earlier
    (fired * toward).sum().backward()

    model = type(MODEL)(1.0, 1.0)
    inputs = packed([[(dt * t, c) for c, t in enumerate(came)]])
    own = packed([[(dt * t, c) for t, c in zip(when, who, strict=True)]])
    demand = of_spikes(of_time, np.zeros(len(when)), np.zeros((1, n)), 0)
    constants = Physics(model.tau_mem, model.tau_syn, 1e-9, 1.0, 1e-3)
    got, _ = layer_events(
        inputs, weight.detach().numpy().T.copy(), own, demand, constants, False, False
    )
    assert relative(got, weight.grad.numpy().T) < 0.02


# Neurons that do not fire, steep and flat crossings


def test_a_silent_network_gets_no_gradient_from_the_loss_but_from_a_penalty_on_silence():
    rng, point, recording, weights = recorded((40, 30, 5))
    sleeping = Chip(Mapping((40, 30, 5)), Die.ideal(), point).run(
        recording.inputs, [np.zeros((40, 30), np.int8), np.zeros((30, 5), np.int8)]
    )
    assert len(sleeping.spikes[0].tick) == 0
    method = EventProp(Surrogate(10.0), MODEL, point)
    d_traces, more = rng.normal(size=(12, 20, 5)).astype(np.float32), np.zeros((12, 30), np.float32)
    still = [np.zeros_like(w) for w in weights]
    assert not any(g.any() for g in method.backward(sleeping, still, d_traces, [more]))
    more -= 1.0
    hidden, labels = method.backward(sleeping, still, d_traces, [more])
    came = sleeping.inputs.count_by_channel().any(axis=0)
    assert (hidden[came] <= 0).all(), "the loss falls as weights grow"
    assert (hidden[came] < 0).any(axis=0).all()
    assert not labels.any()


def test_a_grazing_spike_is_bounded():
    """One input spike whose PSP barely reaches the threshold: the slope at the spike is about 0."""
    peak = MODEL.psp(np.array([MODEL.tau_mem]))[0]
    inputs, fired = packed([[(0.0, 0)]]), packed([[(MODEL.tau_mem, 0)]])
    demand = of_spikes(np.ones(1), np.zeros(1), np.zeros((1, 1)))
    weight = np.array([[1.0 / peak]])
    least = physics(MODEL, LEAST_SLOPE)
    got, _ = layer_events(inputs, weight, fired, demand, least, False, False)
    assert got[0, 0] == pytest.approx(-peak / (LEAST_SLOPE / MODEL.tau_mem), rel=1e-9)


def test_stamps_closer_than_the_refractory_period_are_taken_in_order():
    """Jitter may stamp two spikes so: the second climb then begins where the first spike ended."""
    inputs = packed([[(0.0, 0), (1e-6, 1)]])
    fired = packed([[(3e-6, 0), (4e-6, 0)]])
    demand = of_spikes(np.array([0.0, 1.0]), np.zeros(2), np.zeros((1, 1)))
    got, _ = layer_events(inputs, np.ones((2, 1)), fired, demand, physics(MODEL), False, False)
    assert np.isfinite(got).all()
    shorter = physics(MODEL, tau_ref=1e-6 - 1e-15)
    same, _ = layer_events(inputs, np.ones((2, 1)), fired, demand, shorter, False, False)
    np.testing.assert_allclose(got, same, rtol=1e-6)


# On the chip


def test_hidden_membranes_are_not_needed():
    rng, point, recording, weights = recorded((40, 70, 30, 5))
    d_traces = rng.normal(size=(12, 20, 5)).astype(np.float32)
    d_counts = [rng.normal(size=(12, n)).astype(np.float32) for n in (70, 30)]
    blind = type(recording)(
        recording.inputs, recording.spikes,
        (*(c[:, :0] for c in recording.cadc[:-1]), recording.cadc[-1]),
    )  # fmt: skip
    method = EventProp(Surrogate(10.0), MODEL, point)
    for a, b in zip(
        method.backward(recording, weights, d_traces, d_counts),
        method.backward(blind, weights, d_traces, d_counts),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_the_bits_do_not_depend_on_the_number_of_threads():
    rng, point, recording, weights = recorded((40, 70, 30, 5))
    assert len(recording.inputs) < PARTS
    many = recording.take(np.arange(3 * PARTS + 1) % 12)
    d_traces = rng.normal(size=(len(many.inputs), 20, 5)).astype(np.float32)
    d_counts = [rng.normal(size=(len(many.inputs), n)).astype(np.float32) for n in (70, 30)]
    method, before, got = EventProp(Surrogate(10.0), MODEL, point), numba.get_num_threads(), []
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            got.append(method.backward(many, weights, d_traces, d_counts))
    finally:
        numba.set_num_threads(before)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(*got, strict=True))


def test_the_knob_offers_every_method_but_the_reference():
    assert {*Config.param["gradient"].objects, "reference"} == {*GRADIENTS}


def test_digits_are_learnt_without_surrogate_and_membranes():
    from snnlab.data import load

    config = settings(
        gradient="eventprop", hidden=[60], batch=50, epochs=8, mismatch=0.1, readout="fading",
        rho_silent=1.0, least_spikes=0.01,
    )  # fmt: skip
    progress = list(Trainer(config, load("digits")))
    accuracy = [p.evaluation.accuracy for p in progress if p.evaluation]
    assert accuracy[-1] > 0.85
