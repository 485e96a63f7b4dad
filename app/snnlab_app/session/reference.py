"""Weights that stay as they were when the chip changed, compared with those still in the loop.

After the mismatch is raised, the trained accuracy falls and recovers; that of these weights does
not recover.
"""

from time import perf_counter

import numpy as np

from snnlab.learn.trainer import TEST_IDS, Trainer
from snnlab.seeding import key
from snnlab_app.session.history import History

MAX_IMAGES = 250
"""Test images that both are measured on."""
MEASURE_EVERY = 1.0
"""Seconds between two measurements: together a few percent of the training's time."""
SAME_CHANGE_SECONDS = 3.0
"""Seconds within which several changes of the chip count as one: somebody drags a slider."""


class Reference:
    """Accuracy over the steps of weights left out of the loop."""

    def __init__(self, trainer: Trainer):
        self._trainer, self._history = trainer, History()
        self._chip = self._weights = None
        self._changed = self._measured = -np.inf

    def before_step(self) -> None:
        """Keep the weights if this step is the first on another chip."""
        chip = self._trainer.chip
        if self._chip is not None and self._trainer.step and chip.die is not self._chip.die:
            if perf_counter() - self._changed > SAME_CHANGE_SECONDS:
                self._weights, self._history = self._trainer.weights_lsb(), History()
            self._changed, self._measured = perf_counter(), -np.inf
        self._chip = chip

    def after_step(self) -> None:
        """Measure both, now and then."""
        if self._weights is None or perf_counter() - self._measured < MEASURE_EVERY:
            return
        trainer = self._trainer
        self._history.add(step=trainer.step, left=self._accuracy(self._weights))
        self._measured = perf_counter()

    def _accuracy(self, weights):
        trainer = self._trainer
        n = min(MAX_IMAGES, len(trainer.dataset.test_labels))
        trial = key(trainer.settings.seed, "reference", TEST_IDS + trainer.step)
        weights = [trainer.chip.spec.rounded(w) for w in weights]  # the bits may have changed
        recording = trainer.chip.run(
            trainer.test_events.take(np.arange(n)), weights, trial=trial, read_hidden=False
        )
        decided = trainer.scores(recording).argmax(axis=1)
        return float((decided == trainer.dataset.test_labels[:n]).mean())

    def arrays(self) -> dict[str, np.ndarray]:
        """step, left : float64[point], accuracy 0 to 1; empty until the chip changes."""
        empty = dict.fromkeys(("step", "left"), np.empty(0))
        return self._history.arrays() or empty
