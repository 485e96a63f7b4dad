"""A visitor's training on disk, so that it outlives the process that computes it.

It is a run as ``snnlab train`` keeps it, with the curves of the page beside it, and is deleted when
its visitor leaves.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from snnlab.data import Dataset
from snnlab.errors import SnnlabError
from snnlab.files import load_npz, npz, without_fsync, write_whole
from snnlab.learn.trainer import Progress, Trainer
from snnlab.runs.recorder import NotKept, Recorder, check_free
from snnlab.runs.run import Run

CHECKPOINT_EVERY = 20.0
"""Seconds between two checkpoints: what a crash costs at most, to be done again."""
CURVES = "curves.npz"


class Keeping:
    """Keeps one training in a folder, or nothing without one.

    Nothing is written before the first weight update: a visitor who only looks leaves no trace.
    """

    def __init__(self, folder: Path | None):
        self.folder = folder
        self._recorder: Recorder | None = None
        self._trainer: Trainer | None = None
        self._step: int | None = None
        self.trouble = ""

    def kept(self) -> Run | None:
        """The training that is in the folder, if there is a whole one."""
        try:
            return Run.open(self.folder) if self.folder else None
        except SnnlabError:
            return None

    def begin(self, trainer: Trainer) -> None:
        """Keep this training from now on, instead of any other; if that one cannot be deleted,
        ``trouble`` says so."""
        self.forget()
        self._trainer = trainer
        try:
            if self.folder:
                check_free(self.folder)
        except SnnlabError:
            self._give_up(f"folder {self.folder} cannot be deleted: make it writable")

    def go_on(self, run: Run, dataset: Dataset) -> Trainer:
        """The training where it was last kept; raises :class:`SnnlabError` if it is damaged."""
        self._recorder = Recorder.resume(run, dataset, every=CHECKPOINT_EVERY, epochs_too=False)
        self._trainer = self._recorder.trainer
        return self._trainer

    def advance(self) -> Progress:
        """A weight update. If it cannot be kept, ``trouble`` says so, and nothing more is
        written."""
        try:
            return self._kept_update() if self.folder else self._trainer.advance()
        except NotKept as error:
            self._give_up(error)
            return error.progress or self._trainer.advance()

    def _kept_update(self):
        with without_fsync():  # a flush takes longer than many updates, and others wait
            if self._recorder is None:
                self._recorder = Recorder(
                    self.folder, self._trainer, every=CHECKPOINT_EVERY, epochs_too=False
                )
            return self._recorder.advance()

    def _give_up(self, error):
        self.trouble = f"this training continues but is not kept: {error}"
        self.forget()
        self.folder = None

    def keep(self, curves: Callable[[], dict[str, np.ndarray]]) -> None:
        """Write the curves, named arrays, if there is a checkpoint since the last time."""
        if self._recorder is None or self._recorder.kept == self._step:
            return
        self._step = self._recorder.kept
        try:
            with without_fsync():
                write_whole(self.folder / CURVES, npz(curves()))
        except OSError as error:
            self._give_up(f"folder {self.folder} cannot be written: {error.strerror}")

    def save(self, curves: Callable[[], dict[str, np.ndarray]]) -> None:
        """Keep all as it is now."""
        if self._recorder:
            try:
                with without_fsync():
                    self._recorder.save()
            except NotKept as error:
                self._give_up(error)
            self.keep(curves)

    def curves(self) -> dict[str, np.ndarray]:
        """The curves last kept; raises :class:`SnnlabError` if they are missing or damaged."""
        return load_npz(self.folder / CURVES, "curves", "curves of a page", kinds="ifU")

    def forget(self) -> None:
        """Delete what is kept; harmless if there is nothing."""
        self._recorder = self._step = None
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
