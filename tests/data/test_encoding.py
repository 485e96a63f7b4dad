"""The latency encoding follows the paper: bright pixels early, dark ones never, one spike each."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from snnlab.data.images.encoding import ENCODINGS, latency, latency_encode
from snnlab.errors import SnnlabError
from snnlab.events import TICK, Events

TAU, THETA, WINDOW = 8e-6, 0.2, 4250
often = settings(deadline=None, derandomize=True, database=None, max_examples=60)


@pytest.mark.parametrize(("x", "published"), [(1.0, 1.79e-6), (0.5, 4.09e-6), (0.25, 12.9e-6)])
def test_published_latencies(x, published):
    """Cramer et al. 2022 with tau_in = 8 µs, theta_in = 0.2, to three digits."""
    assert latency(x, TAU, THETA) == pytest.approx(published, rel=4e-3)


def test_closed_form_at_the_limits():
    assert latency(1.0, TAU, THETA) == TAU * np.log(1.0 / 0.8)
    assert latency(0.0, TAU, THETA) == np.inf
    assert latency(THETA, TAU, THETA) == np.inf
    assert np.isfinite(latency(np.nextafter(THETA, 1.0), TAU, THETA))


@often
@given(st.floats(0.01, 0.9), st.floats(1e-6, 20e-6), st.floats(1e-3, 1.0))
def test_the_latency_is_when_a_leaky_integrator_reaches_threshold(theta, tau, above):
    x = theta + above * (1.0 - theta)
    time = latency(x, tau, theta)
    assert x * (1.0 - np.exp(-time / tau)) == pytest.approx(theta, rel=1e-9)


def test_the_linear_encoding_resolves_all_greys_alike():
    x = np.arange(256) / 255
    times = latency(x, TAU, THETA, "linear")
    assert times[255] == 0.0
    np.testing.assert_allclose(times[128], TAU * 127 / 255, rtol=1e-12)
    np.testing.assert_allclose(np.diff(times[x > THETA]), -TAU / 255, rtol=1e-9)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_brighter_is_earlier(encoding):
    times = latency(np.arange(256) / 255, TAU, THETA, encoding)
    dark = np.arange(256) / 255 <= THETA
    assert np.isinf(times[dark]).all()
    assert (np.diff(times[~dark]) < 0).all()


def test_every_brightness_is_rounded_to_its_nearest_tick():
    images = np.arange(256, dtype=np.uint8)[:, None]
    events = latency_encode(images, TAU, THETA, WINDOW)
    exact = latency(np.arange(256) / 255, TAU, THETA) / TICK
    fires = exact < WINDOW - 0.5
    np.testing.assert_array_equal(events.counts, fires)
    assert np.abs(events.tick - exact[fires]).max() <= 0.5


@often
@given(arrays(np.uint8, (3, 4, 5)), st.floats(0.01, 0.9), st.floats(1e-6, 20e-6))
def test_at_most_one_spike_per_pixel_in_order_of_time(images, theta, tau):
    events = latency_encode(images, tau, theta, WINDOW).checked()
    assert events.count_by_channel().max(initial=0) <= 1
    assert (events.tick < WINDOW).all()
    bright = images.reshape(3, -1) / 255 > theta
    late = np.rint(latency(images.reshape(3, -1) / 255, tau, theta) / TICK) >= WINDOW
    np.testing.assert_array_equal(events.count_by_channel(), bright & ~late)


@often
@given(
    arrays(np.uint8, (5, 9)), st.floats(0.01, 0.9), st.floats(1e-7, 2e-5), st.integers(1, 65535),
    st.sampled_from(ENCODINGS),
)  # fmt: skip
def test_counting_sort_agrees_with_sorting_the_times(images, theta, tau, window, encoding):
    """If tau is small, several brightnesses share a tick and are sorted by channel."""
    ticks = np.rint(np.minimum(latency(images / 255, tau, theta, encoding) / TICK, window))
    slow = Events.from_ticks(ticks, window)
    fast = latency_encode(images, tau, theta, window, encoding=encoding)
    for name in ("offsets", "tick", "channel", "ids"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name))


def test_a_window_beyond_the_time_stamps_is_refused():
    with pytest.raises(SnnlabError, match="window of 65536 ticks is out of range: give 1 to 65535"):
        latency_encode(np.zeros((1, 4), np.uint8), TAU, THETA, 65536)


def test_spikes_beyond_the_window_are_dropped():
    images = np.array([[[255, 64]]], np.uint8)
    assert latency_encode(images, TAU, THETA, WINDOW).channel.tolist() == [0, 1]
    assert latency_encode(images, TAU, THETA, 1000).channel.tolist() == [0]
    tick = int(latency_encode(images, TAU, THETA, WINDOW).tick[0])
    assert len(latency_encode(images, TAU, THETA, tick).tick) == 0
    assert len(latency_encode(images, TAU, THETA, tick + 1).tick) == 1


def test_pixels_are_channels_row_by_row():
    images = np.zeros((1, 3, 4), np.uint8)
    images[0, 1, 2] = 255
    events = latency_encode(images, TAU, THETA, WINDOW)
    assert (events.n_channels, events.channel.tolist()) == (12, [6])


def test_ids_are_passed_on():
    ids = np.array([5, 3], np.uint64)
    events = latency_encode(np.zeros((2, 4), np.uint8), TAU, THETA, WINDOW, ids)
    assert events.ids.tolist() == [5, 3]


@pytest.mark.parametrize(
    "image", [np.zeros(4, np.float32), np.array([0, 256], np.int16), [0.5, 1.0], [-1], [[2.5]]]
)
def test_only_eight_bit_images_are_accepted(image):
    kind = np.asarray(image).dtype
    with pytest.raises(SnnlabError, match=f"images are {kind}: the encoder takes uint8"):
        latency_encode([image], TAU, THETA, WINDOW)


@pytest.mark.parametrize("kind", [np.int16, np.float32, list, torch.tensor, bool])
def test_images_of_other_types_are_accepted_if_no_pixel_changes(kind):
    images = np.where(np.arange(8) > 3, 255, 0)[None]
    make = kind if kind in (list, torch.tensor) else np.dtype(kind).type
    found = latency_encode(make(images), TAU, THETA, WINDOW)
    expected = latency_encode(images.astype(np.uint8), TAU, THETA, WINDOW)
    assert found.channel.tolist() == [4, 5, 6, 7]
    np.testing.assert_array_equal(found.tick, expected.tick)
