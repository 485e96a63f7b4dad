"""The emulated chip: checks, rounds nothing silently, seeds, and runs the kernels."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import e

import numpy as np

from snnlab.chip import constants as c
from snnlab.chip import kernels
from snnlab.chip.die import Die
from snnlab.chip.kernels import LANES, Clock, Neurons, Readout
from snnlab.chip.mapping import Mapping
from snnlab.chip.recording import Recording
from snnlab.chip.threads import guarded
from snnlab.errors import SnnlabError
from snnlab.events import TICK, Events

compact, run_layer = guarded(kernels.compact), guarded(kernels.run_layer)

CURRENT_PER_LSB = c.PSP_PEAK_PER_LSB * e / c.TAU_MEM
"""Jump of the synaptic current per LSB of weight : 1/s, in thresholds above leak.

With tau_mem = tau_syn = tau the potential after one spike is q t exp(-t/tau), so its peak is
q tau / e; q follows from the published operating point."""


@dataclass(frozen=True)
class OperatingPoint:
    """How the chip is set up: times in s, read noise in LSB.

    ``dt = 1.7 µs / substeps`` is the emulator's own step; the default resolves 0.425 µs.
    """

    tau_mem: float = c.TAU_MEM
    tau_syn: float = c.TAU_SYN
    tau_ref: float = c.TAU_REF
    cadc_noise: float = c.CADC_NOISE_LSB
    samples: int = c.TRAINING_SAMPLES
    substeps: int = 4

    @property
    def dt(self) -> float:
        """Step of the emulation : s."""
        return c.DT_CADC / self.substeps

    @property
    def window(self) -> int:
        """Duration of one image in ticks of 8 ns."""
        return int(self.samples * c.DT_CADC / TICK)

    @property
    def most_spikes(self) -> int:
        """Most spikes of one neuron in one image: one per step, and per refractory period."""
        steps = self.samples * self.substeps
        return min(steps, int(steps * self.dt / self.tau_ref) + 1)


class Chip:
    """BrainScaleS-2 with one network mapped onto one die.

    Holds no state between runs: same events, weights and trial give the same recording.
    """

    def __init__(
        self,
        mapping: Mapping,
        die: Die | None = None,
        point: OperatingPoint | None = None,
    ):
        self.mapping = mapping
        self.die = die or Die.draw()
        self.point = point or OperatingPoint()

    def run(self, events: Events, weights_lsb: list[np.ndarray], *, trial: int = 0) -> Recording:
        """Play a batch of spikes through the network.

        weights_lsb : int8[input, neuron] for each layer, within ±63.
        trial : seed of the trial noise; a sample's noise depends on it and the sample's id only.
        Raises :class:`SnnlabError` when shapes, channels or weights do not fit.
        """
        self._check(events, weights_lsb)
        spikes, cadc, source = [], [], events
        last = len(weights_lsb) - 1
        for layer, weight_lsb in enumerate(weights_lsb):
            source, samples = self._run_layer(layer, source, weight_lsb, trial)
            cadc.append(samples)
            if layer < last:
                spikes.append(source)
        return Recording(events, tuple(spikes), tuple(cadc))

    def _run_layer(self, layer, events, weight_lsb, trial):
        n = weight_lsb.shape[1]
        is_label = layer == len(self.mapping.sizes) - 2
        room = 0 if is_label else n * self.point.most_spikes
        counts, tick, channel, cadc = run_layer(
            events.offsets, events.tick, events.channel, events.ids,
            self._currents(layer, weight_lsb), self._neurons[layer], self._clock,
            self._readout(layer, trial), n, room,
        )  # fmt: skip
        offsets, tick, channel = compact(counts, tick, channel)
        return Events(offsets, tick, channel, n, events.ids), cadc

    @property
    def _clock(self):
        return Clock(self.point.substeps, self.point.samples, TICK / self.point.dt)

    def _readout(self, layer, trial):
        # Not the multiplier of the sample ids: else one trial would be the next one, an image on.
        key = np.uint64((trial * 0x2545F4914F6CDD1D + (layer + 1) * 0xD1B54A32D192ED03) % 2**64)
        return Readout(c.GAP_LSB, self.point.cadc_noise, c.CADC_MIN_LSB, c.CADC_MAX_LSB, key)

    @cached_property
    def _neurons(self) -> list[Neurons]:
        return [self._constants(layer) for layer in range(len(self.mapping.sizes) - 1)]

    def _constants(self, layer):
        die, point = self.die, self.point
        own = self.mapping.circuits[layer][:, 0]  # the joined circuits' membranes are switched off
        tau_mem, tau_syn = point.tau_mem * die.tau_mem[own], point.tau_syn * die.tau_syn[own]
        n = len(own)
        is_label = layer == len(self.mapping.sizes) - 2
        return Neurons(
            decay_mem=_padded(np.exp(-point.dt / tau_mem)),
            decay_syn=_padded(np.exp(-point.dt / tau_syn)),
            rise=_padded(rise(tau_mem, tau_syn, point.dt) / point.dt),
            threshold=_padded(np.full(n, np.inf) if is_label else die.gap[own], np.inf),
            reset=_padded((die.reset_lsb[own] - die.leak_lsb[own]) / c.GAP_LSB),
            refractory=_padded(np.full(n, point.tau_ref / point.dt)),
            rest_lsb=_padded(c.REST_LSB + die.leak_lsb[own] + die.cadc_offset_lsb[own]),
        )

    @cached_property
    def _gains(self) -> list[np.ndarray]:
        return [self._synapse_gains(layer) for layer in range(len(self.mapping.sizes) - 1)]

    def _synapse_gains(self, layer):
        """Current per LSB and step of each signed weight : float32[2, input, padded neuron]."""
        pair, column = self.mapping.synapses(layer)
        gain = CURRENT_PER_LSB * self.point.dt * self.die.gain[column]
        both = [gain * self.die.synapse_gain[2 * pair + sign, column] for sign in (0, 1)]
        return np.stack([_padded(g) for g in both])

    def _currents(self, layer, weight_lsb):
        excitatory, inhibitory = self._gains[layer]
        weight = _padded(weight_lsb)
        return weight * np.where(weight < 0, inhibitory, excitatory)

    def _check(self, events, weights_lsb):
        sizes = self.mapping.sizes
        shapes = [np.shape(w) for w in weights_lsb]
        if shapes != list(pairwise(sizes)):
            raise SnnlabError(f"weights of shapes {shapes} do not fit network {self.mapping}")
        if events.n_channels != sizes[0]:
            raise SnnlabError(
                f"Events have {events.n_channels} channels, network {self.mapping} takes {sizes[0]}"
            )
        for layer, weight in enumerate(weights_lsb):
            if weight.dtype != np.int8 or np.abs(weight.astype(np.int16)).max() > c.WEIGHT_MAX_LSB:
                raise SnnlabError(
                    f"weights of layer {layer}: {weight.dtype} from {weight.min()} to"
                    f" {weight.max()}; the chip takes int8 within ±{c.WEIGHT_MAX_LSB},"
                    " round and clip them first"
                )


def rise(tau_mem, tau_syn, dt):
    """What a unit current decaying with tau_syn adds to a membrane within dt : s.

    The exact integral of exp(-(dt - s)/tau_mem) exp(-s/tau_syn) over s in 0…dt; its limit for equal
    time constants is dt exp(-dt/tau).
    """
    slow, rate = np.exp(-dt / tau_mem), 1.0 / tau_syn - 1.0 / tau_mem
    x = rate * dt
    small = np.abs(x) < 1e-6
    ratio = np.where(small, 1.0 - 0.5 * x, -np.expm1(-x) / np.where(small, 1.0, x))
    return dt * slow * ratio


def _padded(array, fill=0.0):
    """Last axis padded to whole vectors : float32."""
    extra = -array.shape[-1] % LANES
    width = [(0, 0)] * (array.ndim - 1) + [(0, extra)]
    return np.pad(array.astype(np.float32), width, constant_values=fill)
