"""Accuracy on some held-out images while it trains, in the loop and left out of it.

Left out are the weights as they were when the chip last changed: after the mismatch is raised, the
accuracy of the weights in the loop falls and recovers, that of these does not recover.
"""

from math import inf
from time import perf_counter, thread_time

import numpy as np

from snnlab.learn.setup import FABRICATED, TRIAL_NOISE, VARIANT
from snnlab.learn.trainer import Trainer
from snnlab.seeding import key
from snnlab.studies.interval import wilson_interval
from snnlab_app.session.history import History
from snnlab_app.session.snapshot import MAX_HELD_OUT

MEASURE_EVERY = 1.0
"""Seconds between two measurements while it trains."""
MAX_SHARE = 0.03
"""Share of the worker's CPU time that they may take; they become rarer where it is more."""
SAME_CHANGE_SECONDS = 3.0
"""Seconds within which several changes of the chip count as one: somebody drags a slider."""
FOLLOW_UP_SECONDS = 0.25
"""Seconds after such a further change to the next measurement, so that both lines turn there."""
CHIP_KNOBS = (*FABRICATED, "calibration", *TRIAL_NOISE, *VARIANT)


class HeldOut:
    """Measures one trainer, which this has its settings follow the knobs.

    Both curves are one history, so that they share their steps. At a step at which the chip changed
    there are two points, before and after; ``_newest`` is not in the history yet, as a further
    change at the same step replaces it.
    """

    def __init__(self, trainer: Trainer):
        self._trainer, self.history = trainer, History()
        self._newest: dict[str, float] | None = None
        self._is_second = False
        self._chip = self._left = self._measured = self._events = None
        self._changed, self._split = -inf, (0, None)
        self._due = self._affordable = -inf
        n = len(trainer.dataset.test_labels)
        self._images = np.linspace(0, n - 1, min(MAX_HELD_OUT, n)).round().astype(int)

    def follow(self) -> None:
        """Keep the weights for comparison if the chip has changed during the training."""
        trainer, before, now = self._trainer, self._chip, perf_counter()
        _ = trainer.chip
        self._chip = [getattr(trainer.settings, name) for name in CHIP_KNOBS]
        if before in (None, self._chip) or not trainer.step:
            return
        apart = self._left is None or now - self._changed > SAME_CHANGE_SECONDS
        if apart and trainer.step != self._split[0]:
            self._split = trainer.step, before
        self._changed, self._due = now, min(self._due, now + FOLLOW_UP_SECONDS)
        if trainer.step == self._split[0]:
            undone = self._chip == self._split[1]
            self._left = None if undone else trainer.weights_lsb()
            self._due = self._affordable = -inf
            self.history.blank("left")
            if self._newest:
                self._newest["left"] = np.nan

    def measure(self, hurry: bool = False) -> None:
        """Add a point for the present weights and chip; in a ``hurry`` only if one is due."""
        start = thread_time()
        if hurry and (perf_counter() < self._due or start < self._affordable):
            return
        now = self._trainer.step, self._trainer.chip
        if now == self._measured:
            return
        self._measured = now
        self._append(self._point())
        end, self._due = thread_time(), perf_counter() + MEASURE_EVERY
        self._affordable = end + (end - start) / MAX_SHARE

    def _point(self):
        n, weights, left = len(self._images), self._trainer.weights_lsb(), np.nan
        right = self._count_right(weights)
        if self._left is not None:
            spec = self._trainer.chip.spec  # its bits may have changed
            rounded = [spec.rounded(w) for w in self._left]
            same = all(map(np.array_equal, rounded, weights))
            left = (right if same else self._count_right(rounded)) / n
        low, high = wilson_interval(right, n)
        step = float(self._trainer.step)
        return {"step": step, "accuracy": right / n, "low": low, "high": high, "left": left}

    def _append(self, point):
        last, self._newest = self._newest, point
        same_step = last is not None and last["step"] == point["step"]
        if last and not (same_step and self._is_second):
            self.history.add(**last)
        self._is_second = same_step

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
        past, newest = self.history.arrays(), [self._newest] if self._newest else []
        return {
            name: np.append(past.get(name, ()), [point[name] for point in newest]) for name in names
        }
