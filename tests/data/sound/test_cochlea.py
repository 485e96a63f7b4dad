"""The cochlea: its filters are gammatones, its twin in plain loops agrees, its spikes fit."""

import numpy as np
import pytest
from refusal import refused
from scipy import signal
from sounds import sound, tone, word

from snnlab.data.sound import kernels
from snnlab.data.sound.cochlea import COCHLEA, LEVEL, MAX_SECONDS, RATE, Cochlea, to_level, trim


def response(cochlea, channel, frequencies):
    """Gain of a channel's four stages : complex[frequency]."""
    re, im, gain = (np.asarray(part)[channel] for part in cochlea.filters)
    z = np.exp(2j * np.pi * frequencies / RATE)
    return 0.5 * (gain / (1.0 - (re + 1j * im) / z)) ** kernels.STAGES


@pytest.mark.parametrize("channel", [5, 20, 40, 65])
def test_filters_are_scipys_gammatones(channel):
    centre = COCHLEA.frequencies[channel]
    near = centre * np.linspace(0.8, 1.25, 41)
    _, theirs = signal.freqz(*signal.gammatone(centre, "iir", fs=RATE), worN=near, fs=RATE)
    mine = np.abs(response(COCHLEA, channel, near))
    np.testing.assert_allclose(20 * np.log10(mine), 20 * np.log10(np.abs(theirs)), atol=0.6)
    assert np.abs(response(COCHLEA, channel, np.array([centre])))[0] == pytest.approx(1.0, rel=0.02)


def test_centres_are_equally_spaced_in_bandwidths():
    f = COCHLEA.frequencies
    assert (f[0], f[-1]) == (pytest.approx(100.0), pytest.approx(3800.0))
    steps = np.diff(f) / (24.7 * (4.37e-3 * (f[1:] + f[:-1]) / 2 + 1.0))
    np.testing.assert_allclose(steps, steps.mean(), rtol=1e-3)


def slow_spikes(cochlea, samples):
    """The three stages in plain loops, one channel after the other : {(sample, channel)}."""
    re, im, gain = cochlea.filters
    dt, found = 1.0 / RATE, set()
    follow, average = 1 - np.exp(-dt / cochlea.tau_hair), 1 - np.exp(-dt / cochlea.tau_adapt)
    decay, dead_steps = np.exp(-dt / cochlea.tau_mem), int(cochlea.tau_ref * RATE)
    for j in range(cochlea.channels):
        stages, release, adapted, v, dead = [0j] * 4, 0.0, 0.0, 0.0, 0
        for k, x in enumerate(samples):
            given = complex(x)
            for s in range(4):
                stages[s] = given = (re[j] + 1j * im[j]) * stages[s] + gain[j] * given
            release += follow * (max(given.real, 0.0) ** 0.25 - release)
            adapted += average * (release - adapted)
            drive = release - cochlea.adaptation * adapted - cochlea.threshold
            v = max(decay * v + cochlea.gain * dt * drive, 0.0) if dead <= 0 else 0.0
            dead -= 1
            if v >= 1.0:
                found.add((k, j))
                v, dead = 0.0, dead_steps
    return found


def test_the_kernel_agrees_with_a_slow_twin():
    cochlea = Cochlea(channels=4, low=300.0, high=1500.0)
    samples = to_level(word(RATE, 0.2))
    times, channels = cochlea._listen(samples)
    mine = set(zip(np.rint(times * RATE).astype(int).tolist(), channels.tolist(), strict=True))
    assert len(mine) > 20
    assert mine == slow_spikes(cochlea, samples)


@pytest.mark.parametrize("frequency", [250.0, 600.0, 1500.0, 3000.0])
def test_a_tone_is_loudest_where_its_filter_is(frequency):
    _, channels = COCHLEA.spikes(sound(tone(frequency, 0.3)))
    counts = np.bincount(channels, minlength=COCHLEA.channels)
    best = np.flatnonzero(counts == counts.max()).mean()
    assert best == pytest.approx(np.abs(COCHLEA.frequencies - frequency).argmin(), abs=2.0)


def test_spikes_are_in_order_and_respect_the_dead_time():
    times, channels = COCHLEA.spikes(sound(word(RATE, 1.5)))
    assert (np.diff(times) >= 0).all()
    for channel in np.unique(channels):
        gaps = np.diff(times[channels == channel])
        assert gaps.min(initial=1.0) >= COCHLEA.tau_ref


def test_sound_is_as_loud_whatever_its_scale_or_the_silence_around_it():
    voice = word(RATE, 0.4)
    times, channels = COCHLEA.spikes(sound(voice))
    for other in (0.01 * voice, 3.0 * voice):
        again = COCHLEA.spikes(sound(other))
        np.testing.assert_array_equal(again[0], times)
        np.testing.assert_array_equal(again[1], channels)
    # The noise of the word lies 60 dB below it, and so does the silence.
    quiet = np.random.default_rng(1).standard_normal(RATE) * 1e-4
    trimmed = trim(sound(np.concatenate([quiet, voice, quiet])))
    assert trimmed.seconds == pytest.approx(0.4, abs=0.15)
    assert len(COCHLEA.spikes(trimmed)[0]) == pytest.approx(len(times), rel=0.1)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 44_101, 48_000, 96_000])
