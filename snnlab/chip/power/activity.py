"""Activity of the chip per image, counted from a recording."""

from math import ceil, inf
from typing import NamedTuple

from snnlab.chip.recording import Recording
from snnlab.errors import SnnlabError
from snnlab.events import TICK

EVENT_BITS = 32
"""Bits of one spike on a link: address, time stamp and framing (estimate)."""


class Counts(NamedTuple):
    """Activity per image, mean over the batch: an amount for each coefficient.

    synaptic : spikes times the neurons they reach, in a recurrent layer its own, too; spikes : of
    hidden neurons; readout : CADC conversions; links : bits into and out of the chip.
    """

    synaptic: float
    spikes: float
    readout: float
    links: float

    def times(self, factor: float) -> "Counts":
        """All amounts, scaled."""
        return Counts(*(factor * amount for amount in self))

    def plus(self, other: "Counts") -> "Counts":
        """Sum of all amounts."""
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))

    def minus(self, other: "Counts") -> "Counts":
        """Difference of all amounts."""
        return Counts(*(a - b for a, b in zip(self, other, strict=True)))

    def only(self, part: str) -> "Counts":
        """One amount, the others zero."""
        return Counts(**{name: getattr(self, name) * (name == part) for name in self._fields})


def everything(recording: Recording) -> Counts:
    """Counts of the whole recording; potentials and hidden spikes are sent to the host."""
    samples = recording.cadc[-1].shape[1]
    spikes, widths = _spikes(recording, inf), _widths(recording)
    sent = EVENT_BITS * sum(spikes) + recording.spec.cadc_bits * sum(widths) * samples
    return _counts(recording, spikes, samples, sent)


def before(recording: Recording, time: float) -> Counts:
    """Counts of the first ``time`` seconds of each image in inference.

    The CADC converts all columns at once, but only the label neurons' samples go to the host;
    hidden spikes stay on the chip. Raises :class:`SnnlabError` for a time that is not positive or
    was not recorded.
    """
    samples = samples_until(recording, time)
    spikes, widths = _spikes(recording, ceil(time / TICK - 1e-6)), _widths(recording)
    sent = EVENT_BITS * spikes[0] + recording.spec.cadc_bits * widths[-1] * samples
    return _counts(recording, spikes, samples, sent)


def samples_until(recording: Recording, time: float) -> int:
    """CADC samples taken from an image's start to ``time``, both included.

    Raises :class:`SnnlabError` for a time that is not positive or was not recorded.
    """
    if not 0.0 < time < inf:
        raise SnnlabError(f"readout time {time} s is not allowed: give a time above 0")
    samples, recorded = int(time / recording.spec.dt_cadc + 1e-9) + 1, recording.cadc[-1].shape[1]
    if samples > recorded:
        raise SnnlabError(
            f"recording of {recorded} CADC samples is too short for {1e6 * time:.4g} µs:"
            f" record {samples} or more"
        )
    return samples


def _widths(recording):
    return [cadc.shape[2] for cadc in recording.cadc]


def _spikes(recording, end):
    """Spikes per image of the inputs and of each hidden layer, before tick ``end``."""
    n = max(len(recording.inputs), 1)
    sources = (recording.inputs, *recording.spikes)
    return [int((source.tick < end).sum()) / n for source in sources]


def _counts(recording, spikes, samples, links):
    """spikes : per image of the inputs and of each hidden layer, all before one time."""
    widths, returning = _widths(recording), recording.recurrent
    reached = sum(k * width for k, width in zip(spikes, widths, strict=True))
    return Counts(
        synaptic=reached + sum(spikes[layer + 1] * widths[layer] for layer in returning),
        spikes=sum(spikes[1:]),
        readout=samples,
        links=links,
    )
