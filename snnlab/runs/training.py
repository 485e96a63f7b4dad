"""One training from start to end, reported on the terminal and kept on disk."""

import os
from collections import deque
from contextlib import closing, nullcontext
from datetime import datetime
from numbers import Real
from pathlib import Path

import numpy as np

from snnlab import install
from snnlab.chip.die import Die
from snnlab.chip.threads import use_threads
from snnlab.config import Config
from snnlab.data import load
from snnlab.data.catalogue import CATALOGUE
from snnlab.errors import SnnlabError, plain
from snnlab.learn.health import diagnose
from snnlab.learn.trainer import Trainer
from snnlab.runs import provenance
from snnlab.runs.recorder import CHECKPOINT_SECONDS, Recorder, check_free, claimed
from snnlab.runs.run import Run, data_of, folder_of, held, load_weights
from snnlab.text.progress import Bar, ctrl_c, epoch_bar, reported, say


def train(
    config: Config,
    folder: Path | None = None,
    data_dir: str | None = None,
    weights: str | None = None,
    threads: int | None = None,
    every: float = CHECKPOINT_SECONDS,
    tensorboard: Path | None = None,
    die: Die | None = None,
) -> bool:
    """Train as configured, kept in ``folder`` after every epoch, every 30 s and on Ctrl-C.

    folder : by default runs/<time>-<dataset>, with -2, -3, … after it if that exists.
    tensorboard : folder in which TensorBoard finds the curves under the run's name.
    die : one of your own, as :class:`~snnlab.learn.trainer.Trainer` takes it.
    Returns whether it ran to its end. Raises :class:`~snnlab.errors.SnnlabError` before anything is
    written if data, weights or network do not fit or the folder holds a run.
    """
    place = _place(folder, config)
    CATALOGUE[config.dataset].check_place(data_dir)
    _threads(threads)
    _check_seconds(every)
    start = load_weights(folder_of(weights)) if weights else None
    with Bar() as bar:
        dataset = load(config.dataset, config.side, data_dir=data_dir, progress=bar.tell)
        trainer = Trainer(config, dataset, start, die)
        trainer.prepare(bar.tell)
    # Held before anything is written: others may have begun in the same folder meanwhile.
    with ctrl_c() as pressed, place as folder, held(Path(folder)):
        board = _board(trainer, folder, provenance.now(), tensorboard)
        return _run(Recorder(folder, trainer, every=every), pressed, board)


def _place(folder, config):
    """A context of the folder of a new run; there may be one already that holds no run."""
    if folder is None:
        name = f"{datetime.now():%Y%m%d-%H%M%S}-{config.dataset}"
        return claimed(Path("runs") / name, numbered=True)
    check_free(folder)
    return nullcontext(folder) if os.path.lexists(folder) else claimed(Path(folder))


def resume(
    run: Run,
    data_dir: str | None = None,
    epochs: int | None = None,
    threads: int | None = None,
    every: float = CHECKPOINT_SECONDS,
    tensorboard: Path | None = None,
) -> bool:
    """Continue a run from its last checkpoint, with the same bits as if it had never stopped.

    ``epochs`` replaces the number of epochs. Returns whether it ran to the end. Raises
    :class:`~snnlab.errors.SnnlabError` if run or data do not fit, or another process trains it.
    """
    _threads(threads)
    _check_seconds(every)
    with held(run.folder):
        return _resume(run, data_dir, epochs, every, tensorboard)


def _resume(run, data_dir, epochs, every, tensorboard):
    with Bar() as bar:
        dataset = data_of(run, data_dir, bar.tell)
        recorder = Recorder.resume(run, dataset, every=every)
        if epochs is not None:
            recorder.trainer.config.set("epochs", epochs)
            if epochs < (done := recorder.trainer.epoch):
                raise SnnlabError(
                    f"run {run.folder} has {done} epochs already, epochs = {epochs} is not"
                    f" possible: give {done + 1} or more"
                )
        recorder.trainer.prepare(bar.tell)
    if (now := install.versions()) != run.record["versions"]:
        say(f"kept by {_listed(run.record['versions'])}, now {_listed(now)}: last bits may differ")
    say(f"from step {recorder.trainer.step}")
    with ctrl_c() as pressed:
        board = _board(recorder.trainer, run.folder, recorder.created, tensorboard)
        return _run(recorder, pressed, board)


