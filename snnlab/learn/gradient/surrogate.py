"""The surrogate derivative of a training: its table, and where it is evaluated after a spike."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2
from snnlab.errors import SnnlabError
from snnlab.events import TICK, Events
from snnlab.model.surrogates import SHAPES

_GAP_LSB = BRAINSCALES2.gap_lsb
HALF_UP = 1e-6
"""LSB added before rounding, so that halves are rounded up in spite of floating-point error."""


@dataclass(frozen=True)
class Surrogate:
    """A surrogate derivative, and the potential at which it is evaluated after a spike.

    beta : steepness; at_spike : "threshold", "before" for the CADC sample before the spike, or
    "overshoot" for what a clocked model without a reset would see at the next sample; tau_ref :
    refractory period in s; shape : key of :data:`~snnlab.model.surrogates.SHAPES`; returned : share
    of the gradient that passes back through spikes that return to their own layer, 0…1. With 0 a
    recurrent weight still learns from what it delivers, as in e-prop (Bellec et al. 2020).
    Raises :class:`SnnlabError` for an unknown shape.
    """

    beta: float
    at_spike: str = "threshold"
    tau_ref: float = OperatingPoint.tau_ref
    shape: str = "superspike"
    returned: float = 1.0

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
        return self.derivative(np.arange(-255, 256) / _GAP_LSB).astype(np.float32)

    def at_spikes(self, cadc: np.ndarray, spikes: Events) -> np.ndarray:
        """Potential at which each spike evaluates the surrogate : int16[spike].

        In LSB above the first CADC sample of its trace. "threshold": the threshold, whatever the
        CADC reads after the reset. "before": what it read last. "overshoot": the potential that a
        straight line reaches at the next CADC sample, which crosses the threshold at the time of
        the spike and begins at the sample before, or at rest at the end of the refractory period if
        that is later.

        cadc : uint8[image, step, neuron].
        """
        if self.at_spike == "threshold":
            return np.full(len(spikes.tick), _GAP_LSB, np.int16)
        period = BRAINSCALES2.dt_cadc / TICK
        owner, channel, tick = spikes.owner, spikes.channel, spikes.tick.astype(float)
        step = np.ceil(tick / period - 1e-9)
        last = np.clip(step - 1, 0, cadc.shape[1] - 1).astype(int)
        before = cadc[owner, last, channel] - cadc[owner, 0, channel].astype(float)
        if self.at_spike == "before":
            return before.astype(np.int16)
        begin, ready = (step - 1) * period, _previous(spikes) + self.tau_ref / TICK
        climb = np.where(ready > begin, _GAP_LSB, np.maximum(_GAP_LSB - before, 0.0))
        taken = np.maximum(tick - np.maximum(begin, ready), 1.0)
        above = climb * np.maximum(step * period - tick, 0.0) / taken
        return np.minimum(_GAP_LSB + np.rint(above + HALF_UP), 255).astype(np.int16)


def _previous(spikes):
    """Tick of the previous spike of the same neuron in the same image, -inf before the first."""
    order = np.lexsort((spikes.channel, spikes.owner))  # stable: in order of time
    owner, channel, tick = (x[order] for x in (spikes.owner, spikes.channel, spikes.tick))
    same = (np.diff(owner) == 0) & (np.diff(channel.astype(int)) == 0)
    before = np.full(len(order), -np.inf)
    before[order[1:]] = np.where(same, tick[:-1], -np.inf)
    return before
