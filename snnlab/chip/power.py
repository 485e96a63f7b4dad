"""Estimates of power, energy and rate from what a recording counted.

Published are totals only (Cramer et al. 2022): 200 mW for the whole chip at 85 000 images/s and
about 20 hidden spikes, 2.4 µJ per image. How they split is unpublished. Each coefficient below is
an estimate with its reasoning; the static part is what is left of the published total, so the
model meets it at the paper's working point.
"""

from dataclasses import dataclass

from snnlab.chip.constants import DT_CADC, INFERENCE_PERIOD
from snnlab.chip.recording import Recording

SYNAPTIC_EVENT = 5e-12
"""J per spike and synapse: order of the picojoules reported for 65 nm mixed-signal synapses."""
SPIKE = 100e-12
"""J per neuron spike: comparator, arbitration and bus, some tens of gates and long wires."""
LINK_EVENT = 1e-9
"""J per spike in or out of the chip: about 64 bits at 15 pJ per bit of a serial link."""
CADC_SAMPLE = 30e-9
"""J per conversion of all columns and its handling by the processor: 18 mW at 0.6 MSample/s."""


@dataclass(frozen=True)
class Activity:
    """Counts per image: input spikes, hidden spikes, synaptic events, CADC samples."""

    input_spikes: float
    hidden_spikes: float
    synaptic_events: float
    cadc_samples: float

    @property
    def energy(self) -> float:
        """Estimated energy of the activity : J per image."""
        return (
            SYNAPTIC_EVENT * self.synaptic_events
            + SPIKE * self.hidden_spikes
            + LINK_EVENT * (self.input_spikes + self.hidden_spikes)
            + CADC_SAMPLE * self.cadc_samples
        )


PUBLISHED_POWER = 0.2
_PAPER = Activity(60, 20, 60 * 246 + 20 * 10, INFERENCE_PERIOD / DT_CADC)
STATIC_POWER = PUBLISHED_POWER - _PAPER.energy / INFERENCE_PERIOD
"""W drawn whatever the network does: the published total less the activity's estimated share."""


@dataclass(frozen=True)
class PowerEstimate:
    """Estimated power : W, split into static and activity; duration of an image : s."""

    static: float
    activity: float
    duration: float

    @property
    def power(self) -> float:
        """Whole chip : W."""
        return self.static + self.activity

    @property
    def energy(self) -> float:
        """Per image : J."""
        return self.power * self.duration

    @property
    def rate(self) -> float:
        """Images per second of hardware time."""
        return 1.0 / self.duration


def activity(recording: Recording) -> Activity:
    """What one image of the recording causes, mean over the batch."""
    n = max(len(recording.inputs), 1)
    sources = (recording.inputs, *recording.spikes)
    widths = [cadc.shape[2] for cadc in recording.cadc]
    return Activity(
        input_spikes=len(recording.inputs.tick) / n,
        hidden_spikes=recording.spikes_per_sample(),
        synaptic_events=sum(len(s.tick) * w for s, w in zip(sources, widths, strict=True)) / n,
        cadc_samples=recording.cadc[-1].shape[1],
    )


def estimate(recording: Recording) -> PowerEstimate:
    """Power while images like these run one after the other, each as long as it was recorded."""
    duration = recording.duration
    return PowerEstimate(STATIC_POWER, activity(recording).energy / duration, duration)
