"""Calibrating one die on the terminal: what was found, and how far it helped."""

from pathlib import Path

from snnlab.chip.die import Die
from snnlab.chip.lab.calibration import Calibration, calibrate
from snnlab.chip.lab.laboratory import Lab
from snnlab.config import Config
from snnlab.files import check_place
from snnlab.text.progress import Bar, say

IN_LSB = 4
"""So many rows of a report are in LSB, the others relative."""


def calibrate_die(config: Config, path: Path | None = None) -> Calibration:
    """Calibrate the die of a configuration, print a table of spreads, and keep the result.

    Raises :class:`~snnlab.errors.SnnlabError` if the file cannot be written.
    """
    if path:
        check_place(Path(path), "calibration")
    die = Die.draw(config.die, sigma=config.mismatch, seed=config.die_seed)
    with Bar() as bar:
        found = calibrate(Lab(die, seed=config.die_seed), tell=bar.tell)
    say(f"{config.die} die {config.die_seed}: spread over its circuits")
    say("quantity       before    after")
    for row, (name, (before, after)) in enumerate(found.spreads().items()):
        in_lsb = row < IN_LSB
        unit, factor, digits = ("LSB", 1, 2) if in_lsb else ("%", 100, 1)
        say(f"{name:12s} {before * factor:8.{digits}f} {after * factor:8.{digits}f} {unit}")
    say(f"not calibratable: {', '.join(map(str, found.excluded)) or 'none'}")
    if path:
        found.save(path)
        say(f"kept in {path}")
    return found
