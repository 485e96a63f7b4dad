"""Fabrication of dies: the spreads of their quantities, and the draw."""

from numbers import Integral, Real
from types import MappingProxyType

import numpy as np

from snnlab.chip.constants import GAP_LSB, N_CIRCUITS, N_QUADRANTS, SYNAPSES_PER_CIRCUIT
from snnlab.errors import SnnlabError
from snnlab.seeding import stream

SPREADS = MappingProxyType(
    {
        "ideal": MappingProxyType({}),
        # Upper bounds from the calibration library's own tests. The spreads of converter gain and
        # of single synapses are unpublished: estimates.
        "calibrated": MappingProxyType(
            {
                "tau_mem": (0.06, 0.0),
                "tau_syn": (0.05, 0.0),
                "gain": (0.055, 0.0),
                "synapse_gain": (0.05, 0.0),
                "leak_lsb": (4.5, 0.0),
                "reset_lsb": (3.0, 0.0),
                "threshold_lsb": (2.5, 0.0),
                "cadc_gain": (0.01, 0.0),
                "cadc_offset_lsb": (3.0, 0.0),
                "steepness": (0.03, 0.0),
            }
        ),
        # What two released calibrations had to undo, mean of the two chips: spread over a quadrant,
        # and of the quadrants' own offsets.
        "uncalibrated": MappingProxyType(
            {
                "tau_mem": (0.136, 0.0),
                "tau_syn": (0.195, 0.122),
                "gain": (0.055, 0.203),
                "synapse_gain": (0.05, 0.0),
                "leak_lsb": (14.5, 0.0),
                "reset_lsb": (14.25, 0.0),
                "threshold_lsb": (7.35, 0.0),
                "cadc_gain": (0.01, 0.0),
                "cadc_offset_lsb": (9.6, 0.0),
                "steepness": (0.03, 0.0),
            }
        ),
    }
)
"""Standard deviations of each quantity by preset: within a quadrant, and between quadrants.

Relative, or in CADC LSB where the name ends so."""

LEAK_RESET_CORRELATION = 0.73
"""Of two released chip calibrations: 0.72 and 0.74."""
LEAK_THRESHOLD_CORRELATION = MappingProxyType(
    {"ideal": 0.0, "calibrated": 0.737, "uncalibrated": 0.274}
)
"""What makes the spread of threshold − leak the published one: 4.5 % and 20.5 % of 70 LSB."""
GAIN_CORRELATION = 0.97
"""Between the excitatory and the inhibitory input of a circuit (chip A)."""

DECALIBRATED = ("tau_mem", "tau_syn", "gap")
"""Quantities that the paper's sigma_d decalibrates (PNAS, Fig. 4)."""

PHYSICAL = (0.2, 3.0)
"""Relative quantities are cut to this range: no circuit can be set beyond it (estimate)."""
OFFSET_MAX_LSB = 30.0
"""Converter offsets lie within ±30 LSB (released calibrations)."""
N_SETTINGS = 8
"""Codes of a circuit that calibration sets; ``capmem.SETTINGS`` names them."""


def fabricate(preset: str, sigma: float | dict[str, float], seed: int) -> dict:
    """The analog quantities of a :class:`~snnlab.chip.die.Die` by name, and ``truncated``.

    Raises :class:`SnnlabError` for an unknown preset or quantity or a sigma out of range.
    """
    if preset not in SPREADS:
        raise SnnlabError(f"die preset {preset!r} is unknown: use one of {', '.join(SPREADS)}")
    draw = _Draw(_number(seed), SPREADS[preset], _each(sigma))
    leak = draw.normal("leak_lsb")
    reset = _correlated(leak, draw.normal("reset_lsb"), LEAK_RESET_CORRELATION)
    threshold = _correlated(leak, draw.normal("threshold_lsb"), LEAK_THRESHOLD_CORRELATION[preset])
    leak_lsb = draw.spread("leak_lsb") * leak
    gap = draw.cut(
        (1.0 + (draw.spread("threshold_lsb") * threshold - leak_lsb) / GAP_LSB)
        * draw.decalibration("gap")
    )
    quantities = {
        "tau_mem": draw.cut(draw.relative("tau_mem") * draw.decalibration("tau_mem")),
        "tau_syn": draw.cut(draw.relative("tau_syn", 2) * draw.decalibration("tau_syn")),
        "gain": draw.cut(draw.relative("gain", 2, GAIN_CORRELATION)),
        "leak_lsb": leak_lsb,
        "reset_lsb": draw.spread("reset_lsb") * reset,
        "threshold_lsb": leak_lsb + (gap - 1.0) * GAP_LSB,
        "cadc_gain": draw.cut(draw.relative("cadc_gain")),
        "cadc_offset_lsb": draw.cut(
            draw.spread("cadc_offset_lsb") * draw.normal("cadc_offset_lsb"),
            (-OFFSET_MAX_LSB, OFFSET_MAX_LSB),
        ),
        "steepness": draw.cut(draw.relative("steepness", N_SETTINGS)),
        "synapse_gain": draw.cut(draw.synapses()),
    }
    return {**quantities, "truncated": draw.truncated}


