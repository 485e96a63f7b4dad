"""Surrogate derivatives: smooth stand-ins for the derivative of a spike.

A shape is a function ``f(v, beta)``: potentials in model units (leak 0, threshold 1) and steepness
to derivatives of the same shape, 1 at the threshold, even about it. It takes a float, a NumPy array
or a torch tensor. To add one, write it here, enter it in ``SHAPES`` and name it in
``Config.surrogate``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import e, pi
from types import MappingProxyType

import numpy as np

from snnlab.chip.constants import DT_CADC, GAP_LSB, TAU_REF
from snnlab.errors import SnnlabError
from snnlab.events import TICK, Events

THRESHOLD = 1.0
HALF_UP = 1e-6
"""LSB added before rounding, so that halves are rounded up in spite of floating-point error."""


def superspike(v, beta):
    """Derivative of a fast sigmoid, ``1 / (beta |v - 1| + 1)^2`` (Zenke and Ganguli 2018)."""
    return 1.0 / (beta * abs(v - THRESHOLD) + 1.0) ** 2


def sigmoid(v, beta):
    """Derivative of a sigmoid, ``4 s (1 - s)``, ``s = 1 / (1 + exp(-beta (v - 1)))``.

    Zenke and Vogels (2021), times 4 to be 1 at the threshold.
    """
    tail = e ** (-beta * abs(v - THRESHOLD))  # the sigmoid is symmetric: no overflow on this side
    return 4.0 * tail / (1.0 + tail) ** 2


def triangle(v, beta):
    """Piecewise linear, ``max(0, 1 - beta |v - 1|)`` (Esser et al. 2016; Bellec et al. 2018)."""
    height = 1.0 - beta * abs(v - THRESHOLD)
    return (height + abs(height)) / 2.0


def arctan(v, beta):
    """Derivative of an arctangent, ``1 / (1 + (pi/2 beta (v - 1))^2)`` (Fang et al. 2021)."""
    return 1.0 / (1.0 + (pi / 2.0 * beta * (v - THRESHOLD)) ** 2)


SHAPES: Mapping[str, Callable] = MappingProxyType(
    {"superspike": superspike, "sigmoid": sigmoid, "triangle": triangle, "arctan": arctan}
)
"""Values of the knob ``surrogate``."""


@dataclass(frozen=True)
class Surrogate:
    """A surrogate derivative, and the potential at which it is evaluated after a spike.

    beta : steepness; at_spike : "threshold", or "overshoot" for what a clocked model without a
    reset would see at the next sample; tau_ref : refractory period in s; shape : key of ``SHAPES``.
    Raises :class:`SnnlabError` for an unknown shape.
    """

    beta: float
    at_spike: str = "threshold"
    tau_ref: float = TAU_REF
    shape: str = "superspike"

    def __post_init__(self):
        if self.shape not in SHAPES:
            raise SnnlabError(f"surrogate {self.shape!r} is unknown: use {', '.join(SHAPES)}")

    def derivative(self, v):
        """The surrogate derivative at potentials ``v`` in model units, same shape as ``v``."""
        return SHAPES[self.shape](v, self.beta)

    @cached_property
    def table(self) -> np.ndarray:
        """The derivative at every value an 8-bit trace can take : float32[511].

        Entry ``d + 255`` belongs to a CADC sample d LSB above the first of its trace.
        """
        return self.derivative(np.arange(-255, 256) / GAP_LSB).astype(np.float32)

    def at_spikes(self, cadc: np.ndarray, spikes: Events) -> np.ndarray:
        """Potential at which each spike evaluates the surrogate : int16[spike].

        In LSB above the first CADC sample of its trace. "threshold": the threshold, whatever the
        CADC reads after the reset. "overshoot": the potential that a straight line reaches at the
        next CADC sample, which crosses the threshold at the time of the spike and begins at the
        sample before, or at rest at the end of the refractory period if that is later.

        cadc : uint8[sample, step, neuron].
        """
        if self.at_spike == "threshold":
            return np.full(len(spikes.tick), GAP_LSB, np.int16)
        period = DT_CADC / TICK
        owner, channel, tick = spikes.owner, spikes.channel, spikes.tick.astype(float)
        step = np.ceil(tick / period - 1e-9)
        last = np.clip(step - 1, 0, cadc.shape[1] - 1).astype(int)
        before = cadc[owner, last, channel] - cadc[owner, 0, channel].astype(float)
        begin, ready = (step - 1) * period, _previous(spikes) + self.tau_ref / TICK
        climb = np.where(ready > begin, GAP_LSB, np.maximum(GAP_LSB - before, 0.0))
        taken = np.maximum(tick - np.maximum(begin, ready), 1.0)
        above = climb * np.maximum(step * period - tick, 0.0) / taken
        return np.minimum(GAP_LSB + np.rint(above + HALF_UP), 255).astype(np.int16)


def _previous(spikes):
    """Tick of the previous spike of the same neuron in the same image, -inf if there is none."""
    order = np.lexsort((spikes.channel, spikes.owner))  # stable: in order of time
    owner, channel, tick = (x[order] for x in (spikes.owner, spikes.channel, spikes.tick))
    same = (np.diff(owner) == 0) & (np.diff(channel.astype(int)) == 0)
    before = np.full(len(order), -np.inf)
    before[order[1:]] = np.where(same, tick[:-1], -np.inf)
    return before
