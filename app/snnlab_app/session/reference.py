"""What the loop is worth: weights that stay as they were when the chip changed, beside the trained.

Whoever turns the mismatch sees accuracy fall and come back. These weights do not come back.
"""

from time import perf_counter

import numpy as np

from snnlab.learn.trainer import TEST_IDS, Trainer
from snnlab.seeding import key
from snnlab_app.session.history import History

IMAGES = 250
"""Test images that both are measured on."""
EVERY = 1.0
"""Seconds between two measurements: together a few percent of the training's time."""
ONE_TURN = 3.0
"""Seconds within which several changes of the chip are one: somebody drags a slider."""


class Reference:
    """Accuracy over the steps of weights left out of the loop, and of those in it."""

    def __init__(self, trainer: Trainer):
        self._trainer, self._history = trainer, History()
        self._chip = self._weights = None
        self._changed = self._measured = -np.inf

    def before_step(self) -> None:
        """Keep the weights if this step is the first on another chip."""
        chip = self._trainer.chip
        if self._chip is not None and self._trainer.step and chip.die is not self._chip.die:
            if perf_counter() - self._changed > ONE_TURN:
                self._weights, self._history = self._trainer.weights_lsb(), History()
            self._changed, self._measured = perf_counter(), -np.inf
        self._chip = chip

    def after_step(self) -> None:
        """Measure both, now and then."""
        if self._weights is None or perf_counter() - self._measured < EVERY:
            return
        trainer = self._trainer
        self._history.add(
            step=trainer.step,
            left=self._accuracy(self._weights),
            looped=self._accuracy(trainer.weights_lsb()),
        )
        self._measured = perf_counter()

    def _accuracy(self, weights):
        trainer = self._trainer
        n = min(IMAGES, len(trainer.dataset.test_labels))
        trial = key(trainer.settings.seed, "reference", TEST_IDS + trainer.step)
        weights = [trainer.chip.spec.rounded(w) for w in weights]  # the bits may have changed
        recording = trainer.chip.run(
            trainer.test_events.take(np.arange(n)), weights, trial=trial, read_hidden=False
        )
        decided = trainer.scores(recording).argmax(axis=1)
        return float((decided == trainer.dataset.test_labels[:n]).mean())

    def arrays(self) -> dict[str, np.ndarray]:
        """step, left, looped : float64[point], accuracies in 0…1; empty while nothing changed."""
        empty = dict.fromkeys(("step", "left", "looped"), np.empty(0))
        return self._history.arrays() or empty