def decalibrate(quantities: dict, sigma: float | dict[str, float], seed: int) -> dict:
    """A die's quantities after decalibration, and the number of values that were cut.

    Circuits whose leak lies over their threshold keep it so.
    Raises :class:`SnnlabError` as :func:`fabricate`.
    """
    draw = _Draw(_number(seed), {}, _each(sigma))
    gap = 1.0 + (quantities["threshold_lsb"] - quantities["leak_lsb"]) / GAP_LSB
    deep = draw.cut(np.where(gap > 0.0, gap * draw.decalibration("gap"), 1.0))
    gap = np.where(gap > 0.0, deep, gap)
    tau_mem, tau_syn = (
        draw.cut(quantities[name] * draw.decalibration(name)) for name in ("tau_mem", "tau_syn")
    )
    return {
        "tau_mem": tau_mem,
        "tau_syn": tau_syn,
        "threshold_lsb": quantities["leak_lsb"] + (gap - 1.0) * GAP_LSB,
        "truncated": draw.truncated,
    }


def _number(seed):
    if not isinstance(seed, Integral) or seed < 0:
        raise SnnlabError(f"die seed {seed!r} is not allowed: a whole number from 0")
    return seed


def _each(sigma):
    """The decalibration of every quantity."""
    given = sigma if isinstance(sigma, dict) else dict.fromkeys(DECALIBRATED, sigma)
    for name, value in given.items():
        if name not in DECALIBRATED:
            raise SnnlabError(
                f"die mismatch of {name!r} is unknown: use one of {', '.join(DECALIBRATED)}"
            )
        if not isinstance(value, Real):
            raise SnnlabError(f"die mismatch {value!r} is not a number: give 0 to 0.5")
        if not 0.0 <= value <= 0.5:
            raise SnnlabError(f"die mismatch {value} is outside 0 to 0.5")
    return given


class _Draw:
    """Named normal draws of one seed, and a count of the values that were cut."""

    def __init__(self, seed, spreads, sigma):
        self.seed, self.spreads, self.sigma, self.truncated = seed, spreads, sigma, 0

    def spread(self, name):
        return self.spreads.get(name, (0.0, 0.0))[0]

    def normal(self, name, shape=N_CIRCUITS):
        return stream(self.seed, "die", name).standard_normal(shape)

    def relative(self, name, inputs=0, correlation=0.0):
        """1 + deviations of circuits and of their quadrants : float64[(inputs,) circuit]."""
        within, between = self.spreads.get(name, (0.0, 0.0))
        shape = (inputs, N_CIRCUITS) if inputs else N_CIRCUITS
        quadrants = (*np.shape(np.empty(shape))[:-1], N_QUADRANTS)
        own = _pair(self.normal(name, shape), correlation)
        shared = _pair(self.normal(f"{name} of quadrants", quadrants), correlation)
        return 1.0 + within * own + between * np.repeat(shared, N_CIRCUITS // N_QUADRANTS, axis=-1)

    def decalibration(self, name):
        return 1.0 + self.sigma.get(name, 0.0) * self.normal(f"{name} decalibration")

    def synapses(self):
        shape = (SYNAPSES_PER_CIRCUIT, N_CIRCUITS)
        return 1.0 + self.spread("synapse_gain") * self.normal("synapse_gain", shape)

    def cut(self, value, bounds=PHYSICAL):
        inside = np.clip(value, *bounds)
        self.truncated += int((inside != value).sum())
        return inside


def _pair(normals, correlation):
    """Two rows of normals, the second made to follow the first."""
    if not correlation:
        return normals
    return np.stack([normals[0], _correlated(normals[0], normals[1], correlation)])


def _correlated(a, b, r):
    return r * a + np.sqrt(1.0 - r * r) * b
