"""Recording a run while it trains, so that a crash at any moment loses a few seconds only.

Each file is replaced whole. Tables are written before the checkpoint they belong to and cut to it
when a run is resumed, so a power cut between any two files does no harm.
"""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from errno import EINVAL
from itertools import count
from pathlib import Path
from time import monotonic

import numpy as np

from snnlab import install
from snnlab.config import Config
from snnlab.data import Dataset
from snnlab.errors import SnnlabError
from snnlab.files import npz, read_npz, write_whole
from snnlab.learn.state import capture, restore
from snnlab.learn.trainer import TEST_IDS, Progress, Trainer
from snnlab.quantities import EPOCH, STEP, estimates, quantities
from snnlab.runs import provenance
from snnlab.runs.frames import Frames, join, join_recordings, thumbnail
from snnlab.runs.run import Run, check_data
from snnlab.runs.schema import SCHEMA, Change, EpochRecord, summarise, write_json
from snnlab.runs.steps import Steps
from snnlab.runs.tables import columns_of, write_table
from snnlab.seeding import key

CHECKPOINT_SECONDS = 30.0
"""Seconds between checkpoints within an epoch."""


class NotKept(SnnlabError):
    """A run's folder cannot be written; the training itself is as it was.

    progress : of the update after which it was to be written, None if there was none.
    """

    progress: Progress | None = None


