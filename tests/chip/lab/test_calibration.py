"""The laboratory measures what is there, and calibration brings it to its targets unseen."""

from dataclasses import replace

import numpy as np
import pytest

from snnlab.chip import constants as c
from snnlab.chip.capmem import Codes, circuits
from snnlab.chip.die import Die
from snnlab.chip.emulator import rise
from snnlab.chip.lab import measure
from snnlab.chip.lab.calibration import QUANTITIES, Calibration, Targets, calibrate
from snnlab.chip.lab.laboratory import Lab
from snnlab.chip.synapses import CURRENT_PER_LSB
from snnlab.errors import SnnlabError

SEEDS = range(1, 6)


@pytest.fixture(scope="module")
def die():
    """Uncalibrated, but with a converter whose channels are already corrected."""
    drawn = Die.draw("uncalibrated", seed=11)
    return replace(drawn, cadc_offset_lsb=np.zeros(512), cadc_gain=np.ones(512))


@pytest.fixture
def lab(die):
    return Lab(die, seed=1)


# The tools: search and fit


@pytest.mark.parametrize("rising", [True, False])
def test_the_search_finds_the_code_at_which_a_target_is_passed(rising):
    passes = np.arange(512) * 2
    found = measure.search(
        lambda code: (code >= passes) if rising else (code < passes), rising=rising
    )
    np.testing.assert_array_equal(found, passes)


@pytest.mark.parametrize("always", [True, False])
def test_a_target_out_of_reach_ends_at_an_end_of_the_range(always):
    found = measure.search(lambda code: np.full(512, always), rising=True)
    assert (found == (0 if always else 1022)).all()


def test_the_fit_recovers_decays_exactly_sampled():
    taus = np.linspace(2e-6, 15e-6, 40)
    samples = 30 * np.exp(-measure.TIMES[:, None] / taus) + 80
    tau, height = measure.fit(samples, lambda t: np.exp(-measure.TIMES / t), measure.TAUS)
    np.testing.assert_allclose(tau, taus, rtol=2e-3)
    np.testing.assert_allclose(height, 30, rtol=2e-3)


def test_the_psp_shape_solves_its_differential_equation():
    """tau dV/dt = −V + tau I: on a fine grid the two sides agree, equal time constants included."""
    time, tau_mem = np.linspace(0, 30e-6, 30_001), 6e-6
    for tau_syn in (3e-6, 6e-6, 9e-6):
        v = rise(tau_mem, tau_syn, time)
        slope = np.gradient(v, time)
        np.testing.assert_allclose(slope, np.exp(-time / tau_syn) - v / tau_mem, atol=1e-3)


# Measurements


def deviation(measured, true):
    """Root mean square over the circuits."""
    return np.sqrt(np.mean((measured - true) ** 2))


def test_the_cadc_characteristic_is_gain_and_offset():
    die = Die.draw("uncalibrated", seed=12)
    gain, at_rest = measure.cadc_characteristic(Lab(die))
    assert deviation(gain, die.cadc_gain) < 0.005
    assert deviation(at_rest, 80 * die.cadc_gain + die.cadc_offset_lsb) < 0.3


def test_potentials(lab, die):
    inside = np.abs(die.leak_lsb) < 45  # of the converter's range
    assert deviation(measure.leak_potential(lab)[inside], 80 + die.leak_lsb[inside]) < 0.3
    inside = np.abs(die.reset_lsb) < 45
    assert deviation(measure.reset_potential(lab)[inside], 80 + die.reset_lsb[inside]) < 0.3


def test_a_threshold_is_found_from_the_leak_that_makes_a_circuit_fire(lab, die):
    measured = measure.threshold_potential(lab)
    assert deviation(measured, 150 + die.threshold_lsb) < 0.6


def test_a_dead_circuit_has_no_threshold_to_be_found(die):
    measured = measure.threshold_potential(Lab(die.with_faults(dead=[3, 400])))
    assert np.flatnonzero(np.isnan(measured)).tolist() == [3, 400]


def test_time_constants_and_gains(lab, die):
    inside = np.abs(die.leak_lsb) < 30
    away = lab.codes.having(reset=np.full(512, 700))
    tau_mem = measure.membrane_time_constant(lab, away, trials=256)
    assert deviation((tau_mem / c.TAU_MEM)[inside], die.tau_mem[inside]) < 0.03
    for k, sign in enumerate((+1, -1)):
        seen = measure.psp(lab, sign, die.tau_mem * c.TAU_MEM, repeats=32)
        assert deviation((seen.tau_syn / c.TAU_SYN)[inside], die.tau_syn[k, inside]) < 0.03
        # The mean over sixteen synapses of 5 % each is what a circuit's gain can be told to.
        assert deviation(seen.gain[inside], die.gain[k, inside]) < 0.05 / 4 + 0.01


def test_the_weight_scale_is_the_height_of_a_potential_per_lsb():
    slope = measure.weight_scale(Lab(Die.ideal()), repeats=32)
    after = measure.TIMES[5:8] - measure.STIMULUS_TICK * 8e-9
    expected = (CURRENT_PER_LSB * after * np.exp(-after / c.TAU_MEM)).mean() * c.GAP_LSB
    assert deviation(slope, expected) < 0.02 * expected
    assert slope.mean() == pytest.approx(expected, rel=0.005)


