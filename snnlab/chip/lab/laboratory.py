"""Experiments on all circuits of one die, seen only through its noisy 8-bit CADC."""

import numpy as np

from snnlab.chip import constants as c
from snnlab.chip.capmem import Codes
from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.recording import Recording
from snnlab.events import Events
from snnlab.seeding import key, stream

ROWS = 16
"""Pairs of synapse rows for stimuli: the mean over them averages out single synapses."""


class Lab:
    """Experiments on all 512 circuits at once, each a neuron of its own.

    codes, correction : the setting under test; a calibration changes them between experiments.
    Every experiment has trial noise of its own; the same experiments in the same order give the
    same results for one ``seed``.
    """

    def __init__(self, die: Die, codes: Codes | None = None, *, seed: int = 0):
        self._die, self._seed, self._experiments = die, seed, 0
        self.codes = codes or Codes.nominal()
        self.correction = np.zeros(c.N_CIRCUITS)

    def record(
        self,
        weight: int = 0,
        *,
        trials: int = ROWS,
        tick: int = 0,
        spiking: bool = False,
        reset_first: bool = False,
        codes: Codes | None = None,
    ) -> Recording:
        """Play ``trials`` images of one spike each, at ``tick``, through rows of equal weight.

        weight : LSB, ±63; spiking : whether thresholds are on; reset_first : start from the reset;
        codes : another setting for this experiment only.
        """
        point = OperatingPoint(reset_first=reset_first)
        chip = Chip(
            Mapping((ROWS, c.N_CIRCUITS)), self._die, point, codes=codes or self.codes,
            correction=self.correction, labels_spike=spiking,
        )  # fmt: skip
        images = np.arange(trials)
        events = Events(
            np.arange(trials + 1), np.full(trials, tick, np.uint16),
            (images % ROWS).astype(np.uint16), ROWS, images.astype(np.uint64),
        )  # fmt: skip
        return chip.run(
            events, [np.full((ROWS, c.N_CIRCUITS), weight, np.int8)], trial=self._next()
        )

    def traces(self, weight: int = 0, **experiment) -> np.ndarray:
        """Membranes averaged over the trials of :meth:`record` : float64[sample, circuit], LSB."""
        return self.record(weight, **experiment).cadc[-1].mean(axis=0)

    def reference(self, level_lsb: float, repeats: int = 64) -> np.ndarray:
        """What the CADC reads of one voltage on all its channels, mean : float64[circuit], LSB."""
        noise = stream(self._seed, "reference", self._next()).standard_normal((repeats, 512))
        exact = self._die.cadc_gain * level_lsb + self._die.cadc_offset_lsb
        read = np.clip(exact + c.CADC_NOISE_LSB * noise, c.CADC_MIN_LSB, c.CADC_MAX_LSB)
        return np.clip(np.rint(read) - self.correction, 0, 255).mean(axis=0)

    def _next(self):
        self._experiments += 1
        return key(self._seed, "lab", self._experiments)
