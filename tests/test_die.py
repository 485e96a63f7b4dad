"""A die is one frozen draw: its spreads are the table's, its pattern is its seed's."""

from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.stats import chi2

from snnlab.chip.constants import GAP_LSB, N_CIRCUITS
from snnlab.chip.die import DECALIBRATED, LEAK_RESET_CORRELATION, PHYSICAL, SPREADS, Die
from snnlab.errors import SnnlabError

RARE = 1e-4
"""Two-sided level of every confidence interval; seeds are fixed, so a pass stays a pass."""
QUANTITIES = [field.name for field in fields(Die) if field.name != "truncated"]


@pytest.fixture(scope="module")
def wafer():
    """Twenty calibrated dies."""
    return [Die.draw("calibrated", seed=seed) for seed in range(20)]


def pooled(dies, name):
    return np.concatenate([getattr(die, name).ravel() for die in dies])


def assert_spread(values, mean, std):
    """Mean and standard deviation of normal values lie in their confidence intervals."""
    n = values.size
    low, high = np.sqrt(chi2.ppf([RARE / 2, 1 - RARE / 2], n - 1) / (n - 1))
    assert std * low < values.std(ddof=1) < std * high
    assert abs(values.mean() - mean) < 3.9 * std / np.sqrt(n)


def assert_correlation(a, b, expected):
    """Fisher: the inverse tanh of a sample correlation is normal."""
    z = np.arctanh(np.corrcoef(a, b)[0, 1]) - np.arctanh(expected)
    assert abs(z) * np.sqrt(a.size - 3) < 3.9


@pytest.mark.parametrize("name", QUANTITIES)
def test_the_spread_of_calibrated_dies_is_the_tables(wafer, name):
    mean = 0.0 if name.endswith("_lsb") else 1.0
    assert_spread(pooled(wafer, name), mean, SPREADS["calibrated"][name])


def test_the_table_names_only_what_a_die_has():
    assert set(SPREADS["calibrated"]) == set(QUANTITIES)


def test_leak_and_reset_are_correlated_as_on_released_calibrations(wafer):
    assert 0.72 <= LEAK_RESET_CORRELATION <= 0.74
    leak, reset = pooled(wafer, "leak_lsb"), pooled(wafer, "reset_lsb")
    assert_correlation(leak, reset, LEAK_RESET_CORRELATION)


@pytest.mark.parametrize("other", ["tau_syn", "gap", "gain", "leak_lsb", "cadc_offset_lsb"])
def test_other_quantities_are_independent(wafer, other):
    assert_correlation(pooled(wafer, "tau_mem"), pooled(wafer, other), 0.0)


def test_circuits_and_dies_are_independent(wafer):
    gap = np.array([die.gap for die in wafer])
    assert_correlation(gap[:, :-1].ravel(), gap[:, 1:].ravel(), 0.0)
    assert_correlation(gap[:-1].ravel(), gap[1:].ravel(), 0.0)


def test_both_synapses_of_a_pair_have_gains_of_their_own(wafer):
    gain = wafer[0].synapse_gain
    assert gain.shape == (256, N_CIRCUITS)
    assert_correlation(gain[0::2].ravel(), gain[1::2].ravel(), 0.0)


@pytest.mark.parametrize("name", DECALIBRATED)
def test_decalibration_adds_in_quadrature(name):
    """(1 + a)(1 + b) has the variance a² + b² + a²b²; at 10 % nothing is cut."""
    dies = [Die.draw("calibrated", sigma=0.1, seed=seed) for seed in range(20)]
    before = SPREADS["calibrated"][name]
    expected = np.sqrt(before**2 + 0.1**2 + (before * 0.1) ** 2)
    assert sum(die.truncated for die in dies) == 0
    assert_spread(pooled(dies, name), 1.0, expected)


def test_decalibration_touches_nothing_else():
    flat, rough = Die.draw(seed=3), Die.draw(sigma=0.3, seed=3)
    for name in set(QUANTITIES) - set(DECALIBRATED):
        np.testing.assert_array_equal(getattr(flat, name), getattr(rough, name))


@pytest.mark.parametrize("name", DECALIBRATED)
def test_sigma_deepens_one_and_the_same_pattern(name):
    start, little, more = (
        getattr(Die.draw(sigma=sigma, seed=5), name) for sigma in (0.0, 0.04, 0.08)
    )
    np.testing.assert_allclose(more / start - 1, 2 * (little / start - 1), atol=1e-14)
    assert np.corrcoef(more / start, little / start)[0, 1] == pytest.approx(1.0, abs=1e-12)


def test_the_ideal_die_is_exactly_nominal():
    die = Die.ideal()
    for name in QUANTITIES:
        assert (getattr(die, name) == (0.0 if name.endswith("_lsb") else 1.0)).all()
    assert (die.threshold_lsb == GAP_LSB).all()
    assert die.truncated == 0


def test_an_ideal_die_can_be_decalibrated():
    die = Die.draw("ideal", sigma=0.1, seed=2)
    assert_spread(die.tau_mem, 1.0, 0.1)
    assert (die.gain == 1.0).all()


def test_one_seed_is_one_die():
    a, b, other = Die.draw(seed=4), Die.draw(seed=4), Die.draw(seed=5)
    for name in QUANTITIES:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert (getattr(a, name) != getattr(other, name)).mean() > 0.99


def test_what_is_cut_is_counted():
    die = Die.draw("ideal", sigma=0.5, seed=1)
    relative = np.concatenate([die.tau_mem, die.tau_syn, die.gap])
    assert (relative.min(), relative.max()) == (PHYSICAL[0], relative.max())
    assert relative.max() <= PHYSICAL[1]
    assert die.truncated == np.isin(relative, PHYSICAL).sum()
    # A factor below 0.2 is 1.6 standard deviations away: 5.5 % of circuits.
    assert die.truncated / relative.size == pytest.approx(0.0548, abs=0.022)


def test_threshold_is_above_this_circuits_own_leak():
    die = replace(Die.ideal(), leak_lsb=np.full(N_CIRCUITS, 4.0), gap=np.full(N_CIRCUITS, 1.1))
    np.testing.assert_allclose(die.threshold_lsb, 4.0 + 77.0)


def test_arrays_are_what_makes_a_die_again():
    die = Die.draw(sigma=0.2, seed=6)
    assert list(die.arrays()) == QUANTITIES
    again = Die(**die.arrays(), truncated=die.truncated)
    assert all((getattr(again, name) == getattr(die, name)).all() for name in QUANTITIES)


def test_unknown_presets_are_named():
    with pytest.raises(
        SnnlabError, match=r"die preset 'broken' is unknown: use one of .*calibrated"
    ):
        Die.draw("broken")


@pytest.mark.parametrize("sigma", [-0.1, 0.51, np.nan])
def test_impossible_mismatch_is_named(sigma):
    with pytest.raises(SnnlabError, match=rf"die mismatch {sigma} is outside 0 to 0\.5"):
        Die.draw(sigma=sigma)
