"""Estimates of power, energy and rate from what a recording counted.

Only totals are published (Cramer et al. 2022): about 200 mW for the whole chip at 85 000 images/s
and about 20 hidden spikes, 2.4 µJ per image; less than 300 mW at 70 000 images/s in the first
version (arXiv 2006.07239v1). Their split is unpublished. The static part is the published total
less the estimated parts: at the paper's working point the sum is 200 mW for any coefficients, and
elsewhere only the difference in activity is uncertain. The ranges cover the coefficients, not the
rounding of the published total.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

from snnlab.chip.constants import CADC_BITS, DT_CADC, INFERENCE_PERIOD, INFERENCE_SAMPLES
from snnlab.chip.power.activity import EVENT_BITS, Counts, before, everything
from snnlab.chip.power.coefficients import COEFFICIENTS, cost, spread
from snnlab.chip.recording import Recording
from snnlab.errors import SnnlabError

MODES = ("inference", "training", "whole")
PARTS = ("static", *COEFFICIENTS)

PUBLISHED_POWER = 0.2
"""W of the whole chip at the working point (Cramer et al. 2022)."""
_INPUTS, _HIDDEN, _SAMPLES = 54, 20, 7
WORKING_POINT = Counts(
    synaptic=_INPUTS * 246 + _HIDDEN * 10,
    spikes=_HIDDEN,
    readout=_SAMPLES,
    links=EVENT_BITS * _INPUTS + CADC_BITS * 10 * _SAMPLES,
)
"""One image of the paper's 256-246-10 network in 11.8 µs: about 20 hidden spikes (published); 54
input spikes, the mean of MNIST's test images under the paper's latency code; 7 CADC samples."""


@dataclass(frozen=True)
class PowerEstimate:
    """Estimated power of the whole chip while images like these follow one another.

    static, synaptic, spikes, readout, links : W, the parts; latency : s from an image's start to
    the end of its readout; spreads : by name, how far below (≤ 0) and above (≥ 0) a quantity may
    lie, over all combinations of the coefficients.
    """

    static: float
    synaptic: float
    spikes: float
    readout: float
    links: float
    latency: float
    spreads: dict[str, tuple[float, float]]

    @property
    def activity(self) -> float:
        """All but the static part : W, what regularisation moves."""
        return self.synaptic + self.spikes + self.readout + self.links

    @property
    def power(self) -> float:
        """Whole chip : W."""
        return self.static + self.activity

    @property
    def energy(self) -> float:
        """Per image : J."""
        return self.power * self.latency

    @property
    def rate(self) -> float:
        """Images per second of hardware time, one after the other."""
        return 1.0 / self.latency

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Lowest and highest value by name, of the parts and of all that follows from them."""
        values = {name: getattr(self, name) for name in self.spreads}
        return {
            name: (values[name] + below, values[name] + above)
            for name, (below, above) in self.spreads.items()
        }

    @classmethod
    def of(cls, counts: Counts, latency: float) -> "PowerEstimate":
        """Estimate for images that cause ``counts`` and take ``latency`` seconds each."""
        now, paper = counts.times(1.0 / latency), WORKING_POINT.times(1.0 / INFERENCE_PERIOD)
        whole = spread(now.minus(paper))
        return cls(
            static=PUBLISHED_POWER - cost(paper),
            **{part: cost(now.only(part)) for part in COEFFICIENTS},
            latency=latency,
            spreads={
                "static": spread(paper.times(-1.0)),
                **{part: spread(now.only(part)) for part in COEFFICIENTS},
                "activity": spread(now),
                "power": whole,
                "energy": (whole[0] * latency, whole[1] * latency),
                "rate": (0.0, 0.0),
                "latency": (0.0, 0.0),
            },
        )


def estimate(recording: Recording, mode: str = "inference") -> PowerEstimate:
    """Power while images like the recorded ones run one after the other.

    mode : ``"inference"``, 11.8 µs for each image, of which a longer recording tells the beginning,
    or until the last sample of a shorter one; ``"training"``, as long as recorded, with all samples
    and hidden spikes sent to the host; ``"whole"``, in inference until the last sample, as of
    inputs that last longer than an image. Raises :class:`SnnlabError` for another mode.
    """
    activity = count(recording, mode)
    return PowerEstimate.of(activity.counts, activity.latency)


class Activity(NamedTuple):
    """What images cause: counts : per image; latency : s of each; images : their number."""

    counts: Counts
    latency: float
    images: int


def mean(parts: Sequence[Activity]) -> PowerEstimate:
    """Estimate for the mean of all images, which were recorded in parts for the same time each."""
    images = sum(part.images for part in parts)
    total = reduce(Counts.plus, [part.counts.times(part.images / images) for part in parts])
    return PowerEstimate.of(total, parts[0].latency)


def estimate_activity(recording: Recording, mode: str = "inference") -> float:
    """The activity-dependent part of :func:`estimate` alone : W, in a tenth of the time.

    Raises :class:`SnnlabError` for another mode.
    """
    activity = count(recording, mode)
    return cost(activity.counts) / activity.latency


def count(recording: Recording, mode: str = "inference") -> Activity:
    """What :func:`estimate` is made from. Raises :class:`SnnlabError` for another mode."""
    if mode not in MODES:
        raise SnnlabError(f"power mode {mode!r} is unknown: use one of {', '.join(MODES)}")
    images = len(recording.inputs)
    if mode == "training":
        return Activity(everything(recording), recording.duration, images)
    time = inference_time(recording)
    if mode == "whole":
        time = DT_CADC * (recording.cadc[-1].shape[1] - 1)
    return Activity(before(recording, time), time, images)


def inference_time(recording: Recording) -> float:
    """Time of one image in inference : s, 11.8 µs or until the last sample of a shorter recording.

    Nothing is recorded beyond it, and the next image may start.
    """
    samples = recording.cadc[-1].shape[1]
    return INFERENCE_PERIOD if samples >= INFERENCE_SAMPLES else DT_CADC * (samples - 1)


def until(recording: Recording, time: float) -> PowerEstimate:
    """Power in inference when the chip moves on to the next image ``time`` seconds after its start.

    Raises :class:`SnnlabError` for a time that is not positive or was not recorded.
    """
    return PowerEstimate.of(before(recording, time), time)


def saving(recording: Recording, time: float) -> tuple[float, tuple[float, float]]:
    """Estimated energy saved by moving on at ``time`` instead of after 11.8 µs : J per image.

    Returns value and range. The same coefficients hold for both, so the range is that of the
    difference, not the difference of the ranges. Raises as :func:`until`.
    """
    left = 1.0 - time / INFERENCE_PERIOD
    spared = before(recording, INFERENCE_PERIOD).minus(before(recording, time))
    beyond = spared.minus(WORKING_POINT.times(left))
    value = PUBLISHED_POWER * INFERENCE_PERIOD * left + cost(beyond)
    below, above = spread(beyond)
    return value, (value + below, value + above)
