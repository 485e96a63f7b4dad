"""A die: one draw of the fixed pattern of mismatch that makes every chip its own."""

from dataclasses import dataclass, fields
from types import MappingProxyType

import numpy as np

from snnlab.chip.constants import GAP_LSB, N_CIRCUITS, SYNAPSES_PER_CIRCUIT
from snnlab.errors import SnnlabError
from snnlab.seeding import stream

SPREADS = MappingProxyType(
    {
        "ideal": MappingProxyType({}),
        # Upper bounds from the calibration library's own tests, as relative spreads; leak, reset
        # and CADC offset in LSB. The spread of single synapses is unpublished: an estimate.
        "calibrated": MappingProxyType(
            {
                "tau_mem": 0.06,
                "tau_syn": 0.05,
                "gap": 0.045,
                "gain": 0.055,
                "synapse_gain": 0.05,
                "leak_lsb": 4.5,
                "reset_lsb": 3.0,
                "cadc_offset_lsb": 3.0,
            }
        ),
    }
)
"""Standard deviation of each quantity over the circuits of a die, by preset."""

DECALIBRATED = ("tau_mem", "tau_syn", "gap")
"""What the paper's sigma_d decalibrates (PNAS, Fig. 4)."""

LEAK_RESET_CORRELATION = 0.73
"""Of two released chip calibrations: 0.72 and 0.74."""

PHYSICAL = (0.2, 3.0)
"""Relative quantities are cut to this range: no circuit can be set beyond it (estimate)."""


@dataclass(frozen=True)
class Die:
    """Fixed-pattern mismatch of 512 neuron circuits and their synapses.

    Relative to nominal, float64[circuit]: ``tau_mem``, ``tau_syn``, ``gap`` (threshold − leak),
    ``gain`` (synaptic). In CADC LSB, float64[circuit]: ``leak_lsb`` and ``reset_lsb`` (deviation
    from nominal), ``cadc_offset_lsb`` (what digital correction leaves).
    ``synapse_gain`` : float64[row, circuit], relative, excitatory rows even, inhibitory odd.
    ``truncated`` counts the values that were cut to the physical range.
    """

    tau_mem: np.ndarray
    tau_syn: np.ndarray
    gap: np.ndarray
    gain: np.ndarray
    leak_lsb: np.ndarray
    reset_lsb: np.ndarray
    cadc_offset_lsb: np.ndarray
    synapse_gain: np.ndarray
    truncated: int = 0

    @classmethod
    def draw(cls, preset: str = "calibrated", *, sigma: float = 0.0, seed: int = 0) -> "Die":
        """Fabricate a die.

        ``sigma`` is the paper's decalibration of time constants and threshold, 0 to 0.5, on top of
        the preset. One seed is one fixed pattern: changing ``sigma`` deepens or flattens it.
        Raises :class:`SnnlabError` for an unknown preset or a sigma out of range.
        """
        if preset not in SPREADS:
            raise SnnlabError(f"die preset {preset!r} is unknown: use one of {', '.join(SPREADS)}")
        if not 0.0 <= sigma <= 0.5:
            raise SnnlabError(f"die mismatch {sigma} is outside 0 to 0.5")
        spread = SPREADS[preset]
        draw = _Draw(seed, spread, sigma)
        leak = draw.normal("leak_lsb")
        return cls(
            **{name: draw.relative(name) for name in ("tau_mem", "tau_syn", "gap", "gain")},
            leak_lsb=leak * spread.get("leak_lsb", 0.0),
            reset_lsb=_correlated(leak, draw.normal("reset_lsb")) * spread.get("reset_lsb", 0.0),
            cadc_offset_lsb=draw.normal("cadc_offset_lsb") * spread.get("cadc_offset_lsb", 0.0),
            synapse_gain=draw.relative("synapse_gain", (SYNAPSES_PER_CIRCUIT, N_CIRCUITS)),
            truncated=draw.truncated,
        )

    @classmethod
    def ideal(cls) -> "Die":
        """The chip of the textbook: every circuit the same."""
        return cls.draw("ideal")

    def arrays(self) -> dict[str, np.ndarray]:
        """Its quantities by name, for saving."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name != "truncated"
        }

    @property
    def threshold_lsb(self) -> np.ndarray:
        """Threshold above nominal leak : float64[circuit], LSB."""
        return self.leak_lsb + GAP_LSB * self.gap


class _Draw:
    """Named normal draws of one seed, and a tally of what was cut."""

    def __init__(self, seed, spread, sigma):
        self.seed, self.spread, self.sigma, self.truncated = seed, spread, sigma, 0

    def normal(self, name, shape=N_CIRCUITS):
        return stream(self.seed, "die", name).standard_normal(shape)

    def relative(self, name, shape=N_CIRCUITS):
        value = 1.0 + self.spread.get(name, 0.0) * self.normal(name, shape)
        if name in DECALIBRATED:
            value *= 1.0 + self.sigma * self.normal(f"{name} decalibration", shape)
        cut = np.clip(value, *PHYSICAL)
        self.truncated += int((cut != value).sum())
        return cut


def _correlated(a, b, r=LEAK_RESET_CORRELATION):
    return r * a + np.sqrt(1.0 - r * r) * b
