"""One lesson in progress: trains until the question, takes the prediction, trains on, measures.

Steers a training through its orders, and sees it through its snapshots; draws nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import nan
from time import monotonic

import numpy as np

from snnlab.lessons import Lesson, Scale, Until
from snnlab.lessons.measures import BEFORE, MEASURES
from snnlab.studies.interval import Z95, wilson_interval
from snnlab_app.session.control import AT_REST, State, TrainingControl
from snnlab_app.session.snapshot import MAX_HELD_OUT, Snapshot

FAILED = "The training has failed."
RESET = "The training was reset during the lesson: start the lesson again."
RECENT_POINTS = 10
"""Points of the curve of spikes that a measurement takes the mean of."""


class Phase(StrEnum):
    """Where a lesson is."""

    PREPARING = "prepare"
    ASKING = "ask"
    RUNNING = "run"
    REVEALED = "reveal"
    FAILED = "failed"


@dataclass(frozen=True)
class Measured:
    """A value with its interval, in stored units; NaN where it was not measured."""

    value: float
    low: float
    high: float


MISSING = Measured(nan, nan, nan)


def measure(snapshot: Snapshot) -> dict[str, Measured]:
    """All quantities of lessons by name.

    Accuracies have 95 % intervals, spikes that of the mean over the last batches, estimates the
    range of their coefficients.
    """
    held, left, power = snapshot.held_out, snapshot.transferred["left"], snapshot.power
    found = {"accuracy": MISSING, "transferred": MISSING}
    if len(held["step"]):
        found["accuracy"] = Measured(*(float(held[n][-1]) for n in ("accuracy", "low", "high")))
    if len(left):
        n, share = min(MAX_HELD_OUT, snapshot.test_inputs), float(left[-1])
        found["transferred"] = Measured(share, *wilson_interval(round(share * n), n))
    recent = snapshot.history["spikes"][-RECENT_POINTS:]
    mean, error = float(np.mean(recent)), Z95 * float(np.std(recent)) / len(recent) ** 0.5
    found["spikes"] = Measured(mean, mean - error, mean + error)
    for name in ("activity", "power"):
        found[name] = Measured(getattr(power, name), *power.ranges[name])
    return found


class LessonRun:
    """Takes a training through a lesson; :meth:`see` is called whenever it may have changed.

    turn : sets knobs by name; clock : seconds.
    """

    def __init__(
        self,
        lesson: Lesson,
        session: TrainingControl,
        turn: Callable[[dict], None],
        clock: Callable[[], float] = monotonic,
    ):
        self.lesson, self.phase, self.share = lesson, Phase.PREPARING, 0.0
        self.guess: float | str | None = None
        self.before: dict[str, Measured] = {}
        self.after: dict[str, Measured] = {}
        self.steps = (0, 0)
        self.trouble = ""
        self._session, self._turn, self._clock = session, turn, clock
        self._settings: dict = {}
        self._work: Iterator[float] = iter(())
        self._failures = session.failures

    def begin(self, settings: dict) -> None:
        """Train with these settings until the question is asked; also where the last one failed."""
        self._work, self._failures = self._prepare(settings), self._session.failures
        self.see()

    def predict(self, guess: float | str) -> None:
        """Take a prediction, a number in the shown unit or the text of a choice; train on."""
        if self.phase == Phase.ASKING:
            self.guess, self.phase, self.share = guess, Phase.RUNNING, 0.0
            self._work = self._change()
            self.see()

    def see(self) -> None:
        """Go on as far as the training has come."""
        if self.phase in (Phase.PREPARING, Phase.RUNNING):
            state, again = self._session.state, self._session.failures != self._failures
            if state == State.CLOSED or (state == State.FAILED and again):
                self._end(FAILED)
                return
            self.share = next(self._work, 1.0)

    def _end(self, trouble):
        self.phase, self.trouble, self._work = Phase.FAILED, trouble, iter(())

    # ── the training ──

    def _prepare(self, settings):
        if self._session.state == State.FAILED:
            self._turn(self._changed(settings))
            self._session.reset()
        yield from self._rest()
        changed = self._changed(settings)
        fresh = self._session.state == State.READY and not changed
        yield from self._train(changed, not fresh, self.lesson.warm_up)
        self.before = measure(self._session.snapshot)
        self._settings = self._session.config.values()
        self.steps, self.phase = (self._session.snapshot.step, 0), Phase.ASKING

    def _change(self):
        lesson, before = self.lesson, self.steps[0]
        if self._session.snapshot.step != before or self._session.state not in AT_REST:
            yield from self._rest()
            if self._session.snapshot.step < before:
                self._end(RESET)
                return
            before = self._session.snapshot.step
            self.before = measure(self._session.snapshot)
        yield from self._train(lesson.change, lesson.restart, lesson.run)
        snapshot, now = self._session.snapshot, self._session.config.values()
        self.after, self.steps = measure(snapshot), (before, snapshot.step)
        wanted = {**self._settings, **lesson.change}
        if any(now[name] != value for name, value in wanted.items()):
            self.trouble = "Settings were changed during the lesson: its explanation may not hold."
        self.phase = Phase.REVEALED

    def _changed(self, settings):
        return {name: value for name, value in settings.items() if value != self._value(name)}

    def _value(self, name):
        return getattr(self._session.config, name)

    def _rest(self):
        """Wait until nothing trains."""
        if self._session.state == State.RUNNING:
            self._session.pause()
        while self._session.state not in AT_REST:
            yield self.share

    def _train(self, settings, restart, until: Until):
        """Train with these settings until a limit is reached; yields the share that is done."""
        session = self._session
        at = session.snapshot.step
        self._turn(settings)
        if restart:
            session.reset()
            # Seen at its beginning: a fast one may be as far as that before it at the next look.
            while session.snapshot.step:
                yield 0.0
            at = 0
        session.play(until.steps)
        # Nothing trained, so another step belongs to the training just ordered.
        ran = False
        while session.snapshot.step == at or session.state == State.LOADING:
            ran = ran or session.state == State.RUNNING
            if ran and session.state == State.READY:
                self._end(RESET)
            yield 0.0
        first, start = 0 if restart else at, self._clock()
        while (share := self._done(until, first, self._clock() - start)) < 1.0:
            if self._was_reset(first) or session.state == State.FINISHED:
                break
            yield share
        yield from self._rest()
        if self._was_reset(first):
            self._end(RESET)
            yield 0.0

    def _was_reset(self, first):
        """Whether a training that had made steps, ``first`` before these, began from nothing."""
        return self._session.snapshot.step < first or self._session.state == State.READY

    def _done(self, until, first, seconds):
        snapshot = self._session.snapshot
        steps = snapshot.step - first
        epochs = snapshot.done * self._value("epochs") * steps / max(1, snapshot.step)
        held = snapshot.held_out["accuracy"]
        accuracy = 100.0 * float(held[-1]) if len(held) else 0.0
        return until.share(
            steps=steps, epochs=epochs, seconds=seconds, accuracy=accuracy
        )  # fmt: skip

    # ── the result ──

    def values(self) -> dict[str, float]:
        """Measured numbers by the names that conditions and texts use, in shown units."""
        lesson, shown = self.lesson, {}
        for name, quantity in MEASURES.items():
            shown[name] = quantity.shown(self.after[name].value)
            shown[name + BEFORE] = quantity.shown(self.before[name].value)
        measured, quantity = self.after[lesson.measure], lesson.quantity
        shown |= {
            "measured": shown[lesson.measure],
            "before": shown[lesson.measure + BEFORE],
            "low": quantity.shown(measured.low),
            "high": quantity.shown(measured.high),
        }
        if isinstance(lesson.answers, Scale):
            shown["guess"] = self.guess
        return shown

    @property
    def explanation(self) -> str:
        """What the lesson says about the result."""
        return self.trouble or self.lesson.explain(self.values())
