"""The chip that the knobs describe."""

from dataclasses import replace
from functools import lru_cache

from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.lab.calibration import Calibration, calibrate
from snnlab.chip.lab.laboratory import Lab
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2, ChipSpec

TRIAL_NOISE = OperatingPoint.TRIAL_NOISE
VARIANT = tuple(ChipSpec.LIMITS)
"""Knobs that are fields of the chip's spec."""
FABRICATED = ("die", "mismatch", "dead", "stuck", "killed", "die_seed")


class Setup:
    """Chips for one network: a new one is set up only when a knob was turned.

    own : a die to use instead of the one that the knobs die and die_seed select.
    """

    def __init__(self, mapping: Mapping, point: OperatingPoint, own: Die | None = None):
        self.mapping, self.point, self.own = mapping, point, own
        self._last = (None, None)

    def chip(self, settings) -> Chip:
        """The chip with the die, calibration, trial noise and spec of ``settings``.

        The laboratory that calibrates it is of BrainScaleS-2.
        """
        noise = {name: getattr(settings, name) for name in TRIAL_NOISE}
        variant = {name: getattr(settings, name) for name in VARIANT}
        fabricated = _fabricated(settings, self.own)
        wanted = (*fabricated, settings.calibration, *noise.values(), *variant.values())
        if self._last[0] != wanted:
            codes = _codes(fabricated) if settings.calibration == "measured" else {}
            point, spec = replace(self.point, **noise), replace(BRAINSCALES2, **variant)
            chip = Chip(self.mapping, _die(*fabricated), point, spec=spec, **codes)
            self._last = wanted, chip
        return self._last[1]


def find_calibration(settings, own: Die | None = None) -> Calibration | None:
    """Result of the calibration if ``settings`` ask for a measured one, else None."""
    if settings.calibration != "measured":
        return None
    return _calibrated(*_fabricated(settings, own))


def _fabricated(settings, own):
    """Own die or name of a preset, and the values of the other knobs that shape the die."""
    values = [getattr(settings, name) for name in FABRICATED]
    plain = (tuple(value) if isinstance(value, list) else value for value in values[1:])
    return own or values[0], *plain


def _die(made, sigma, dead, stuck, killed, seed):
    if isinstance(made, Die):
        die = made.decalibrated(sigma, seed=seed)
    else:
        die = Die.draw(made, sigma=sigma, seed=seed)
    return die.with_random_faults(dead=dead, stuck=stuck, seed=seed).with_faults(dead=killed)


def _codes(fabricated):
    found = _calibrated(*fabricated)
    return {"codes": found.codes, "correction": found.correction}


@lru_cache(maxsize=4)
def _calibrated(*fabricated):
    """Calibration of a die, shared by all trainers that use it."""
    return calibrate(Lab(_die(*fabricated), seed=fabricated[-1]))
