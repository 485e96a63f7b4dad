"""What one visitor has: a configuration, a training, and the newest picture of it.

No panel here. A worker thread trains and publishes snapshots; the page takes the newest one on its
own clock, so a slow browser loses frames and never steps.
"""

import logging
from collections.abc import Callable
from threading import Condition, Thread
from time import perf_counter

import numpy as np

from snnlab.chip import power
from snnlab.chip.threads import most_threads, use_threads
from snnlab.config import Config
from snnlab.errors import DataUnavailable, SnnlabError
from snnlab.learn.trainer import TEST_IDS, Progress, Trainer
from snnlab_app.history import History
from snnlab_app.narration import narrate
from snnlab_app.reference import Reference
from snnlab_app.shared import shared_dataset
from snnlab_app.snapshot import Snapshot
from snnlab_app.studio import Studio

_log = logging.getLogger(__name__)

PUBLISH_EVERY = 0.08
"""Seconds between snapshots: a little faster than the page looks."""

FRAMED = ("live", "sample")
"""Views that show one image on the chip."""


def _for_training():
    """Threads of a training: one core is left to the browser, which mostly is on this machine.

    Two that wait for each other, and one of them for the browser, are slower than one alone.
    """
    return max(1, most_threads() - 1)


class Session:
    """One visitor's training.

    ``state`` is one of "loading", "ready", "running", "paused", "finished", "failed", "closed";
    ``message`` says in one sentence what is going on, ``fraction`` how much of it is done or None.
    """

    def __init__(self, config: Config, data_dir: str | None = None):
        self.config, self.data_dir = config, data_dir
        self.state, self.message, self.fraction = "loading", "starting", None
        self.notice = ""
        self.snapshot: Snapshot | None = None
        self._frame_index = 0
        self._drawn: np.ndarray | None = None
        self._look_at: tuple[str, dict] = ("live", {})
        self._orders: list[str] = ["load"]
        self._wake = Condition()
        self._thread = Thread(target=self._work, name="snnlab-training", daemon=True)

    def start(self) -> "Session":
        """Begin to load; returns at once."""
        self._thread.start()
        return self

    # ── what the page may ask, from any thread ──

    def play(self) -> None:
        """Train until told otherwise."""
        self._order("play")

    def pause(self) -> None:
        """Stop after the current step."""
        self._order("pause")

    def step(self) -> None:
        """One weight update, then pause."""
        self._order("step")

    def narrate(self) -> None:
        """One weight update whose stages are told, then pause."""
        self._order("narrate")

    def reset(self) -> None:
        """Begin anew with the settings as they are now, same seed."""
        self._order("load")

    def show(self, index: int) -> None:
        """Watch another test image."""
        self._frame_index, self._drawn = index, None
        self._order("look")

    def draw(self, pixels: np.ndarray) -> None:
        """Watch a picture of one's own instead : uint8[row, column], as wide as the data's."""
        self._drawn = pixels
        self._order("look")

    def look_at(self, view: str, wishes: dict | None = None) -> None:
        """Have snapshots carry what ``view`` draws; ``wishes`` are the view's own."""
        self._look_at = view, wishes or {}
        self._order("look")

    def turn(self, name: str, value) -> None:
        """Turn a knob; raises :class:`SnnlabError` if the value is not allowed."""
        self.config.set(name, value)
        self._order("look")

    def close(self, timeout: float = 5.0) -> None:
        """End the worker; harmless when called twice."""
        self._order("close")
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _order(self, what):
        with self._wake:
            self._orders.append(what)
            self._wake.notify()

    # ── the worker ──

    def _work(self):
        use_threads(_for_training())
        handlers: dict[str, Callable[[], None]] = {
            "load": self._load, "play": self._play, "pause": self._pause, "step": self._single,
            "look": self._look, "narrate": self._narrate,
        }  # fmt: skip
        while True:
            order = self._next_order()
            if order == "close":
                self.state = "closed"
                return
            try:
                handlers.get(order, self._train)()
            except SnnlabError as error:
                self._fail(str(error))
            except Exception as error:  # whatever it was, this visitor must hear of it
                _log.exception("a session failed")
                self._fail(f"unexpected {type(error).__name__}: {error}")

    def _next_order(self):
        """The oldest order; while running, training is what there is to do."""
        with self._wake:
            while not self._orders and self.state != "running":
                self._wake.wait()
            return self._orders.pop(0) if self._orders else "train"

    def _fail(self, message):
        self.state, self.message, self.fraction = "failed", message, None

    def _tell(self, message, fraction):
        self.message, self.fraction = message, fraction

    def _load(self):
        self.state, self.fraction = "loading", None
        dataset = self._dataset()
        self._trainer = Trainer(self.config, dataset)
        self._history, self._tests, self._speed = History(), History(), 0.0
        self._studio, self._reference = Studio(self._trainer), Reference(self._trainer)
        self._note(self._trainer.prepare(self._tell))
        self._frame_index %= len(dataset.test_images)
        self._publish()
        self.state, self.message, self.fraction = "ready", f"{dataset.name}: {dataset.origin}", None

    def _dataset(self):
        """The data set asked for, or the bundled digits when it is not to be had."""
        self.notice, c = "", self.config
        try:
            return shared_dataset(c.dataset, c.side, self.data_dir, self._tell)
        except DataUnavailable:
            self.notice = (
                f"{c.dataset} could not be fetched (no network, nothing cached):"
                " training on scikit-learn's bundled digits instead."
            )
            c.set("dataset", "digits")
            c.set("side", 16)
            return shared_dataset("digits", c.side, None, self._tell)

    def _play(self):
        if self.state in ("ready", "paused"):
            self.state = "running"
        elif self.state == "finished":
            self._load()
            self.state = "running"

    def _pause(self):
        if self.state == "running":
            self._publish()
            self.state = "paused"

    def _single(self):
        if self.state in ("ready", "paused", "running"):
            self._train()
            self._publish()
            self.state = "finished" if self._trainer.finished else "paused"

    def _narrate(self):
        if self.state in ("ready", "paused", "running"):
            progress, self._studio.stages = narrate(self._trainer)
            self._note(progress)
            self._publish()
            self.state = "finished" if self._trainer.finished else "paused"

    def _look(self):
        if self.state in ("ready", "paused", "finished"):
            self._publish()

    def _train(self):
        self._reference.before_step()
        progress = self._trainer.advance()
        self._note(progress)
        self._reference.after_step()
        if self._trainer.finished:
            self._publish()
            self.state = "finished"
        elif perf_counter() - self._published > PUBLISH_EVERY:
            self._publish(hurry=True)

    def _note(self, progress: Progress):
        if progress.step:
            rate = progress.samples / progress.seconds
            self._speed = 0.95 * self._speed + 0.05 * rate if self._speed else rate
        self._power = power.estimate(progress.recording, "inference")
        low, high = self._power.ranges["power"]
        self._history.add(
            step=progress.step,
            loss=progress.loss,
            accuracy=progress.accuracy,
            spikes=progress.spikes,
            power=1e3 * self._power.power,
            activity=1e3 * self._power.activity,
            power_low=1e3 * low,
            power_high=1e3 * high,
        )
        self._studio.progress = progress
        if progress.evaluation:
            self._accuracy = progress.evaluation.accuracy
            self._tests.add(step=progress.step, accuracy=self._accuracy)

    def _publish(self, hurry=False):
        """In a hurry, pictures take little time and may be of some steps ago."""
        trainer, (view, wishes) = self._trainer, self._look_at
        self.snapshot = Snapshot(
            classes=trainer.dataset.classes,
            test_images=len(trainer.dataset.test_images),
            step=trainer.step,
            epoch=trainer.epoch,
            done=trainer.step / (trainer.steps_per_epoch * self.config.epochs),
            test_accuracy=self._accuracy,
            images_per_second=self._speed,
            power=self._power,
            history=self._history.arrays(),
            tests=self._tests.arrays(),
            transferred=self._reference.arrays(),
            view=view,
            frame=self._frame() if view in FRAMED else None,
            picture=self._studio.take(view, wishes, hurry),
        )
        self._published = perf_counter()

    def _frame(self):
        """The watched image, always with the same noise: only the network changes."""
        dataset, index = self._trainer.dataset, self._frame_index
        if (drawn := self._drawn) is not None and drawn.shape == dataset.test_images.shape[1:]:
            return self._studio.frame(drawn, None, "drawn", 0)
        label = dataset.classes[dataset.test_labels[index]]
        return self._studio.frame(dataset.test_images[index], label, "frame", TEST_IDS + index)
