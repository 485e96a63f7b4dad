"""The cochlea in numba: gammatone filters, hair cells and neurons, one sample of sound at a time.

All channels take a step together, so that the loops over channels run on vectors. The state of all
stages is one array, ``float64[row, channel]``, which a call changes and the next one continues.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from snnlab.chip.compiled import compiled

STAGES = 4
"""Order of the gammatone: equal one-pole filters in a row."""
RELEASE, ADAPTED, MEMBRANE, DEAD = range(2 * STAGES, 2 * STAGES + 4)
ROWS = 2 * STAGES + 4
"""Rows of the state: real and imaginary part of each stage; then release of the hair cell, its
slow average, membrane of the neuron and its remaining dead time in steps."""


class Filters(NamedTuple):
    """pole_re, pole_im : float64[channel] of every stage; gain : float64[channel] per stage."""

    pole_re: np.ndarray
    pole_im: np.ndarray
    gain: np.ndarray


class HairCell(NamedTuple):
    """Shares of a step: of the new value in low-pass and average; ``adaptation``, 0 to 1."""

    follow: float
    average: float
    adaptation: float


class Cell(NamedTuple):
    """Decay of the membrane per step, what a unit of drive adds in it, and dead time in steps."""

    decay: float
    gain: float
    threshold: float
    dead: float


@njit(inline="always")
def _filter(x, state, filters, moved):
    """One sample through the four stages; ``moved`` gets the real part of the last."""
    pole_re, pole_im, gain = filters.pole_re, filters.pole_im, filters.gain
    for j in range(moved.shape[0]):
        in_re, in_im = x, 0.0
        for s in range(STAGES):
            re, im = state[2 * s, j], state[2 * s + 1, j]
            out_re = pole_re[j] * re - pole_im[j] * im + gain[j] * in_re
            out_im = pole_re[j] * im + pole_im[j] * re + gain[j] * in_im
            state[2 * s, j], state[2 * s + 1, j] = out_re, out_im
            in_re, in_im = out_re, out_im
        moved[j] = in_re


@njit(inline="always")
def _release(state, hair, moved):
    """Rectified, compressed, smoothed and adapted: ``moved`` becomes the drive of the neuron."""
    for j in range(moved.shape[0]):
        compressed = np.sqrt(np.sqrt(max(moved[j], 0.0)))
        release = state[RELEASE, j] + hair.follow * (compressed - state[RELEASE, j])
        adapted = state[ADAPTED, j] + hair.average * (release - state[ADAPTED, j])
        state[RELEASE, j], state[ADAPTED, j] = release, adapted
        moved[j] = release - hair.adaptation * adapted


@njit(inline="always")
def _integrate(state, cell, moved):
    """A leaky integrator of the drive per channel; ``moved`` becomes its membrane."""
    for j in range(moved.shape[0]):
        membrane = cell.decay * state[MEMBRANE, j] + cell.gain * (moved[j] - cell.threshold)
        able = state[DEAD, j] <= 0.0
        state[MEMBRANE, j] = max(membrane, 0.0) if able else 0.0
        state[DEAD, j] -= 1.0
        moved[j] = state[MEMBRANE, j]


@compiled(nogil=True)
def listen(sound, state, filters, hair, cell, sample, channel):
    """Spikes of a piece of sound, in order of time; returns their number.

    sound : float64[sample]; state : float64[row, channel], changed; sample : int32[room], index of
    the sample at which each spike falls; channel : uint16[room]. Both must have room for a spike
    per channel and dead time.
    """
    n, moved, found = state.shape[1], np.empty(state.shape[1]), 0
    for k in range(sound.shape[0]):
        _filter(sound[k], state, filters, moved)
        _release(state, hair, moved)
        _integrate(state, cell, moved)
        for j in range(n):
            if moved[j] >= 1.0:
                sample[found], channel[found] = k, j
                found += 1
                state[MEMBRANE, j], state[DEAD, j] = 0.0, cell.dead
    return found
