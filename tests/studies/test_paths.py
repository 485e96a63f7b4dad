"""The way of spikes through a network, and what another chip sends of them."""

import numpy as np
import pytest

from snnlab.chip.recording import Recording
from snnlab.events import Events
from snnlab.studies.paths import (
    LINKS_PER_NEURON,
    count_differing,
    lacks_counterpart,
    strongest_links,
)


def events(spikes, channels):
    """Of one input, from pairs of tick and channel."""
    tick, channel = np.array(sorted(spikes), np.uint16).reshape(-1, 2).T
    return Events(np.array([0, len(tick)]), tick, channel, channels, np.zeros(1, np.uint64))


def recording(inputs, hidden, outputs=2):
    cadc = tuple(np.zeros((1, 5, n), np.uint8) for n in (6, outputs))
    return Recording(events(inputs, 8), (events(hidden, 6),), cadc)


def test_a_spike_has_a_counterpart_of_the_same_neuron_within_half_a_microsecond():
    one = events([(100, 0), (100, 1), (500, 2), (500, 3), (65535, 4)], 6)
    other = events([(162, 0), (163, 1), (438, 2), (500, 4), (65500, 4)], 6)
    assert lacks_counterpart(one, other).tolist() == [False, True, False, True, False]
    assert lacks_counterpart(other, one).tolist() == [False, True, False, True, False]
    assert lacks_counterpart(one, events([], 6)).all()


def test_times_of_different_neurons_never_meet():
    assert lacks_counterpart(events([(65535, 0)], 3), events([(0, 1)], 3)).all()
    assert lacks_counterpart(events([(65535, 0)], 3), events([(0, 1)], 3), seconds=1.0).all()


def test_differing_spikes_are_counted_once_for_both_chips():
    real = recording([(1, 0)], [(100, 0), (200, 1), (900, 2)])
    ideal = recording([(1, 0)], [(110, 0), (500, 1)])
    assert count_differing(real, ideal) == (4, 2, 1)
    assert count_differing(ideal, real) == (4, 1, 2)
    assert count_differing(real, real) == (3, 0, 0)


@pytest.mark.parametrize("seed", range(5))
def test_links_are_the_strongest_between_neurons_that_fired(seed):
    rng = np.random.default_rng(seed)
    weights = [rng.integers(-63, 64, shape).astype(np.int8) for shape in ((8, 6), (6, 2))]
    seen = recording([(1, 0), (2, 3), (3, 5), (4, 7)], [(50, 1), (60, 4), (70, 1)])
    hidden, output = strongest_links(seen, weights)
    for links, of, sources, targets in (
        (hidden, weights[0], [0, 3, 5, 7], [1, 4]), (output, weights[1], [1, 4], [0, 1]),
    ):  # fmt: skip
        assert links.dtype == np.int16
        assert (links[:, 2] == of[links[:, 0], links[:, 1]]).all()
        for target in targets:
            mine = links[links[:, 1] == target]
            expected = np.sort(np.abs(of[sources, target].astype(int)))[::-1][:LINKS_PER_NEURON]
            assert np.abs(mine[:, 2]).tolist() == [w for w in expected if w]
        assert set(links[:, 0]) <= set(sources)


def test_a_silent_input_takes_no_way():
    for links in strongest_links(recording([], []), [np.ones((8, 6)), np.ones((6, 2))]):
        assert links.shape == (0, 3)


def test_links_of_a_recurrent_layer_come_from_its_own_neurons_as_well():
    run = recording([(1, 0), (2, 3)], [(100, 1), (200, 4)])
    into_hidden, out = np.zeros((8 + 6, 6), np.int8), np.zeros((6, 2), np.int8)
    into_hidden[0, 1], into_hidden[8 + 4, 1] = 10, -20
    into_hidden[8 + 5, 1] = 60  # neuron 5 is silent
    into_hidden[5, 4] = 60  # so is input 5
    links, _ = strongest_links(run, [into_hidden, out])
    assert sorted(links.tolist()) == [[0, 1, 10], [12, 1, -20]]
