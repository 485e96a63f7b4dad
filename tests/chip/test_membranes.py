"""Closed forms of the membranes: potentials, spikes and resets, and which circuit does what."""

from dataclasses import replace

import numpy as np
import pytest
import reference
from builders import (
    membrane,
    quiet,
    random_spikes,
    random_weights,
    spikes,
)
from scipy.optimize import brentq

from snnlab.chip import constants as c
from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.spec import BRAINSCALES2
from snnlab.chip.synapses import CURRENT_PER_LSB
from snnlab.events import TICK

GRID = np.arange(c.TRAINING_SAMPLES) * c.DT_CADC
TAU = c.TAU_MEM


def alpha(time, tau=TAU):
    """Potential after one spike through 1 LSB with equal time constants."""
    after = np.maximum(time, 0.0)
    return CURRENT_PER_LSB * after * np.exp(-after / tau)


# The shape of a potential


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("inputs", "circuits"), [(128, 1), (256, 2)])
def test_a_synaptic_input_carries_as_many_spikes_as_its_limit(inputs, circuits, sign):
    """The next one adds nothing; a neuron of two circuits has two inputs of each sign."""
    limit, weight = circuits, np.full(inputs, 5 * sign)
    full = replace(BRAINSCALES2, synaptic_limit=1)

    def after(count):
        events = spikes([[(0, k) for k in range(count)]], inputs)
        return membrane(events, weight, quiet(), spec=full)[0]

    # 5 LSB each: 63 / 5 as many spikes as of full weight.
    most = limit * 63 // 5
    np.testing.assert_allclose(after(most), sign * most * 5 * alpha(GRID), atol=1e-3)
    reached = sign * limit * 63 * alpha(GRID)
    for count in (most + 1, most + 2, inputs):
        np.testing.assert_allclose(after(count), reached, atol=1e-3)


def test_excitatory_and_inhibitory_inputs_saturate_apart():
    """Each carries its limit, and their difference remains: nothing, where both are full."""
    full = replace(BRAINSCALES2, synaptic_limit=1)
    events = spikes([[(0, k) for k in range(5)]], 5)
    for weight, net in (([63, 63, 63, -63, -63], 0), ([63, 63, 63, 0, -40], 63 - 40)):
        got = membrane(events, weight, quiet(), spec=full)[0]
        np.testing.assert_allclose(got, net * alpha(GRID), atol=1e-4)


@pytest.mark.parametrize("tick", [0, 425])
@pytest.mark.parametrize("weight", [63, 10, 1, -20])
def test_a_spike_on_the_grid_gives_the_exact_potential(tick, weight):
    """Both propagate exactly, so only the converter's step is left of the error."""
    expected = weight * alpha(GRID - tick * TICK)
    got = membrane(spikes([[(tick, 0)]], 1), [weight], quiet(), lowest=-0.5, highest=0.5)
    np.testing.assert_allclose(got[0], expected, atol=1e-4 * c.PSP_PEAK_PER_LSB * 63)


@pytest.mark.parametrize(("tau_mem", "tau_syn"), [(10e-6, 3e-6), (3e-6, 10e-6), (6e-6, 6.001e-6)])
def test_a_potential_with_two_time_constants(tau_mem, tau_syn):
    point = quiet(tau_mem=tau_mem, tau_syn=tau_syn)
    got = membrane(spikes([[(0, 0)]], 1), [63], point)
    slow, fast = np.exp(-GRID / tau_mem), np.exp(-GRID / tau_syn)
    amplitude = 63 * CURRENT_PER_LSB * tau_mem * tau_syn / (tau_mem - tau_syn)
    np.testing.assert_allclose(got[0], amplitude * (slow - fast), atol=1e-4 * got.max())


