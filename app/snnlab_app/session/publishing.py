"""Snapshots of one training, with the curves of its past."""

from dataclasses import dataclass, field, replace

import numpy as np

from snnlab.chip import power
from snnlab.chip.units import PHYSICAL
from snnlab.errors import SnnlabError
from snnlab.learn.health import MIN_SPIKES, SETTLING_STEPS
from snnlab.learn.setup import FABRICATED
from snnlab.learn.trainer import Progress, Trainer
from snnlab.runs.provenance import fingerprint
from snnlab_app.session.control import Draw, Hear, LookAt, Order, Show
from snnlab_app.session.held_out import HeldOut
from snnlab_app.session.history import History
from snnlab_app.session.marks import Marks
from snnlab_app.session.narration import narrate
from snnlab_app.session.snapshot import Snapshot
from snnlab_app.session.studio import Studio

WITH_FRAME = ("live", "sample", "chip")
"""Views that show one input on the chip."""
NEWEST = 10
"""Points of the curve of spikes that tell whether the network is silent."""
MEMORY_OF_SPEED = 0.95
"""Share of the old value in the running mean of images per second."""


@dataclass(frozen=True, eq=False)
class Subject:
    """What snapshots show: a view with its wishes, and one input, of the test part or own: an image
    that the visitor drew, or the content of a wav file; ``heard`` is the number of the latter."""

    view: str = "live"
    wishes: dict = field(default_factory=dict)
    index: int = 0
    own: np.ndarray | bytes | None = None
    heard: int = 0

    def after(self, order: Order) -> "Subject":
        """As this order wants it; most orders change nothing."""
        match order:
            case LookAt(view, wishes):
                return replace(self, view=view, wishes=wishes)
            case Show(index):
                return replace(self, index=index, own=None)
            case Draw():
                return replace(self, own=order.pixels)
            case Hear(wav, number):
                return replace(self, own=wav, heard=number)
        return self


