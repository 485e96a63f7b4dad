"""The synapse array: signed weights as pairs of synapses, each with a gain of its own."""

from math import e

import numpy as np

from snnlab.chip import constants as c
from snnlab.chip.compiled import compiled
from snnlab.chip.die import WORKS
from snnlab.chip.kernels.arrays import LANES, Synapses
from snnlab.chip.threads import guarded
from snnlab.errors import SnnlabError

CURRENT_PER_LSB = c.PSP_PEAK_PER_LSB * e / c.TAU_MEM
"""Jump of the synaptic current per LSB of weight : 1/s, in thresholds above leak.

With tau_mem = tau_syn = tau the potential after one spike is q t exp(-t/tau), so its peak is
q tau / e; q follows from the published operating point."""


class SynapseArray:
    """The synapses of one layer, ready for weights to be written.

    gain : float64[2, circuit], of the circuits' excitatory and inhibitory inputs, relative
    dt : s, the emulator's step, to which currents are scaled
    spec : ChipSpec; stuck synapses hold weights that its bits can, its limit cuts the currents
    """

    def __init__(self, die, gain, mapping, layer, dt, spec):
        pair, column = mapping.synapses(layer)
        rows = (2 * pair, 2 * pair + 1)
        lsb = CURRENT_PER_LSB * dt
        excitatory, inhibitory = (
            lsb * gain[k, column] * die.synapse_gain[row, column] for k, row in enumerate(rows)
        )
        self._gains = padded(np.stack([excitatory, -inhibitory]))
        self._limit = spec.most_current(mapping.circuits_per_neuron[layer]) * lsb
        held = np.where(die.stuck == WORKS, WORKS, spec.rounded(die.stuck))
        stuck = np.stack([padded(held[row, column], WORKS) for row in rows])
        self._stuck = stuck if (stuck != WORKS).any() else None
        self._layer, self._spec = layer, spec
        self._there: tuple[np.ndarray, Synapses] | None = None

    def written(self, weight_lsb: np.ndarray) -> Synapses:
        """What the kernel adds per input spike, once int8[input, neuron] weights are written.

        Weights that are already there are not written again. Raises :class:`SnnlabError` for
        weights that the synapses cannot hold.
        """
        if self._there is None or not _equal(self._there[0], weight_lsb):
            self._check(weight_lsb)
            self._there = weight_lsb.copy(), self._write(weight_lsb)
        return self._there[1]

    def _check(self, weight):
        most, bits = self._spec.weight_max_lsb, self._spec.weight_bits
        if weight.dtype != np.int8 or weight.max() > most or weight.min() < -most:
            raise SnnlabError(
                f"weights of layer {self._layer}: {weight.dtype} from {weight.min()} to"
                f" {weight.max()}; the chip takes int8 within ±{most}, round and clip them first"
            )
        levels = self._spec.weight_levels
        if self._spec.weight_step > 1 and (wrong := weight[~np.isin(weight, levels)]).size:
            raise SnnlabError(
                f"weights of layer {self._layer} hold {wrong[0]} LSB, which {bits} bits cannot:"
                f" magnitudes are {', '.join(map(str, levels[levels >= 0]))}; round them with"
                " chip.spec.rounded(weights)"
            )

    def _write(self, weight_lsb):
        also = np.full(len(weight_lsb), -1)
        if self._stuck is None:
            return Synapses(write_synapses(weight_lsb, self._gains), also, self._limit)
        weight = padded(weight_lsb)
        both = np.stack([np.maximum(weight, 0), np.maximum(-weight, 0)])
        both = np.where(self._stuck == WORKS, both, self._stuck) * self._gains
        # Where one synapse of a pair is stuck and the other written, the input needs a second row.
        clash = (both != 0).all(axis=0).any(axis=1)
        also[clash] = len(weight) + np.arange(clash.sum())
        first = np.where(clash[:, None], both[0], both.sum(axis=0))
        return Synapses(np.concatenate([first, both[1, clash]]), also, self._limit)


def _equal(a, b):
    return a.dtype == b.dtype and bool((a == b).all())


def padded(array: np.ndarray, fill: float = 0.0) -> np.ndarray:
    """Last axis padded to whole vectors : float32."""
    extra = -array.shape[-1] % LANES
    width = [(0, 0)] * (array.ndim - 1) + [(0, extra)]
    return np.pad(array.astype(np.float32), width, constant_values=fill)


@guarded
@compiled(nogil=True)
def write_synapses(weight_lsb, gains):
    """Signed currents of written weights : float32[input, padded neuron].

    weight_lsb : int8[input, neuron]; gains : float32[2, input, padded neuron] of one LSB, of the
    excitatory synapse positive, of the inhibitory one negative.
    """
    current = np.zeros(gains.shape[1:], np.float32)
    for k in range(weight_lsb.shape[0]):
        for j in range(weight_lsb.shape[1]):
            weight = np.float32(weight_lsb[k, j])
            gain = gains[1, k, j] if weight < 0 else gains[0, k, j]
            current[k, j] = abs(weight) * gain
    return current