def test_the_largest_weight_peaks_at_the_published_height():
    """0.45 of threshold − leak, one time constant after the spike: 0.8 µs + 6 µs = 4 × 1.7 µs."""
    point = quiet(substeps=17)  # steps of 0.1 µs: 0.8 µs lies on the grid
    got = membrane(spikes([[(100, 0)]], 1), [63], point)[0]
    assert got[4] == pytest.approx(0.45, abs=1e-4)
    assert got.argmax() == 4


def test_between_grid_points_the_error_falls_as_the_square_of_the_step():
    """A spike inside a step is split between its ends: its mean time is kept."""
    every_tick = spikes([[(tick, 0)] for tick in range(213)], 1)
    exact = 63 * alpha(GRID - np.arange(213)[:, None] * TICK)
    errors = [
        np.abs(membrane(every_tick, [63], quiet(substeps=n)) - exact).max() / 0.45
        for n in (1, 2, 4)
    ]
    assert errors[0] / errors[1] > 3.0
    assert errors[1] / errors[2] > 3.0
    assert errors[2] < 5e-3


def test_potentials_add():
    rng = np.random.default_rng(0)
    ticks, weights = rng.integers(0, 10, 8) * 425, rng.integers(-30, 31, 8)
    together = membrane(
        spikes([list(zip(ticks.tolist(), range(8), strict=True))], 8), weights, quiet()
    )
    expected = sum(w * alpha(GRID - t * TICK) for t, w in zip(ticks, weights, strict=True))
    np.testing.assert_allclose(together[0], expected, atol=1e-4)


def test_below_threshold_double_the_weight_is_double_the_potential():
    events = random_spikes(np.random.default_rng(1), 3, 20)
    weights = np.random.default_rng(2).integers(-9, 10, 20)
    single, double = (membrane(events, k * weights, quiet(), label=False) for k in (1, 2))
    assert double.max() < 1.0
    np.testing.assert_allclose(double, 2 * single, atol=1e-4)


def test_the_order_of_inputs_means_nothing_on_an_ideal_die():
    rng = np.random.default_rng(3)
    events = random_spikes(rng, 20, 64)
    weight = random_weights(rng, (64, 30))[0]
    order = rng.permutation(64)
    renamed = replace(events, channel=np.argsort(order)[events.channel].astype(np.uint16))
    chip = Chip(Mapping((64, 30)), Die.ideal(), quiet())
    a, b = chip.run(events, [weight]), chip.run(renamed, [weight[order]])
    off = a.cadc[0].astype(int) - b.cadc[0]
    assert np.abs(off).max() <= 1
    assert (off != 0).mean() < 1e-3


def test_the_twin_has_the_closed_form_too():
    chip = Chip(Mapping((1, 1)), Die.ideal(), quiet())
    events, synapses = spikes([[(425, 0)]], 1), chip._synapses[0].written(np.array([[63]], np.int8))
    _, u, _ = reference.run_layer(
        events, synapses, chip._neurons[0], chip._clock, chip._readouts[0], chip._noise(0, 0), 1
    )
    np.testing.assert_allclose(u[0, :, 0], 63 * alpha(GRID - 425 * TICK), atol=1e-6)


# Spikes, reset and refractory period


@pytest.mark.parametrize("tau_ref", [0.5e-6, 2e-6, 5e-6])
def test_spike_times_are_those_of_the_differential_equation(tau_ref):
    """Two spikes after one strong input: the first crossing, then again from the reset."""
    n = 10  # inputs of 63 LSB at once, 4.5 thresholds
    point = quiet(substeps=64, tau_ref=tau_ref)
    chip = Chip(Mapping((n, 1, 1)), Die.ideal(), point)
    weights = [np.full((n, 1), 63, np.int8), np.zeros((1, 1), np.int8)]
    got = chip.run(spikes([[(0, k) for k in range(n)]], n), weights).spikes[0].tick

    first = brentq(lambda t: 63 * n * alpha(t) - 1.0, 0.0, TAU)
    free = first + tau_ref
    left = 63 * n * np.exp(-free / TAU)  # of the current, when the membrane is let go at 0
    second = free + brentq(lambda t: left * alpha(t) - 1.0, 0.0, TAU)
    np.testing.assert_allclose(got[:2].astype(int), [first / TICK, second / TICK], atol=1.6)


