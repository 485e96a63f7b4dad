"""What a run of the chip recorded: spikes and CADC samples."""

from dataclasses import dataclass, replace

import numpy as np

from snnlab.chip.spec import BRAINSCALES2, ChipSpec
from snnlab.events import Events


@dataclass(frozen=True)
class Recording:
    """One run of a batch.

    inputs : Events                      what was sent in
    spikes : tuple of Events             of each hidden layer
    cadc   : tuple of uint8[image, step, neuron]   CADC samples of every layer, labels last, taken
             every ``spec.dt_cadc`` from time 0, after any reset
    correction : tuple of float64[neuron], LSB that were subtracted from each channel
    spec   : ChipSpec                    of the chip that ran
    recurrent : tuple of int             layers to which their own spikes return, 0 the first
    """

    inputs: Events
    spikes: tuple[Events, ...]
    cadc: tuple[np.ndarray, ...]
    correction: tuple[np.ndarray, ...] = ()
    spec: ChipSpec = BRAINSCALES2
    recurrent: tuple[int, ...] = ()

    def sources(self, layer: int) -> Events:
        """Spikes that reach a layer: of the inputs or the layer before, and of a recurrent layer
        its own, whose channels follow. These arrive ``spec.loop_latency`` after they were sent;
        those that arrive after the end of the run are left out."""
        before = (self.inputs, *self.spikes)[layer]
        if layer not in self.recurrent:
            return before
        return before.merged(self.spikes[layer].delayed(self.spec.loop_latency, self.duration))

    def take(self, index: np.ndarray) -> "Recording":
        """Only the inputs ``index``, int64[input], in that order."""
        return replace(
            self,
            inputs=self.inputs.take(index),
            spikes=tuple(layer.take(index) for layer in self.spikes),
            cadc=tuple(cadc[index] for cadc in self.cadc),
        )

    @property
    def duration(self) -> float:
        """Recorded time per sample : s."""
        return self.cadc[-1].shape[1] * self.spec.dt_cadc

    def traces(self, layer: int) -> np.ndarray:
        """Membranes in model units (leak 0, threshold 1) : float32[image, step, neuron].

        As in the paper the first sample of each trace, taken at rest, is subtracted.
        """
        cadc = self.cadc[layer]
        above = cadc - cadc[:, :1].astype(np.float32)
        return above * np.float32(1.0 / self.spec.gap_lsb)

    def saturated(self, layer: int) -> np.ndarray:
        """Samples at the ends of the converter's range : bool[image, step, neuron].

        With fewer bits these are the samples of its lowest and highest level. Samples that
        correction moved to an end of 8 bits count as well.
        """
        read = self.cadc[layer]
        cadc = read.astype(np.int64)
        if self.correction:
            cadc += self.correction[layer].astype(np.int64)
        low, high = self.spec.cadc_ends
        return (cadc <= low) | (cadc >= high) | (read == 0) | (read == self.spec.cadc_full_lsb)

    def spikes_per_sample(self) -> float:
        """Hidden spikes per image, mean over the batch."""
        return sum(len(layer.tick) for layer in self.spikes) / max(len(self.inputs), 1)
