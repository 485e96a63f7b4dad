"""What the kernels take, and how they are compiled."""

from typing import NamedTuple

import numpy as np

FASTMATH = {"contract", "nsz"}  # fused multiply-add, but no reordering: the order of sums is fixed
LANES = 16  # layers are padded to whole vectors of 16 float32
PARTS = 4  # parts of a batch for each thread, as images take different times
QUIET = 4  # steps taken at once where nothing arrives
# For functions that allocate nothing: counting references to array views, which is atomic, took a
# quarter of the time and made threads wait for each other.
UNCOUNTED = {"nogil": True, "_nrt": False}


class Neurons(NamedTuple):
    """Constants of a layer's neurons, each float32[neuron]; exc and inh: the two synaptic inputs.

    Potentials start at ``start`` and are held between ``low`` and ``high``.
    """

    decay_mem: np.ndarray
    decay_exc: np.ndarray
    decay_inh: np.ndarray
    rise_exc: np.ndarray
    rise_inh: np.ndarray
    threshold: np.ndarray
    reset: np.ndarray
    start: np.ndarray
    low: np.ndarray
    high: np.ndarray
    refractory: np.ndarray


class Synapses(NamedTuple):
    """What each input adds to the currents of the neurons, by sign : float32[row, neuron].

    Input k adds row k, and row ``also[k]`` unless that is negative: a stuck synapse beside a
    written one of the other sign. Currents are cut at ±``limit``.
    """

    current: np.ndarray
    also: np.ndarray
    limit: float


class Work(NamedTuple):
    """Buffers of one image, reused for the next.

    u, exc, inh : float32[neuron], membrane and the two synaptic currents; ahead : float32[neuron],
    membrane four steps later; read : uint8[neuron], one CADC sample;
    until : float64[neuron], end of the refractory period in steps; held : uint64[neuron], indices
    of refractory neurons; crossed : bool[neuron], also seen as words of eight, uint64[neuron / 8];
    row, amount : int64 and float32, rows of weights to add in this step and the share of each;
    loop_step, loop_after, loop_row : int64, float32 and int64[room], own spikes that return, in
    order of the step in which they arrive, with the share that is left to the next step and their
    rows; empty unless the layer is recurrent; full_exc, full_inh : float32[neuron], 1 where a
    current of a recurrent layer is at its limit, else 0.
    """

    u: np.ndarray
    exc: np.ndarray
    inh: np.ndarray
    ahead: np.ndarray
    read: np.ndarray
    until: np.ndarray
    held: np.ndarray
    crossed: np.ndarray
    words: np.ndarray
    row: np.ndarray
    amount: np.ndarray
    loop_step: np.ndarray
    loop_after: np.ndarray
    loop_row: np.ndarray
    full_exc: np.ndarray
    full_inh: np.ndarray


class Loop(NamedTuple):
    """How a layer's own spikes return to it: ``latency`` steps after the spike; those of neuron j
    add row ``first + j``."""

    latency: float
    first: int


class Clock(NamedTuple):
    """Grids of time: steps per CADC sample, samples per run, steps per tick of the time stamps."""

    substeps: int
    samples: int
    steps_per_tick: float


class Readout(NamedTuple):
    """CADC channels, float32[neuron]: LSB at potential 0, LSB per unit of potential, and LSB that
    digital correction subtracts; for all: read noise and ends of the range in LSB, and a mask of
    the low bits that a converter of fewer than 8 bits lacks."""

    rest: np.ndarray
    gain: np.ndarray
    correction: np.ndarray
    noise: float
    low: int
    high: int
    lost: int


class Noise(NamedTuple):
    """Trial noise: relative drift of thresholds per run, jitter of spikes in ticks, and two keys,
    for noise of each image and of the whole run."""

    drift: float
    jitter: float
    key: np.uint64
    run_key: np.uint64
