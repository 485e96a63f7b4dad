"""Accuracy on some held-out images while it trains, in the loop and left out of it.

Left out are the weights as they were when the chip last changed: after the mismatch is raised, the
accuracy of the weights in the loop falls and recovers, that of these does not recover.
"""

from math import inf
from time import perf_counter

import numpy as np

from snnlab.learn.trainer import Trainer
from snnlab.seeding import key
from snnlab.studies.interval import wilson_interval
from snnlab_app.session.history import History

MAX_IMAGES = 250
"""Test images that both are measured on, spread evenly over all."""
MEASURE_EVERY = 1.0
"""Seconds between two measurements while it trains."""
MAX_SHARE = 0.03
"""Share of the training's time that measurements may take; they become rarer where it is more."""
SAME_CHANGE_SECONDS = 3.0
"""Seconds within which several changes of the chip count as one: somebody drags a slider."""


class HeldOut:
    """Measures one trainer. ``history`` holds both curves, so that they share their steps."""

    def __init__(self, trainer: Trainer):
        self._trainer, self.history = trainer, History()
        self._chip = self._left = self._measured = self._events = None
        self._changed, self._due = -inf, -inf
        n = len(trainer.dataset.test_labels)
        self._images = np.linspace(0, n - 1, min(MAX_IMAGES, n)).round().astype(int)

    def follow(self) -> None:
        """Keep the weights for comparison if the chip has changed during the training."""
        trainer, before, now = self._trainer, self._chip, perf_counter()
        self._chip = trainer.chip
        if before is None or self._chip is before or not trainer.step:
            return
        if now - self._changed > SAME_CHANGE_SECONDS:
            self._left, self._due = trainer.weights_lsb(), -inf
            self.history.blank("left")
        self._changed = now

    def measure(self, hurry: bool = False) -> None:
        """Add a point for the present weights and chip; in a ``hurry`` only if one is due."""
        start, now = perf_counter(), (self._trainer.step, self._trainer.chip)
        if self._measured == now or (hurry and start < self._due):
            return
        self._measured = now
        self._add()
        end = perf_counter()
        self._due = end + max(MEASURE_EVERY, (end - start) / MAX_SHARE)

    def _add(self):
        n, weights = len(self._images), self._trainer.weights_lsb()
        right = self._count_right(weights)
        low, high = wilson_interval(right, n)
        left = np.nan
        if self._left is not None:
            spec = self._trainer.chip.spec  # its bits may have changed
            rounded = [spec.rounded(w) for w in self._left]
            same = all(map(np.array_equal, rounded, weights))
            left = (right if same else self._count_right(rounded)) / n
        self.history.add(step=self._trainer.step, accuracy=right / n, low=low, high=high, left=left)

    def _count_right(self, weights):
        """Images decided rightly, with the same trial noise as the test of the same step."""
        trainer = self._trainer
        if self._events is None:
            self._events = trainer.test_events.take(self._images)
        trial = key(trainer.settings.seed, "test", trainer.step)
        run = trainer.chip.run(self._events, weights, trial=trial, read_hidden=False)
        decided = trainer.scores(run).argmax(axis=1)
        return int((decided == trainer.dataset.test_labels[self._images]).sum())

    def in_the_loop(self) -> dict[str, np.ndarray]:
        """step, accuracy, low, high : float64[point], accuracies 0…1."""
        return self._curves("step", "accuracy", "low", "high")

    def transferred(self) -> dict[str, np.ndarray]:
        """step, left : float64[point], accuracy 0…1 since the chip changed; empty before."""
        curves = self._curves("step", "left")
        known = np.isfinite(curves["left"])
        return {name: values[known] for name, values in curves.items()}

    def _curves(self, *names):
        arrays = self.history.arrays() or dict.fromkeys(names, np.empty(0))
        return {name: arrays[name] for name in names}
