"""A training in this process: a worker thread that obeys orders, trains and publishes snapshots.

Whoever draws takes the newest snapshot when it has the time, so a slow browser loses frames and
training never waits for it.
"""

import logging
from contextlib import suppress
from dataclasses import replace
from math import inf
from pathlib import Path
from threading import Thread
from time import monotonic, perf_counter, thread_time

from snnlab.chip.threads import most_threads, use_threads
from snnlab.config import Config
from snnlab.data.catalogue import CATALOGUE
from snnlab.errors import DataUnavailable, SnnlabError
from snnlab.learn.trainer import Trainer
from snnlab.runs.provenance import fingerprint
from snnlab_app.session.control import (
    AT_REST,
    LOADED,
    Close,
    Give,
    Order,
    Play,
    State,
    Teach,
    TrainingControl,
    Turn,
)
from snnlab_app.session.data import describe_ready, own_dataset, shared_dataset
from snnlab_app.session.inputs import with_own
from snnlab_app.session.persistence import Keeping
from snnlab_app.session.publishing import Publisher, Subject
from snnlab_app.session.snapshot import ChipPicture
from snnlab_app.session.tasks import Task, Tasks
from snnlab_app.session.turns import Line, nth

_log = logging.getLogger(__name__)

_, MAX_EPOCHS = Config.param.epochs.bounds
"""Most epochs that a training may have."""
PUBLISH_EVERY = 0.09
"""Seconds between snapshots."""
MAX_PUBLISH_SHARE = 0.04
"""Share of the worker's CPU time that snapshots may take; they become rarer where it is more."""
PUBLISH_BY = 0.25
"""Seconds after which a snapshot is made whatever its share: of many visitors, each has little CPU
time."""
LOST = "the training that was kept is lost: "
CLOSE_TIMEOUT = 5.0
"""Seconds to wait for the end of the worker."""


