"""The emulated chip: its converter and noise, reproducible runs, networks, and what it refuses."""

from dataclasses import replace

import numba
import numpy as np
import pytest
from builders import (
    WINDOW,
    quiet,
    random_spikes,
    random_weights,
    same_recording,
    spikes,
)

from snnlab.chip import constants as c
from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.recording import Recording
from snnlab.chip.threads import use_threads
from snnlab.errors import SnnlabError


@pytest.fixture(scope="module")
def noisy_chip():
    return Chip(Mapping((40, 24, 6)), Die.draw(sigma=0.3, seed=3), OperatingPoint())


def test_spikes_after_the_end_of_the_run_are_not_recorded():
    """The gradient would look for samples after them."""
    point = OperatingPoint(samples=6)
    chip = Chip(Mapping((3, 4)), Die.ideal(), point)
    early = [[(40, 0), (point.window, 1)], [(9, 2)]]
    late = [[*early[0], (point.window + 1, 2), (60_000, 0)], [*early[1], (4000, 1)]]
    weights = [np.full((3, 4), 60, np.int8)]
    kept, cut = (chip.run(spikes(given, 3), weights) for given in (early, late))
    assert same_recording(kept, cut)


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
