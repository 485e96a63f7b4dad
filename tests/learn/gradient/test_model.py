"""The ideal model: potentials of its PSP, and the propagators tabulated from it."""

import numpy as np
import pytest
from builders import WINDOW, quiet, spikes
from training import MODEL, MODELS

from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2
from snnlab.events import TICK
from snnlab.learn.gradient.model import CURRENT, IdealModel


def test_psp_with_equal_time_constants():
    time = np.linspace(0, 40e-6, 200)
    np.testing.assert_allclose(MODEL.psp(time), CURRENT * time * np.exp(-time / 6e-6), rtol=1e-12)


@pytest.mark.parametrize(("mem", "syn"), [(9e-6, 4e-6), (2e-6, 15e-6)])
def test_psp_with_two_time_constants(mem, syn):
    time = np.linspace(0, 40e-6, 200)
    exact = CURRENT * mem * syn / (mem - syn) * (np.exp(-time / mem) - np.exp(-time / syn))
    np.testing.assert_allclose(IdealModel(mem, syn).psp(time), exact, rtol=1e-9, atol=1e-12)


def test_psp_is_continuous_where_the_time_constants_meet():
    """To first order in the difference: no jump between the two formulas, no cancellation."""
    time = np.linspace(0.1e-6, 40e-6, 100)
    for tau_syn in 6e-6 * (1 + 10.0 ** np.arange(-12, -3)):
        ratio = IdealModel(6e-6, tau_syn).psp(time) / MODEL.psp(time)
        x = time * (1 / tau_syn - 1 / 6e-6)
        assert (np.abs(ratio - (1 - x / 2)) < x**2 / 5 + 1e-12).all()


@pytest.mark.parametrize("model", MODELS)
def test_psp_is_nothing_before_the_spike(model):
    assert (model.psp(np.array([-1e-3, -1e-9, 0.0])) == 0).all()


def test_model_weight_and_chip_weight_mean_the_same():
    """Weight 1 of the model is 240 LSB on the chip."""
    chip = Chip(Mapping((1, 1)), Die.ideal(), quiet())
    trace = chip.run(spikes([[(0, 0)]], 1), [np.array([[60]], np.int8)]).traces(0)[0, :, 0]
    expected = 60 / BRAINSCALES2.weight_scale * MODEL.psp(np.arange(20) * BRAINSCALES2.dt_cadc)
    np.testing.assert_allclose(trace, expected, atol=0.51 / BRAINSCALES2.gap_lsb)


@pytest.mark.parametrize("model", MODELS)
def test_propagators_lead_each_tick_to_its_next_sample(model):
    table = model.propagators(OperatingPoint())
    ticks = np.arange(WINDOW + 1)
    assert table.sample.shape == ticks.shape
    ahead = table.sample * BRAINSCALES2.dt_cadc - ticks * TICK
    assert ahead.min() > -1e-12
    assert ahead.max() < BRAINSCALES2.dt_cadc
    np.testing.assert_allclose(table.from_p, model.psp(ahead), atol=1e-6)
    # Two samples on, the same potential again: once step by step, once from the formula.
    p, q = table.from_p, table.from_q
    for m in (1, 2):
        p, q = table.decay_mem * p + table.rise * q, table.decay_syn * q
        np.testing.assert_allclose(p, model.psp(ahead + m * BRAINSCALES2.dt_cadc), atol=2e-6)