def test_other_rates_give_the_same_spikes_but_for_a_few(rate):
    at = {r: np.bincount(COCHLEA.spikes(sound(word(r, 0.4, seed=3), r))[1], minlength=70)
          for r in (RATE, rate)}  # fmt: skip
    below = COCHLEA.frequencies < 3_000  # resampling cuts off below 4 kHz
    a, b = (counts[below] for counts in at.values())
    assert np.abs(a - b).sum() <= 0.12 * a.sum()


def test_silence_has_no_spikes_and_cannot_be_trimmed():
    for samples in (np.zeros(RATE), np.full(RATE, 0.3), np.empty(0), 1e-5 * word(RATE)):
        assert len(COCHLEA.spikes(sound(samples))[0]) == 0
        refused(lambda samples=samples: trim(sound(samples)), "silent: record it again")


def test_clipping_changes_little():
    voice = word(RATE, 0.4)
    clipped = np.clip(4.0 * voice, -1.0, 1.0)
    a, b = (np.bincount(COCHLEA.spikes(sound(x))[1], minlength=70) for x in (voice, clipped))
    assert np.corrcoef(a, b)[0, 1] > 0.8


def test_a_long_sound_is_heard_piece_by_piece_as_if_it_were_one():
    cochlea = Cochlea(channels=3, low=300.0, high=1000.0)
    samples = to_level(np.tile(word(RATE, 0.5), 5))
    times, channels = cochlea._listen(samples)
    state = np.zeros((kernels.ROWS, 3))
    dt, dead = 1.0 / RATE, int(cochlea.tau_ref * RATE)
    hair = kernels.HairCell(
        -np.expm1(-dt / cochlea.tau_hair), -np.expm1(-dt / cochlea.tau_adapt), cochlea.adaptation
    )
    cell = kernels.Cell(
        np.exp(-dt / cochlea.tau_mem), cochlea.gain * dt, cochlea.threshold, float(dead)
    )
    sample, channel = np.empty(10_000, np.int32), np.empty(10_000, np.uint16)
    n = kernels.listen(samples, state, cochlea.filters, hair, cell, sample, channel)
    np.testing.assert_array_equal(np.rint(times * RATE), sample[:n])
    np.testing.assert_array_equal(channels, channel[:n])


def test_the_level_is_that_of_the_loud_frames():
    voice = np.concatenate([np.zeros(RATE), tone(500.0, 1.0), np.zeros(RATE)])
    scaled = to_level(voice)
    assert np.sqrt(np.mean(scaled[RATE : 2 * RATE] ** 2)) == pytest.approx(LEVEL, rel=0.01)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"channels": 0}, "0 channels: give 1 to"),
        ({"low": 10.0}, "from 10 to 3800 Hz"),
        ({"high": 50.0}, "give a rising pair"),
        ({"high": 9e3}, "to 7200 Hz"),
    ],
)
def test_a_cochlea_out_of_range_is_one_line(change, said):
    refused(lambda: Cochlea(**change), said)


def test_hours_of_sound_are_one_line():
    seconds = MAX_SECONDS + 1
    refused(
        lambda: COCHLEA.spikes(sound(np.zeros(int(100 * seconds)), 100)), "is longer than 1,200 s"
    )


def test_bands_show_a_tone_in_its_channel_while_it_lasts():
    channel = 40
    silent, heard = np.zeros(RATE // 10), tone(COCHLEA.frequencies[channel], 0.1)
    bands = COCHLEA.bands(sound(np.concatenate([heard, silent])), 0.01)
    assert bands.shape == (70, 20)
    assert bands.max() == 1.0
    assert np.abs(bands[:, 4:9].mean(axis=1).argmax() - channel) <= 1
    assert bands[:, 13:].max() < 0.02
    assert COCHLEA.bands(sound(np.zeros(800)), 0.01).max() == 0.0


def test_bands_are_the_envelope_of_the_filters():
    given = sound(word(RATE, 0.1), RATE)
    re, im, gain = (part[30] for part in COCHLEA.filters)
    x = np.diff(given.samples, prepend=0.0) + 0.05 * np.concatenate([[0.0], given.samples[:-1]])
    state = np.zeros(4, complex)
    envelope = []
    for value in x:
        passed = complex(value)
        for s in range(4):
            state[s] = passed = (re + 1j * im) * state[s] + gain * passed
        envelope.append(abs(passed))
    mean = np.array(envelope).reshape(-1, 160).mean(axis=1)
    np.testing.assert_allclose(COCHLEA.bands(given, 0.01)[30] / mean, 1.0 / _loudest(given), 1e-6)


def _loudest(given):
    """The strongest frame of all channels, which bands are relative to."""
    own = COCHLEA.bands(given, 0.01)
    x = signal.lfilter([1.0, -COCHLEA.emphasis], [1.0], given.samples)
    k = int(np.unravel_index(own.argmax(), own.shape)[0])
    re, im, gain = (part[k] for part in COCHLEA.filters)
    for _ in range(4):
        x = signal.lfilter([gain], [1.0, -(re + 1j * im)], x)
    return np.abs(x).reshape(-1, 160).mean(axis=1).max()
