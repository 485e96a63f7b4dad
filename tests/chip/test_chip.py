"""The emulated chip: closed forms of its physics, statistics of its noise, and its slow twin."""

from dataclasses import replace
from itertools import chain

import numba
import numpy as np
import pytest
import reference
from builders import (
    WINDOW,
    membrane,
    quiet,
    random_spikes,
    random_weights,
    same_recording,
    spikes,
)
from scipy.optimize import brentq

from snnlab.chip import constants as c
from snnlab.chip import emulator, synapses
from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.recording import Recording
from snnlab.chip.synapses import CURRENT_PER_LSB
from snnlab.chip.threads import use_threads
from snnlab.errors import SnnlabError
from snnlab.events import TICK

GRID = np.arange(c.TRAINING_SAMPLES) * c.DT_CADC
TAU = c.TAU_MEM


def alpha(time, tau=TAU):
    """Potential after one spike through 1 LSB with equal time constants."""
    after = np.maximum(time, 0.0)
    return CURRENT_PER_LSB * after * np.exp(-after / tau)


# The shape of a potential


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


# The slow twin


@pytest.fixture(scope="module")
def noisy_chip():
    return Chip(Mapping((40, 24, 6)), Die.draw(sigma=0.3, seed=3), OperatingPoint())


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("substeps", [1, 4])
def test_the_kernel_agrees_with_its_twin(layer, substeps):
    rng = np.random.default_rng(6)
    sizes = (40, 24, 6)
    point = OperatingPoint(substeps=substeps)
    chip = Chip(Mapping(sizes), Die.draw(sigma=0.3, seed=3), point)
    weights = random_weights(rng, sizes, mean=12)
    ids = rng.integers(0, 2**63, 25).astype(np.uint64)
    recording = chip.run(replace(random_spikes(rng, 25, 40), ids=ids), weights, trial=2**63 + 5)
    source = (recording.inputs, *recording.spikes)[layer]
    n = sizes[layer + 1]
    expected, _, cadc = reference.run_layer(
        source, chip._synapses[layer].written(weights[layer]), chip._neurons[layer], chip._clock,
        chip._readouts[layer], chip._noise(layer, 2**63 + 5), n,
    )  # fmt: skip

    off = np.abs(recording.cadc[layer].astype(int) - cadc)
    assert (off == 0).mean() >= 0.99
    assert (off <= 1).mean() >= 0.999
    if layer == 0:
        fired = recording.spikes[0].checked()
        got = [
            [fired.tick[(fired.owner == b) & (fired.channel == j)].tolist() for j in range(n)]
            for b in range(25)
        ]
        assert [[len(x) for x in row] for row in got] == [[len(x) for x in row] for row in expected]
        ticks, twins = (np.array(list(chain(*chain(*rows)))) for rows in (got, expected))
        assert len(ticks) > 500
        assert np.abs(ticks - twins).max() <= 1


def test_the_twin_has_the_closed_form_too():
    chip = Chip(Mapping((1, 1)), Die.ideal(), quiet())
    events, synapses = spikes([[(425, 0)]], 1), chip._synapses[0].written(np.array([[63]], np.int8))
    _, u, _ = reference.run_layer(
        events, synapses, chip._neurons[0], chip._clock, chip._readouts[0], chip._noise(0, 0), 1
    )
    np.testing.assert_allclose(u[0, :, 0], 63 * alpha(GRID - 425 * TICK), atol=1e-6)


def test_compacting_agrees_with_its_twin():
    rng = np.random.default_rng(7)
    counts = np.array([3, 0, 5, 1])
    tick, channel = rng.integers(0, 4000, (2, 4, 6)).astype(np.uint16)
    for got, twin in zip(
        emulator.compact(counts, tick, channel),
        reference.compact(counts, tick, channel),
        strict=True,
    ):
        np.testing.assert_array_equal(got, twin)


# The converter and its noise


