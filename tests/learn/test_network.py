"""The network: initial weights, rounding, scales, and what it refuses."""

import numpy as np
import pytest
from builders import quiet, random_spikes, spikes

from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.spec import BRAINSCALES2
from snnlab.errors import SnnlabError
from snnlab.learn.network import INIT_MEAN, INIT_STD, Network, count, decode


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
    np.testing.assert_allclose(
        decode(half, 120.0), decode(full, 240.0), atol=1.01 * 2 / BRAINSCALES2.gap_lsb
    )


def test_spikes_are_counted_as_events_count_them():
    events = random_spikes(np.random.default_rng(5), 12, 7)
    counts = count(events.offsets, events.channel, events.n_channels)
    assert counts.dtype == np.float32
    np.testing.assert_array_equal(counts, events.count_by_channel())