class Publisher:
    """Takes snapshots of a trainer and keeps its curves; the trainer is advanced through it."""

    def __init__(self, trainer: Trainer):
        self._trainer, self._speed, self._accuracy = trainer, 0.0, 0.0
        self._history, self._tests = History(), History()
        self._studio, self._held_out = Studio(trainer), HeldOut(trainer)
        self._marks = Marks(vars(trainer.settings))
        self._at_start: float | None = None
        self._made = None, None, ""
        self._data = fingerprint(trainer.dataset)

    def kept(self) -> dict[str, np.ndarray]:
        """What :meth:`restore` reads: the past of this training as named arrays."""
        parts = {
            "history": self._history.kept(), "tests": self._tests.kept(),
            "held_out": self._held_out.history.kept(), "marks": self._marks.kept(),
            "start": {"watt": np.array([self._at_start])},
        }  # fmt: skip
        return {
            f"{part}/{column}": array
            for part, columns in parts.items()
            for column, array in columns.items()
        }

    def restore(self, kept: dict[str, np.ndarray]) -> None:
        """Continue what was kept, up to the present step.

        Raises KeyError, ValueError or IndexError if it is something else.
        """
        parts: dict[str, dict[str, np.ndarray]] = {}
        for name, array in kept.items():
            part, column = name.split("/")
            parts.setdefault(part, {})[column] = array
        step = self._trainer.step
        history, tests, held_out = (
            History.of(parts[name], step) for name in ("history", "tests", "held_out")
        )
        at_start = float(parts["start"]["watt"][0])
        self._marks.restore(parts["marks"], step)
        self._history, self._tests, self._held_out.history = history, tests, held_out
        self._at_start = at_start

    def see(self, progress: Progress) -> None:
        """Show this progress without a point in the curves."""
        self._studio.progress = progress
        self._activity = power.estimate_activity(progress.recording, self._trainer.power_mode)
        if self._at_start is None:
            self._at_start = self._activity
        if progress.evaluation:
            self._accuracy = progress.evaluation.accuracy

    def note(self, progress: Progress) -> None:
        """Show this progress and add it to the curves."""
        self.see(progress)
        if progress.step:
            rate, keep = progress.samples / progress.seconds, MEMORY_OF_SPEED
            self._speed = keep * self._speed + (1 - keep) * rate if self._speed else rate
        self._history.add(
            step=progress.step,
            loss=progress.loss,
            accuracy=progress.accuracy,
            spikes=progress.spikes,
            activity=self._activity,
        )
        if progress.evaluation:
            self._tests.add(step=progress.step, accuracy=self._accuracy)

    def advance(self, update) -> None:
        """Make a weight update by calling ``update() -> Progress``; measure before if it is due."""
        self._measure(hurry=True)
        self.note(update())

    def narrate(self, update) -> None:
        """Likewise, and describe the stages of the update."""
        self._measure(hurry=True)
        progress, self._studio.stages = narrate(self._trainer, update)
        self.note(progress)

    @property
    def must_calibrate(self) -> bool:
        """Whether knobs were turned such that every circuit must be measured next."""
        config, settings = self._trainer.config, self._trainer.settings
        knobs = ("calibration", *FABRICATED)
        turned = any(getattr(config, name) != getattr(settings, name) for name in knobs)
        return turned and config.calibration == "measured"

    def _follow(self):
        """Note the knobs turned since the last call."""
        self._held_out.follow()  # has the settings follow the knobs
        self._marks.follow(vars(self._trainer.settings), self._trainer.step)

    def _measure(self, hurry):
        self._follow()
        self._held_out.measure(hurry)

    def snapshot(self, subject: Subject, hurry: bool = False) -> Snapshot:
        """What the page draws now; in a ``hurry``, pictures may be of some updates ago."""
        trainer = self._trainer
        if hurry:
            self._follow()
        else:
            self._measure(hurry=False)
        frame, twin, answer = (
            self._frames(subject) if subject.view in WITH_FRAME else (None, None, "")
        )
        history = self._history.arrays()
        return Snapshot(
            settings=dict(vars(trainer.settings)),
            classes=trainer.dataset.classes,
            origin=trainer.dataset.origin,
            data=self._data,
            test_inputs=len(trainer.dataset.test_labels),
            step=trainer.step,
            epoch=trainer.epoch,
            done=trainer.step / (trainer.steps_per_epoch * trainer.config.epochs),
            test_accuracy=self._accuracy,
            images_per_second=self._speed,
            power=trainer.estimate(self._studio.progress.recording),
            activity_at_start=self._at_start,
            history=history,
            tests=self._tests.arrays(),
            marks=self._marks(),
            held_out=self._held_out.in_the_loop(),
            transferred=self._held_out.transferred(),
            view=subject.view,
            units=subject.wishes.get("units", PHYSICAL),
            frame=frame,
            twin=twin,
            picture=self._studio.take(subject.view, subject.wishes, hurry),
            look=trainer.dataset.own and trainer.dataset.own.look,
            kind=self._studio.inputs.kind,
            heard=subject.heard,
            answer=answer,
            silent=self._is_silent(history),
        )

    def _is_silent(self, history):
        newest = history.get("spikes", ())[-NEWEST:]  # none of curves that were lost
        settled = self._trainer.step >= SETTLING_STEPS and len(newest)
        return bool(settled and np.mean(newest) < MIN_SPIKES)

    def _frames(self, subject):
        """The input on the chip, and on the ideal one if wished for; why it is not the own one.

        Always with the same noise: only the network changes.
        """
        inputs, (given, answer) = self._studio.inputs, self._own(subject.own)
        if given is None:
            given = inputs.test(subject.index % len(self._trainer.dataset.test_labels))
        frame = self._studio.frame(given)
        twin = subject.wishes.get("twin", False)
        return frame, self._studio.frame(given, ideal=True) if twin else None, answer

    def _own(self, own):
        """The visitor's own input, made once, and the reason if it is missing."""
        if own is not self._made[0]:
            try:
                self._made = own, self._studio.inputs.own(own), ""
            except SnnlabError as error:
                self._made = own, None, str(error)
        return self._made[1:]
