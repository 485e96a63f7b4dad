"""The quantities that a lesson can ask for, by the names used in its file."""

from dataclasses import replace
from types import MappingProxyType

from snnlab.quantities import LIVE, quantities

_LIVE = quantities(LIVE)
_ACCURACY = replace(_LIVE["held_out"], label="test accuracy")

MEASURES = MappingProxyType(
    {
        "accuracy": _ACCURACY,
        "transferred": replace(_ACCURACY, label="test accuracy without further training"),
        "spikes": _LIVE["spikes"],
        "activity": _LIVE["activity"],
        "power": _LIVE["power"],
    }
)
"""``transferred`` is measured on the weights that the network had when the chip changed."""
BEFORE = "_before"
"""Ending of the name of a value measured before the change."""
NAMES = (*MEASURES, *(f"{name}{BEFORE}" for name in MEASURES if name != "transferred"))
"""Names of measured values in conditions and texts: "spikes" after the change, "spikes_before"."""
