"""Measurements of circuits as in a laboratory: from CADC samples and spikes.

Each takes a :class:`~snnlab.chip.lab.laboratory.Lab` and returns float64[circuit].
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from snnlab.chip import constants as c
from snnlab.chip.capmem import Codes
from snnlab.chip.emulator import rise
from snnlab.chip.lab.laboratory import ROWS, Lab
from snnlab.chip.synapses import CURRENT_PER_LSB
from snnlab.events import TICK

TIMES = np.arange(c.TRAINING_SAMPLES) * c.DT_CADC
TAUS = np.geomspace(0.15, 4.0, 96) * c.TAU_MEM
"""Time constants that fits choose from, before they interpolate : s."""
STIMULUS_LSB = 40
"""Weight of stimuli: an inhibitory potential then stays over the end of every channel's range."""
STIMULUS_TICK = 213
"""Stimuli come just after the second CADC sample, so that two samples of rest precede them."""


def cadc_characteristic(lab: Lab, levels=(50, 80, 110, 140, 170, 200)) -> np.ndarray:
    """Linear fits of CADC readings of known voltages.

    Returns gain and reading at the nominal leak potential : float64[2, circuit], 1 and LSB.
    """
    read = np.stack([lab.reference(level) for level in levels])
    slope, at_rest = np.polyfit(np.array(levels) - c.REST_LSB, read, 1)
    return np.stack([slope, at_rest])


def leak_potential(lab: Lab, *, codes: Codes | None = None, trials: int = 16) -> np.ndarray:
    """Resting potential : LSB."""
    return lab.traces(trials=trials, codes=codes).mean(axis=0)


def reset_potential(lab: Lab, *, codes: Codes | None = None, trials: int = 128) -> np.ndarray:
    """Reset potential : LSB, the first sample after a reset."""
    return lab.traces(trials=trials, reset_first=True, codes=codes)[0]


def membrane_time_constant(
    lab: Lab, away: Codes, *, codes: Codes | None = None, trials: int = 64
) -> np.ndarray:
    """tau_mem : s, from the decay that follows a reset away from the leak.

    away : a setting whose reset lies tens of LSB from the leak.
    """
    setting = (codes or lab.codes).having(reset=away["reset"])
    decay = lab.traces(trials=trials, reset_first=True, codes=setting)
    return fit(decay, lambda tau: np.exp(-TIMES / tau), TAUS)[0]


class Psp(NamedTuple):
    """Post-synaptic potential of one input: time constant : s, and gain relative to nominal."""

    tau_syn: np.ndarray
    gain: np.ndarray


def psp(
    lab: Lab, sign: int, tau_mem: np.ndarray, *, codes: Codes | None = None, repeats: int = 12
) -> Psp:
    """Shape of the potential after one spike of moderate weight, mean over several synapses.

    sign : +1 excitatory, −1 inhibitory; tau_mem : float64[circuit], s, as measured.
    """
    weight = sign * STIMULUS_LSB
    trace = lab.traces(weight, trials=ROWS * repeats, tick=STIMULUS_TICK, codes=codes)
    after = np.maximum(TIMES - STIMULUS_TICK * TICK, 0.0)
    tau_syn, height = fit(trace, lambda tau: rise(tau_mem, tau, after[:, None]), TAUS)
    return Psp(tau_syn, height / (weight * CURRENT_PER_LSB * c.GAP_LSB))


def weight_scale(lab: Lab, weights=(0, 15, 30, 45, 60), *, repeats: int = 4) -> np.ndarray:
    """Slope of the PSP's highest sample over the weight : LSB per LSB, float64[circuit]."""
    peaks = []
    for weight in weights:
        trace = lab.traces(weight, trials=ROWS * repeats, tick=STIMULUS_TICK)
        peaks.append(trace[5:8].mean(axis=0) - trace[:2].mean(axis=0))
    return np.polyfit(np.array(weights), np.stack(peaks), 1)[0]


def fires(lab: Lab, *, codes: Codes | None = None, trials: int = 8) -> np.ndarray:
    """Whether a circuit fires without input in most trials : bool[circuit]."""
    spikes = lab.record(trials=trials, spiking=True, codes=codes).spikes[-1]
    return (spikes.count_by_channel() > 0).mean(axis=0) > 0.5


def threshold_potential(lab: Lab) -> np.ndarray:
    """Threshold : LSB; the leak potential from which on a circuit fires by itself.

    NaN where it never does.
    """
    code = search(lambda code: fires(lab, codes=lab.codes.having(leak=code)), rising=True)
    at = lab.codes.having(leak=code)
    potential = leak_potential(lab, codes=at, trials=32)
    return np.where(fires(lab, codes=at), potential, np.nan)


def f_i_curve(lab: Lab, leak_codes, *, trials: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Firing rate over the potential that a constant drive would lift the membrane to.

    leak_codes : codes of the leak, one experiment each. Returns potentials : LSB and rates : Hz of
    hardware time, float64[experiment, circuit] both.
    """
    potentials, rates = [], []
    for code in leak_codes:
        setting = lab.codes.having(leak=code)
        potentials.append(leak_potential(lab, codes=setting))
        counts = lab.record(trials=trials, spiking=True, codes=setting).spikes[-1]
        rates.append(counts.count_by_channel().mean(axis=0) / (TIMES[-1] + c.DT_CADC))
    return np.stack(potentials), np.stack(rates)


def search(above: Callable[[np.ndarray], np.ndarray], *, rising: bool) -> np.ndarray:
    """The code of each circuit at which something measured passes its target : int64[circuit].

    above : from codes to whether each circuit's quantity is at or over its target; rising : whether
    the quantity rises with the code. Ten halvings, all circuits at once.
    """
    low, high = np.zeros(c.N_CIRCUITS, np.int64), np.full(c.N_CIRCUITS, 1022)
    while (high > low).any():
        middle = (low + high) // 2
        down = above(middle) == rising
        low, high = np.where(down, low, np.minimum(middle + 1, high)), np.where(down, middle, high)
    return high


def fit(samples: np.ndarray, shape: Callable, taus: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares of ``height · shape(tau) + level`` to each circuit's samples.

    samples : float64[sample, circuit]; shape : from tau to [sample] or [sample, circuit].
    For each tau the best height and level are linear; the best tau is the parabola's lowest point
    between the three best of ``taus``. Returns tau and height, float64[circuit].
    """
    centred = samples - samples.mean(axis=0)
    errors, heights = [], []
    for tau in taus:
        basis = shape(tau)
        basis = basis - basis.mean(axis=0)
        basis = basis[:, None] if basis.ndim == 1 else basis
        height = (basis * centred).sum(axis=0) / (basis**2).sum(axis=0)
        heights.append(height)
        errors.append(((centred - height * basis) ** 2).sum(axis=0))
    errors, heights = np.stack(errors), np.stack(heights)
    best = np.clip(errors.argmin(axis=0), 1, len(taus) - 2)
    circuit = np.arange(samples.shape[1])
    left, middle, right = (errors[best + k, circuit] for k in (-1, 0, 1))
    bend = left - 2 * middle + right
    offset = np.clip(0.5 * (left - right) / np.where(bend > 0, bend, np.inf), -1, 1)
    position = best + offset
    index = np.arange(len(taus))
    tau = np.exp(np.interp(position, index, np.log(taus)))
    whole = np.floor(position).astype(int).clip(0, len(taus) - 2)
    part = position - whole
    return tau, (1 - part) * heights[whole, circuit] + part * heights[whole + 1, circuit]
