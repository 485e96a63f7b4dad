"""Where the gradient of a spike may come from: names of the methods, as knobs and as compared."""

from collections.abc import Mapping
from types import MappingProxyType

SURROGATE, EVENTPROP = "surrogate", "eventprop"
METHODS = (SURROGATE, EVENTPROP)
"""Values of the knob ``gradient``."""
AT_SPIKE = ("threshold", "before", "overshoot")
"""Values of the knob ``at_spike``: the potential that a spike counts for in a surrogate."""
COMPARED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "surrogate, before the spike": (SURROGATE, "before"),
        "surrogate, at the threshold": (SURROGATE, "threshold"),
        "surrogate, after the spike": (SURROGATE, "overshoot"),
        "EventProp": (EVENTPROP, "threshold"),
    }
)
"""Methods that are compared, by title, with the values of both knobs; EventProp has no use for the
second."""
TITLES = tuple(COMPARED)


def title_of(gradient: str, at_spike: str) -> int:
    """Index in :data:`TITLES` of the method that these knobs select."""
    at_spike = "threshold" if gradient == EVENTPROP else at_spike
    return list(COMPARED.values()).index((gradient, at_spike))