@pytest.mark.parametrize("tau_ref", [40e-9, 0.3e-6, 2e-6, 4.7e-6])
@pytest.mark.parametrize("substeps", [1, 4])
def test_no_two_spikes_within_the_refractory_period(tau_ref, substeps):
    rng = np.random.default_rng(4)
    die = Die.draw(sigma=0.5, seed=1)
    point = quiet(tau_ref=tau_ref, substeps=substeps)
    chip = Chip(Mapping((128, 20, 1)), die, point)
    weights = [rng.integers(20, 64, (128, 20)).astype(np.int8), np.zeros((20, 1), np.int8)]
    fired = chip.run(random_spikes(rng, 5, 128, rate=1.0, last=2000), weights).spikes[0].checked()
    assert fired.counts.max() <= 20 * point.most_spikes
    intervals = [
        np.diff(fired.tick[(fired.owner == b) & (fired.channel == j)].astype(int))
        for b in range(5)
        for j in range(20)
    ]
    shortest = np.concatenate(intervals).min()
    assert shortest >= tau_ref / TICK - 1
    assert shortest < tau_ref / TICK + 60 * 4 / substeps  # driven hard: soon after the release


def test_the_membrane_waits_at_the_reset_of_its_circuit():
    die = replace(Die.ideal(), reset_lsb=np.full(512, -14.0))
    chip = Chip(Mapping((10, 1, 1)), die, quiet(tau_ref=32e-6))
    weights = [np.full((10, 1), 63, np.int8), np.zeros((1, 1), np.int8)]
    cadc = chip.run(spikes([[(0, k) for k in range(10)]], 10), weights).cadc[0]
    assert cadc[0, 0, 0] == 80
    assert (cadc[0, 2:-1, 0] == 80 - 14).all()


def test_reset_is_relative_to_leak_as_both_are_voltages():
    die = replace(Die.ideal(), leak_lsb=np.full(512, 5.0), reset_lsb=np.full(512, 5.0))
    chip = Chip(Mapping((10, 1, 1)), die, quiet(tau_ref=32e-6))
    weights = [np.full((10, 1), 63, np.int8), np.zeros((1, 1), np.int8)]
    cadc = chip.run(spikes([[(0, k) for k in range(10)]], 10), weights).cadc[0]
    assert (cadc[0, [0, 2, 3, 4], 0] == 85).all()


@pytest.mark.parametrize("gap", [0.8, 1.2])
@pytest.mark.parametrize("leak", [-9.0, 0.0, 9.0])
def test_a_circuit_fires_at_its_own_threshold_above_its_own_leak(gap, leak):
    """The peak just below it, or just above."""
    threshold = leak + (gap - 1.0) * c.GAP_LSB
    die = replace(Die.ideal(), threshold_lsb=np.full(512, threshold), leak_lsb=np.full(512, leak))
    chip = Chip(Mapping((4, 1, 1)), die, quiet(substeps=17))
    events = spikes([[(0, k) for k in range(4)]], 4)
    needed = gap / c.PSP_PEAK_PER_LSB  # LSB of all four inputs together
    for total, fires in ((needed - 2, False), (needed + 2, True)):
        parts = np.diff(np.linspace(0, total, 5).astype(int)).astype(np.int8)
        run = chip.run(events, [parts[:, None], np.zeros((1, 1), np.int8)])
        assert len(run.spikes[0].tick) == fires


def test_without_input_nothing_fires_and_every_trace_is_at_rest():
    die = Die.draw(sigma=0.3, seed=2)
    mapping = Mapping((30, 20, 10))
    recording = Chip(mapping, die, quiet()).run(
        spikes([[], [], []], 30), random_weights(np.random.default_rng(5), mapping.sizes)
    )
    assert recording.spikes_per_sample() == 0
    for cadc, circuits in zip(recording.cadc, mapping.circuits, strict=True):
        own = circuits[:, 0]
        rest = die.cadc_gain[own] * (80 + die.leak_lsb[own]) + die.cadc_offset_lsb[own]
        assert (cadc == np.floor(rest + 0.5)).all()


