"""The chip as the knobs have it."""

from dataclasses import replace
from functools import lru_cache

from snnlab.chip.calibration import Calibration, calibrate
from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.lab import Lab
from snnlab.chip.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint

TRIAL_NOISE = ("cadc_noise", "threshold_drift", "spike_jitter")
FABRICATED = ("die", "mismatch", "dead", "stuck", "killed", "die_seed")


class Setup:
    """Chips for one network: a new one is set up only when a knob was turned."""

    def __init__(self, mapping: Mapping, point: OperatingPoint):
        self.mapping, self.point = mapping, point
        self._last = (None, None)

    def chip(self, settings) -> Chip:
        """The chip with the die, calibration and trial noise of ``settings``."""
        noise = {name: getattr(settings, name) for name in TRIAL_NOISE}
        fabricated = _fabricated(settings)
        wanted = (*fabricated, settings.calibration, *noise.values())
        if self._last[0] != wanted:
            codes = _codes(fabricated) if settings.calibration == "measured" else {}
            chip = Chip(self.mapping, _die(*fabricated), replace(self.point, **noise), **codes)
            self._last = wanted, chip
        return self._last[1]


def found(settings) -> Calibration | None:
    """What the laboratory found if ``settings`` have the die calibrated anew, else None."""
    if settings.calibration != "measured":
        return None
    return _calibrated(*_fabricated(settings))


def _fabricated(settings):
    values = (getattr(settings, name) for name in FABRICATED)
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)


def _die(preset, sigma, dead, stuck, killed, seed):
    die = Die.draw(preset, sigma=sigma, seed=seed)
    return die.with_random_faults(dead=dead, stuck=stuck, seed=seed).with_faults(dead=killed)


def _codes(fabricated):
    found = _calibrated(*fabricated)
    return {"codes": found.codes, "correction": found.correction}


@lru_cache(maxsize=4)
def _calibrated(*fabricated):
    """What the laboratory finds for a die, shared by all trainers that use it."""
    return calibrate(Lab(_die(*fabricated), seed=fabricated[-1]))