class Recorder:
    """A training and the folder that keeps it; :meth:`advance` in place of the trainer's.

    Written at the start, every ``every`` seconds and, unless ``epochs_too`` is False, after every
    epoch. ``epochs`` and ``steps`` are the tables so far. Raises :class:`SnnlabError` if the folder
    holds a run, :class:`NotKept` if it cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        trainer: Trainer,
        *,
        every: float = CHECKPOINT_SECONDS,
        epochs_too: bool = True,
    ):
        check_free(folder)
        self._begin(folder, trainer, every, epochs_too)
        self.frames = watch(trainer)
        self.save()

    def _begin(self, folder, trainer, every, epochs_too):
        self.folder, self.trainer = Path(folder), trainer
        self.every, self._epochs_too = every, epochs_too
        self._saved = monotonic()
        self.epochs: list[EpochRecord] = []
        self.steps = Steps()
        self.changes: list[Change] = []
        self._to_come: deque[Change] = deque()
        self.created = provenance.now()
        self._fingerprint = provenance.fingerprint(trainer.dataset)
        self._own = trainer.own_die.fingerprint if trainer.own_die else ""
        self._given_weights = trainer.given_weights
        self._known = dict(vars(trainer.settings))
        self._written: dict[str, object] = {}

    @classmethod
    def resume(
        cls,
        run: Run,
        dataset: Dataset,
        *,
        every: float = CHECKPOINT_SECONDS,
        epochs_too: bool = True,
    ) -> "Recorder":
        """Continue a run from its last checkpoint, as if it had never stopped.

        Knobs that were turned after the checkpoint turn again at the same step.
        Raises :class:`SnnlabError` for a run without checkpoint or of other data.
        """
        self = cls.__new__(cls)
        state = _checkpoint(run)
        config = Config.checked(**run.settings_at(int(state["step"])))
        # Before the trainer is made: a network that fits other classes might not fit the chip.
        check_data(run, dataset, config)
        trainer = Trainer(config, dataset, die=run.own_die())
        self._begin(run.folder, trainer, every, epochs_too)
        _restore(self.trainer, run)
        self._take_over(run)
        return self

    def _take_over(self, run):
        step = self.trainer.step
        self.created, self.changes = run.record["created"], run.changes
        self._given_weights = run.record["given_weights"]
        self.epochs = run.epochs()[: step // self.trainer.steps_per_epoch]
        self.steps = Steps.of(run.steps(), run.folder)
        self.steps.cut(step)
        self.frames = Frames.load(self.folder / "frames.npz").until(step)
        self._written = {"step": step, "own": self.trainer.own_die}
        later = (change for change in self.changes if change.step >= step)
        self._to_come.extend(sorted(later, key=lambda change: change.step))
        self._replay()
        for left in self.folder.glob(".*.part"):  # of a process that was killed while it wrote
            with suppress(OSError):
                left.unlink()

    def advance(self) -> Progress:
        """One weight update, noted and from time to time kept."""
        self._replay()
        progress = self.trainer.advance()
        self._note_changes()
        self.steps.add(
            step=progress.step,
            epoch=progress.epoch + 1,
            samples=progress.samples,
            **{name: getattr(progress, name) for name in quantities(STEP)},
        )
        if progress.evaluation:
            self._end_epoch(progress)
        due = (self._epochs_too and progress.evaluation) or self.trainer.finished
        if due or monotonic() - self._saved >= self.every:
            try:
                self.save()
            except NotKept as error:
                error.progress = progress
                raise
        return progress

    def _replay(self):
        """Turn the knobs that were turned at this step; only once, as they may be turned again."""
        while self._to_come and self._to_come[0].step <= self.trainer.step:
            change = self._to_come.popleft()
            self.trainer.config.set(change.knob, change.after)

    def _note_changes(self):
        """Knobs in force in the step just done that were not before."""
        before, now, step = self._known, dict(vars(self.trainer.settings)), self.trainer.step - 1
        turned = [Change(step, k, before[k], now[k]) for k in now if now[k] != before[k]]
        new = [change for change in turned if change not in self.changes]
        self._known = now
        if new:
            self.changes += new
            self._guarded(self._write_record)

    def _end_epoch(self, progress):
        self.epochs.append(self._record(progress))
        stride = self.frames.stride(self.trainer.settings.epochs)
        if len(self.epochs) % stride == 0 or self.trainer.finished:
            self.frames = join([self.frames, watch(self.trainer)])

    def _record(self, progress):
        newest = self.steps.columns(-self.trainer.steps_per_epoch)
        loss, accuracy, spikes = (
            float(np.average(newest[name], weights=newest["samples"]))
            for name in ("loss", "accuracy", "spikes")
        )
        tested = progress.evaluation
        return EpochRecord(
            epoch=progress.epoch + 1,
            loss=loss,
            train_accuracy=accuracy,
            train_spikes=spikes,
            test_accuracy=tested.accuracy,
            test_spikes=tested.spikes,
            seconds=float(newest["seconds"].sum()),
            **estimates(tested.estimate, EPOCH),
        )

    def save(self) -> None:
        """Keep all as it is now; raises :class:`NotKept` if the folder cannot be written."""
        if self.kept != self.trainer.step:
            self._guarded(self._write)
            self._saved = monotonic()

    @property
    def kept(self) -> int | None:
        """The step that was kept last; None before the first."""
        return self._written.get("step")

    def _guarded(self, write):
        try:
            write()
        except OSError as error:
            raise NotKept(
                f"run folder {self.folder} cannot be written: {error.strerror}; its former"
                " content is kept"
            ) from None

    def _write(self):
        folder, network, die = self.folder, self.trainer.network, self.trainer.chip.die
        own = self.trainer.own_die
        folder.mkdir(parents=True, exist_ok=True)
        if own and self._written.get("own") is not own:
            write_whole(folder / "own_die.npz", npz(own.packed()))
        if self._written.get("die") is not die:
            write_whole(folder / "die.npz", npz(die.packed()))
        write_table(folder / "metrics.parquet", columns_of([asdict(e) for e in self.epochs]))
        write_table(folder / "steps.parquet", self.steps.columns())
        if self._written.get("frames") is not self.frames:
            self.frames.save(folder / "frames.npz")
            picture = thumbnail(
                self.frames, [epoch.test_accuracy for epoch in self.epochs]
            ).encode()
            write_whole(folder / "thumbnail.svg", lambda file: file.write(picture))
        layers = {f"layer_{k}": weight for k, weight in enumerate(network.arrays())}
        write_whole(folder / "weights.npz", npz(layers))
        write_whole(folder / "checkpoint.npz", npz(capture(self.trainer)))
        self._written = {"own": own, "die": die, "frames": self.frames, "step": self.trainer.step}
        self._write_record()

    def _write_record(self):
        trainer, step = self.trainer, self._written["step"]
        write_json(
            self.folder / "config.json",
            {
                "schema": SCHEMA,
                "settings": dict(vars(trainer.settings)),
                "changes": [asdict(change) for change in self.changes],
                "own_die": self._own,
                "given_weights": self._given_weights,
                "network": str(trainer.mapping),
                "weight_scales_lsb": trainer.network.scales(),
                "steps": step,
                "epochs_done": step // trainer.steps_per_epoch,
                "finished": step >= trainer.settings.epochs * trainer.steps_per_epoch,
                "summary": summarise(self.epochs),
                "data": trainer.dataset.origin,
                "data_crc32": self._fingerprint,
                "classes": list(trainer.dataset.classes),
                "own": provenance.own(trainer.dataset),
                "created": self.created,
                "updated": provenance.now(),
                "versions": install.versions(),
                "commit": provenance.commit(),
            },
        )


def watch(trainer: Trainer) -> Frames:
    """The first test image of each class, always with the same noise: only the network changes."""
    labels = trainer.dataset.test_labels
    images = np.sort(np.unique(labels, return_index=True)[1])[:10]
    weights, chip = trainer.weights_lsb(), trainer.chip
    seed, events = trainer.settings.seed, trainer.test_events
    shown = [
        chip.run(events.take(np.array([k])), weights, trial=key(seed, "frame", TEST_IDS + int(k)))
        for k in images
    ]
    step, scale = (np.full(len(images), v) for v in (trainer.step, trainer.network.scales()[-1]))
    return Frames(step, images, scale, join_recordings(shown))


def check_free(folder: Path) -> None:
    """Raises :class:`SnnlabError` if the folder holds a run."""
    try:
        if "\0" in str(folder):
            raise OSError(EINVAL, "no name for a folder")
        taken = (Path(folder) / "config.json").exists()
    except OSError as error:  # too long a name, or not to be looked into
        raise SnnlabError(
            f"run folder {str(folder)[:80]!r} cannot be written: {error.strerror}"
        ) from None
    if taken:
        raise _taken(folder)


def _taken(folder):
    return SnnlabError(
        f"run folder {folder} holds a run already: give another one, or continue that one"
        f" with snnlab runs resume {folder}"
    )


@contextmanager
def claimed(folder: Path, *, numbered: bool = False) -> Iterator[Path]:
    """A new folder for a run, which no other process has, even one that begins at this moment.

    numbered : -2, -3, … goes after a name that is taken. If it stays empty it is removed again.
    Raises :class:`SnnlabError` if the folder exists by now or cannot be made.
    """
    missing, name = [place for place in folder.parents if not place.exists()], folder.name
    try:
        for number in count(2):
            if _is_made(folder):
                break
            if not numbered:
                raise _taken(folder)
            folder = folder.with_name(f"{name}-{number}")
    except OSError as error:
        raise SnnlabError(f"run folder {folder} cannot be written: {error.strerror}") from None
    try:
        yield folder
    finally:
        for place in (folder, *missing):
            with suppress(OSError):  # not empty
                place.rmdir()


def _is_made(folder):
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        if not os.path.lexists(folder):  # on Windows, that a folder above it is a file
            raise
        return False
    return True


def _checkpoint(run):
    path = run.folder / "checkpoint.npz"
    if not path.exists():
        raise SnnlabError(
            f"run {run.folder} was kept without a checkpoint: start a new run from its weights"
            f" with snnlab train --weights {run.folder}"
        )
    state = read_npz(path, "checkpoint", {"step": ()})
    if type(state["step"]) is not int or state["step"] < 0:
        raise SnnlabError(f"checkpoint {path}: step {state['step']} is not a whole number from 0")
    return state


def _restore(trainer, run):
    shapes = {name: array.shape for name, array in capture(trainer).items()}
    restore(trainer, read_npz(run.folder / "checkpoint.npz", "checkpoint", shapes))
