"""Surrogate derivatives: what stands in for the derivative of a spike."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2
from snnlab.events import TICK, Events

THRESHOLD = 1.0
_GAP_LSB = BRAINSCALES2.gap_lsb
HALF_UP = 1e-6
"""LSB: whatever floating point makes of a half, it is rounded up."""


def superspike(v, beta):
    """SuperSpike, ``1 / (beta |v - threshold| + 1)^2`` (Zenke and Ganguli 2018).

    v : array or tensor of potentials in model units; beta : steepness. Same shape as v.
    """
    return 1.0 / (beta * abs(v - THRESHOLD) + 1.0) ** 2


@dataclass(frozen=True)
class Surrogate:
    """SuperSpike of recorded potentials, and where it is taken of neurons that fired.

    beta : steepness; at_spike : "threshold", or "overshoot" for what a clocked model without a
    reset would see at the next sample; tau_ref : refractory period in s.
    """

    beta: float
    at_spike: str = "threshold"
    tau_ref: float = OperatingPoint.tau_ref

    @cached_property
    def table(self) -> np.ndarray:
        """The derivative at every value an 8-bit trace can take : float32[511].

        Entry ``d + 255`` belongs to a sample d LSB above the first of its trace.
        """
        return superspike(np.arange(-255, 256) / _GAP_LSB, self.beta).astype(np.float32)

    def at_spikes(self, cadc: np.ndarray, spikes: Events) -> np.ndarray:
        """Where each spike finds the surrogate, in LSB above its trace's first : int16[spike].

        It is the threshold, whatever the CADC sees after the reset. An overshoot continues, to the
        next sample, the line through the threshold at the time of the spike that begins at the
        sample before, or at rest when the refractory period ends.

        cadc : uint8[sample, step, neuron].
        """
        if self.at_spike == "threshold":
            return np.full(len(spikes.tick), _GAP_LSB, np.int16)
        period = BRAINSCALES2.dt_cadc / TICK
        owner, channel, tick = spikes.owner, spikes.channel, spikes.tick.astype(float)
        step = np.ceil(tick / period - 1e-9)
        last = np.clip(step - 1, 0, cadc.shape[1] - 1).astype(int)
        before = cadc[owner, last, channel] - cadc[owner, 0, channel].astype(float)
        begin, ready = (step - 1) * period, _previous(spikes) + self.tau_ref / TICK
        climb = np.where(ready > begin, _GAP_LSB, np.maximum(_GAP_LSB - before, 0.0))
        taken = np.maximum(tick - np.maximum(begin, ready), 1.0)
        above = climb * np.maximum(step * period - tick, 0.0) / taken
        return np.minimum(_GAP_LSB + np.rint(above + HALF_UP), 255).astype(np.int16)


def _previous(spikes):
    """Tick of the spike before of the same neuron in the same image, -inf for none."""
    order = np.lexsort((spikes.channel, spikes.owner))  # stable: in order of time
    owner, channel, tick = (x[order] for x in (spikes.owner, spikes.channel, spikes.tick))
    same = (np.diff(owner) == 0) & (np.diff(channel.astype(int)) == 0)
    before = np.full(len(order), -np.inf)
    before[order[1:]] = np.where(same, tick[:-1], -np.inf)
    return before
