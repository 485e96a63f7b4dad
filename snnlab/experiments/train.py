"""One training from start to end, told on the terminal and kept on disk."""

from collections import deque
from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from snnlab.chip import power
from snnlab.chip.threads import use_threads
from snnlab.config import Config
from snnlab.data import load
from snnlab.experiments.runs import EpochRecord, load_weights, save_run
from snnlab.experiments.terminal import Bar, ctrl_c, epoch_bar, say
from snnlab.learn.trainer import Trainer


def train(
    config: Config,
    folder: Path,
    data_dir: str | None = None,
    weights: str | None = None,
    threads: int | None = None,
) -> bool:
    """Train as configured; a run is kept in ``folder`` after every epoch and on Ctrl-C.

    Returns whether it ran to its end. Raises :class:`~snnlab.errors.SnnlabError` before anything is
    written if data, weights or network do not fit.
    """
    torch.set_num_threads(1)  # its tensors are small; the kernels take the cores
    if threads is not None:
        use_threads(threads)
    start = load_weights(Path(weights)) if weights else None
    with Bar() as bar:
        dataset = load(config.dataset, config.side, data_dir=data_dir, progress=bar.tell)
        trainer = Trainer(config, dataset, start)
        trainer.prepare(bar.tell)
    parts = f" in {n} parts" if (n := trainer.mapping.n_parts) > 1 else ""
    say(f"{config.dataset} from {dataset.origin}, network {trainer.mapping}{parts}")
    with ctrl_c() as pressed:
        finished = _run(trainer, folder, pressed)
    stopped = "" if finished else f"stopped after {trainer.step} steps; "
    say(f"{stopped}run kept in {folder}")
    return finished


def _run(trainer, folder, pressed):
    """Epoch after epoch, each saved; returns whether it came to the end."""
    steps, epochs = iter(trainer), []
    for epoch in range(trainer.config.epochs):
        record, last = _epoch(trainer, steps, epoch, pressed)
        if record:
            epochs.append(record)
            say(_line(record, last, len(trainer.dataset.train_images)))
        save_run(folder, trainer, epochs)
        if pressed.is_set():
            return False
    return True


def _epoch(trainer, steps, epoch, pressed):
    """Train one epoch under a bar; its record (none if cut short), and the last step's progress."""
    images, totals, recent = len(trainer.dataset.train_images), _Totals(), deque(maxlen=50)
    with closing(epoch_bar(epoch, trainer.config.epochs, images)) as bar:
        for progress in steps:
            totals.add(progress)
            recent.append((progress.accuracy, progress.spikes))
            accuracy, spikes = np.mean(recent, axis=0)
            bar.set_postfix_str(f"{accuracy:.1%}, {spikes:.1f} spikes/image", refresh=False)
            bar.update(progress.samples)
            if progress.evaluation:
                return totals.record(epoch, progress.evaluation), progress
            if pressed.is_set():
                break
    return None, progress


class _Totals:
    """Sums over the images of an epoch."""

    def __init__(self):
        self.images, self.seconds, self.sums = 0, 0.0, np.zeros(3)

    def add(self, progress):
        self.images += progress.samples
        self.seconds += progress.seconds
        self.sums += progress.samples * np.array(
            [progress.loss, progress.accuracy, progress.spikes]
        )

    def record(self, epoch, evaluation):
        loss, accuracy, spikes = (self.sums / self.images).tolist()
        return EpochRecord(
            epoch + 1, loss, accuracy, spikes, evaluation.accuracy, evaluation.spikes, self.seconds
        )


def _line(record, progress, images):
    """One epoch in one line."""
    estimate = power.estimate(progress.recording, "inference")
    low, high = (1e6 * joule for joule in estimate.ranges["energy"])
    return (
        f"epoch {record.epoch:3d}  test {record.test_accuracy:.2%}"
        f"  train {record.train_accuracy:.2%}  loss {record.loss:.3f}"
        f"  {record.test_spikes:.1f} spikes/image"
        f"  {images / record.seconds:,.0f} images/s"
        f"  about {1e6 * estimate.energy:.2f} µJ/image (estimate, {low:.2f}–{high:.2f})"
    )
