"""Gradient methods by name: as the knob ``gradient`` offers them, and as they are compared."""

from collections.abc import Mapping
from types import MappingProxyType

SURROGATE, EVENTPROP = "surrogate", "eventprop"
AT_SPIKE = ("threshold", "before", "overshoot")
"""Values of the knob ``at_spike``: potential at which a surrogate is evaluated for a spike."""
COMPARED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "surrogate, before the spike": (SURROGATE, "before"),
        "surrogate, at the threshold": (SURROGATE, "threshold"),
        "surrogate, after the spike": (SURROGATE, "overshoot"),
        "EventProp": (EVENTPROP, "threshold"),
    }
)
"""Methods by title, with the values of both knobs; ``at_spike`` matters for a surrogate only."""
TITLES = tuple(COMPARED)
METHODS = tuple(dict.fromkeys(gradient for gradient, _ in COMPARED.values()))
"""Values of the knob ``gradient``."""


def title_of(gradient: str, at_spike: str) -> int:
    """Index in :data:`TITLES` of the method that these knobs select."""
    at_spike = at_spike if gradient == SURROGATE else "threshold"
    return list(COMPARED.values()).index((gradient, at_spike))
