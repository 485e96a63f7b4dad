"""Training in the loop, as a generator that a person may steer while it runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from math import cos, pi
from time import perf_counter
from types import SimpleNamespace

import numpy as np
import torch

from snnlab.chip.calibration import Calibration, calibrate
from snnlab.chip.constants import DT_CADC
from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.lab import Lab
from snnlab.chip.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.recording import Recording
from snnlab.config import Config
from snnlab.data import Dataset
from snnlab.encoding import latency_encode
from snnlab.errors import SnnlabError
from snnlab.events import Events
from snnlab.learn import loss as losses
from snnlab.learn.model import IdealModel
from snnlab.learn.network import Network
from snnlab.learn.optimizer import Adam
from snnlab.learn.surrogate import surrogate_table
from snnlab.seeding import key, stream

TRIAL_NOISE = ("cadc_noise", "threshold_drift", "spike_jitter")
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

    step counts weight updates, 0 before the first; epoch counts from 0; loss and accuracy (0…1)
    are of this batch; spikes : hidden spikes per image; samples : images of the batch; seconds :
    its wall time; recording, labels : the batch itself; evaluation : after an epoch's last step.
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
    read anew at each step, so they may be turned in between; the others stay as they were at the
    start (``settings`` holds what is in force). Raises :class:`SnnlabError` when the
    network does not fit the chip or training diverges.
    """

    def __init__(self, config: Config, dataset: Dataset, weights: list[np.ndarray] | None = None):
        self.config, self.dataset = config, dataset
        self.settings = SimpleNamespace(**config.values())
        n_inputs = dataset.train_images[0].size
        sizes = (n_inputs, *config.hidden, len(dataset.classes))
        self.mapping = Mapping(sizes, chips=config.chips)
        self.point = OperatingPoint(
            config.tau_mem, config.tau_syn, config.tau_ref, substeps=config.substeps
        )
        self.network = Network(self.mapping.sizes, config.seed)
        if weights is not None:
            self.network.load_weights(weights)
        self.network.clamp()
        self.optimizer = Adam(self.network.parameters())
        self.propagators = IdealModel(config.tau_mem, config.tau_syn).propagators(self.point)
        self.step = 0
        self._chip = self._table = (None, None)

    def __iter__(self) -> Iterator[Progress]:
        while not self.finished:
            yield self.advance()

    @property
    def finished(self) -> bool:
        """Whether all epochs are done."""
        return self.epoch >= self.config.epochs

    def prepare(self, tell: Callable[[str, float | None], None]) -> Progress:
        """Do now what the first step would otherwise wait for; ``tell`` hears of each stage.

        Returns how the first batch and the test images fare before anything is learnt.
        """
        start = perf_counter()
        tell("encoding images as spikes", None)
        _ = self.train_events, self.test_events
        tell("preparing kernels (compiled once, then kept on disk)", None)
        index = self._batch()
        run = self._forward(index, trial=0)
        run[-1].backward()
        self.optimizer.zero_grad()
        return self._progress(index, run, start, self.evaluate())

    @property
    def steps_per_epoch(self) -> int:
        """Weight updates in one pass through the training images."""
        return -(-len(self.dataset.train_images) // self.settings.batch)

    @property
    def epoch(self) -> int:
        """Passes completed."""
        return self.step // self.steps_per_epoch

    @property
    def train_events(self) -> Events:
        """Spikes of all training images."""
        return self._spikes("train")

    @property
    def test_events(self) -> Events:
        """Spikes of all test images."""
        return self._spikes("test")

    def _spikes(self, part):
        c = self.settings
        return _encoded(self.dataset, part, c.tau_in, c.theta_in, self.point.window, c.grid)

    def _settings_now(self):
        """The settings, with the live knobs as they stand."""
        for name in Config.LIVE:
            setattr(self.settings, name, getattr(self.config, name))
        return self.settings

    @property
    def chip(self) -> Chip:
        """The chip as the knobs stand now; a new one is set up only when one was turned."""
        c = self._settings_now()
        noise = {name: getattr(c, name) for name in TRIAL_NOISE}
        fabricated = c.die, c.mismatch, c.dead, c.stuck, tuple(c.killed), c.die_seed
        wanted = (*fabricated, c.calibration, *noise.values())
        if self._chip[0] != wanted:
            die, setting = _die(*fabricated), {}
            if c.calibration == "measured":
                found = _calibrated(*fabricated)
                setting = {"codes": found.codes, "correction": found.correction}
            chip = Chip(self.mapping, die, replace(self.point, **noise), **setting)
            self._chip = wanted, chip
        return self._chip[1]

    @property
    def found(self) -> Calibration | None:
        """What the laboratory found if the die is calibrated anew, else None."""
        c = self._settings_now()
        if c.calibration != "measured":
            return None
        return _calibrated(c.die, c.mismatch, c.dead, c.stuck, tuple(c.killed), c.die_seed)

    @property
    def surrogate(self) -> np.ndarray:
        """Surrogate derivative now in force : float32[511], per LSB above the first sample."""
        if self._table[0] != self.settings.beta:
            self._table = self.settings.beta, surrogate_table(self.settings.beta)
        return self._table[1]

    @property
    def learning_rate(self) -> float:
        """Step size of the next update, as the schedule has it."""
        c, done = self.settings, self.step / self.steps_per_epoch
        if c.schedule == "cosine":
            return c.learning_rate * 0.5 * (1.0 + cos(pi * min(done / c.epochs, 1.0)))
        return c.learning_rate * (EXPONENTIAL_DECAY**self.epoch if c.schedule != "constant" else 1)

    def _batch(self):
        """Indices of the next batch : int64[image]."""
        epoch, k = divmod(self.step, self.steps_per_epoch)
        if k == 0 or self._order[0] != epoch:
            n = len(self.dataset.train_images)
            self._order = epoch, stream(self.settings.seed, "order", epoch).permutation(n)
        return self._order[1][k * self.settings.batch : (k + 1) * self.settings.batch]

    _order = (None, None)

    def advance(self) -> Progress:
        """One weight update, with an evaluation at the end of an epoch."""
        start, index = perf_counter(), self._batch()
        run = self._forward(index, key(self.settings.seed, "train", self.step))
        self._update(run[-1])
        self.step += 1
        evaluation = self.evaluate() if self.step % self.steps_per_epoch == 0 else None
        return self._progress(index, run, start, evaluation)

    def _forward(self, index, trial):
        """A batch on the chip: recording, label peaks, and the loss to differentiate."""
        recording, traces, counts = self.network.in_the_loop(
            self.chip, self.train_events.take(index), self.surrogate, self.propagators, trial
        )
        peaks = losses.max_over_time(traces)
        target = torch.from_numpy(self.dataset.train_labels[index].astype(np.int64))
        return recording, peaks, self._loss(peaks, counts, target)

    def _progress(self, index, run, start, evaluation):
        recording, peaks, loss = run
        labels = self.dataset.train_labels[index]
        return Progress(
            step=self.step,
            epoch=max(self.step - 1, 0) // self.steps_per_epoch,
            loss=float(loss.detach()),
            accuracy=float((peaks.argmax(1).numpy() == labels).mean()),
            spikes=recording.spikes_per_sample(),
            samples=len(index),
            seconds=perf_counter() - start,
            recording=recording,
            labels=labels,
            evaluation=evaluation,
        )

    def _loss(self, peaks, counts, target):
        c = self.settings
        return (
            losses.classification(peaks, target)
            + c.rho_burst * losses.burst(counts)
            + c.rho_weight * losses.weight_decay(list(self.network.weights[:-1]))
            + c.rho_readout * losses.readout(peaks)
        )

    def _update(self, loss):
        if not torch.isfinite(loss):
            raise SnnlabError(
                f"loss became {loss.item()} at step {self.step}: lower learning_rate"
                f" ({self.settings.learning_rate:g}) or the regularisation strengths"
            )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step(self.learning_rate)
        self.network.clamp()

    def evaluate(self) -> Evaluation:
        """Accuracy and spikes on the test images, with trial noise of its own."""
        events, labels = self.test_events, self.dataset.test_labels
        weights, trial = self.network.weights_lsb(), key(self.settings.seed, "test", self.step)
        right, spikes = 0, 0
        for first in range(0, len(labels), EVALUATION_BATCH):
            part = np.arange(first, min(first + EVALUATION_BATCH, len(labels)))
            recording = self.chip.run(events.take(part), weights, trial=trial)
            right += int((self.network.peaks(recording).argmax(1) == labels[part]).sum())
            spikes += sum(len(layer.tick) for layer in recording.spikes)
        return Evaluation(right / len(labels), spikes / len(labels))


@lru_cache(maxsize=4)
def _encoded(dataset, part, tau_in, theta_in, window, grid):
    """Spikes of a data set's images, shared by all trainers that ask for the same."""
    images = getattr(dataset, f"{part}_images")
    first = TEST_IDS if part == "test" else 0
    ids = np.arange(first, first + len(images), dtype=np.uint64)
    events = latency_encode(images, tau_in, theta_in, window, ids)
    return events.on_grid(DT_CADC) if grid == "cadc" else events


def _die(preset, sigma, dead, stuck, killed, seed):
    die = Die.draw(preset, sigma=sigma, seed=seed)
    return die.with_random_faults(dead=dead, stuck=stuck, seed=seed).with_faults(dead=killed)


@lru_cache(maxsize=4)
def _calibrated(*fabricated):
    """What the laboratory finds for a die, shared by all trainers that use it."""
    return calibrate(Lab(_die(*fabricated), seed=fabricated[-1]))