def test_the_converter_saturates_at_both_ends():
    events = spikes([[(0, k) for k in range(60)]], 60)
    weights = [np.stack([np.full(60, 63), np.full(60, -63), np.ones(60)], axis=1).astype(np.int8)]
    recording = Chip(Mapping((60, 3)), Die.ideal()).run(events, weights)
    cadc, ends = recording.cadc[0][0], recording.saturated(0)[0]
    assert (cadc[2:8, 0] == 225).all()
    assert (cadc[2:8, 1] == 25).all()
    assert (cadc.min(), cadc.max()) == (25, 225)
    assert ends[2:8, :2].all()
    assert not ends[:, 2].any()


@pytest.fixture(scope="module")
def silence():
    """Read noise alone, in LSB : [layer, trial, image, sample, neuron]."""
    chip = Chip(Mapping((2, 50, 50)), Die.ideal())
    events = spikes([[]] * 150, 2)
    weights = [np.zeros((2, 50), np.int8), np.zeros((50, 50), np.int8)]
    runs = [chip.run(events, weights, trial=trial) for trial in range(3)]
    return np.array([[run.cadc[k] for run in runs] for k in range(2)]) - 80.0


def test_noise_has_the_mean_and_variance_asked_for(silence):
    """Rounding adds 1/12; a sum of four uniform numbers has an excess kurtosis of −0.3."""
    variance = c.CADC_NOISE_LSB**2 + 1 / 12
    assert abs(silence.mean()) < 4 * np.sqrt(variance / silence.size)
    assert abs(silence.var() / variance - 1) < 4 * np.sqrt((2 - 0.3) / silence.size)


@pytest.mark.parametrize("axis", range(5), ids=["layer", "trial", "image", "sample", "neuron"])
def test_noise_is_independent_along(silence, axis):
    a = silence.take(range(silence.shape[axis] - 1), axis).ravel()
    b = silence.take(range(1, silence.shape[axis]), axis).ravel()
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(a.size)


@pytest.mark.parametrize("shift", [-2, -1, 1, 2])
def test_a_trial_is_no_shifted_copy_of_another(silence, shift):
    """Trials and images are counted both: their keys must not add up to the same."""
    first = silence[0, 1]
    for other in (silence[0, 0], silence[0, 2], silence[1, 0]):
        shifted = np.roll(other, shift, axis=0)
        assert abs(np.corrcoef(first.ravel(), shifted.ravel())[0, 1]) < 4 / np.sqrt(first.size)


def test_means_of_neurons_images_and_samples_are_those_of_chance(silence):
    """No neuron, image or sample has an offset of its own: the averages spread as they should."""
    for kept in (1, 2, 3, 4):
        axes = tuple(k for k in range(5) if k != kept)
        means = silence.mean(axis=axes)
        z = means * np.sqrt(silence.size / means.size / silence.var())
        assert np.abs(z).max() < 4.5
        assert z.std() < 1.0 + 4 / np.sqrt(2 * z.size)


def test_no_noise_is_none():
    chip = Chip(Mapping((2, 50)), Die.ideal(), quiet())
    cadc = chip.run(spikes([[]] * 5, 2), [np.zeros((2, 50), np.int8)]).cadc[0]
    assert (cadc == 80).all()


# The same bits, whatever the batch and the threads


@pytest.fixture(scope="module")
def batch(noisy_chip):
    """Chip, 30 images with ids of their own, weights, and what the chip makes of them."""
    rng = np.random.default_rng(8)
    events = replace(random_spikes(rng, 30, 40), ids=rng.integers(0, 2**40, 30).astype(np.uint64))
    weights = random_weights(rng, (40, 24, 6), mean=6)
    recording = noisy_chip.run(events, weights, trial=11)
    assert recording.spikes_per_sample() > 5
    return noisy_chip, events, weights, recording


def part(recording, samples):
    """Some samples of a recording."""
    return Recording(
        recording.inputs.take(samples),
        tuple(layer.take(samples) for layer in recording.spikes),
        tuple(cadc[samples] for cadc in recording.cadc),
    )


def test_the_same_run_twice_gives_the_same_bits(batch):
    chip, events, weights, recording = batch
    assert same_recording(chip.run(events, weights, trial=11), recording)
    assert same_recording(
        Chip(chip.mapping, Die.draw(sigma=0.3, seed=3)).run(events, weights, trial=11), recording
    )