def kernel_threads(processes: int = 1) -> int:
    """Threads for the kernels of a training: one core is left to the browser.

    The browser mostly runs on this machine, and two threads that wait for each other while one of
    them waits for the browser are slower than one alone.
    """
    return max(1, (most_threads() - 1) // processes)


class _Left(Exception):
    """The visitor has gone while the session waited for its turn or its data."""


class Session(TrainingControl):
    """One training.

    data_dir : where data sets are looked for; line : sessions that share one compute in turns;
    folder : the training is kept there, and continues from there if that holds one; threads : of
    its kernels; minutes : how long it trains until somebody must press Train again; given : where
    the visitor's own data set lies, which is called "folder"; taught : recordings that the visitor
    added to the spoken digits, (wav file, class).
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
        taught: tuple[tuple[bytes, int], ...] = (),
    ):
        self.config, self.data_dir, self._given = config, data_dir, given
        self._taught = taught
        self._line, self._keeping = line or Line(), Keeping(folder)
        self._threads = threads or kernel_threads()
        self._seconds, self._end = 60 * minutes, inf
        self._updates, self._last = None, inf  # asked for; the step at which they are done
        self.state, self.message, self.fraction = State.LOADING, "starting", None
        self.notice, self.snapshot, self.failures, self._lost = "", None, 0, ""
        self._subject = Subject()
        self._tasks = Tasks(Task.FETCH, Task.LOAD)
        self._thread = Thread(target=self._work, name="snnlab-training", daemon=True)

    def start(self) -> "Session":
        """Begin to load; returns at once."""
        self._thread.start()
        return self

    def order(self, order: Order) -> None:
        if isinstance(order, Turn):
            self.config.set(order.name, order.value)
        elif isinstance(order, Give):
            self._given = order.place
        elif isinstance(order, Teach):
            self._taught = (*self._taught, (order.wav, order.label))
        elif isinstance(order, Play):
            self._updates = order.updates
        else:
            self._subject = self._subject.after(order)
        self._tasks.add(order)

    def keep_in(self, folder: Path | None) -> None:
        """From the first update on, keep the training in a folder that does not exist yet."""
        self._keeping.folder = folder

    def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """End the worker; harmless when called twice."""
        self.order(Close())
        if self._thread.is_alive():
            self._thread.join(timeout)

    # ── the worker ──

    def _work(self):
        use_threads(self._threads)
        at_once = {Task.FETCH: self._fetch, Task.PLAY: self._play}
        in_turn = {
            Task.LOAD: self._load, Task.PAUSE: self._pause, Task.STEP: self._step,
            Task.NARRATE: self._narrate, Task.LOOK: self._look, Task.TRAIN: self._train,
        }  # fmt: skip
        self._kept = self._keeping.kept()
        while (task := self._tasks.take(self._trains)) != Task.CLOSE:
            try:
                if task in at_once:
                    at_once[task]()
                else:
                    with self._line.turn(training=task == Task.TRAIN, wait=self._wait):
                        in_turn[task]()
            except _Left:
                break
            except SnnlabError as error:
                self._fail(str(error))
            except Exception as error:  # whatever it was, this visitor must hear of it
                _log.exception("a session failed")
                self._fail(f"unexpected {type(error).__name__}: {error}")
        self._keeping.forget()
        self.state = State.CLOSED

    def _trains(self):
        return self.state == State.RUNNING

    def _wait(self, place):
        """Show the place in the line where nothing else is seen yet; end if the visitor left."""
        if self._tasks.closing:
            raise _Left
        if self.state == State.LOADING:
            waiting = f"others are computing: you are {nth(place)} in line", None
            self.message, self.fraction = self._line.doing or waiting

    def _fail(self, message):
        self._tasks.drop_first(Task.LOAD)  # of what could not be fetched
        self.failures += 1
        self.state, self.message, self.fraction = State.FAILED, message, None

    # ── loading ──

    def _fetch(self):
        self.state, self.fraction = State.LOADING, None
        self.notice, self._lost = self._lost, ""
        if self._kept:
            try:
                self._data = self._dataset(self._kept.config)
                return
            except SnnlabError as error:
                self._kept, self.notice = None, f"{LOST}{error}"
        self._data = self._data_to_learn()

    def _data_to_learn(self):
        """The data set of the page's settings, with the recordings that the visitor added, or the
        bundled digits if it is not available."""
        c = self.config
        try:
            data = self._dataset(c)
            return with_own(data, self._taught) if CATALOGUE[c.dataset].sounds else data
        except DataUnavailable:
            fallback = (
                f"{c.dataset} could not be fetched (no network, nothing cached):"
                " training on scikit-learn's bundled digits instead."
            )
            self.notice = f"{self.notice}; {fallback}" if self.notice else fallback
            c.set("dataset", "digits")
            c.set("side", 16)
            return shared_dataset("digits", 16, None, self._report)

    def _dataset(self, c):
        """The data set of these settings, without recordings of the visitor's own."""
        if c.dataset == "folder" and self._given:
            return own_dataset(self._given, c.side, self._report_reading)
        return shared_dataset(c.dataset, c.side, self.data_dir, self._report)

    def _report(self, message, fraction):
        self.message, self.fraction = message, fraction

    def _report_reading(self, message, fraction):
        if self._tasks.closing:
            raise _Left
        self._report(message, fraction)

    def _load(self):
        kept, self._kept = self._kept, None
        continued = kept is not None and self._continue(kept)
        if kept and not continued:  # the knobs may have been turned to other data since then
            self._tasks.put_first(Task.FETCH, Task.LOAD)
            return
        if not continued:
            self._begin()
        self._publish()
        self.state = self._resting if continued else State.READY
        self.message, self.fraction = describe_ready(self._trainer.dataset), None

    def _begin(self):
        """Begin a training."""
        self._trainer = Trainer(self.config, self._data)
        self._publisher = Publisher(self._trainer)
        self._keeping.begin(self._trainer)
        self._note(self._prepare())

    def _continue(self, kept):
        """Continue a training that was kept; knobs turned since then are turned again."""
        try:
            self._trainer = self._keeping.go_on(kept, self._learnt_by(kept))
        except SnnlabError as error:
            self._lost = f"{LOST}{error}"
            return False
        # Only now, as knobs are turned while it is read.
        wanted, self.config = self.config.values(), self._trainer.config
        before = kept.config.values()
        for name, value in wanted.items():
            if value != before[name]:
                self.config.set(name, value)
        self._publisher = Publisher(self._trainer)
        progress = self._prepare()
        # Without their file, or with another one in its place, curves begin here.
        with suppress(ValueError, KeyError, IndexError):
            self._publisher.restore(self._keeping.curves())
        self._publisher.see(progress)
        self.notice = f"this training was interrupted, and continues from step {self._trainer.step}"
        return True

    def _learnt_by(self, kept):
        """The data that a kept training began with: recordings may have been added since then.

        Raises :class:`SnnlabError` if it had learnt recordings that the page no longer has.
        """
        if not CATALOGUE[self._data.name].sounds:
            return self._data
        for count in range(len(self._taught), -1, -1):
            data = with_own(self._data, self._taught[:count])
            if fingerprint(data.arranged(kept.config)) == kept.record.get("data_crc32"):
                return data
        raise SnnlabError("it had learnt other recordings; those of yours are not kept on disk")

    def _prepare(self):
        """Do all that the first update needs; others in line see it too, as it serves them all."""

        def tell(*stage):
            self.message, self.fraction = self._line.doing = stage

        return self._trainer.prepare(tell)

    # ── training ──

    def _play(self):
        if self.state not in AT_REST or not self._goes_on():
            return
        self.state, self._end = State.RUNNING, monotonic() + self._seconds
        self._last = inf if self._updates is None else self._trainer.step + self._updates

    def _goes_on(self):
        """Whether a weight update can be made; a finished training has as many epochs again."""
        if self._trainer.finished:
            more = max(2 * self.config.epochs, self._trainer.epoch + 1)
            self.config.set("epochs", min(more, MAX_EPOCHS))
        if self._trainer.finished:
            self.notice = (
                f"{MAX_EPOCHS:,} epochs are the most there are: press Reset to start again"
            )
        return not self._trainer.finished

    def _pause(self):
        if self.state == State.RUNNING:
            self.notice = ""
            self._rest()

    def _rest(self):
        """Publish everything as it is now, and keep it."""
        self._publish()
        self.state = self._resting
        self._keeping.save(self._publisher.kept)
        self.notice = self._keeping.trouble or self.notice

    @property
    def _resting(self):
        return State.FINISHED if self._trainer.finished else State.PAUSED

    def _step(self):
        if self.state in LOADED and self._goes_on():
            self._advance()
            self._rest()

    def _narrate(self):
        if self.state in LOADED and self._goes_on():
            self._publisher.narrate(self._update)
            self._keeping.keep(self._publisher.kept)
            self._rest()

    def _look(self):
        if self.state in AT_REST:
            self._publish()

    def _train(self):
        """Make weight updates until the turn is over or another task waits."""
        end = perf_counter() + self._line.slice
        self._advance()
        while perf_counter() < end and self._trains() and not self._line.hurried:
            if self._tasks:
                return
            self._advance()
        if monotonic() > self._end and self._trains():
            self._pause()
            self.notice = (
                f"paused after {self._seconds / 60:g} minutes, the limit of this server: press"
                " Train to continue"
            )

    def _advance(self):
        self._say_if_calibrating()
        self._publisher.advance(self._update)
        self._keeping.keep(self._publisher.kept)
        if self._trainer.finished or (self._trains() and self._trainer.step >= self._last):
            self._rest()
        elif perf_counter() > self._due and self._may_publish():
            self._publish(hurry=True)

    def _may_publish(self):
        late = perf_counter() > self._due + PUBLISH_BY - PUBLISH_EVERY
        return late or thread_time() > self._affordable

    def _update(self):
        progress = self._keeping.advance()
        self.notice = self._keeping.trouble or self.notice
        return progress

    def _note(self, progress):
        self._publisher.note(progress)
        self._keeping.keep(self._publisher.kept)

    def _publish(self, hurry=False):
        start = thread_time()
        self._say_if_calibrating()
        self.snapshot = self._publisher.snapshot(self._subject, hurry)
        end = thread_time()
        self._due = perf_counter() + PUBLISH_EVERY
        self._affordable = end + (end - start) / MAX_PUBLISH_SHARE

    def _say_if_calibrating(self):
        """Before a calibration, which takes seconds, say on the view of the chip that it begins."""
        shown = self.snapshot
        if shown and isinstance(shown.picture, ChipPicture) and self._publisher.must_calibrate:
            self.snapshot = replace(shown, picture=replace(shown.picture, calibration=None))
