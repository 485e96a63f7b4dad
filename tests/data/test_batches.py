"""Batches of spikes out of those of all inputs."""

import numpy as np
from builders import random_spikes

from snnlab.data.batches import take


def test_a_batch_is_what_events_take():
    """In any order, also of inputs that come twice or send nothing."""
    rng = np.random.default_rng(4)
    events = random_spikes(rng, 40, 6, rate=0.2)
    assert (events.counts == 0).any()
    for index in (rng.permutation(40), np.array([7, 7, 0]), np.array([], np.int64)):
        got, twin = take(events, index), events.take(index)
        assert got.checked().n_channels == twin.n_channels
        for name in ("offsets", "tick", "channel", "ids"):
            np.testing.assert_array_equal(getattr(got, name), getattr(twin, name))
