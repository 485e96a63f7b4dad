"""What the chip wrote down while it ran."""

from dataclasses import dataclass

import numpy as np

from snnlab.chip.constants import CADC_MAX_LSB, CADC_MIN_LSB, DT_CADC, GAP_LSB
from snnlab.events import Events


@dataclass(frozen=True)
class Recording:
    """One run of a batch.

    inputs : Events                      what was sent in
    spikes : tuple of Events             of each hidden layer
    cadc   : tuple of uint8[sample, step, neuron]   CADC samples of every layer, labels last, taken
             every 1.7 µs from time 0, after any reset
    correction : tuple of float64[neuron], what was subtracted from each channel
    """

    inputs: Events
    spikes: tuple[Events, ...]
    cadc: tuple[np.ndarray, ...]
    correction: tuple[np.ndarray, ...] = ()

    @property
    def duration(self) -> float:
        """Recorded time per sample : s."""
        return self.cadc[-1].shape[1] * DT_CADC

    def traces(self, layer: int) -> np.ndarray:
        """Membranes in model units (leak 0, threshold 1) : float32[sample, step, neuron].

        As in the paper the first sample of each trace, taken at rest, is subtracted.
        """
        return to_model_units(self.cadc[layer])

    def saturated(self, layer: int) -> np.ndarray:
        """Samples at the ends of the converter's range : bool[sample, step, neuron].

        Or of 8 bits, where correction pushed them there.
        """
        read = self.cadc[layer]
        cadc = read.astype(np.int64)
        if self.correction:
            cadc += self.correction[layer].astype(np.int64)
        return (cadc <= CADC_MIN_LSB) | (cadc >= CADC_MAX_LSB) | (read == 0) | (read == 255)

    def spikes_per_sample(self) -> float:
        """Hidden spikes per image, mean over the batch."""
        return sum(len(layer.tick) for layer in self.spikes) / max(len(self.inputs), 1)


def to_model_units(cadc_lsb: np.ndarray) -> np.ndarray:
    """CADC samples as potentials above the first sample, in thresholds : float32, same shape."""
    return (cadc_lsb - cadc_lsb[:, :1].astype(np.float32)) * np.float32(1.0 / GAP_LSB)
