"""Surrogate derivatives: their shapes, their table, and their potentials at spikes."""

import numpy as np
import pytest
import reference as twin
import torch
from builders import spikes
from training import recorded

from snnlab.chip.recording import Recording
from snnlab.chip.spec import BRAINSCALES2
from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.events import TICK
from snnlab.learn.gradient.surrogate import Surrogate
from snnlab.model.surrogates import SHAPES, superspike


def test_the_knob_names_every_shape_of_the_table():
    assert Config.param.surrogate.objects == list(SHAPES) == list(twin.SURROGATES)
    assert Config().surrogate == Surrogate(10.0).shape == "superspike"


def test_an_unknown_shape_is_refused_with_those_there_are():
    with pytest.raises(SnnlabError, match="surrogate 'box' is unknown: use superspike, sigmoid"):
        Surrogate(10.0, shape="box")


@pytest.mark.parametrize("beta", [0.5, 10.0, 50.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_the_derivative_of_its_soft_spike(shape, beta):
    v, h, soft = np.linspace(-1, 3, 401) + 1e-3, 1e-6, twin.SOFT_SPIKES[shape]
    slope = (soft(v + h - 1, beta) - soft(v - h - 1, beta)) / (2 * h)
    tolerance = {"rtol": 1e-3 if beta > 20 else 1e-4, "atol": 0 if shape == "superspike" else 2e-9}
    np.testing.assert_allclose(SHAPES[shape](v, beta), slope, **tolerance)


def test_superspike_is_one_at_threshold_and_even_about_it():
    assert superspike(1.0, 10.0) == 1.0
    assert superspike(1.3, 10.0) == pytest.approx(superspike(0.7, 10.0))
    assert superspike(1.1, 10.0) == pytest.approx(0.25)


@pytest.mark.parametrize("beta", [0.1, 10.0, 200.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_one_at_threshold_even_about_it_and_falls(shape, beta):
    away, derivative = np.linspace(0.0, 3.0, 301), Surrogate(beta, shape=shape).derivative
    right, left = derivative(1.0 + away), derivative(1.0 - away)
    assert derivative(1.0) == right[0] == 1.0
    np.testing.assert_allclose(right, left, rtol=1e-9, atol=1e-12)
    assert (right >= 0.0).all()
    assert (np.diff(right) <= 0.0).all()
    assert right[1] < 1.0


@pytest.mark.parametrize(
    ("shape", "half"),
    [
        ("superspike", np.sqrt(2) - 1), ("sigmoid", 2 * np.arccosh(np.sqrt(2))),
        ("triangle", 0.5), ("arctan", 2 / np.pi),
    ],
)  # fmt: skip
@pytest.mark.parametrize("beta", [0.5, 10.0])
def test_the_distance_at_which_a_shape_is_half_its_peak(shape, half, beta):
    assert SHAPES[shape](1.0 + half / beta, beta) == pytest.approx(0.5)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_takes_floats_arrays_and_tensors(shape):
    v = np.linspace(-2.6, 4.6, 50)
    of_array, of_tensor = SHAPES[shape](v, 200.0), SHAPES[shape](torch.from_numpy(v), 200.0)
    assert of_array.dtype == np.float64
    assert of_tensor.dtype == torch.float64
    np.testing.assert_allclose(of_tensor.numpy(), of_array, rtol=1e-12)
    np.testing.assert_allclose([SHAPES[shape](float(x), 200.0) for x in v], of_array, rtol=1e-12)


@pytest.mark.parametrize("beta", [0.5, 10.0, 50.0, 200.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_table_holds_the_derivative_of_every_trace(shape, beta):
    table = Surrogate(beta, shape=shape).table
    assert (table.shape, table.dtype) == ((511,), np.float32)
    cadc = np.array([[[30]] * 3 + [[100]] * 2 + [[200]]], np.uint8)
    trace = Recording(spikes([[]], 1), (), (cadc,)).traces(0).ravel()
    entries = table[cadc.ravel().astype(int) - 30 + 255]
    expected = [twin.SURROGATES[shape](float(v), beta) for v in trace]
    if shape == "superspike":
        np.testing.assert_allclose(entries, expected, rtol=1e-6)
    else:  # an exponential magnifies the rounding of the trace; float32 ends at 1e-38
        np.testing.assert_allclose(entries, expected, rtol=1e-6 * max(beta / 10, 1), atol=1e-38)
    assert table.argmax() == 255 + BRAINSCALES2.gap_lsb
    assert table.max() == 1.0


@pytest.mark.parametrize("shape", SHAPES)
def test_the_whole_table_agrees_with_its_twin(shape):
    expected = [twin.SURROGATES[shape](d / BRAINSCALES2.gap_lsb, 10.0) for d in range(-255, 256)]
    table = Surrogate(10.0, shape=shape).table
    np.testing.assert_allclose(table, expected, rtol=1e-6, atol=1e-15)


@pytest.mark.parametrize(
    ("before", "late", "expected"),
    [
        (80, 0.5, 220), (115, 0.5, 185), (115, 0.0, 150), (115, 0.25, 162), (80, 0.9, 80 + 255),
        (150, 0.5, 150), (170, 0.5, 150),
    ],
)  # fmt: skip
def test_an_overshoot_is_the_climb_continued_to_the_next_sample(before, late, expected):
    """From the sample before, through the threshold at 150 LSB, ``late`` of a period to go."""
    cadc = np.full((1, 4, 1), 80, np.uint8)
    cadc[0, 1] = before
    fired = spikes([[(round((2 - late) * BRAINSCALES2.dt_cadc / TICK), 0)]], 1)
    assert Surrogate(10.0).at_spikes(cadc, fired).tolist() == [BRAINSCALES2.gap_lsb]
    at = Surrogate(10.0, "overshoot").at_spikes(cadc, fired)
    assert at + 80 == pytest.approx([expected], abs=1)  # a spike is on a clock of 8 ns


def test_the_climb_to_a_second_spike_begins_when_the_refractory_period_ends():
    cadc = np.full((1, 4, 1), 80, np.uint8)
    first, second = (
        round(0.5 * BRAINSCALES2.dt_cadc / TICK),
        round(1.75 * BRAINSCALES2.dt_cadc / TICK),
    )
    fired = spikes([[(first, 0), (second, 0)]], 1)
    at = Surrogate(10.0, "overshoot", tau_ref=BRAINSCALES2.dt_cadc).at_spikes(cadc, fired)
    assert at == pytest.approx([140, 140], abs=1)  # half up in half, a quarter up in a quarter


@pytest.mark.parametrize("tau_ref", [40e-9, 1e-6, 2e-6, 5e-6])
def test_overshoots_agree_with_their_twin(tau_ref):
    _, _, recording, _ = recorded((50, 30, 5))
    fired, cadc = recording.spikes[0], recording.cadc[0]
    got = Surrogate(10.0, "overshoot", tau_ref).at_spikes(cadc, fired)
    np.testing.assert_array_equal(got, twin.at_spikes(cadc, fired, tau_ref))
    assert (got > BRAINSCALES2.gap_lsb).mean() > 0.5
