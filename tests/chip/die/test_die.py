"""A die is one frozen draw: its spreads are the table's, its pattern is its seed's."""

from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.stats import binom, chi2

from snnlab.chip.constants import GAP_LSB, N_CIRCUITS, N_QUADRANTS
from snnlab.chip.die import WORKS, Die
from snnlab.chip.fabrication import (
    DECALIBRATED,
    GAIN_CORRELATION,
    LEAK_RESET_CORRELATION,
    OFFSET_MAX_LSB,
    PHYSICAL,
    SPREADS,
)
from snnlab.errors import SnnlabError

RARE = 1e-4
"""Two-sided level of every confidence interval; seeds are fixed, so a pass stays a pass."""
FAULTS = ("dead", "stuck")
QUANTITIES = tuple(SPREADS["calibrated"])
PUBLISHED = {
    "uncalibrated": {
        "tau_mem": (0.133, 0.139),
        "tau_syn": (0.201, 0.258),
        "gain": (0.155, 0.24),
        "leak_lsb": (13.0, 16.0),
        "reset_lsb": (12.0, 16.5),
        "threshold_lsb": (7.3, 7.4),
        "gap": (0.19, 0.22),
        "cadc_offset_lsb": (9.25, 9.95),
    },
    "calibrated": {
        "tau_mem": (0.0, 0.06),
        "tau_syn": (0.0, 0.05),
        "gain": (0.05, 0.06),
        "leak_lsb": (4.0, 5.0),
        "reset_lsb": (0.0, 3.0),
        "threshold_lsb": (0.0, 2.5),
        "gap": (0.04, 0.05),
        "cadc_offset_lsb": (0.0, 3.0),
    },
}
"""Spreads over a whole chip: of two released calibrations, and what calibration leaves at most."""


@pytest.fixture(scope="module", params=["calibrated", "uncalibrated"])
def wafer(request):
    """Preset and forty of its dies."""
    return request.param, [Die.draw(request.param, seed=seed) for seed in range(40)]


def nominal(name):
    return 0.0 if name.endswith("_lsb") else 1.0