def test_label_neurons_never_fire():
    events = spikes([[(0, k) for k in range(20)]], 20)
    recording = Chip(Mapping((20, 3)), Die.ideal(), quiet()).run(
        events, [np.full((20, 3), 63, np.int8)]
    )
    assert recording.spikes == ()
    assert recording.cadc[0].max() == c.CADC_MAX_LSB


# Which circuit and synapse does what


@pytest.mark.parametrize(
    ("sign", "row"), [(1, 0), (-1, 1)], ids=["excitatory is even", "inhibitory is odd"]
)
def test_each_sign_has_its_row(sign, row):
    gain = np.ones((256, 512))
    gain[row::2] = 0.5
    events, weights = spikes([[(0, 0)]], 1), [np.array([[60 * sign]], np.int8)]
    traces = {
        name: Chip(Mapping((1, 1)), die, quiet()).run(events, weights).traces(0)
        for name, die in (
            ("nominal", Die.ideal()),
            ("changed", replace(Die.ideal(), synapse_gain=gain)),
            ("other", replace(Die.ideal(), synapse_gain=gain[::-1])),
        )
    }
    np.testing.assert_allclose(traces["changed"], traces["nominal"] / 2, atol=1.01 / 70)
    np.testing.assert_array_equal(traces["other"], traces["nominal"])


def test_a_synapse_belongs_to_one_input_and_one_circuit():
    """Input 130 of a neuron made of two circuits: third pair of rows in its second circuit."""
    mapping = Mapping((200, 5))
    gain = np.ones((256, 512))
    gain[4, 7] = 2.0  # neuron 3 owns circuits 6 and 7
    chip = Chip(mapping, replace(Die.ideal(), synapse_gain=gain), quiet())
    weights = [np.full((200, 5), 20, np.int8)]
    events = spikes([[(0, k)] for k in range(200)], 200)
    peaks = chip.run(events, weights).traces(0).max(axis=1)
    changed = peaks > 1.5 * np.median(peaks)
    assert np.argwhere(changed).tolist() == [[130, 3]]


def test_the_gain_of_the_joined_circuit_counts_for_its_inputs_only():
    gain = np.ones((2, 512))
    gain[:, 1] = 2.0  # second circuit of neuron 0
    chip = Chip(Mapping((256, 2)), replace(Die.ideal(), gain=gain), quiet())
    events = spikes([[(0, 127)], [(0, 128)]], 256)
    peaks = chip.run(events, [np.full((256, 2), 30, np.int8)]).traces(0).max(axis=1)
    np.testing.assert_allclose(peaks / peaks[0, 0], [[1, 1], [2, 1]], atol=0.08)


@pytest.mark.parametrize("name", ["tau_mem", "tau_syn"])
def test_a_circuit_has_time_constants_of_its_own(name):
    ideal = Die.ideal()
    changed = getattr(ideal, name) * np.where(np.arange(512) == 2, 2.0, 1.0)
    die = replace(ideal, **{name: changed})
    chip = Chip(Mapping((256, 2)), die, quiet())  # neuron 1 owns circuits 2 and 3
    trace = chip.run(spikes([[(0, 0)]], 256), [np.full((256, 2), 63, np.int8)]).traces(0)[0]
    time = np.arange(20) * c.DT_CADC
    doubled = 63 * CURRENT_PER_LSB * 12e-6 * (np.exp(-time / 12e-6) - np.exp(-time / 6e-6))
    np.testing.assert_allclose(trace[:, 0], 63 * alpha(time), atol=1.01 / 70)
    np.testing.assert_allclose(trace[:, 1], doubled, atol=1.01 / 70)
