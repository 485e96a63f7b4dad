"""CapMem: the 10-bit codes that set each circuit's analog parameters.

The transfer from code to physics is non-linear and every circuit has its own: a code far from
nominal moves less than one nearby, by the die's ``steepness``. Nominal codes give the die as it was
drawn. Ranges and non-linearities are unpublished: estimates that put the nominal codes mid-range.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from snnlab.chip.constants import N_CIRCUITS
from snnlab.chip.die import Die
from snnlab.errors import SnnlabError

SETTINGS = (
    "leak", "reset", "threshold", "tau_mem", "tau_syn_exc", "tau_syn_inh", "gain_exc", "gain_inh",
)  # fmt: skip
"""Settings of a circuit: three voltages, then five bias currents."""
CODE_MAX = 1022
NOMINAL = MappingProxyType({name: 511 if k < 3 else 400 for k, name in enumerate(SETTINGS)})

LSB_PER_CODE = 0.38
"""Slope of a voltage : 1.8 V over the range of codes, at 4.6 mV per CADC LSB."""
VOLTAGE_SPAN = 900.0
"""Scale of the saturation (tanh) of voltages, in codes from nominal."""
DARK_CURRENT = 20.0
"""Current of a bias cell at code 0, in codes."""


class Circuits(NamedTuple):
    """Physics of the circuits under some setting, as in :class:`~snnlab.chip.die.Die`."""

    tau_mem: np.ndarray
    tau_syn: np.ndarray
    gain: np.ndarray
    leak_lsb: np.ndarray
    reset_lsb: np.ndarray
    threshold_lsb: np.ndarray


@dataclass(frozen=True)
class Codes:
    """One setting of the chip : int64[setting, circuit], 0 to 1022, in the order of SETTINGS.

    Raises :class:`SnnlabError` for another shape or a code out of range.
    """

    values: np.ndarray

    def __post_init__(self):
        shape = (len(SETTINGS), N_CIRCUITS)
        values = np.asarray(self.values)
        if values.shape != shape or values.dtype.kind not in "iu":
            raise SnnlabError(f"codes: {values.dtype}{values.shape}, expected integers of {shape}")
        wrong = np.argwhere((values < 0) | (values > CODE_MAX))
        if len(wrong):
            setting, circuit = wrong[0]
            raise SnnlabError(
                f"code {values[setting, circuit]} for {SETTINGS[setting]} of circuit {circuit} is"
                f" outside 0 to {CODE_MAX}: clip it first"
            )
        object.__setattr__(self, "values", values)

    @classmethod
    def nominal(cls) -> "Codes":
        """The same for every circuit."""
        return cls(np.tile(np.array(list(NOMINAL.values()))[:, None], N_CIRCUITS))

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[SETTINGS.index(name)]

    def having(self, **codes: np.ndarray) -> "Codes":
        """The same with some settings changed; raises :class:`SnnlabError` for an unknown one."""
        values = self.values.copy()
        for name, code in codes.items():
            if name not in SETTINGS:
                raise SnnlabError(f"setting {name!r} is unknown: use one of {', '.join(SETTINGS)}")
            kind = np.asarray(code).dtype
            if kind.kind not in "iu":
                raise SnnlabError(f"codes for {name}: {kind}, expected integers: round them first")
            values[SETTINGS.index(name)] = code
        return Codes(values)


def circuits(die: Die, codes: Codes | None = None) -> Circuits:
    """Physics of the circuits of a die at these codes; by default nominal ones, as drawn."""
    if codes is None:
        return Circuits(*(getattr(die, name) for name in Circuits._fields))
    ratio = {name: _current(die, codes, name) for name in SETTINGS[3:]}
    return Circuits(
        tau_mem=die.tau_mem / ratio["tau_mem"],
        tau_syn=die.tau_syn / np.stack([ratio["tau_syn_exc"], ratio["tau_syn_inh"]]),
        gain=die.gain * np.stack([ratio["gain_exc"], ratio["gain_inh"]]),
        leak_lsb=die.leak_lsb + _voltage(die, codes, "leak"),
        reset_lsb=die.reset_lsb + _voltage(die, codes, "reset"),
        threshold_lsb=die.threshold_lsb + _voltage(die, codes, "threshold"),
    )


def _voltage(die, codes, name):
    """Shift from nominal : float64[circuit], LSB."""
    shift = codes[name] - NOMINAL[name]
    steepness = die.steepness[SETTINGS.index(name)]
    return LSB_PER_CODE * steepness * VOLTAGE_SPAN * np.tanh(shift / VOLTAGE_SPAN)


def _current(die, codes, name):
    """Bias current over nominal : float64[circuit]; time constants fall with it, gains rise."""
    relative = (codes[name] + DARK_CURRENT) / (NOMINAL[name] + DARK_CURRENT)
    return relative ** die.steepness[SETTINGS.index(name)]
