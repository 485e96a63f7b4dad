"""What one visitor has: a configuration, a training, and the newest picture of it.

No panel here. A worker thread trains and publishes snapshots; the page takes the newest one on its
own clock, so a slow browser loses frames and never steps.
"""

import logging
from dataclasses import replace
from math import inf
from pathlib import Path
from threading import Condition, Thread
from time import monotonic, perf_counter

import numpy as np

from snnlab.chip import power
from snnlab.chip.threads import most_threads, use_threads
from snnlab.chip.units import PHYSICAL
from snnlab.config import Config
from snnlab.data import load
from snnlab.errors import DataUnavailable, SnnlabError
from snnlab.learn.trainer import TEST_IDS, Progress, Trainer
from snnlab_app.session.history import History
from snnlab_app.session.narration import narrate
from snnlab_app.session.persistence import Keeping
from snnlab_app.session.reference import Reference
from snnlab_app.session.shared import shared_dataset
from snnlab_app.session.snapshot import Snapshot
from snnlab_app.session.studio import Studio
from snnlab_app.session.turns import Line, nth

_log = logging.getLogger(__name__)

PUBLISH_EVERY = 0.08
"""Seconds between snapshots: a little faster than the page looks."""

SLOWEST = 300.0
"""Seconds in which a visitor's own data must be read."""

FRAMED = ("live", "sample")
"""Views that show one image on the chip."""