def test_the_f_i_curve_is_that_of_a_leaky_integrator():
    """Rate = 1 / (tau_ref + tau ln((E − V_reset) / (E − threshold))), and none below threshold."""
    potentials, rates = measure.f_i_curve(Lab(Die.ideal()), [511, 650, 740, 820, 950])
    assert (rates[potentials < 145] == 0).all()
    drive = potentials[2:].mean(axis=1)
    expected = 1 / (c.TAU_REF + c.TAU_MEM * np.log((drive - 80) / (drive - 150)))
    # Counting whole spikes within 34 µs is good to one of them; membranes start at the drive.
    np.testing.assert_allclose(rates[2:].mean(axis=1), expected, atol=1.2 / 34e-6)
    assert (np.diff(rates.mean(axis=1)[1:]) > 0).all()


def test_the_same_experiments_give_the_same_results(die):
    first, second, other = (
        measure.leak_potential(Lab(die, seed=seed), trials=2) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


# Calibration


@pytest.fixture(
    scope="module",
    params=[SEEDS[0], *(pytest.param(seed, marks=pytest.mark.slow) for seed in SEEDS[1:])],
)
def calibrated(request):
    """An uncalibrated die, and what was found for it."""
    die = Die.draw("uncalibrated", seed=request.param)
    return die, calibrate(Lab(die, seed=request.param))


def test_every_true_spread_comes_under_the_published_bound(calibrated):
    """Not what calibration believes, but what the die then does."""
    die, found = calibrated
    at = circuits(die, found.codes)
    gap = 1 + (at.threshold_lsb - at.leak_lsb) / c.GAP_LSB
    offset = 80 * (die.cadc_gain - 1) + die.cadc_offset_lsb - found.correction
    assert found.excluded == ()
    assert at.tau_mem.std() < 0.06
    assert at.tau_syn.std(axis=1).max() < 0.05
    assert at.gain.std(axis=1).max() < 0.055
    assert at.leak_lsb.std() < 4.5
    assert at.reset_lsb.std() < 3.0
    assert at.threshold_lsb.std() < 2.5
    assert gap.std() < 0.045
    assert np.abs(offset).max() < 3.0
    for value, target in (
        (at.tau_mem, 1), (at.tau_syn, 1), (at.gain, 1), (80 + at.leak_lsb, 80), (gap, 1),
    ):  # fmt: skip
        assert value.mean() == pytest.approx(target, rel=0.01)


def test_the_report_is_what_was_measured(calibrated):
    _, found = calibrated
    spreads = found.spreads()
    assert tuple(spreads) == QUANTITIES
    for name, (before, after) in spreads.items():
        assert after < before / 4, name


def test_other_targets_are_reached_too():
    die = Die.draw("uncalibrated", seed=3)
    targets = Targets(leak=90, reset=70, threshold=160, tau_mem=9e-6, tau_syn=4e-6, gain=0.8)
    found = calibrate(Lab(die), targets)
    at = circuits(die, found.codes)
    good = np.setdiff1d(np.arange(512), found.excluded)
    assert good.size > 500
    for value, target in (
        (80 + at.leak_lsb, 90), (80 + at.reset_lsb, 70), (150 + at.threshold_lsb, 160),
        (at.tau_mem, 1.5), (at.tau_syn[0], 2 / 3), (at.tau_syn[1], 2 / 3), (at.gain[0], 0.8),
    ):  # fmt: skip
        assert value[good].mean() == pytest.approx(target, rel=0.01)
        assert value[good].std() < 0.03 * target


def test_a_calibrated_chip_stays_so_if_it_is_calibrated_again():
    lab = Lab(Die.draw("uncalibrated", seed=3), seed=3)
    once, again = calibrate(lab), calibrate(lab)
    assert again.excluded == once.excluded == ()
    np.testing.assert_allclose(again.correction, once.correction, atol=1)
    assert np.ptp(once.correction) > 20


def test_circuits_beyond_reach_are_named():
    die = Die.draw("uncalibrated", seed=4).with_faults(dead=[17])
    tau_mem = die.tau_mem.copy()
    tau_mem[99] = 4.0  # no bias current makes this membrane fast enough
    found = calibrate(Lab(replace(die, tau_mem=tau_mem)))
    assert found.excluded == (17, 99)
    assert np.isnan(found.after[QUANTITIES.index("threshold"), 17])
    assert found.after[QUANTITIES.index("tau_mem"), 99] > 0.15


def test_progress_is_told_from_start_to_end():
    told = []
    calibrate(Lab(Die.draw("uncalibrated", seed=5)), tell=lambda *news: told.append(news))
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0.0
    assert fractions[-1] < 1.0
    assert any("membrane time constants" in message for message, _ in told)


def test_what_is_saved_is_what_is_loaded(calibrated, tmp_path):
    _, found = calibrated
    found.save(tmp_path / "setting.npz")
    again = Calibration.load(tmp_path / "setting.npz")
    np.testing.assert_array_equal(again.codes.values, found.codes.values)
    np.testing.assert_array_equal(again.correction, found.correction)
    np.testing.assert_array_equal(again.after, found.after)
    assert again.excluded == found.excluded


def test_a_file_that_is_no_calibration_is_named(tmp_path):
    Die.ideal().save(tmp_path / "die.npz")
    with pytest.raises(SnnlabError, match=r"calibration .*die\.npz: not an npz file of codes"):
        Calibration.load(tmp_path / "die.npz")
    found = {
        "codes": np.full((8, 512), 2000), "correction": np.zeros(512),
        "before": np.zeros((9, 512)), "after": np.zeros((9, 512)),
    }  # fmt: skip
    np.savez(tmp_path / "codes.npz", **found)
    with pytest.raises(SnnlabError, match=r"code 2000 for leak of circuit 0 is outside 0 to 1022"):
        Calibration.load(tmp_path / "codes.npz")


def test_a_lab_starts_at_nominal_codes(lab):
    np.testing.assert_array_equal(lab.codes.values, Codes.nominal().values)
    assert (lab.correction == 0).all()
