"""Codes and what they do: nominal codes give the die, each setting moves its own quantity."""

import numpy as np
import pytest
from builders import quiet, spikes
from hypothesis import given, settings
from hypothesis import strategies as st

from snnlab.chip.capmem import (
    CODE_MAX,
    LSB_PER_CODE,
    NOMINAL,
    SETTINGS,
    Circuits,
    Codes,
    circuits,
)
from snnlab.chip.constants import CADC_MAX_LSB, GAP_LSB, N_CIRCUITS, REST_LSB
from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.fabrication import N_SETTINGS
from snnlab.chip.layout.mapping import Mapping
from snnlab.errors import SnnlabError

often = settings(deadline=None, derandomize=True, database=None, max_examples=40)
MOVES = {
    "leak": ("leak_lsb", ..., 1),
    "reset": ("reset_lsb", ..., 1),
    "threshold": ("threshold_lsb", ..., 1),
    "tau_mem": ("tau_mem", ..., -1),
    "tau_syn_exc": ("tau_syn", 0, -1),
    "tau_syn_inh": ("tau_syn", 1, -1),
    "gain_exc": ("gain", 0, 1),
    "gain_inh": ("gain", 1, 1),
}
"""The quantity that each setting moves, of which synaptic input, and in which direction."""
ALL = np.arange(CODE_MAX + 1)
dies = st.builds(
    Die.draw,
    st.sampled_from(["ideal", "calibrated", "uncalibrated"]),
    sigma=st.floats(0.0, 0.5),
    seed=st.integers(0, 1000),
)


def swept(die, name):
    """What one setting moves, at every code : float64[code, circuit]."""
    quantity, part, _ = MOVES[name]
    codes = (Codes.nominal().having(**{name: np.full(N_CIRCUITS, code)}) for code in ALL)
    return np.array([getattr(circuits(die, code), quantity)[part] for code in codes])


def test_every_setting_moves_something():
    assert tuple(MOVES) == SETTINGS == tuple(NOMINAL)
    assert len(SETTINGS) == N_SETTINGS == len(Die.ideal().steepness)


@often
@given(dies)
def test_nominal_codes_give_the_die_to_the_bit(die):
    for at in (circuits(die), circuits(die, Codes.nominal())):
        for name in Circuits._fields:
            np.testing.assert_array_equal(getattr(at, name), getattr(die, name))


@often
@given(dies, st.sampled_from(SETTINGS), st.integers(0, CODE_MAX))
def test_a_setting_moves_nothing_else(die, name, code):
    before, after = circuits(die), circuits(die, Codes.nominal().having(**{name: code}))
    quantity, part, _ = MOVES[name]
    for other in Circuits._fields:
        changed = getattr(before, other) != getattr(after, other)
        if other == quantity:
            changed = changed.copy()
            changed[part] = False
        assert not changed.any()


@pytest.mark.parametrize("name", SETTINGS)
def test_each_code_moves_every_circuit_the_same_way(name):
    """Strictly: no two codes mean the same, so that a search by halves finds the best."""
    values = swept(Die.draw("uncalibrated", sigma=0.5, seed=1), name)
    assert (np.diff(values, axis=0) * MOVES[name][2] > 0).all()
    assert np.isfinite(values).all()
    if name not in ("leak", "reset", "threshold"):
        assert (values > 0).all()


@pytest.mark.parametrize("name", ["leak", "reset", "threshold"])
def test_near_nominal_a_code_of_voltage_is_worth_the_estimate(name):
    die = Die.draw("uncalibrated", seed=2)
    step = np.diff(swept(die, name)[[NOMINAL[name], NOMINAL[name] + 1]], axis=0)[0]
    steepness = die.steepness[SETTINGS.index(name)]
    np.testing.assert_allclose(step, LSB_PER_CODE * steepness, rtol=1e-5)
    assert steepness.std() > 0.02


@pytest.mark.parametrize("name", SETTINGS[3:])
def test_a_bias_current_is_a_power_of_its_code(name):
    """On a log-log scale, over the dark current, all codes lie on one line of the circuit's own."""
    die = Die.draw("uncalibrated", seed=3)
    relative = swept(die, name) / swept(die, name)[NOMINAL[name]]
    slope = np.diff(np.log(relative), axis=0) / np.diff(np.log(ALL + 20.0))[:, None]
    steepness = MOVES[name][2] * die.steepness[SETTINGS.index(name)]
    np.testing.assert_allclose(slope, np.broadcast_to(steepness, slope.shape), rtol=1e-6)


