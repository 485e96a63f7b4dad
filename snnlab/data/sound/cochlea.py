"""The cochlea: sound becomes the spikes of a row of neurons, each tuned to a frequency."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from snnlab.data.sound import kernels
from snnlab.data.sound.wav import Sound
from snnlab.errors import SnnlabError

RATE = 16_000
"""Samples per second at which all stages are computed."""
LEVEL = 10.0
"""Root mean square of the loud parts of a sound, to which it is scaled. Only ``LEVEL ** 0.25`` in
relation to the threshold of the neurons matters."""
FRAME = 0.02
"""Length of the frames in which loudness is measured : s."""
_FRAME_SAMPLES = int(FRAME * RATE)
FLOOR = 10.0 ** (-30.0 / 20.0)
"""Amplitude, relative to the loudest frame, below which a frame counts as silent: -30 dB."""
SILENCE = 10.0 ** (-70.0 / 20.0)
"""Amplitude of the loudest frame, relative to full scale, below which all is silence: -70 dB."""
MARGIN = 0.03
"""Silence kept before the first frame that is not silent, and after the last : s."""
MAX_SECONDS = 1200.0
"""Longest sound that is turned into spikes : s."""


@dataclass(frozen=True)
class Cochlea:
    """A row of ``channels`` neurons, channel 0 tuned to the lowest frequency.

    Stages, with the sources of their parameters (docs/sound.md says how the others were chosen):

    emphasis : first difference ``x[k] - emphasis x[k-1]``, which lifts high frequencies as the
    middle ear does and balances the spectrum of speech.
    filters : gammatone of order 4, 1.019 ERB wide (Patterson et al. 1987, Slaney 1993; the impulse
    response of :func:`scipy.signal.gammatone`), as four complex one-pole filters in a row (Hohmann
    2002). Centres from ``low`` to ``high`` Hz, equally spaced in units of the ear's bandwidth,
    ERB = 24.7 (4.37 f/kHz + 1) Hz (Glasberg and Moore 1990).
    hair cell : rectifies, compresses by the power 1/4 (the ear: 0.2 to 0.3, Oxenham and Plack
    1997), smooths by ``tau_hair``, and adapts: the share ``adaptation`` of the mean over
    ``tau_adapt`` is subtracted (short-term adaptation, 60 ms: Westerman and Smith 1984).
    neuron : leaky integrate-and-fire, ``dV/dt = -V/tau_mem + gain (drive - threshold)``, kept from
    falling below 0, spike and reset at V = 1, then dead for ``tau_ref``.

    Times in s, ``gain`` in 1/s. Raises :class:`SnnlabError` for channels or frequencies out of
    range.
    """

    channels: int = 70
    low: float = 100.0
    high: float = 3800.0
    emphasis: float = 0.95
    tau_hair: float = 1e-3
    tau_adapt: float = 0.05
    adaptation: float = 0.5
    tau_mem: float = 0.01
    tau_ref: float = 3e-3
    gain: float = 600.0
    threshold: float = 0.12

    def __post_init__(self):
        if not 1 <= self.channels <= 2**16 or int(self.channels) != self.channels:
            raise SnnlabError(f"cochlea of {self.channels} channels: give 1 to {2**16}")
        if not 20.0 <= self.low <= self.high <= 0.45 * RATE:
            raise SnnlabError(
                f"cochlea from {self.low:g} to {self.high:g} Hz: give a rising pair from 20 to"
                f" {0.45 * RATE:g} Hz"
            )

    @cached_property
    def frequencies(self) -> np.ndarray:
        """Centre of each channel's filter, rising : float64[channel], Hz."""
        ends = np.log(4.37e-3 * np.array([self.low, self.high]) + 1.0)
        return (np.exp(np.linspace(*ends, self.channels)) - 1.0) / 4.37e-3

    @cached_property
    def filters(self) -> kernels.Filters:
        """Pole of each channel's filter, and the gain that makes it 1 at the centre."""
        width = 1.019 * 24.7 * (4.37e-3 * self.frequencies + 1.0)
        radius = np.exp(-2.0 * np.pi * width / RATE)
        angle = 2.0 * np.pi * self.frequencies / RATE
        gain = (1.0 - radius) * 2.0 ** (1.0 / kernels.STAGES)  # a tone is half a complex one
        return kernels.Filters(radius * np.cos(angle), radius * np.sin(angle), gain)

    def spikes(self, sound: Sound) -> tuple[np.ndarray, np.ndarray]:
        """Spikes of a sound : float64[spike], s from its start, rising, and uint16[spike], channel.

        The sound is brought to 16 kHz and its loud parts to a fixed level; silence has no spikes.
        Raises :class:`SnnlabError` above ``MAX_SECONDS``.
        """
        if sound.seconds > MAX_SECONDS:
            raise SnnlabError(
                f"sound of {sound.seconds:,.0f} s is longer than {MAX_SECONDS:,.0f} s: cut it"
            )
        if not _is_audible(sound):
            return self._listen(np.empty(0))
        return self._listen(to_level(self._emphasised(sound)))

    def bands(self, sound: Sound, step: float) -> np.ndarray:
        """How strong a sound is in each channel's filter over time : float64[channel, frame].

        The envelope behind emphasis and filter, averaged over frames of ``step`` seconds, relative
        to the strongest of all: a picture of the sound, which no spike depends on.
        """
        from scipy.signal import lfilter  # as in resample

        samples = self._emphasised(sound)
        frame, found = max(1, round(step * RATE)), []
        samples = np.pad(samples, (0, -len(samples) % frame))
        for re, im, gain in zip(*self.filters, strict=True):
            passed = samples
            for _ in range(kernels.STAGES):
                passed = lfilter([gain], [1.0, -(re + 1j * im)], passed)
            found.append(np.abs(passed).reshape(-1, frame).mean(axis=1))
        bands = np.array(found)
        return bands / max(bands.max(initial=0.0), np.finfo(float).tiny)

    def _emphasised(self, sound):
        samples = resample(sound)
        return samples - self.emphasis * np.concatenate(([0.0], samples[:-1]))

    def _listen(self, samples):
        dt, steps_dead = 1.0 / RATE, int(self.tau_ref * RATE)
        hair = kernels.HairCell(
            -np.expm1(-dt / self.tau_hair), -np.expm1(-dt / self.tau_adapt), self.adaptation
        )
        cell = kernels.Cell(
            np.exp(-dt / self.tau_mem), self.gain * dt, self.threshold, float(steps_dead)
        )
        state = np.zeros((kernels.ROWS, self.channels))
        room = self.channels * (RATE // (steps_dead + 1) + 1)
        sample, channel = np.empty(room, np.int32), np.empty(room, np.uint16)
        times, channels = [np.empty(0)], [np.empty(0, np.uint16)]
        for first in range(0, len(samples), RATE):  # a second at a time bounds the memory
            piece = samples[first : first + RATE]
            n = kernels.listen(piece, state, self.filters, hair, cell, sample, channel)
            times.append((first + sample[:n]) / RATE)
            channels.append(channel[:n].copy())
        return np.concatenate(times), np.concatenate(channels)


def resample(sound: Sound) -> np.ndarray:
    """The sound at RATE samples per second : float64[sample].

    By a ratio with a denominator of up to 1000: exact for all usual rates, within 0.1 % for others.
    """
    ratio = Fraction(RATE, sound.rate).limit_denominator(1000)
    if ratio == 1:
        return sound.samples
    from scipy.signal import resample_poly  # takes half a second: imported when needed

    return resample_poly(sound.samples, *ratio.as_integer_ratio())


def to_level(samples: np.ndarray) -> np.ndarray:
    """Samples scaled so that the frames that are not silent have root mean square LEVEL.

    samples : float64[sample] at RATE. Silence around words does not count, so that a word is as
    loud in a long recording as in one that was cut.
    """
    loud = _loudness(samples)
    heard = loud[loud > FLOOR * loud.max(initial=0.0)]
    return samples * (LEVEL / np.sqrt(np.mean(heard**2))) if heard.size else samples


def trim(sound: Sound) -> Sound:
    """The sound at RATE, without the silence before and after it.

    Raises :class:`SnnlabError` if there is nothing but silence.
    """
    if not _is_audible(sound):
        raise SnnlabError("the sound is silent: record it again, closer to the microphone")
    samples = resample(sound)
    loud = _loudness(samples)
    heard = np.flatnonzero(loud > FLOOR * loud.max())
    frame, margin = _FRAME_SAMPLES, int(MARGIN * RATE)
    first, last = max(heard[0] * frame - margin, 0), (heard[-1] + 1) * frame + margin
    return Sound(samples[first:last], RATE)


def _is_audible(sound):
    return _loudness(sound.samples, int(FRAME * sound.rate)).max(initial=0.0) > SILENCE


def _loudness(samples, frame=_FRAME_SAMPLES):
    """Root mean square of each frame, without its mean : float64[frame]."""
    if not len(samples):
        return np.empty(0)
    padded = np.pad(samples, (0, -len(samples) % frame), mode="edge")
    return padded.reshape(-1, frame).std(axis=1)


COCHLEA = Cochlea()
"""The cochlea of the spoken digits: sound sampled at 8 kHz has no frequencies above 4 kHz."""
