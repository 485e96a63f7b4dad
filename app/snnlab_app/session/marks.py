"""Marks on the curves where knobs were turned during the training."""

from math import inf
from time import perf_counter

import numpy as np

from snnlab.config import Config
from snnlab_app.session.snapshot import Mark

SAME_TURN_SECONDS = 3.0
"""Seconds within which turns of the same knobs are one mark: somebody drags a slider."""
SAME_CLICK_SECONDS = 0.3
"""Seconds within which turns of different knobs are one mark: a button turns several."""
MAX_MARKS = 100
"""Marks kept, the newest."""
MAX_NAMED = 2
"""Knobs, or circuits, that a mark names."""


class Marks:
    """The marks of one training; ``settings`` are the values in force at its start, by name."""

    def __init__(self, settings: dict):
        self._known = _live(settings)
        self._marks: list[Mark] = []
        self._before: dict = {}
        self._begun = self._turned = -inf

    def follow(self, settings: dict, step: int) -> None:
        """Leave a mark if live knobs were turned since the last call, but none at step 0."""
        before, self._known = self._known, _live(settings)
        turned = {name: old for name, old in before.items() if old != self._known[name]}
        if not turned or not step:
            return
        now, begun = perf_counter(), step
        if self._continues(turned, step, now):
            begun = self._marks.pop().step
            self._before = {**turned, **self._before}
        else:
            self._before, self._begun = turned, now
        self._turned = now
        if begun == step and all(self._known[name] == old for name, old in self._before.items()):
            self._before = {}  # turned and turned back before the next update
            return
        self._marks.append(Mark(begun, describe_turn(self._before, self._known)))
        self._marks = self._marks[-MAX_MARKS:]

    def _continues(self, turned, step, now):
        """Whether this turn belongs to the newest mark."""
        if not self._before:
            return False
        same_knobs = turned.keys() <= self._before.keys()
        return (
            self._marks[-1].step == step
            or now - self._begun <= SAME_CLICK_SECONDS
            or (same_knobs and now - self._turned <= SAME_TURN_SECONDS)
        )

    def __call__(self) -> tuple[Mark, ...]:
        """All marks, in the order of their steps."""
        return tuple(self._marks)

    def kept(self) -> dict[str, np.ndarray]:
        """What :meth:`restore` reads."""
        steps, texts = [mark.step for mark in self._marks], [mark.text for mark in self._marks]
        return {"step": np.array(steps, int), "text": np.array(texts, str)}

    def restore(self, kept: dict[str, np.ndarray], until: int) -> None:
        """Put the marks of :meth:`kept` up to the step ``until`` before those since."""
        pairs = zip(kept["step"].tolist(), kept["text"].tolist(), strict=True)
        self._marks = [*(Mark(step, text) for step, text in pairs if step <= until), *self._marks]


def _live(settings):
    return {name: settings[name] for name in Config.LIVE}


def describe_turn(before: dict, now: dict) -> str:
    """What was turned: ``before`` holds the old values of the knobs turned, ``now`` all values."""
    names = [name for name in Config.knobs() if name in before and before[name] != now[name]]
    names = names or sorted(before, key=Config.knobs().index)  # turned and turned back
    if len(names) > 1 and _is_ideal(now):
        return "Ideal twin"
    if len(names) > 1 and _is_ideal({**now, **before}):
        return "Real chip"
    if len(names) > MAX_NAMED:
        first = ", ".join(Config.param[name].label for name in names[:MAX_NAMED])
        return f"{first} and {len(names) - MAX_NAMED} more"
    return ", ".join(_describe(name, before[name], now[name]) for name in names)


def _is_ideal(values):
    return all(values[name] == value for name, value in Config.IDEAL.items())


def _describe(name, old, new):
    if name == "killed" and old != new:
        changes = ("killed", sorted({*new} - {*old})), ("revived", sorted({*old} - {*new}))
        return ", ".join(f"{_circuits(which)} {what}" for what, which in changes if which)
    if name == "die_seed":
        return f"Chip swapped: die {new}"
    if name == "calibration":
        return "Recalibrated" if new == "measured" else "Calibration undone"
    return f"{Config.param[name].label} → {Config.describe(name, new)}"


def _circuits(which):
    if len(which) > MAX_NAMED:
        return f"{len(which)} circuits"
    return f"Circuit{'s' * (len(which) > 1)} {', '.join(map(str, which))}"
