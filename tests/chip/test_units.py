"""Potentials, readouts and circuits in physical units and in codes: the same, told differently."""

import numpy as np
import pytest
from builders import quiet, spikes

from snnlab.chip.capmem import (
    LSB_PER_CODE,
    NOMINAL,
    SETTINGS,
    VOLTAGE_SPAN,
    Codes,
    circuits,
)
from snnlab.chip.constants import DT_CADC, GAP_LSB, N_CIRCUITS, REST_LSB, TAU_MEM
from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.synapses import CURRENT_PER_LSB
from snnlab.chip.units import (
    CODES,
    PHYSICAL,
    QUANTITIES,
    SCALES,
    UNITS,
    counterpart,
    is_measured,
    membranes,
    of_circuits,
    of_neurons,
    risen,
)

IDEAL = Die.ideal()


def recorded(weights, **chip):
    """One spike at time 0 into neurons of these weights, which do not fire."""
    weights = np.array([weights], np.int8)
    chip = Chip(Mapping((1, weights.shape[1])), IDEAL, quiet(), **chip)
    return chip.run(spikes([[(0, 0)]], 1), [weights])


def test_a_membrane_is_the_closed_form_in_either_unit():
    """With equal time constants a spike lifts a membrane by w·t·exp(−t/τ)."""
    weights = np.array([-40, 0, 20, 63])
    recording = recorded(weights)
    time = DT_CADC * np.arange(recording.cadc[0].shape[1])
    exact = np.outer(CURRENT_PER_LSB * time * np.exp(-time / TAU_MEM), weights)
    codes = membranes(recording, 0, CODES)[0]
    np.testing.assert_allclose(codes, REST_LSB + GAP_LSB * exact, atol=0.5 + 1e-3)
    assert (codes == np.rint(codes)).all(), "the converter knows whole numbers only"
    np.testing.assert_allclose(membranes(recording, 0, PHYSICAL)[0], exact, atol=0.51 / GAP_LSB)
    np.testing.assert_allclose(risen(recording)[0], GAP_LSB * exact, atol=0.51)


def test_of_an_offset_only_the_codes_know():
    plain, lifted = (
        recorded([30, 50], correction=np.full(N_CIRCUITS, by)) for by in (0, -17)
    )  # fmt: skip
    np.testing.assert_array_equal(
        membranes(lifted, 0, CODES), membranes(plain, 0, CODES) + 17
    )  # fmt: skip
    np.testing.assert_array_equal(membranes(lifted, 0, PHYSICAL), membranes(plain, 0, PHYSICAL))


@pytest.mark.parametrize("above", [-1.0, 1.0])
def test_the_line_is_where_a_neuron_fires(above):
    """A leak one LSB under the line reads just that; one over it makes the neuron fire."""
    line = SCALES[CODES].threshold
    shift = np.arctanh((line + above - REST_LSB) / (LSB_PER_CODE * VOLTAGE_SPAN)) * VOLTAGE_SPAN
    codes = Codes.nominal().having(leak=NOMINAL["leak"] + round(shift))
    chip = Chip(Mapping((1, 3)), IDEAL, quiet(), codes=codes, labels_spike=True)
    recording = chip.run(spikes([[]], 1), [np.zeros((1, 3), np.int8)])
    assert (len(recording.spikes[0].tick) > 0) == (above > 0)
    if above < 0:
        assert (membranes(recording, 0, CODES) == line - 1).all()
    assert REST_LSB + GAP_LSB * SCALES[PHYSICAL].threshold == line


def test_a_circuit_has_the_codes_that_it_is_set_to():
    at = circuits(IDEAL)
    setting = Codes(np.arange(len(SETTINGS) * N_CIRCUITS).reshape(-1, N_CIRCUITS) % 1023)
    names = [name for name in QUANTITIES[CODES] if not is_measured(name)]
    assert len(names) == len(SETTINGS)
    nominal = [of_circuits(name, at, None) for name in names]
    assert sorted(values[0] for values in nominal) == sorted(NOMINAL.values())
    assert all((values == values[0]).all() for values in nominal)
    rows = {tuple(of_circuits(name, at, setting)) for name in names}
    assert rows == set(map(tuple, setting.values.tolist()))


def test_a_code_of_threshold_moves_the_gap_by_the_estimate():
    codes = Codes.nominal().having(threshold=NOMINAL["threshold"] + 50)
    moved = LSB_PER_CODE * VOLTAGE_SPAN * np.tanh(50 / VOLTAGE_SPAN)
    for name, from_ in (("threshold − leak (LSB)", GAP_LSB), ("threshold (LSB off target)", 0.0)):
        values = of_circuits(name, circuits(IDEAL, codes), codes)
        np.testing.assert_allclose(values, from_ + moved)
    assert (of_circuits("threshold (10-bit code)", circuits(IDEAL, codes), codes) == 561).all()


def test_what_is_measured_is_told_in_its_unit():
    recording = recorded([10, 63])
    for units in UNITS:
        (highest,) = of_neurons(
            counterpart("highest CADC sample (LSB), measured", units), recording
        )
        np.testing.assert_array_equal(highest, membranes(recording, 0, units)[0].max(axis=0))


@pytest.mark.parametrize("units", UNITS)
def test_every_quantity_has_one_to_change_to(units):
    (other,) = set(UNITS) - {units}
    for name in QUANTITIES[units]:
        assert counterpart(name, units) == name
        changed = counterpart(name, other)
        assert changed in QUANTITIES[other]
        assert is_measured(changed) == is_measured(name)
        assert counterpart(counterpart(changed, units), other) == changed