def test_another_trial_changes_the_noise_and_nothing_else(batch):
    """Read noise alone: it is drawn after the physics."""
    chip, events, weights, _ = batch
    point = replace(chip.point, threshold_drift=0.0, spike_jitter=0.0)
    chip = Chip(chip.mapping, chip.die, point)
    recording = chip.run(events, weights, trial=11)
    other = chip.run(events, weights, trial=12)
    assert not same_recording(other, recording)
    for a, b in zip(other.spikes, recording.spikes, strict=True):
        np.testing.assert_array_equal(a.tick, b.tick)
        np.testing.assert_array_equal(a.channel, b.channel)
    off = other.cadc[0].astype(float) - recording.cadc[0]
    assert 0.5 < off.std() / (c.CADC_NOISE_LSB * np.sqrt(2)) < 1.2


def test_another_id_changes_the_noise(batch):
    chip, events, weights, recording = batch
    other = chip.run(replace(events, ids=events.ids + np.uint64(1)), weights, trial=11)
    assert not same_recording(part(other, [0]), part(recording, [0]))


@pytest.mark.parametrize("size", [1, 7, 29])
def test_noise_follows_the_image_into_any_batch(batch, size):
    chip, events, weights, recording = batch
    for first in range(0, 30, size):
        samples = np.arange(first, min(first + size, 30))
        run = chip.run(events.take(samples), weights, trial=11)
        assert same_recording(run, part(recording, samples))


def test_a_classification_reads_no_hidden_membranes_and_is_the_same(batch):
    chip, events, weights, recording = batch
    run = chip.run(events, weights, trial=11, read_hidden=False)
    assert [cadc.shape[1] for cadc in run.cadc] == [0] * len(run.spikes) + [20]
    assert same_recording(replace(run, cadc=recording.cadc), recording)
    np.testing.assert_array_equal(run.cadc[-1], recording.cadc[-1])


def test_noise_follows_the_image_to_any_place(batch):
    chip, events, weights, recording = batch
    order = np.random.default_rng(9).permutation(30)
    run = chip.run(events.take(order), weights, trial=11)
    assert same_recording(run, part(recording, order))


@pytest.fixture
def threads():
    """Sets the number of threads, and puts it back."""
    before = numba.get_num_threads()
    yield use_threads
    numba.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2])
def test_threads_do_not_matter(batch, threads, count):
    chip, events, weights, recording = batch
    threads(count)
    assert same_recording(chip.run(events, weights, trial=11), recording)


@pytest.mark.parametrize("count", [0, 100_000])
def test_threads_that_are_not_there_are_refused(count):
    with pytest.raises(SnnlabError, match=rf"threads = {count} is not allowed: .* takes 1 to"):
        use_threads(count)


def test_no_neuron_sees_another(batch):
    """Leaving out one neuron of a layer leaves the others' potentials alone."""
    chip, events, weights, _ = batch
    silent = replace(chip.point, cadc_noise=0.0)
    full = Chip(chip.mapping, chip.die, silent).run(events, weights)
    weights = [weights[0].copy(), weights[1]]
    weights[0][:, 5] = 0
    without = Chip(chip.mapping, chip.die, silent).run(events, weights)
    others = np.arange(24) != 5
    np.testing.assert_array_equal(full.cadc[0][:, :, others], without.cadc[0][:, :, others])


# Networks


def test_several_hidden_layers():
    sizes = (60, 40, 30, 20, 5)
    rng = np.random.default_rng(10)
    recording = Chip(Mapping(sizes)).run(
        random_spikes(rng, 6, 60, rate=0.9), random_weights(rng, sizes, mean=12)
    )
    assert [cadc.shape for cadc in recording.cadc] == [(6, 20, n) for n in sizes[1:]]
    assert {cadc.dtype for cadc in recording.cadc} == {np.dtype(np.uint8)}
    assert [layer.n_channels for layer in recording.spikes] == [40, 30, 20]
    for layer in recording.spikes:
        assert len(layer.checked().tick) > 0
        assert layer.tick.max() <= WINDOW
        np.testing.assert_array_equal(layer.ids, recording.inputs.ids)


