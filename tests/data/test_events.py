"""Sparse spikes: round trips preserve them, and inconsistent arrays are refused."""

from dataclasses import replace

import numpy as np
import pytest
from builders import spikes
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from snnlab.errors import SnnlabError
from snnlab.events import TICK, Events

WINDOW = 60
often = settings(deadline=None, derandomize=True, database=None, max_examples=60)
batches = st.tuples(st.integers(1, 5), st.integers(1, 7)).flatmap(
    lambda shape: arrays(np.int64, shape, elements=st.integers(0, WINDOW + 5))
)


@pytest.fixture
def events():
    """Three inputs on four channels; the second is silent."""
    return spikes([[(3, 1), (3, 0), (9, 3)], [], [(0, 2), (50, 2)]], 4, ids=[7, 8, 9])


def test_length_counts_and_owner(events):
    assert len(events) == 3
    assert events.counts.tolist() == [3, 0, 2]
    assert events.owner.tolist() == [0, 0, 0, 2, 2]


@often
@given(batches)
def test_times_are_preserved_by_events(ticks):
    events = Events.from_ticks(ticks, WINDOW).checked()
    back = np.full(ticks.shape, WINDOW)
    back[events.owner, events.channel] = events.tick
    np.testing.assert_array_equal(back, np.minimum(ticks, WINDOW))
    assert events.n_channels == ticks.shape[1]
    assert (events.tick.dtype, events.channel.dtype) == (np.uint16, np.uint16)


@often
@given(batches)
def test_dense_spikes_are_at_the_given_times(ticks):
    dense = Events.from_ticks(ticks, WINDOW).to_dense(TICK, WINDOW)
    expected = ticks[:, None, :] == np.arange(WINDOW)[None, :, None]
    np.testing.assert_array_equal(dense, expected)
    assert dense.dtype == np.uint8


@often
@given(batches, st.data())
def test_taking_inputs_is_fancy_indexing(ticks, data):
    index = np.array(data.draw(st.lists(st.integers(0, len(ticks) - 1), max_size=8)), int)
    events = Events.from_ticks(ticks, WINDOW)
    taken = events.take(index).checked()
    np.testing.assert_array_equal(
        taken.to_dense(TICK, WINDOW), events.to_dense(TICK, WINDOW)[index]
    )
    np.testing.assert_array_equal(taken.ids, events.ids[index])
    assert taken.offsets.dtype == events.offsets.dtype == np.int64


@often
@given(batches)
def test_counts_by_channel_are_the_dense_sum(ticks):
    events = Events.from_ticks(ticks, WINDOW)
    np.testing.assert_array_equal(
        events.count_by_channel(), events.to_dense(TICK, WINDOW).sum(axis=1)
    )


def test_a_channel_may_fire_twice(events):
    assert events.count_by_channel().tolist() == [[1, 1, 0, 1], [0, 0, 0, 0], [0, 0, 2, 0]]


def test_a_coarse_grid_counts_spikes_and_drops_those_beyond_it(events):
    dense = events.to_dense(10 * TICK, 5)
    assert dense[0, 0].tolist() == [1, 1, 0, 1]
    assert dense[2].sum(axis=0).tolist() == [0, 0, 1, 0]


def test_simultaneous_spikes_keep_the_order_of_channels():
    events = Events.from_ticks(np.array([[5, 2, 5, 2]]), WINDOW)
    assert events.channel.tolist() == [1, 3, 0, 2]


def test_a_large_batch_is_sorted_like_a_small_one(monkeypatch):
    """The result does not depend on the chunk size."""
    ticks = np.random.default_rng(0).integers(0, WINDOW + 20, (50, 6))
    whole = Events.from_ticks(ticks, WINDOW)
    monkeypatch.setattr("snnlab.events._CHUNK", 7)
    pieces = Events.from_ticks(ticks, WINDOW)
    for name in ("offsets", "tick", "channel", "ids"):
        np.testing.assert_array_equal(getattr(pieces, name), getattr(whole, name))
        assert getattr(pieces, name).dtype == getattr(whole, name).dtype


def test_ids_are_counted_unless_given():
    ticks = np.zeros((3, 2), int)
    assert Events.from_ticks(ticks, WINDOW).ids.tolist() == [0, 1, 2]
    ids = np.array([9, 4, 1], np.uint64)
    assert Events.from_ticks(ticks, WINDOW, ids).ids is ids


def test_infinite_times_are_silent():
    assert Events.from_ticks(np.array([[np.inf, 3.0]]), WINDOW).channel.tolist() == [1]


def test_good_events_pass(events):
    assert events.checked() is events
    assert len(spikes([], 4).checked()) == 0
    assert len(spikes([[], []], 4).checked()) == 2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"offsets": np.array([1, 3, 3, 5])}, r"Events\.offsets must rise from 0 to the 5 spikes"),
        ({"offsets": np.array([0, 3, 3, 4])}, r"Events\.offsets .* got \[0 3 3 4\]"),
        ({"offsets": np.array([0, 4, 3, 5])}, r"Events\.offsets"),
        ({"offsets": np.array([], int)}, r"Events\.offsets"),
        ({"channel": np.zeros(4, np.uint16)}, "5 ticks, 4 channels, 3 ids for 3 inputs"),
        ({"ids": np.zeros(2, np.uint64)}, "5 ticks, 5 channels, 2 ids for 3 inputs"),
        ({"n_channels": 3}, r"Events\.channel 3 is out of range, 3 channels end at 2"),
        (
            {"tick": np.array([3, 9, 3, 0, 50], np.uint16)},
            r"Events\.tick .* in input 0, 9 is followed by 3; sort by time",
        ),
    ],
)
def test_inconsistent_events_are_refused(events, change, complaint):
    with pytest.raises(SnnlabError, match=complaint):
        replace(events, **change).checked()


def test_time_may_decrease_from_one_input_to_the_next():
    assert spikes([[(50, 0)], [(1, 0)]], 1).checked().tick.tolist() == [50, 1]


def test_a_coarser_grid_moves_spikes_back_by_less_than_its_step():
    ticks = np.array([[0, 212, 213, 424, 425, 4249]])
    events = Events.from_ticks(ticks, 4250).on_grid(1.7e-6).checked()
    assert events.tick.tolist() == [0, 0, 212, 212, 425, 4038]
    every = Events.from_ticks(np.arange(4250)[None], 4250)
    moved = every.tick.astype(int) - every.on_grid(1.7e-6).tick
    assert (moved.min(), moved.max()) == (0, 212)
    steps = every.on_grid(1.7e-6).tick * TICK / 1.7e-6
    np.testing.assert_allclose(steps, np.rint(steps), atol=0.5 * TICK / 1.7e-6 + 1e-9)
    assert len(np.unique(steps)) == 20
    for dt in (1.7e-6, 0.425e-6):
        dense = every.on_grid(dt).to_dense(dt, 21)[0].sum(axis=1)
        np.testing.assert_allclose(dense[:20], dt / TICK, atol=1.0)


def test_until_a_tick_nothing_else_changes():
    events = spikes([[(5, 0), (9, 1)], [], [(9, 1), (10, 0), (65535, 1)]], 2)
    kept = events.until(9).checked()
    assert (kept.tick.tolist(), kept.channel.tolist()) == ([5, 9, 9], [0, 1, 1])
    assert kept.counts.tolist() == [2, 0, 1]
    assert kept.until(9) is kept
