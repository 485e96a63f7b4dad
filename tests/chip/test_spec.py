"""Variants of the chip: closed forms, slow twins, and what is refused."""

from dataclasses import FrozenInstanceError, replace
from fractions import Fraction

import numpy as np
import pytest
from builders import random_spikes, random_weights, same_recording
from refusal import refused

from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.recording import Recording
from snnlab.chip.spec import BRAINSCALES2, ChipSpec
from snnlab.errors import SnnlabError

SIZES = (30, 20, 4)
WEIGHT_BITS, CADC_BITS = (2, 3, 4, 5, 6), (3, 4, 5, 6, 7, 8)
LSB = np.concatenate([np.linspace(-90.01, 90.02, 3001), np.arange(-140, 141) / 2])


def nearest_level(weight, bits):
    """Twin of ``rounded`` for one weight, in exact numbers: all levels are tried."""
    step = Fraction(63, 2**bits - 1)
    weight = min(max(Fraction(float(weight)), Fraction(-63)), Fraction(63))
    levels = range(-(2**bits) + 1, 2**bits)
    best = min(levels, key=lambda k: (abs(k * step - weight), k % 2))  # half to even
    return round(best * step)


def variant(**bits):
    return replace(BRAINSCALES2, **bits)


# Weights


@pytest.mark.parametrize("bits", WEIGHT_BITS)
def test_levels_are_equally_spaced_over_the_same_range(bits):
    spec = variant(weight_bits=bits)
    levels = spec.weight_levels.astype(int)
    assert len(levels) == 2 * (2**bits - 1) + 1
    assert (levels[0], levels[-1]) == (-63, 63)
    assert (levels == -levels[::-1]).all()
    assert spec.weight_step == pytest.approx(63 / (2**bits - 1))
    ideal = spec.weight_step * np.arange(-(2**bits) + 1, 2**bits)
    assert np.abs(levels - ideal).max() < 0.5
    if bits in (2, 3, 6):  # 63 is a multiple of 3, 7 and 63
        assert set(np.diff(levels)) == {63 // (2**bits - 1)}


@pytest.mark.parametrize("bits", WEIGHT_BITS)
def test_rounding_agrees_with_its_twin(bits):
    got = variant(weight_bits=bits).rounded(LSB)
    assert got.dtype == np.int8
    assert got.tolist() == [nearest_level(weight, bits) for weight in LSB]


@pytest.mark.parametrize("bits", WEIGHT_BITS)
def test_rounding_is_monotone_odd_and_settles_at_once(bits):
    spec = variant(weight_bits=bits)
    got = spec.rounded(np.sort(LSB)).astype(int)
    assert (np.diff(got) >= 0).all()
    assert (spec.rounded(-LSB) == -spec.rounded(LSB)).all()
    assert (spec.rounded(got) == got).all()
    assert set(got) == set(spec.weight_levels.tolist())


@pytest.mark.parametrize("bits", WEIGHT_BITS)
def test_the_error_is_half_a_step_and_half_an_lsb_at_most(bits):
    spec, inside = variant(weight_bits=bits), LSB[np.abs(LSB) <= 63]
    error = np.abs(spec.rounded(inside) - inside)
    assert error.max() <= spec.weight_step / 2 + (0.5 if bits in (4, 5) else 0.0)
    assert error.max() > 0.9 * spec.weight_step / 2


def test_six_bits_round_as_ever():
    weights = LSB.astype(np.float32)
    expected = np.rint(np.clip(weights, -63, 63)).astype(np.int8)
    np.testing.assert_array_equal(BRAINSCALES2.rounded(weights), expected)


# CADC


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(4)
    return random_spikes(rng, 12, SIZES[0], rate=0.7), random_weights(rng, SIZES, spread=40.0)


def recorded(batch, bits, correction=None, die=None):
    chip = Chip(
        Mapping(SIZES), die or Die.draw(seed=3), correction=correction, spec=variant(cadc_bits=bits)
    )
    return chip.run(*batch, trial=9)


@pytest.mark.parametrize("bits", CADC_BITS)
def test_low_bits_are_dropped_of_the_same_conversion(batch, bits):
    """Noise is counter-based and membranes do not see the converter: only the bits differ."""
    full, got = recorded(batch, 8), recorded(batch, bits)
    step = 2 ** (8 - bits)
    assert got.spec.cadc_step == step
    for layer, (a, b) in enumerate(zip(full.cadc, got.cadc, strict=True)):
        assert b.ravel().tolist() == [int(sample) // step * step for sample in a.ravel()]
        np.testing.assert_array_less(
            np.abs(got.traces(layer) - full.traces(layer)), (step - 0.99) / 70
        )
    for a, b in zip(full.spikes, got.spikes, strict=True):
        np.testing.assert_array_equal(a.tick, b.tick)


@pytest.mark.parametrize("bits", [3, 5, 8])
def test_correction_is_subtracted_after_the_conversion(batch, bits):
    correction = np.random.default_rng(1).integers(-90, 90, 512)
    raw, got = recorded(batch, bits), recorded(batch, bits, correction)
    for layer, cadc in enumerate(raw.cadc):
        own = got.correction[layer]
        np.testing.assert_array_equal(got.cadc[layer], np.clip(cadc - own, 0, 255))


@pytest.mark.parametrize("bits", CADC_BITS)
def test_samples_of_the_end_levels_are_saturated(bits):
    spec = variant(cadc_bits=bits)
    low, high = (end // spec.cadc_step * spec.cadc_step for end in (25, 225))
    assert spec.cadc_ends == (low, high)
    levels = np.arange(0, 256, spec.cadc_step, dtype=np.uint8)
    silence = random_spikes(np.random.default_rng(0), 1, 1, rate=0.0)
    found = Recording(silence, (), (levels[None, :, None],), spec=spec).saturated(0).ravel()
    assert found.tolist() == [v <= low or v >= high for v in levels.tolist()]


@pytest.mark.parametrize("bits", [3, 4])
def test_a_strong_input_saturates_at_the_end_levels(bits):
    spec = variant(cadc_bits=bits)
    strong = random_spikes(np.random.default_rng(2), 4, 30, rate=1.0, last=200)
    for sign, end in ((-63, spec.cadc_ends[0]), (63, spec.cadc_ends[1])):
        chip = Chip(Mapping((30, 4)), Die.ideal(), spec=spec)
        recording = chip.run(strong, [np.full((30, 4), sign, np.int8)])
        assert (recording.cadc[0].min() if sign < 0 else recording.cadc[0].max()) == end
        assert recording.saturated(0).any()


# The chip


def test_chip_and_recording_carry_their_spec(batch):
    assert Chip(Mapping(SIZES)).spec is BRAINSCALES2
    assert Chip(Mapping(SIZES)).run(*batch).spec is BRAINSCALES2
    assert recorded(batch, 5).spec == ChipSpec(cadc_bits=5)


@pytest.mark.parametrize("bits", [2, 4, 5])
def test_weights_between_the_levels_are_refused(batch, bits):
    events, weights = batch
    spec = variant(weight_bits=bits)
    chip = Chip(Mapping(SIZES), spec=spec)
    refused(
        lambda: chip.run(events, weights), "weights of layer 0", f"{bits} bits", "63",
        "chip.spec.rounded(weights)",
    )  # fmt: skip
    rounded = [spec.rounded(w) for w in weights]
    assert same_recording(chip.run(events, rounded), Chip(Mapping(SIZES)).run(events, rounded))


@pytest.mark.parametrize("bits", WEIGHT_BITS)
def test_a_stuck_synapse_holds_a_weight_of_its_bits(batch, bits):
    events, weights = batch
    spec = variant(weight_bits=bits)
    weights = [spec.rounded(w) for w in weights]
    stuck = {(row, circuit): 7 * row % 64 for row in range(20) for circuit in range(8)}
    held = {place: nearest_level(weight, bits) for place, weight in stuck.items()}
    few = Chip(Mapping(SIZES), Die.ideal().with_faults(stuck=stuck), spec=spec)
    full = Chip(Mapping(SIZES), Die.ideal().with_faults(stuck=held))
    assert same_recording(few.run(events, weights), full.run(events, weights))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weight_bits", 1), ("weight_bits", 7), ("weight_bits", 4.5), ("weight_bits", "4"),
        ("cadc_bits", 2), ("cadc_bits", 9), ("cadc_bits", None), ("synaptic_limit", 0),
        ("synaptic_limit", 1025), ("synaptic_limit", 31.5),
    ],
)  # fmt: skip
def test_values_out_of_range_are_refused(name, value):
    low, high = ChipSpec.LIMITS[name]
    refused(lambda: ChipSpec(**{name: value}), name, repr(value), f"{low} to {high}")


def test_other_constants_do_not_vary():
    with pytest.raises((TypeError, ValueError), match="dt_cadc"):
        replace(BRAINSCALES2, dt_cadc=1e-6)
    with pytest.raises(FrozenInstanceError):
        BRAINSCALES2.gap_lsb = 60.0


def test_what_is_no_spec_is_refused():
    with pytest.raises(SnnlabError, match="ChipSpec"):
        Chip(Mapping(SIZES), spec="six bits")


def test_seven_samples_fit_into_the_published_period():
    assert 6 * BRAINSCALES2.dt_cadc < BRAINSCALES2.inference_period < 7 * BRAINSCALES2.dt_cadc
    assert OperatingPoint.inference().samples == 7
    assert OperatingPoint.inference(samples=5).samples == 5