def _listed(versions):
    return ", ".join(f"{name} {number}" for name, number in versions.items())


def _threads(threads):
    if threads is not None:
        use_threads(threads)


def _check_seconds(every):
    if not isinstance(every, Real) or not every >= 0:
        raise SnnlabError(f"every = {every!r} is not allowed: seconds between two checkpoints")


def _board(trainer, folder, created, tensorboard):
    if tensorboard is None:
        return None
    from snnlab.runs.tensorboard import Board  # torch takes seconds

    return Board(Path(tensorboard) / Path(folder).resolve().name, vars(trainer.settings), created)


def _run(recorder, pressed, board):
    """Train to the end or Ctrl-C, and report."""
    trainer, warned = recorder.trainer, None
    parts = f" in {n} parts" if (n := trainer.mapping.n_parts) > 1 else ""
    origin = trainer.dataset.origin
    say(f"{trainer.dataset.name} from {origin}, network {trainer.mapping}{parts}")
    if trainer.dataset.own and (notes := trainer.dataset.own.notes):
        say(plain(f"note: {'; '.join(notes)}"))
    with closing(board) if board else nullcontext():
        while not trainer.finished and not pressed.is_set():
            warned = _epoch(recorder, pressed, warned)
            board = _written(board, recorder)
    recorder.save()
    stopped = "" if trainer.finished else f"stopped after {trainer.step} steps; "
    say(f"{stopped}run kept in {recorder.folder}")
    return trainer.finished


def _written(board, recorder):
    """The board with the new points written, None if that failed: the training continues."""
    try:
        if board:
            board.write(recorder.steps, recorder.epochs)
        return board
    except SnnlabError as error:
        say(f"warning: {error}")
        return None


def _epoch(recorder, pressed, warned):
    """Train to the end of the epoch under a bar or with lines, or until Ctrl-C.

    Returns the diagnosis, if any; one equal to ``warned``, of the epoch before, is not repeated.
    """
    trainer, recent = recorder.trainer, deque(maxlen=50)
    images, done = len(trainer.dataset.train_labels), trainer.step % trainer.steps_per_epoch
    epoch, epochs, learnt = trainer.epoch, trainer.config.epochs, ""
    one = CATALOGUE[trainer.config.dataset].one

    def line():
        share = trainer.step / trainer.steps_per_epoch - epoch
        return f"epoch {epoch + 1}/{epochs} {share:4.0%}  step {trainer.step}{learnt}"

    with closing(epoch_bar(epoch, epochs, images, one)) as bar, reported(line):
        bar.update(done * trainer.settings.batch)
        while not pressed.is_set():
            progress = recorder.advance()
            pace = progress.seconds / progress.samples
            recent.append((progress.accuracy, progress.spikes, progress.loss, pace))
            accuracy, spikes, loss, pace = np.mean(recent, axis=0)
            learnt = (
                f"  train {accuracy:.2%}  loss {loss:.3f}  {spikes:.1f} spikes/{one}"
                f"  {1 / pace:,.0f} {one}s/s"
            )
            bar.set_postfix_str(f"{accuracy:.1%}, {spikes:.1f} spikes/{one}", refresh=False)
            bar.update(progress.samples)
            if progress.evaluation:
                break
    if not (recent and progress.evaluation):
        return warned
    say(_line(trainer, recorder.epochs[-1], progress))
    trouble = diagnose(trainer, progress.recording)
    if trouble and trouble != warned:
        say(f"warning: {trouble}")
    return trouble


def _line(trainer, record, progress):
    """One epoch in one line."""
    images = len(trainer.dataset.train_labels)
    one = CATALOGUE[trainer.config.dataset].one
    estimate = progress.evaluation.estimate
    low, high = (1e6 * joule for joule in estimate.ranges["energy"])
    return (
        f"epoch {record.epoch:3d}  test {record.test_accuracy:.2%}"
        f"  train {record.train_accuracy:.2%}  loss {record.loss:.3f}"
        f"  {record.test_spikes:.1f} spikes/{one}"
        f"  {images / record.seconds:,.0f} {one}s/s"
        f"  about {1e6 * estimate.energy:.2f} µJ/{one} (estimate, {low:.2f}–{high:.2f})"
    )