def by_quadrant(dies, name):
    """Deviations from nominal : float64[die, row, quadrant, circuit in it]."""
    values = np.array([getattr(die, name) for die in dies]) - nominal(name)
    return values.reshape(len(dies), -1, N_QUADRANTS, N_CIRCUITS // N_QUADRANTS)


def pooled(dies, name):
    return np.concatenate([getattr(die, name).ravel() for die in dies])


def assert_variance(observed, freedom, std):
    """A mean square of normal values lies in its confidence interval."""
    low, high = chi2.ppf([RARE / 2, 1 - RARE / 2], freedom) / freedom
    assert std**2 * low < observed < std**2 * high


def assert_spread(values, mean, std):
    """Mean and standard deviation of independent normal values lie in theirs."""
    assert_variance(values.var(ddof=1), values.size - 1, std)
    assert abs(values.mean() - mean) < 3.9 * std / np.sqrt(values.size)


def assert_correlation(a, b, expected):
    """Fisher: the inverse tanh of a sample correlation is normal."""
    z = np.arctanh(np.corrcoef(a, b)[0, 1]) - np.arctanh(expected)
    assert abs(z) * np.sqrt(a.size - 3) < 3.9


def assert_rate(happened, rate):
    """A count of independent events lies in its confidence interval."""
    low, high = binom.ppf([RARE / 2, 1 - RARE / 2], happened.size, rate)
    assert low <= happened.sum() <= high


# The presets


@pytest.mark.parametrize("name", QUANTITIES)
def test_the_spread_within_quadrants_is_the_tables(wafer, name):
    preset, dies = wafer
    values = by_quadrant(dies, name)
    inside = values - values.mean(axis=-1, keepdims=True)
    freedom = values[..., 1:].size
    std = SPREADS[preset][name][0]
    if name == "cadc_offset_lsb" and preset == "uncalibrated":
        std *= 0.991  # cut at 3.1 of them
    assert_variance((inside**2).sum() / freedom, freedom, std)


@pytest.mark.parametrize("name", sorted(set(QUANTITIES) - {"gain"}))
def test_the_spread_between_quadrants_is_the_tables(wafer, name):
    """A mean of 128 circuits spreads by what quadrants do, and by chance."""
    preset, dies = wafer
    means = by_quadrant(dies, name).mean(axis=-1).ravel()
    within, between = SPREADS[preset][name]
    assert_spread(means, 0.0, np.hypot(between, within / np.sqrt(N_CIRCUITS / N_QUADRANTS)))


@pytest.mark.parametrize("k", [0, 1], ids=["exc", "inh"])
def test_gains_of_quadrants_too(wafer, k):
    """By themselves, because both inputs of a circuit go together."""
    preset, dies = wafer
    means = by_quadrant(dies, "gain").mean(axis=-1)[:, k].ravel()
    within, between = SPREADS[preset]["gain"]
    assert_spread(means, 0.0, np.hypot(between, within / np.sqrt(N_CIRCUITS / N_QUADRANTS)))


@pytest.mark.parametrize("name", PUBLISHED["calibrated"])
def test_the_spread_over_a_chip_is_the_published_one(wafer, name):
    """Root mean square over many dies: single ones differ, most where quadrants do."""
    preset, dies = wafer
    deviations = pooled(dies, name) - nominal(name)
    low, high = PUBLISHED[preset][name]
    assert 0.95 * low <= np.sqrt((deviations**2).mean()) <= 1.02 * high


def test_the_tables_name_what_a_die_has():
    drawn = {field.name for field in fields(Die)} - {"truncated", *FAULTS}
    assert set(SPREADS) == {"ideal", "calibrated", "uncalibrated"}
    assert not SPREADS["ideal"]
    assert set(SPREADS["calibrated"]) == set(SPREADS["uncalibrated"]) == drawn


def test_leak_and_reset_are_correlated_as_on_released_calibrations(wafer):
    assert 0.72 <= LEAK_RESET_CORRELATION <= 0.74
    leak, reset = (pooled(wafer[1], name) for name in ("leak_lsb", "reset_lsb"))
    assert_correlation(leak, reset, LEAK_RESET_CORRELATION)


@pytest.mark.parametrize("part", ["circuits", "quadrants"])
def test_both_gains_of_a_circuit_are_correlated_as_on_a_released_calibration(wafer, part):
    assert GAIN_CORRELATION == 0.97
    gain = by_quadrant(wafer[1], "gain")
    means = gain.mean(axis=-1, keepdims=True)
    exc, inh = np.swapaxes(gain - means if part == "circuits" else means, 0, 1)
    assert_correlation(exc.ravel(), inh.ravel(), GAIN_CORRELATION)


def test_both_synaptic_time_constants_are_not(wafer):
    tau = by_quadrant(wafer[1], "tau_syn")
    exc, inh = np.swapaxes(tau - tau.mean(axis=-1, keepdims=True), 0, 1)
    assert_correlation(exc.ravel(), inh.ravel(), 0.0)


@pytest.mark.parametrize("other", ["gap", "leak_lsb", "reset_lsb", "cadc_offset_lsb", "cadc_gain"])
def test_other_quantities_are_independent(wafer, other):
    assert_correlation(pooled(wafer[1], "tau_mem"), pooled(wafer[1], other), 0.0)


def test_circuits_and_dies_are_independent(wafer):
    gap = np.array([die.gap for die in wafer[1]])
    assert_correlation(gap[:, :-1].ravel(), gap[:, 1:].ravel(), 0.0)
    assert_correlation(gap[:-1].ravel(), gap[1:].ravel(), 0.0)


def test_both_synapses_of_a_pair_have_gains_of_their_own(wafer):
    gain = wafer[1][0].synapse_gain
    assert gain.shape == (256, N_CIRCUITS)
    assert_correlation(gain[0::2].ravel(), gain[1::2].ravel(), 0.0)


def test_settings_of_a_circuit_have_slopes_of_their_own(wafer):
    steepness = wafer[1][0].steepness
    assert_correlation(steepness[:-1].ravel(), steepness[1:].ravel(), 0.0)


def test_quadrants_are_four_blocks_of_neighbours():
    """Uncalibrated gains jump at their borders and nowhere else."""
    dies = [Die.draw("uncalibrated", seed=seed) for seed in range(60)]
    jumps = np.mean([np.abs(np.diff(die.gain[0])) for die in dies], axis=0)
    assert np.flatnonzero(jumps > 0.13).tolist() == [127, 255, 383]
    assert jumps[[127, 255, 383]].min() > 2 * np.delete(jumps, [127, 255, 383]).max()


def test_the_ideal_die_is_exactly_nominal():
    die = Die.ideal()
    for name in QUANTITIES:
        assert (getattr(die, name) == nominal(name)).all()
    assert (die.gap == 1.0).all()
    assert not die.dead.any()
    assert (die.stuck == WORKS).all()
    assert die.truncated == 0


# Decalibration


def spread(preset, name):
    """Total spread over a chip, gap included."""
    return np.hypot(*SPREADS[preset][name]) if name != "gap" else 0.045


@pytest.mark.parametrize("name", DECALIBRATED)
def test_decalibration_adds_in_quadrature(name):
    """(1 + a)(1 + b) has the variance a² + b² + a²b²; at 10 % nothing is cut."""
    dies = [Die.draw("calibrated", sigma=0.1, seed=seed) for seed in range(20)]
    before = spread("calibrated", name)
    expected = np.sqrt(before**2 + 0.1**2 + (before * 0.1) ** 2)
    assert sum(die.truncated for die in dies) == 0
    one_of_a_pair = np.concatenate([np.atleast_2d(getattr(die, name))[0] for die in dies])
    assert_spread(one_of_a_pair, 1.0, expected)


@pytest.mark.parametrize("name", DECALIBRATED)
def test_one_quantity_may_be_decalibrated_by_itself(name):
    flat, all_, one = (Die.draw(sigma=s, seed=3) for s in (0.0, 0.3, {name: 0.3}))
    for other in set(DECALIBRATED) - {name}:
        np.testing.assert_array_equal(getattr(one, other), getattr(flat, other))
    np.testing.assert_array_equal(getattr(one, name), getattr(all_, name))
    assert (getattr(one, name) != getattr(flat, name)).any()


def test_quantities_may_be_decalibrated_by_amounts_of_their_own():
    die = Die.draw("ideal", sigma={"tau_mem": 0.1, "tau_syn": 0.05}, seed=2)
    assert_spread(die.tau_mem, 1.0, 0.1)
    assert_spread(die.tau_syn[0], 1.0, 0.05)
    np.testing.assert_array_equal(die.tau_syn[0], die.tau_syn[1])
    assert (die.gap == 1.0).all()
    assert (die.gain == 1.0).all()


def test_decalibration_touches_nothing_else():
    flat, rough = Die.draw(seed=3), Die.draw(sigma=0.3, seed=3)
    for name in set(QUANTITIES) - {*DECALIBRATED, "threshold_lsb"}:
        np.testing.assert_array_equal(getattr(flat, name), getattr(rough, name))


@pytest.mark.parametrize("preset", ["calibrated", "uncalibrated"])
@pytest.mark.parametrize("name", DECALIBRATED)
def test_sigma_deepens_one_and_the_same_pattern(name, preset):
    start, little, more = (
        getattr(Die.draw(preset, sigma=sigma, seed=5), name) for sigma in (0.0, 0.04, 0.08)
    )
    np.testing.assert_allclose(more / start - 1, 2 * (little / start - 1), atol=1e-13)


def test_one_seed_is_one_die():
    a, b, other = Die.draw(seed=4), Die.draw(seed=4), Die.draw(seed=5)
    for name in QUANTITIES:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert (getattr(a, name) != getattr(other, name)).mean() > 0.99


def test_presets_share_their_seeds_pattern():
    """The better-set die is the same piece of silicon."""
    a, b = (Die.draw(preset, seed=4) for preset in ("calibrated", "uncalibrated"))
    assert np.corrcoef(a.leak_lsb, b.leak_lsb)[0, 1] == pytest.approx(1.0)


def test_what_is_cut_is_counted():
    die = Die.draw("ideal", sigma=0.5, seed=1)
    # Both inputs of a circuit are decalibrated alike, and counted both.
    relative = np.concatenate([die.tau_mem, die.tau_syn.ravel(), die.gap])
    low, high = (np.isclose(relative, end, rtol=1e-12) for end in PHYSICAL)
    assert ((relative > PHYSICAL[0]) | low).all()
    assert ((relative < PHYSICAL[1]) | high).all()
    assert die.truncated == low.sum() + high.sum()
    # A factor below 0.2 is 1.6 standard deviations away: 5.5 % of circuits.
    assert die.truncated / relative.size == pytest.approx(0.0548, abs=0.022)


def test_converter_offsets_are_cut_at_their_published_range():
    dies = [Die.draw("uncalibrated", seed=seed) for seed in range(20)]
    offsets = pooled(dies, "cadc_offset_lsb")
    assert np.abs(offsets).max() == OFFSET_MAX_LSB
    assert_rate(np.abs(offsets) == OFFSET_MAX_LSB, 0.00178)  # beyond 3.125 standard deviations


def test_the_gap_is_above_this_circuits_own_leak():
    ideal, seven = Die.ideal(), np.full(N_CIRCUITS, 0.1 * GAP_LSB)
    die = replace(ideal, threshold_lsb=4.0 + seven, leak_lsb=np.full(N_CIRCUITS, 4.0))
    np.testing.assert_allclose(die.gap, 1.1)


# Faults


def test_faults_are_where_they_were_put():
    die = Die.draw(seed=1)
    ill = die.with_faults(dead=[3, 511], leaky={7}, stuck={(0, 2): 63, (255, 511): 0})
    assert np.flatnonzero(ill.dead).tolist() == [3, 511]
    assert np.flatnonzero(ill.threshold_lsb != die.threshold_lsb).tolist() == [7]
    assert ill.gap[7] < 0.0
    assert np.argwhere(ill.stuck != WORKS).tolist() == [[0, 2], [255, 511]]
    assert (ill.stuck[0, 2], ill.stuck[255, 511]) == (63, 0)
    assert not die.dead.any(), "the die itself is as it was"


def test_faults_add_up():
    die = Die.ideal().with_faults(dead=[1], stuck={(0, 0): 5}).with_faults(dead=[2])
    assert np.flatnonzero(die.dead).tolist() == [1, 2]
    assert die.stuck[0, 0] == 5


@pytest.mark.parametrize(
    ("faults", "complaint"),
    [
        ({"dead": [512]}, "circuit 512 does not exist: there are 0 to 511"),
        ({"dead": [-1]}, "circuit -1 does not exist"),
        ({"leaky": [4, 700]}, "circuit 700 does not exist"),
        ({"stuck": {(256, 0): 1}}, "row 256 does not exist: there are 0 to 255"),
        ({"stuck": {(0, 512): 1}}, "circuit 512 does not exist"),
        ({"stuck": {(0, 0): 64}}, "stuck weight 64 does not exist: there are 0 to 63"),
        ({"stuck": {(0, 0): -1}}, "stuck weight -1 does not exist"),
    ],
)
def test_faults_of_what_is_not_there_are_refused(faults, complaint):
    with pytest.raises(SnnlabError, match=complaint):
        Die.ideal().with_faults(**faults)


def test_random_faults_come_at_their_rates():
    dies = [
        Die.ideal().with_random_faults(dead=0.15, leaky=0.02, stuck=0.01, seed=seed)
        for seed in range(10)
    ]
    assert_rate(pooled(dies, "dead"), 0.15)
    assert_rate(pooled(dies, "gap") < 0, 0.02)
    stuck = pooled(dies, "stuck")
    assert_rate(stuck != WORKS, 0.01)
    counts = np.bincount(stuck[stuck != WORKS], minlength=64)
    assert counts.size == 64
    expected = counts.mean()
    assert ((counts - expected) ** 2 / expected).sum() < chi2.ppf(1 - RARE, 63)


def test_more_faults_keep_the_fewer():
    die = Die.draw(seed=2)
    few, many = (die.with_random_faults(dead=r, leaky=r, stuck=r, seed=9) for r in (0.05, 0.2))
    other = die.with_random_faults(dead=0.2, seed=10)
    for name, at_few, at_many in (
        ("dead", few.dead, many.dead),
        ("leaky", few.gap < 0, many.gap < 0),
        ("stuck", few.stuck != WORKS, many.stuck != WORKS),
    ):
        assert at_many[at_few].all(), name
        assert at_many.sum() > at_few.sum() > 0, name
    np.testing.assert_array_equal(many.stuck[few.stuck != WORKS], few.stuck[few.stuck != WORKS])
    assert (other.dead != many.dead).any()


@pytest.mark.parametrize("rate", [-0.1, 1.01, np.nan])
@pytest.mark.parametrize("name", ["dead", "leaky", "stuck"])
def test_impossible_rates_are_named(name, rate):
    with pytest.raises(SnnlabError, match=rf"die rate of {name} = {rate} is outside 0 to 1"):
        Die.ideal().with_random_faults(**{name: rate})
