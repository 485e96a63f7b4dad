"""What holds on any die, for any input and any weights."""

from dataclasses import replace

import numpy as np
import pytest
from builders import (
    WINDOW,
    clones,
    membrane,
    quiet,
    random_spikes,
    random_weights,
    same_recording,
    spikes,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from snnlab.chip import constants as c
from snnlab.chip.die import LEAKY_LSB, Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.recording import Recording
from snnlab.chip.synapses import CURRENT_PER_LSB
from snnlab.events import TICK, Events

often = settings(deadline=None, derandomize=True, database=None, max_examples=40)
seeds = st.integers(0, 2**32 - 1)
circuits = st.integers(0, c.N_CIRCUITS - 1)
dies = st.builds(
    Die.draw,
    st.sampled_from(["ideal", "calibrated", "uncalibrated"]),
    sigma=st.floats(0.0, 0.5),
    seed=seeds,
)
LARGEST_NOISE = 3.46
"""Trial noise is a sum of four bytes: it ends there, in standard deviations."""


def rest(die, point=None):
    """What the CADC shows of silent circuits, unrounded : float64[circuit], LSB."""
    first = die.reset_lsb if point and point.reset_first else die.leak_lsb
    lsb = die.cadc_gain * (c.REST_LSB + first) + die.cadc_offset_lsb
    return np.clip(lsb, c.CADC_MIN_LSB, c.CADC_MAX_LSB)


def one_layer(n_inputs, n, die, point, **options):
    """A chip whose neuron j is circuit j; it fires."""
    return Chip(Mapping((n_inputs, n)), die, point, **{"labels_spike": True, **options})


def silent(n_images):
    return spikes([[]] * n_images, 1), [np.zeros((1, c.N_CIRCUITS), np.int8)]


# Scaling laws


@often
@given(dies, circuits, seeds)
def test_double_the_weights_is_double_the_potential(die, circuit, seed):
    rng, die = np.random.default_rng(seed), clones(die, circuit)
    events, weight = random_spikes(rng, 2, 20), rng.integers(-4, 5, 20)
    single, double = (membrane(events, k * weight, quiet(), die=die) for k in (1, 2))
    assert 0.0 < np.abs(double).max() < 0.6
    np.testing.assert_allclose(double, 2 * single, atol=2e-4)


@often
@given(dies, seeds)
def test_twice_as_slow_is_the_same_at_half_the_pace(die, seed):
    """All times doubled and the currents halved: every second sample is one of the fast chip's.

    Doubling changes no bit of a mantissa, so neither does it of any result.
    """
    rng = np.random.default_rng(seed)
    slow = quiet()
    fast = quiet(
        tau_mem=slow.tau_mem / 2, tau_syn=slow.tau_syn / 2, tau_ref=slow.tau_ref / 2,
        samples=slow.samples // 2, substeps=2 * slow.substeps,
    )  # fmt: skip
    # Ten inputs do not saturate, but neurons fire.
    events = random_spikes(rng, 3, 10, rate=0.9, last=200)
    weight = rng.integers(20, 32, (10, 64)).astype(np.int8)
    twice = replace(events, tick=2 * events.tick)
    a = one_layer(10, 64, die, fast).run(events, [2 * weight])
    b = one_layer(10, 64, die, slow).run(twice, [weight])
    np.testing.assert_array_equal(a.cadc[0], b.cadc[0][:, ::2])
    assert len(a.spikes[0].tick) > 0
    np.testing.assert_array_equal(a.spikes[0].tick, b.spikes[0].tick // 2)
    np.testing.assert_array_equal(a.spikes[0].counts, b.spikes[0].counts)


@often
@given(dies, seeds, st.booleans())
def test_inputs_may_be_renamed(die, seed, coincide):
    """With their weights and synapses; to the bit, unless sums of coincident spikes are reordered.

    A reordered sum may be off by a rounding, so there the neurons have no threshold to tip over.
    """
    rng, n = np.random.default_rng(seed), 60
    die = die.with_random_faults(stuck=0.05, seed=seed % 100)
    events = random_spikes(rng, 3, n, rate=0.8)
    if coincide:
        events = replace(events, tick=(events.tick // 400 * 400).astype(np.uint16))
    else:
        events = distinct(events)
    order = rng.permutation(n)
    renamed = replace(events, channel=np.argsort(order)[events.channel].astype(np.uint16))
    moved, weight = renamed_rows(die, order), random_weights(rng, (n, 200), mean=5)[0]
    a, b = (
        one_layer(n, 200, d, OperatingPoint(), labels_spike=not coincide).run(e, [w])
        for d, e, w in ((die, events, weight), (moved, renamed, weight[order]))
    )
    if coincide:
        assert np.abs(a.cadc[0].astype(int) - b.cadc[0]).max() <= 1
    else:
        assert len(a.spikes[0].tick) > 0
        assert same_recording(a, b)


def distinct(events):
    """The events with no two of a sample at the same time."""
    tick = [np.arange(n) * (WINDOW // n) for n in events.counts if n]
    return replace(events, tick=np.concatenate(tick).astype(np.uint16))


def renamed_rows(die, order):
    """The die on which input k has the synapses that input ``order[k]`` had."""
    rows = np.arange(c.SYNAPSES_PER_CIRCUIT).reshape(-1, 2)
    rows[: len(order)] = rows[order]
    rows = rows.ravel()
    return replace(die, synapse_gain=die.synapse_gain[rows], stuck=die.stuck[rows])


# Silence and noise


@often
@given(dies, seeds, st.integers(0, 2**63))
def test_without_input_nothing_happens_whatever_the_weights(die, seed, trial):
    die = die.with_random_faults(dead=0.1, stuck=0.1, seed=seed)
    point, rng = OperatingPoint(), np.random.default_rng(seed)
    (weight,) = random_weights(rng, (4, 512), spread=40)
    run = one_layer(4, 512, die, point).run(spikes([[], []], 4), [weight], trial=trial)
    assert run.spikes_per_sample() == 0
    off = run.cadc[0] - rest(die)
    assert np.abs(off).max() <= LARGEST_NOISE * point.cadc_noise + 0.5
    still = one_layer(4, 512, die, quiet()).run(spikes([[], []], 4), [weight], trial=trial)
    assert (still.cadc[0] == np.floor(rest(die) + 0.5)).all()


@often
@given(st.sampled_from([1.0, 2.0, 5.0]), seeds, st.integers(0, 2**63))
def test_more_noise_does_not_move_the_mean(noise, seed, trial):
    """Nor any neuron's: read noise of an LSB or more averages the converter's rounding away."""
    die, point = Die.draw(seed=seed), OperatingPoint(cadc_noise=noise)
    events, weights = silent(50)
    off = one_layer(1, 512, die, point).run(events, weights, trial=trial).cadc[0] - rest(die)
    error = np.sqrt((noise**2 + 1 / 12) / (50 * 20))
    assert np.abs(off.mean(axis=(0, 1))).max() < 5.5 * error  # of 512 neurons and many dies
    assert abs(off.mean()) < 4.5 * error / np.sqrt(512)
    assert off.std() == pytest.approx(np.sqrt(noise**2 + 1 / 12), rel=0.01)


@pytest.fixture(scope="module")
def crossing():
    """One slow crossing of every ideal neuron: chip at a point, and times in s for each trial.

    Four inputs bring the potential to 1.5 thresholds; steps are 27 ns.
    """
    events = spikes([[(0, k) for k in range(4)]] * 2, 4)
    weights = [np.full((4, 512), 53, np.int8)]

    def times(trials, **noise):
        chip = one_layer(4, 512, Die.ideal(), quiet(substeps=64, **noise))
        runs = [chip.run(events, weights, trial=trial) for trial in range(trials)]
        first = [first_spikes(run.spikes[0]) for run in runs]
        return (np.array(first) + 0.5) * TICK

    return times


def first_spikes(fired):
    """Tick of each neuron's first spike : int64[image, neuron]."""
    first = np.full((len(fired), fired.n_channels), -1)
    # Written in order of falling time, the first stays.
    first[fired.owner[::-1], fired.channel[::-1]] = fired.tick[::-1]
    assert (first >= 0).all()
    return first


def assert_std(values, expected):
    """Within the interval that holds it in all but one of ten thousand cases."""
    low, high = np.sqrt(chi2.ppf([5e-5, 1 - 5e-5], values.size - 1) / (values.size - 1))
    assert expected * low < values.std(ddof=1) < expected * high


@pytest.mark.parametrize("drift", [c.THRESHOLD_DRIFT, 0.05])
def test_thresholds_drift_as_far_as_asked(crossing, drift):
    """The potential at the spike is the threshold of the day; all images of a run have the same."""
    time = crossing(20, threshold_drift=drift)
    np.testing.assert_array_equal(time[:, 0], time[:, 1])
    time = time[:, 0]
    off = 4 * 53 * CURRENT_PER_LSB * time * np.exp(-time / c.TAU_MEM) - 1.0
    assert_std(off, drift)
    assert abs(off.mean()) < 4 * drift / np.sqrt(off.size) + 2e-4
    for a, b in ((off[1:], off[:-1]), (off[:, 1:], off[:, :-1])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4 / np.sqrt(a.size)


@pytest.mark.parametrize("jitter", [c.SPIKE_JITTER, 300e-9])
def test_spikes_jitter_as_far_as_asked(crossing, jitter):
    time, exact = crossing(10, spike_jitter=jitter), crossing(1)
    off = time - exact.mean()
    assert_std(off, np.sqrt(jitter**2 + TICK**2 / 12))
    assert abs(off.mean()) < 4 * jitter / np.sqrt(off.size) + TICK / 2
    for axis in range(3):  # trials, images, neurons
        a, b = off.take(range(1, off.shape[axis]), axis), off.take(range(off.shape[axis] - 1), axis)
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4 / np.sqrt(a.size)


@often
@given(dies, seeds)
def test_jitter_reaches_no_membrane_of_its_own_layer(die, seed):
    """A time stamp is what jitters: the neuron itself was reset when it crossed."""
    rng = np.random.default_rng(seed)
    events, weights = random_spikes(rng, 2, 30), random_weights(rng, (30, 100), mean=20)
    still, shaken = (
        one_layer(30, 100, die, quiet(spike_jitter=jitter)).run(events, weights)
        for jitter in (0.0, 1e-6)
    )
    np.testing.assert_array_equal(still.cadc[0], shaken.cadc[0])
    np.testing.assert_array_equal(still.spikes[0].counts, shaken.spikes[0].counts)
    assert (still.spikes[0].tick != shaken.spikes[0].tick).any()
    shaken.spikes[0].checked()


@often
@given(dies, seeds, st.integers(0, 2**63), st.data())
def test_batches_and_the_order_of_calls_mean_nothing(die, seed, trial, data):
    """Cut into parts, shuffled, with other runs of another chip in between: the same bits."""
    rng, sizes = np.random.default_rng(seed), (30, 20, 5)
    ids = rng.integers(0, 2**63, 8).astype(np.uint64)
    events = replace(random_spikes(rng, 8, 30), ids=ids)
    weights = random_weights(rng, sizes, mean=10)
    chip, other = Chip(Mapping(sizes), die), Chip(Mapping(sizes), Die.draw(seed=seed))
    whole = chip.run(events, weights, trial=trial)
    order = np.array(data.draw(st.permutations(range(8))))
    cuts = sorted(data.draw(st.sets(st.integers(1, 7), max_size=3)))
    for samples in np.split(order, cuts):
        other.run(events, weights, trial=trial + 1)
        part = chip.run(events.take(samples), weights, trial=trial)
        assert same_recording(part, taken(whole, samples))


def taken(recording, samples):
    return Recording(
        recording.inputs.take(samples),
        tuple(layer.take(samples) for layer in recording.spikes),
        tuple(cadc[samples] for cadc in recording.cadc),
    )


# Faults


@often
@given(dies, st.sets(st.integers(0, 99), min_size=1), seeds)
def test_the_dead_never_fire_and_the_others_do_not_notice(die, dead, seed):
    rng, point = np.random.default_rng(seed), OperatingPoint()
    events, weights = random_spikes(rng, 2, 40), random_weights(rng, (40, 100), mean=30)
    well, ill = (
        one_layer(40, 100, d, point).run(events, weights) for d in (die, die.with_faults(dead=dead))
    )
    alive = ~np.isin(np.arange(100), list(dead))
    assert alive[ill.spikes[0].channel].all()
    kept = alive[well.spikes[0].channel]
    for name in ("tick", "channel"):
        fired, expected = getattr(ill.spikes[0], name), getattr(well.spikes[0], name)[kept]
        np.testing.assert_array_equal(fired, expected)
    np.testing.assert_array_equal(ill.cadc[0][:, :, alive], well.cadc[0][:, :, alive])
    mute = one_layer(40, 100, die, point, labels_spike=False).run(events, weights)
    np.testing.assert_array_equal(ill.cadc[0][:, :, ~alive], mute.cadc[0][:, :, ~alive])


@settings(often, max_examples=8)
@given(dies, seeds, st.sampled_from([0.4e-6, 2e-6, 5e-6]))
def test_leaky_circuits_fire_at_the_closed_form_rate(die, seed, tau_ref):
    """Drawn from reset to a leak E above threshold: T = tau_ref + tau_mem ln((E − R) / (E − θ)).

    With a reset above the threshold too, there is nothing to wait for but the refractory period.
    """
    die = die.with_faults(leaky=range(512))
    reset_lsb = die.leak_lsb - np.random.default_rng(seed).uniform(0.0, 60.0, 512)
    die = replace(die, reset_lsb=reset_lsb)
    chip = one_layer(1, 512, die, quiet(samples=308, substeps=16, tau_ref=tau_ref))
    (fired,) = chip.run(*silent(1)).spikes
    below = np.minimum((die.reset_lsb - die.leak_lsb) / LEAKY_LSB, 1e9)
    period = tau_ref + chip.point.tau_mem * die.tau_mem * np.log(np.maximum(below, 1.0))
    assert (below < 1).any()
    for j in range(512):
        tick = fired.tick[fired.channel == j].astype(int)
        mean = (tick[-1] - tick[0]) * TICK / (len(tick) - 1)
        assert mean == pytest.approx(period[j], abs=3e-9 + TICK / (len(tick) - 1))


@pytest.mark.parametrize("tau_ref", [40e-9, 0.4e-6, 2e-6])
def test_room_is_left_for_every_spike_of_a_chip_gone_mad(tau_ref):
    """All circuits leaky, their resets above threshold: they fire whenever they may."""
    die, point = Die.ideal().with_faults(leaky=range(512)), quiet(tau_ref=tau_ref)
    run = one_layer(1, 512, die, point).run(*silent(3))
    counts = run.spikes[0].checked().count_by_channel()
    assert (counts == counts[0, 0]).all()
    assert counts[0, 0] in (point.most_spikes, point.most_spikes - 1)
    intervals = np.diff(run.spikes[0].take([0]).tick[run.spikes[0].take([0]).channel == 0])
    # Never earlier than a step allows, nor than the refractory period.
    assert abs(intervals.mean() * TICK - max(tau_ref, point.dt)) <= TICK


@often
@given(dies, seeds, st.data())
def test_a_stuck_synapse_has_its_weight_whatever_is_written(die, seed, data):
    """Twin: a chip whose every synapse can be written has an input for each of them."""
    n, rng = 12, np.random.default_rng(seed)
    weight = random_weights(rng, (n, 30), spread=20)[0]
    places = st.tuples(st.integers(0, 2 * n - 1), st.integers(0, 29))
    stuck = data.draw(st.dictionaries(places, st.integers(0, 63), max_size=40))
    die = replace(die, synapse_gain=np.ones((256, 512)))
    events = random_spikes(rng, 2, n, rate=0.9)
    chip = one_layer(n, 30, die.with_faults(stuck=stuck), quiet(), labels_spike=False)
    got = chip.run(events, [weight]).cadc[0]

    rows = np.stack([np.maximum(weight, 0), np.maximum(-weight, 0)], axis=1).reshape(2 * n, 30)
    for place, value in stuck.items():
        rows[place] = value
    signed = rows * np.where(np.arange(2 * n) % 2, -1, 1)[:, None].astype(np.int8)
    both = Events(
        2 * events.offsets, np.repeat(events.tick, 2),
        (2 * events.channel[:, None] + np.arange(2)).ravel().astype(np.uint16), 2 * n, events.ids,
    )  # fmt: skip
    twin = one_layer(2 * n, 30, die, quiet(), labels_spike=False).run(both, [signed]).cadc[0]
    assert np.abs(got.astype(int) - twin).max() <= 1


# Voltages


@often
@given(dies, circuits, st.sampled_from([-63, 63]), seeds)
def test_membranes_stay_between_the_rails(die, circuit, sign, seed):
    """And reach them when driven hard; from the lower they relax as from anywhere else."""
    die = clones(die, circuit)
    leak = (c.REST_LSB + die.leak_lsb[0]) / c.GAP_LSB
    ground, supply = -leak, c.CADC_FULL_LSB / c.GAP_LSB - leak
    # The input of 60 spikes at once saturates: still enough for both rails.
    events = random_spikes(np.random.default_rng(seed), 2, 60, rate=1.0, last=400)
    u = membrane(events, np.full(60, sign), quiet(), die=die, lowest=-3.0, highest=5.0)
    assert u.min() >= min(ground, 0.0) - 2e-4
    assert u.max() <= max(supply, 0.0) + 2e-4
    reached, rail = (u.min(), ground) if sign < 0 else (u.max(), supply)
    assert reached == pytest.approx(rail, abs=2e-4)


@often
@given(dies, seeds, st.integers(0, 2**63))
def test_correction_subtracts_exactly(die, seed, trial):
    rng = np.random.default_rng(seed)
    correction = rng.integers(-40, 41, 512)
    events, weights = random_spikes(rng, 2, 30), random_weights(rng, (30, 100), mean=5)
    raw, corrected = (
        one_layer(30, 100, die, None, correction=k).run(events, weights, trial=trial)
        for k in (None, correction)
    )
    expected = np.clip(raw.cadc[0].astype(int) - correction[:100], 0, 255)
    np.testing.assert_array_equal(corrected.cadc[0], expected)
    # What correction pushes out of the 8 bits counts as saturated too.
    ends = np.isin(expected, (0, 255))
    np.testing.assert_array_equal(corrected.saturated(0), raw.saturated(0) | ends)
    np.testing.assert_array_equal(corrected.spikes[0].tick, raw.spikes[0].tick)


@often
@given(dies)
def test_inference_starts_at_the_reset_and_relaxes_to_the_leak(die):
    point = OperatingPoint.inference(cadc_noise=0.0)
    run = one_layer(1, 512, die, point, labels_spike=False).run(*silent(1))
    assert run.cadc[0].shape == (1, 7, 512)
    assert run.duration == pytest.approx(7 * c.DT_CADC)
    np.testing.assert_array_equal(run.cadc[0][0, 0], np.floor(rest(die, point) + 0.5))
    time = np.arange(7)[:, None] * c.DT_CADC
    start = (die.reset_lsb - die.leak_lsb) * np.exp(-time / (c.TAU_MEM * die.tau_mem))
    lsb = die.cadc_gain * (c.REST_LSB + die.leak_lsb + start) + die.cadc_offset_lsb
    expected = np.clip(lsb, c.CADC_MIN_LSB, c.CADC_MAX_LSB)
    assert np.abs(run.cadc[0][0] - expected).max() <= 0.5 + 1e-3