def test_a_second_layer_sees_the_spikes_of_the_first():
    """Run on its own with the recorded spikes as input, it does the same."""
    rng = np.random.default_rng(11)
    weights = random_weights(rng, (40, 24, 6), mean=6)
    both = Chip(Mapping((40, 24, 6)), Die.ideal(), quiet()).run(random_spikes(rng, 9, 40), weights)
    alone = Chip(Mapping((24, 6)), Die.ideal(), quiet()).run(both.spikes[0], weights[1:])
    np.testing.assert_array_equal(alone.cadc[0], both.cadc[1])


def test_an_empty_batch_runs():
    recording = Chip(Mapping((4, 3, 2))).run(
        spikes([], 4), [np.zeros((4, 3), np.int8), np.zeros((3, 2), np.int8)]
    )
    assert [cadc.shape for cadc in recording.cadc] == [(0, 20, 3), (0, 20, 2)]
    assert recording.spikes_per_sample() == 0


def test_a_longer_window_records_more_of_the_same():
    events = spikes([[(0, 0), (800, 0)]], 1)
    weights = [np.array([[63]], np.int8)]
    short, long = (
        Chip(Mapping((1, 1)), Die.ideal(), quiet(samples=n)).run(events, weights) for n in (8, 20)
    )
    np.testing.assert_array_equal(short.cadc[0], long.cadc[0][:, :8])
    assert short.duration == pytest.approx(8 * 1.7e-6)


def test_traces_are_in_thresholds_above_their_first_sample():
    cadc = np.array([[[80, 100], [150, 65]]], np.uint8)
    recording = Recording(spikes([[]], 1), (), (cadc,))
    np.testing.assert_allclose(recording.traces(0), [[[0, 0], [1, -0.5]]])
    assert recording.traces(0).dtype == np.float32


# What the chip refuses


@pytest.fixture
def small():
    return Chip(Mapping((4, 3, 2)), Die.ideal()), spikes([[(0, 1)]], 4)


def good_weights():
    return [np.zeros((4, 3), np.int8), np.zeros((3, 2), np.int8)]


@pytest.mark.parametrize("shape", [(4, 2), (3, 4), (12,)])
def test_weights_of_another_shape_are_refused(small, shape):
    chip, events = small
    with pytest.raises(SnnlabError, match=r"weights of shapes .* do not fit network 4-3-2"):
        chip.run(events, [np.zeros(shape, np.int8), good_weights()[1]])


def test_a_missing_layer_is_refused(small):
    chip, events = small
    with pytest.raises(SnnlabError, match="do not fit network 4-3-2"):
        chip.run(events, good_weights()[:1])


def test_other_channels_are_refused(small):
    chip, _ = small
    with pytest.raises(SnnlabError, match="Events have 5 channels, network 4-3-2 takes 4"):
        chip.run(spikes([[(0, 1)]], 5), good_weights())


@pytest.mark.parametrize("value", [64, -64, 127, -128])
def test_weights_beyond_six_bits_are_refused(small, value):
    chip, events = small
    weights = good_weights()
    weights[1][2, 1] = value
    with pytest.raises(SnnlabError) as error:
        chip.run(events, weights)
    text = str(error.value)
    assert text.startswith("weights of layer 1")
    assert str(value) in text
    assert "±63" in text


def test_the_largest_weights_are_taken(small):
    chip, events = small
    chip.run(events, [np.full((4, 3), 63, np.int8), np.full((3, 2), -63, np.int8)])


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_weights_must_be_rounded(small, kind):
    chip, events = small
    weights = good_weights()
    weights[0] = weights[0].astype(kind)
    with pytest.raises(SnnlabError, match=rf"layer 0: {np.dtype(kind)} .* takes int8"):
        chip.run(events, weights)


def test_writing_agrees_with_its_twin():
    rng = np.random.default_rng(15)
    weight = rng.integers(-63, 64, (9, 5)).astype(np.int8)
    gains = rng.random((2, 9, 16)).astype(np.float32) * [[[1]], [[-1]]]
    got = synapses.write_synapses(weight, gains.astype(np.float32))
    twin = [
        [abs(int(w)) * gains[int(w < 0), k, j] for j, w in enumerate(row)]
        for k, row in enumerate(weight)
    ]
    np.testing.assert_allclose(got[:, :5], twin, rtol=1e-6)
    assert (got[:, 5:] == 0).all()