@pytest.mark.parametrize("name", SETTINGS)
def test_codes_reach_what_an_uncalibrated_circuit_must_be_brought_to(name):
    """The nominal value of every circuit within three standard deviations lies in range."""
    die = Die.draw("uncalibrated", seed=4)
    values, quantity = swept(die, name), MOVES[name][0]
    target = 0.0 if quantity.endswith("_lsb") else 1.0
    assert (values.min(axis=0) < target).all()
    assert (values.max(axis=0) > target).all()


def test_the_chip_obeys_its_codes():
    """A threshold lowered by a fifth of its height above leak: a fifth less input makes it fire."""
    needed = []
    for shift in (0.0, 0.2 * GAP_LSB):
        code = round(NOMINAL["threshold"] - shift / LSB_PER_CODE)
        codes = Codes.nominal().having(threshold=np.full(N_CIRCUITS, code))
        chip = Chip(Mapping((4, 63)), Die.ideal(), quiet(), codes=codes, labels_spike=True)
        # Neuron j has weight j + 1 on each of four inputs.
        weights = np.tile(np.arange(1, 64, dtype=np.int8), (4, 1))
        (fired,) = chip.run(spikes([[(0, k) for k in range(4)]], 4), [weights]).spikes
        needed.append(fired.channel.min() + 1)
    assert needed[1] / needed[0] == pytest.approx(0.8, abs=1 / 36)  # one step of weight


def test_a_leak_code_moves_what_the_converter_sees_at_rest():
    codes = Codes.nominal().having(leak=NOMINAL["leak"] + 50)
    chip = Chip(Mapping((1, 5)), Die.ideal(), quiet(), codes=codes)
    cadc = chip.run(spikes([[]], 1), [np.zeros((1, 5), np.int8)]).cadc[0]
    assert (cadc == round(REST_LSB + 50 * LSB_PER_CODE)).all()
    assert cadc.max() < CADC_MAX_LSB


# Codes


def test_codes_are_read_and_changed_by_name():
    codes = Codes.nominal()
    other = codes.having(reset=np.arange(N_CIRCUITS), gain_inh=7)
    np.testing.assert_array_equal(other["reset"], np.arange(N_CIRCUITS))
    assert (other["gain_inh"] == 7).all()
    assert (codes["reset"] == NOMINAL["reset"]).all(), "the first are as they were"
    np.testing.assert_array_equal(other["leak"], codes["leak"])


@pytest.mark.parametrize("code", [-1, CODE_MAX + 1, 10**9])
@pytest.mark.parametrize("name", SETTINGS)
def test_a_code_out_of_range_is_named(name, code):
    values = Codes.nominal().values
    values[SETTINGS.index(name), 300] = code
    with pytest.raises(SnnlabError) as error:
        Codes(values)
    text = f"code {code} for {name} of circuit 300 is outside 0 to 1022: clip it first"
    assert str(error.value) == text
    with pytest.raises(SnnlabError, match=f"code {code} for {name} of circuit 0 is outside"):
        Codes.nominal().having(**{name: code})


def test_the_ends_of_the_range_are_codes():
    for code in (0, CODE_MAX):
        at = circuits(Die.draw(sigma=0.5, seed=5), Codes(np.full((8, N_CIRCUITS), code)))
        assert all(np.isfinite(values).all() for values in at)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (np.zeros((8, 511), int), r"codes: int64\(8, 511\), expected integers of \(8, 512\)"),
        (np.zeros((7, 512), int), r"codes: int64\(7, 512\)"),
        (np.zeros((8, 512)), r"codes: float64\(8, 512\)"),
        (np.full((8, 512), np.nan), r"codes: float64\(8, 512\)"),
    ],
)
def test_what_are_no_codes_is_refused(values, complaint):
    with pytest.raises(SnnlabError, match=complaint):
        Codes(values)


@pytest.mark.parametrize("code", [3.5, np.nan, np.full(N_CIRCUITS, 400.0)])
def test_codes_are_whole_numbers(code):
    """None is cut silently."""
    with pytest.raises(SnnlabError, match="codes for leak: float64, expected integers"):
        Codes.nominal().having(leak=code)


def test_an_unknown_setting_is_named():
    with pytest.raises(SnnlabError, match="setting 'tau' is unknown: use one of leak, reset"):
        Codes.nominal().having(tau=3)


def test_codes_of_a_list_are_codes_too():
    listed = Codes(Codes.nominal().values.tolist())
    np.testing.assert_array_equal(listed["leak"], Codes.nominal()["leak"])
    assert np.isfinite(circuits(Die.ideal(), listed).tau_mem).all()
