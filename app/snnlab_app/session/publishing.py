"""Snapshots of one training, with the curves of its past."""

from dataclasses import dataclass, field, replace

import numpy as np

from snnlab.chip import power
from snnlab.chip.units import PHYSICAL
from snnlab.learn.trainer import TEST_IDS, Progress, Trainer
from snnlab_app.session.control import Draw, LookAt, Order, Show
from snnlab_app.session.history import History
from snnlab_app.session.narration import narrate
from snnlab_app.session.reference import Reference
from snnlab_app.session.snapshot import Snapshot
from snnlab_app.session.studio import Studio

WITH_FRAME = ("live", "sample", "chip")
"""Views that show one image on the chip."""
MEMORY_OF_SPEED = 0.95
"""Share of the old value in the running mean of images per second."""


@dataclass(frozen=True, eq=False)
class Subject:
    """What snapshots show: a view with its wishes, and one image, of the test part or drawn."""

    view: str = "live"
    wishes: dict = field(default_factory=dict)
    index: int = 0
    drawn: np.ndarray | None = None

    def after(self, order: Order) -> "Subject":
        """As this order wants it; most orders change nothing."""
        match order:
            case LookAt(view, wishes):
                return replace(self, view=view, wishes=wishes)
            case Show(index):
                return replace(self, index=index, drawn=None)
            case Draw():
                return replace(self, drawn=order.pixels)
        return self


class Publisher:
    """Takes snapshots of a trainer and keeps its curves; the trainer is advanced through it."""

    def __init__(self, trainer: Trainer, curves: dict[str, History] | None = None):
        self.curves = {"history": History(), "tests": History(), **(curves or {})}
        self._trainer, self._speed, self._accuracy = trainer, 0.0, 0.0
        self._studio, self._reference = Studio(trainer), Reference(trainer)

    def see(self, progress: Progress) -> None:
        """Show this progress without a point in the curves."""
        self._studio.progress = progress
        self._power = power.estimate(progress.recording, "inference")
        if progress.evaluation:
            self._accuracy = progress.evaluation.accuracy

    def note(self, progress: Progress) -> None:
        """Show this progress and add it to the curves."""
        self.see(progress)
        if progress.step:
            rate, keep = progress.samples / progress.seconds, MEMORY_OF_SPEED
            self._speed = keep * self._speed + (1 - keep) * rate if self._speed else rate
        low, high = self._power.ranges["power"]
        self.curves["history"].add(
            step=progress.step,
            loss=progress.loss,
            accuracy=progress.accuracy,
            spikes=progress.spikes,
            power=1e3 * self._power.power,
            activity=1e3 * self._power.activity,
            power_low=1e3 * low,
            power_high=1e3 * high,
        )
        if progress.evaluation:
            self.curves["tests"].add(step=progress.step, accuracy=self._accuracy)

    def advance(self, update) -> None:
        """Make a weight update by calling ``update() -> Progress``, and measure its worth."""
        self._reference.before_step()
        self.note(update())
        self._reference.after_step()

    def narrate(self, update) -> None:
        """Likewise, and describe the stages of the update."""
        progress, self._studio.stages = narrate(self._trainer, update)
        self.note(progress)

    def snapshot(self, subject: Subject, hurry: bool = False) -> Snapshot:
        """What the page draws now; in a ``hurry``, pictures may be of some updates ago."""
        trainer = self._trainer
        return Snapshot(
            classes=trainer.dataset.classes,
            test_images=len(trainer.dataset.test_images),
            step=trainer.step,
            epoch=trainer.epoch,
            done=trainer.step / (trainer.steps_per_epoch * trainer.config.epochs),
            test_accuracy=self._accuracy,
            images_per_second=self._speed,
            power=self._power,
            **{name: curve.arrays() for name, curve in self.curves.items()},
            transferred=self._reference.arrays(),
            view=subject.view,
            units=subject.wishes.get("units", PHYSICAL),
            frame=self._frame(subject) if subject.view in WITH_FRAME else None,
            picture=self._studio.take(subject.view, subject.wishes, hurry),
            look=trainer.dataset.own and trainer.dataset.own.look,
        )

    def _frame(self, subject):
        """The image on the chip, always with the same noise: only the network changes."""
        dataset, drawn = self._trainer.dataset, subject.drawn
        if drawn is not None and drawn.shape == dataset.test_images.shape[1:]:
            return self._studio.frame(drawn, None, "drawn", 0)
        index = subject.index % len(dataset.test_images)
        label = dataset.classes[dataset.test_labels[index]]
        return self._studio.frame(dataset.test_images[index], label, "frame", TEST_IDS + index)