def kernel_threads(processes: int = 1) -> int:
    """Of a training: one core is left to the browser, which mostly is on this machine.

    Two that wait for each other, and one of them for the browser, are slower than one alone.
    """
    return max(1, (most_threads() - 1) // processes)


class _Slow(Exception):
    """A visitor's data take too long to read."""


class _Left(Exception):
    """The visitor has gone while the session waited for its turn."""


class Session:
    """One visitor's training.

    ``state`` is one of "loading", "ready", "running", "paused", "finished", "failed", "closed";
    ``message`` says in one sentence what is going on, ``fraction`` how much of it is done or None.
    Sessions that share a ``line`` compute in turns. The training is kept in ``folder``, and goes
    on from there if that holds one; ``threads`` are those of its kernels; so many ``minutes`` it
    trains until somebody must ask for more. ``given`` is where the data set "folder" lies that the
    visitor gave.
    """

    def __init__(
        self,
        config: Config,
        data_dir: str | None = None,
        *,
        line: Line | None = None,
        folder: Path | None = None,
        threads: int | None = None,
        minutes: float = inf,
        given: str | None = None,
    ):
        self.config, self.data_dir, self._given = config, data_dir, given
        self._line, self._keeping = line or Line(), Keeping(folder)
        self._threads = threads or kernel_threads()
        self._seconds, self._end = 60 * minutes, inf
        self.state, self.message, self.fraction = "loading", "starting", None
        self.notice = ""
        self.snapshot: Snapshot | None = None
        self._frame_index = 0
        self._drawn: np.ndarray | None = None
        self._look_at: tuple[str, dict] = ("live", {})
        self._orders: list[str] = ["fetch", "load"]
        self._wake = Condition()
        self._thread = Thread(target=self._work, name="snnlab-training", daemon=True)

    def start(self) -> "Session":
        """Begin to load; returns at once."""
        self._thread.start()
        return self

    # ── what the page may ask, from any thread ──

    def play(self) -> None:
        """Train until paused."""
        self._order("play")

    def pause(self) -> None:
        """Stop after the current step."""
        self._order("pause")

    def step(self) -> None:
        """One weight update, then pause."""
        self._order("step")

    def narrate(self) -> None:
        """One weight update whose stages are described, then pause."""
        self._order("narrate")

    def reset(self) -> None:
        """Begin anew with the settings as they are now, same seed."""
        self._order("fetch", "load")

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

    def give(self, place: str) -> None:
        """The visitor has given a data set: from the next start on it is the one called folder."""
        self._given = place

    def keep_in(self, folder: Path | None) -> None:
        """From the first update on, keep the training in a folder that is not there yet."""
        self._keeping.folder = folder

    def close(self, timeout: float = 5.0) -> None:
        """End the worker; harmless when called twice."""
        self._order("close")
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _order(self, *what):
        with self._wake:
            if self._orders[-1:] != ["look"] or what != ("look",):  # one look shows it all
                self._orders += what
            self._wake.notify()

    # ── the worker ──

    def _work(self):
        use_threads(self._threads)
        at_once = {"fetch": self._fetch, "play": self._play}
        in_turn = {
            "load": self._load, "pause": self._pause, "step": self._single, "look": self._look,
            "narrate": self._narrate, "train": self._train,
        }  # fmt: skip
        self._kept = self._keeping.kept()
        while (order := self._next_order()) != "close":
            try:
                if order in at_once:
                    at_once[order]()
                else:
                    with self._line.turn(training=order == "train", wait=self._wait):
                        in_turn[order]()
            except _Left:
                break
            except SnnlabError as error:
                self._fail(str(error))
            except Exception as error:  # whatever it was, this visitor must hear of it
                _log.exception("a session failed")
                self._fail(f"unexpected {type(error).__name__}: {error}")
        self._keeping.forget()
        self.state = "closed"

    def _next_order(self):
        """The oldest order; while running, training is what there is to do."""
        with self._wake:
            while not self._orders and self.state != "running":
                self._wake.wait()
            return self._orders.pop(0) if self._orders else "train"

    def _wait(self, place):
        """Say so where nothing else is seen yet; who has left needs no turn."""
        if "close" in self._orders:
            raise _Left
        if self.state == "loading":
            waiting = f"others are computing: you are {nth(place)} in line", None
            self.message, self.fraction = self._line.doing or waiting

    def _fail(self, message):
        with self._wake:
            if self._orders[:1] == ["load"]:  # of what could not be fetched
                self._orders.pop(0)
        self.state, self.message, self.fraction = "failed", message, None

    def _tell(self, message, fraction):
        self.message, self.fraction = message, fraction

    def _prepare(self, trainer):
        """All that the first step needs; whoever waits sees it, too, for it is done for all."""

        def tell(*stage):
            self.message, self.fraction = self._line.doing = stage

        return trainer.prepare(tell)

    def _fetch(self):
        self.state, self.fraction = "loading", None
        self._data = self._dataset()

    def _load(self):
        kept, self._kept = self._kept, None
        goes_on = kept is not None and self._go_on(kept)
        if not goes_on:
            self._begin()
        dataset = self._trainer.dataset
        self._frame_index %= len(dataset.test_images)
        self._publish()
        self.state = self._resting if goes_on else "ready"
        self.message, self.fraction = f"{dataset.name}: {dataset.origin}", None

    def _begin(self):
        """A training from its start."""
        self._equip(Trainer(self.config, self._data))
        self._keeping.begin(self._trainer)
        self._note(self._prepare(self._trainer))

    def _equip(self, trainer):
        self._trainer, self._speed = trainer, 0.0
        self._curves = {"history": History(), "tests": History()}
        self._studio, self._reference = Studio(trainer), Reference(trainer)

    def _go_on(self, kept):
        """The training where it was kept last; what was turned since then is turned again."""
        wanted = self.config.values()
        try:
            trainer = self._keeping.go_on(kept, self._data)
        except SnnlabError as error:
            self.notice = f"the training that was kept is lost: {error}"
            return False
        self._equip(trainer)
        self.config = trainer.config
        for name, value in wanted.items():
            if value != kept.settings[name]:
                self.config.set(name, value)
        progress = self._prepare(trainer)
        self._curves |= self._keeping.curves()
        self._see(progress)
        self._accuracy = progress.evaluation.accuracy
        self.notice = f"this training was interrupted, and goes on from step {trainer.step}"
        return True

    def _dataset(self):
        """The data set asked for, or the bundled digits when it is not to be had."""
        self.notice, c = "", self.config
        if c.dataset == "folder" and self._given:
            return self._own_dataset(self._given)
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

    def _own_dataset(self, place):
        """What the visitor gave, for no other; the page need not know where the server keeps it."""
        end = monotonic() + SLOWEST

        def tell(message, fraction):
            if "close" in self._orders:
                raise _Left
            if monotonic() > end:
                raise _Slow
            self._tell(message.replace(place, Path(place).name), fraction)

        try:
            dataset = load("folder", self.config.side, data_dir=place, progress=tell)
        except SnnlabError as error:
            raise SnnlabError(str(error).replace(place, Path(place).name)) from None
        except _Slow:
            raise SnnlabError(
                f"your data take longer than {SLOWEST / 60:g} minutes to read: give fewer or"
                " smaller pictures"
            ) from None
        origin = "; ".join((f"your {Path(place).name}", *dataset.own.notes))
        return replace(dataset, origin=origin)

    def _play(self):
        if self.state in ("ready", "paused"):
            self.state, self._end = "running", monotonic() + self._seconds
        elif self.state == "finished":
            with self._wake:
                self._orders[:0] = ["fetch", "load", "play"]

    def _pause(self):
        if self.state == "running":
            self.notice = ""
            self._rest()

    def _rest(self):
        """Show all as it is now, and keep it."""
        self._publish()
        self.state = self._resting
        self._keeping.save(self._curves)

    @property
    def _resting(self):
        return "finished" if self._trainer.finished else "paused"

    def _single(self):
        if self.state in ("ready", "paused", "running"):
            self._advance()
            self._rest()

    def _narrate(self):
        if self.state in ("ready", "paused", "running"):
            progress, self._studio.stages = narrate(self._trainer, self._update)
            self._note(progress)
            self._rest()

    def _look(self):
        if self.state in ("ready", "paused", "finished"):
            self._publish()

    def _train(self):
        """Weight updates until the turn is over or there is something else to do."""
        end = perf_counter() + self._line.slice
        self._advance()
        while perf_counter() < end and self.state == "running" and not self._line.hurried:
            if self._orders:
                return
            self._advance()
        if monotonic() > self._end and self.state == "running":
            self._pause()
            self.notice = (
                f"paused after {self._seconds / 60:g} minutes, the most that this server trains at"
                " a time: press Train to go on"
            )

    def _advance(self):
        self._reference.before_step()
        self._note(self._update())
        self._reference.after_step()
        if self._trainer.finished:
            self._rest()
        elif perf_counter() - self._published > PUBLISH_EVERY:
            self._publish(hurry=True)

    def _update(self):
        progress = self._keeping.advance()
        self.notice = self._keeping.trouble or self.notice
        return progress

    def _see(self, progress):
        self._studio.progress = progress
        self._power = power.estimate(progress.recording, "inference")

    def _note(self, progress: Progress):
        self._see(progress)
        if progress.step:
            rate = progress.samples / progress.seconds
            self._speed = 0.95 * self._speed + 0.05 * rate if self._speed else rate
        low, high = self._power.ranges["power"]
        self._curves["history"].add(
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
            self._accuracy = progress.evaluation.accuracy
            self._curves["tests"].add(step=progress.step, accuracy=self._accuracy)
        self._keeping.keep(self._curves)

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
            **{name: curve.arrays() for name, curve in self._curves.items()},
            transferred=self._reference.arrays(),
            view=view,
            units=wishes.get("units", PHYSICAL),
            frame=self._frame() if view in FRAMED else None,
            picture=self._studio.take(view, wishes, hurry),
            look=trainer.dataset.own and trainer.dataset.own.look,
        )
        self._published = perf_counter()

    def _frame(self):
        """The watched image, always with the same noise: only the network changes."""
        dataset, index = self._trainer.dataset, self._frame_index
        if (drawn := self._drawn) is not None and drawn.shape == dataset.test_images.shape[1:]:
            return self._studio.frame(drawn, None, "drawn", 0)
        label = dataset.classes[dataset.test_labels[index]]
        return self._studio.frame(dataset.test_images[index], label, "frame", TEST_IDS + index)
