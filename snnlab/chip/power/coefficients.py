"""Energy of one event on the chip: estimates, each with its range and reasoning.

Only totals are published; see :mod:`snnlab.chip.power.estimation` for how they anchor these.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

from snnlab.chip.power.activity import Counts


@dataclass(frozen=True)
class Coefficient:
    """Estimated energy of one event : J, the range it may lie in, and why."""

    value: float
    low: float
    high: float
    reasoning: str


COEFFICIENTS = MappingProxyType(
    {
        "synaptic": Coefficient(
            5e-12, 1e-12, 20e-12,
            "Per spike and signed synapse it reaches. Order of the picojoules that mixed-signal"
            " synapses are known for; driver and wires of a row are shared by its 256 synapses.",
        ),
        "spikes": Coefficient(
            100e-12, 20e-12, 500e-12,
            "Per spike of a neuron: comparator, reset, arbitration and routing on the chip are some"
            " hundred gates of 0.1 pJ and millimetres of bus at about 1 pJ per bit.",
        ),
        "readout": Coefficient(
            30e-9, 10e-9, 80e-9,
            "Per CADC conversion of all 512 columns at once, handled by the PPU. An 8-bit ramp at"
            " 0.05 to 0.5 pJ per step and column takes 7 to 65 nJ; two small processors at a few"
            " milliwatts each add about 10 nJ in 1.7 µs.",
        ),
        "links": Coefficient(
            15e-12, 5e-12, 40e-12,
            "Per bit into or out of the chip: serial links of the 65 nm generation, with their"
            " serialisers. What an idle link draws is static.",
        ),
    }
)  # fmt: skip
"""Energy per event, by the part of the power it makes."""


def cost(counts: Counts) -> float:
    """Σ coefficient · amount : J."""
    return sum(c.value * amount for c, amount in _pairs(counts))


def spread(counts: Counts) -> tuple[float, float]:
    """How far the cost may lie below (≤ 0) and above (≥ 0) the estimate : J.

    It is linear in every coefficient, so its extremes lie at ends of their ranges.
    """
    below = above = 0.0
    for c, amount in _pairs(counts):
        ends = (c.low - c.value) * amount, (c.high - c.value) * amount
        below, above = below + min(ends), above + max(ends)
    return below, above


def _pairs(counts: Counts) -> Iterator[tuple[Coefficient, float]]:
    return ((COEFFICIENTS[name], amount) for name, amount in counts._asdict().items())
