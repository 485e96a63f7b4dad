"""The constants of a chip that other rooms use, and what-if variants of it."""

from dataclasses import dataclass, field
from numbers import Integral
from typing import ClassVar

import numpy as np

from snnlab.chip import constants as c
from snnlab.errors import SnnlabError


def _fixed(value):
    """A constant of the silicon: part of every specification, changed in none."""
    return field(default=value, init=False, repr=False)


@dataclass(frozen=True)
class ChipSpec:
    """Constants of a chip; chip and recording carry them as ``spec``.

    ``ChipSpec()`` is BrainScaleS-2. Its bits may be reduced, ``replace(spec, weight_bits=4)``: both
    quantities keep range and unit and take coarser steps. The limit of the synaptic inputs may be
    changed, as it is not published. The other constants do not vary. Sources: [P] Cramer et al.,
    PNAS 2022; [C] the authors' released code; [D] derived from released calibration data. Raises
    :class:`SnnlabError` for a value out of LIMITS.
    """

    weight_bits: int = c.WEIGHT_BITS
    """Bits of a weight's magnitude, beside its sign; 6 on the chip [P]. See :meth:`rounded`."""
    cadc_bits: int = c.CADC_BITS
    """Bits of a CADC sample; 8 on the chip [P]. With b bits the converter drops the lowest 8 − b of
    its 8: samples are multiples of :attr:`cadc_step`, before digital correction."""
    synaptic_limit: int = c.SYNAPTIC_LIMIT
    """Full-weight spikes at once that saturate one of a circuit's two synaptic inputs; a neuron of
    k joined circuits has k inputs of each sign and carries k times as many. Estimate, range 16 to
    no limit: see docs/emulator.md."""

    n_circuits: int = _fixed(c.N_CIRCUITS)
    """Neuron circuits [P]."""
    n_addresses: int = _fixed(c.N_ADDRESSES)
    """Address labels that a synapse row tells apart, 6 bits [P]."""
    synapses_per_circuit: int = _fixed(c.SYNAPSES_PER_CIRCUIT)
    """Unsigned synapses in the column of a circuit [P]."""
    inputs_per_circuit: int = _fixed(c.INPUTS_PER_CIRCUIT)
    """Signed weights of a circuit: an excitatory and an inhibitory synapse each [P]."""

    weight_max_lsb: int = _fixed(c.WEIGHT_MAX_LSB)
    """Largest weight : LSB; signed weights reach from −63 to +63 [P]."""
    weight_scale: float = _fixed(c.WEIGHT_SCALE)
    """LSB per model unit of weight in hidden layers [C]."""
    weight_scale_out: float = _fixed(c.WEIGHT_SCALE_OUT)
    """LSB per model unit in the label layer, at most [C]."""

    loop_latency: float = _fixed(c.LOOP_LATENCY)
    """From a neuron's spike to the synapses of its own chip : s (estimate)."""
    dt_cadc: float = _fixed(c.DT_CADC)
    """Period in which all membranes are digitised : s [P]."""
    rest_lsb: float = _fixed(c.REST_LSB)
    """Nominal leak potential : CADC LSB [C]."""
    gap_lsb: float = _fixed(c.GAP_LSB)
    """Nominal threshold above leak : CADC LSB, 1 in model units [C]."""
    cadc_min_lsb: int = _fixed(c.CADC_MIN_LSB)
    """Lowest reading of the CADC : LSB [D]."""
    cadc_max_lsb: int = _fixed(c.CADC_MAX_LSB)
    """Highest reading of the CADC : LSB [D]."""
    cadc_full_lsb: int = _fixed(c.CADC_FULL_LSB)
    """Largest number that a sample of 8 bits holds : LSB."""

    training_samples: int = _fixed(c.TRAINING_SAMPLES)
    """CADC samples of one input in training [P]."""
    inference_period: float = _fixed(c.INFERENCE_PERIOD)
    """Time of one input in inference : s [P]."""
    inference_samples: int = _fixed(c.INFERENCE_SAMPLES)
    """CADC samples that fall into the inference period."""

    LIMITS: ClassVar = {
        "weight_bits": (2, c.WEIGHT_BITS), "cadc_bits": (3, c.CADC_BITS),
        "synaptic_limit": (1, 1024),
    }  # fmt: skip
    """Smallest and largest values; above 128, the signed inputs of a circuit, a limit is reached
    only by inputs that fire again."""

    def __post_init__(self):
        for name, (low, high) in self.LIMITS.items():
            value = getattr(self, name)
            if not isinstance(value, Integral) or not low <= value <= high:
                raise SnnlabError(
                    f"chip spec {name} = {value!r} is not allowed: a whole number from {low} to"
                    f" {high}"
                )
            object.__setattr__(self, name, int(value))  # numba compiles again for other types

    # ── weights ──

    @property
    def weight_step(self) -> float:
        """Distance of neighbouring weights : LSB, ``63 / (2**weight_bits - 1)``; 1 for 6 bits."""
        return self.weight_max_lsb / (2**self.weight_bits - 1)

    @property
    def weight_levels(self) -> np.ndarray:
        """Weights that can be written, rising : int8[2^(weight_bits + 1) − 1], LSB."""
        most = 2**self.weight_bits - 1
        return np.rint(np.arange(-most, most + 1) * self.weight_step).astype(np.int8)

    def rounded(self, weight: np.ndarray) -> np.ndarray:
        """Weights as they are written : int8, same shape as ``weight``, numbers in LSB.

        Cut to ±63, rounded to ``k = -(2^b - 1) … 2^b - 1`` steps, half to even, and then to a whole
        LSB, so that the 6-bit chip can hold the weights of every variant. The error is at most
        ``weight_step / 2``, plus half an LSB for 4 and 5 bits, whose steps are no whole LSB.
        """
        limit, step = self.weight_max_lsb, self.weight_step
        cut = np.clip(weight, -limit, limit)
        on_levels = cut if step == 1 else np.rint(cut / step) * step
        return np.rint(on_levels).astype(np.int8)

    # ── Synaptic inputs ──

    def most_current(self, circuits: int) -> int:
        """Largest current of either sign of a neuron that joins ``circuits`` : LSB of weight.

        Circuits share no synaptic input.
        """
        return circuits * self.synaptic_limit * self.weight_max_lsb

    # ── CADC ──

    @property
    def cadc_step(self) -> int:
        """Distance of neighbouring CADC samples : LSB, ``2**(8 - cadc_bits)``; 1 for 8 bits."""
        return 2 ** (c.CADC_BITS - self.cadc_bits)

    @property
    def cadc_ends(self) -> tuple[int, int]:
        """Lowest and highest sample, before digital correction : LSB."""
        step = self.cadc_step
        return self.cadc_min_lsb // step * step, self.cadc_max_lsb // step * step


BRAINSCALES2 = ChipSpec()
"""The chip as it was built."""
