"""Plots that explain: what they hold, and that their still pictures can be drawn."""

import holoviews as hv
import numpy as np
import pytest

from snnlab import latency_encode
from snnlab.plotting.teaching import circuit_map, heat, histograms, lines, spike_times, tiles


def test_lines_hold_their_points_and_levels():
    x = np.linspace(0, 1, 5)
    drawn = list(lines({"a": (x, x**2), "b": (x, -x)}, "x", "y", dots=["b"], levels={"top": 1.0}))
    assert [type(leaf).__name__ for leaf in drawn] == ["Curve", "Scatter", "Curve"]
    assert [leaf.label for leaf in drawn] == ["a", "b", "top"]
    np.testing.assert_array_equal(drawn[0].dimension_values(1), x**2)
    assert set(drawn[2].dimension_values(1)) == {1.0}


def test_histograms_count_everything_on_common_bins():
    a, b = np.arange(10.0), np.arange(5.0)
    first, second = histograms({"a": a, "b": b}, "value", bins=9)
    assert first.dimension_values(1).sum() == 10
    assert second.dimension_values(1).sum() == 5
    np.testing.assert_array_equal(first.edges, second.edges)


def test_tiles_put_pictures_in_reading_order():
    images = np.stack([np.full((2, 2), value, np.uint8) for value in (10, 20, 30)])
    sheet = tiles(images, columns=2).dimension_values(2, flat=False)
    assert sheet.shape == (6, 6)
    top = sheet[::-1] if sheet[-1, 0] == 10 else sheet
    assert (top[0, 0], top[0, 3], top[3, 0], top[3, 3]) == (10, 20, 30, 0)


def test_heat_has_the_first_row_at_the_bottom():
    image = heat(np.array([[1.0, 2.0], [3.0, 4.0]]), "x", "y", "value")
    assert image[0.5, 0.5] == 1.0
    assert image[1.5, 1.5] == 4.0
    assert hv.Store.lookup_options("bokeh", image, "plot").kwargs["yticks"] == [
        (0.5, "0"),
        (1.5, "1"),
    ]


def test_a_map_shows_every_circuit_in_its_quadrant():
    image = circuit_map(np.arange(512.0), "number")
    assert image[0.5, 0.5] == 0
    assert image[0.5, 3.5] == 384
    with pytest.raises(ValueError, match="reshape"):
        circuit_map(np.arange(100.0), "number")


def test_spike_times_are_in_microseconds_of_one_sample():
    images = np.array([[[255, 0], [0, 128]], [[0, 0], [0, 255]]], np.uint8)
    events = latency_encode(images, 8e-6, 0.2, 4250)
    dots = spike_times(events, 1)
    np.testing.assert_array_equal(dots.dimension_values(1), [3])
    assert dots.dimension_values(0)[0] == pytest.approx(8 * np.log(1 / 0.8), abs=0.005)
