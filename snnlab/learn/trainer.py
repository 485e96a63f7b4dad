"""Training in the loop, as a generator that a person may steer while it runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import cos, pi
from time import perf_counter

import numpy as np
import torch

from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip, OperatingPoint
from snnlab.chip.mapping import Mapping
from snnlab.chip.recording import Recording
from snnlab.config import Config
from snnlab.data import Dataset
from snnlab.encoding import latency_encode
from snnlab.errors import SnnlabError
from snnlab.events import Events
from snnlab.learn import loss as losses
from snnlab.learn.model import IdealModel
from snnlab.learn.network import Network
from snnlab.learn.surrogate import surrogate_table
from snnlab.seeding import key, stream

EXPONENTIAL_DECAY = 0.97
EVALUATION_BATCH = 500
TEST_IDS = 1 << 32
"""Offset of test images' ids, so that they never share a training image's noise."""


@dataclass(frozen=True)
class Evaluation:
    """Accuracy in 0…1 and hidden spikes per image on the test images."""

    accuracy: float
    spikes: float


@dataclass(frozen=True)
class Progress:
    """What one training step did.

    step counts weight updates from 1; epoch counts from 0; loss and accuracy (0…1) are of this
    batch; spikes : hidden spikes per image; samples : images of the batch; seconds : its wall time;
    recording, labels : the batch itself; evaluation : only after the last step of an epoch.
    """

    step: int
    epoch: int
    loss: float
    accuracy: float
    spikes: float
    samples: int
    seconds: float
    recording: Recording
    labels: np.ndarray
    evaluation: Evaluation | None = None


class Trainer:
    """In-the-loop training of one network on one emulated chip.

    Iterating yields a :class:`Progress` after every weight update. Knobs in ``Config.LIVE`` are
    read anew at each step, so they may be turned in between. Raises :class:`SnnlabError` when the
    network does not fit the chip or training diverges.
    """

    def __init__(self, config: Config, dataset: Dataset, weights: list[np.ndarray] | None = None):
        self.config, self.dataset = config, dataset
        n_inputs = dataset.train_images[0].size
        self.mapping = Mapping((n_inputs, *config.hidden, len(dataset.classes)))
        self.point = OperatingPoint(
            config.tau_mem, config.tau_syn, config.tau_ref, substeps=config.substeps
        )
        self.network = Network(self.mapping.sizes, config.seed)
        if weights is not None:
            self.network.load_weights(weights)
        self.network.clamp()
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=config.learning_rate, fused=True
        )
        self.propagators = IdealModel(config.tau_mem, config.tau_syn).propagators(self.point)
        self.step = 0
        self._chip = self._table = (None, None)

    def __iter__(self) -> Iterator[Progress]:
        while self.epoch < self.config.epochs:
            yield self.advance()

    @property
    def steps_per_epoch(self) -> int:
        """Weight updates in one pass through the training images."""
        return -(-len(self.dataset.train_images) // self.config.batch)

    @property
    def epoch(self) -> int:
        """Passes completed."""
        return self.step // self.steps_per_epoch

    @cached_property
    def train_events(self) -> Events:
        """Spikes of all training images."""
        return self._encode(self.dataset.train_images, 0)

    @cached_property
    def test_events(self) -> Events:
        """Spikes of all test images."""
        return self._encode(self.dataset.test_images, TEST_IDS)

    def _encode(self, images, first_id):
        ids = np.arange(first_id, first_id + len(images), dtype=np.uint64)
        return latency_encode(
            images, self.config.tau_in, self.config.theta_in, self.point.window, ids
        )

    @property
    def chip(self) -> Chip:
        """The chip as the knobs stand now; a new one is set up only when one was turned."""
        c = self.config
        wanted = (c.die, c.mismatch, c.die_seed, c.cadc_noise)
        if self._chip[0] != wanted:
            die = Die.draw(c.die, sigma=c.mismatch, seed=c.die_seed)
            point = OperatingPoint(
                c.tau_mem, c.tau_syn, c.tau_ref, c.cadc_noise, substeps=self.point.substeps
            )
            self._chip = wanted, Chip(self.mapping, die, point)
        return self._chip[1]

    @property
    def _surrogate(self):
        if self._table[0] != self.config.beta:
            self._table = self.config.beta, surrogate_table(self.config.beta)
        return self._table[1]

    def _learning_rate(self):
        c, done = self.config, self.step / self.steps_per_epoch
        if c.schedule == "cosine":
            return c.learning_rate * 0.5 * (1.0 + cos(pi * min(done / c.epochs, 1.0)))
        return c.learning_rate * (EXPONENTIAL_DECAY**self.epoch if c.schedule != "constant" else 1)

    def _batch(self):
        """Indices of the next batch : int64[image]."""
        epoch, k = divmod(self.step, self.steps_per_epoch)
        if k == 0 or self._order[0] != epoch:
            n = len(self.dataset.train_images)
            self._order = epoch, stream(self.config.seed, "order", epoch).permutation(n)
        return self._order[1][k * self.config.batch : (k + 1) * self.config.batch]

    _order = (None, None)

    def advance(self) -> Progress:
        """One weight update, with an evaluation at the end of an epoch."""
        start, epoch, index = perf_counter(), self.epoch, self._batch()
        labels = self.dataset.train_labels[index]
        trial = key(self.config.seed, "train", epoch)
        recording, traces, counts = self.network.in_the_loop(
            self.chip, self.train_events.take(index), self._surrogate, self.propagators, trial
        )
        target = torch.from_numpy(labels.astype(np.int64))
        peaks = losses.max_over_time(traces)
        loss = self._loss(peaks, counts, target)
        self._update(loss)
        self.step += 1
        evaluation = self.evaluate() if self.step % self.steps_per_epoch == 0 else None
        return Progress(
            step=self.step,
            epoch=epoch,
            loss=float(loss.detach()),
            accuracy=losses.correct(peaks, target) / len(index),
            spikes=recording.spikes_per_sample(),
            samples=len(index),
            seconds=perf_counter() - start,
            recording=recording,
            labels=labels,
            evaluation=evaluation,
        )

    def _loss(self, peaks, counts, target):
        c = self.config
        return (
            losses.classification(peaks, target)
            + c.rho_burst * losses.burst(counts)
            + c.rho_weight * losses.weight_decay(list(self.network.weights[:-1]))
            + c.rho_readout * losses.readout(peaks)
        )

    def _update(self, loss):
        if not torch.isfinite(loss):
            raise SnnlabError(
                f"loss became {float(loss)} at step {self.step}: lower learning_rate"
                f" ({self.config.learning_rate:g}) or the regularisation strengths"
            )
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.network.clamp()

    def evaluate(self) -> Evaluation:
        """Accuracy and spikes on the test images, with trial noise of its own."""
        events, labels = self.test_events, self.dataset.test_labels
        weights, trial = self.network.weights_lsb(), key(self.config.seed, "test", self.step)
        right, spikes = 0, 0
        for first in range(0, len(labels), EVALUATION_BATCH):
            part = np.arange(first, min(first + EVALUATION_BATCH, len(labels)))
            recording = self.chip.run(events.take(part), weights, trial=trial)
            right += int((self.network.peaks(recording).argmax(1) == labels[part]).sum())
            spikes += sum(len(layer.tick) for layer in recording.spikes)
        return Evaluation(right / len(labels), spikes / len(labels))
