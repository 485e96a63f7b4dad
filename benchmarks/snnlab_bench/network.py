"""The benchmarked networks: one trained on MNIST, and random ones of any shape."""

import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np

from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2
from snnlab.config import Config
from snnlab.data import load
from snnlab.data.images.encoding import latency_encode
from snnlab.data.spikes.recorded import RecordedSpikes
from snnlab.errors import DataUnavailable
from snnlab.events import TICK, Events
from snnlab.files import npz, write_whole
from snnlab.install import version
from snnlab.learn import loss as losses
from snnlab.learn.gradient.model import IdealModel
from snnlab.learn.gradient.surrogate import Surrogate
from snnlab.learn.gradient.surrogate_gradient import SurrogateGradient
from snnlab.learn.network import Network, Pass
from snnlab.learn.optimizer import Adam
from snnlab.learn.trainer import Trainer
from snnlab.model.readout import differentiate, scores
from snnlab.recipes import recipe
from snnlab.runs.run import load_weights

EPOCHS = 6
UNWARPED = dict.fromkeys(("rotation", "shift", "stretch", "bend", "mirror"), 0.0)
ENDLESS = 10_000
WINDOW = 11.8e-6
"""Random spikes fall within the inference window, as most spikes of an image do : s."""
SPREAD_LSB = 130.0
"""Standard deviation of random weights times the root of the number of active inputs : LSB. About
one neuron in six spikes, as in the trained network."""


class Trained:
    """256-246-10, trained on MNIST, or on scikit-learn's digits if MNIST is not available.

    Trained for six epochs with the recipe "sparse", which gives about 20 hidden spikes per image,
    as on the chip when it was timed. The weights are kept in the temporary folder.
    """

    recipe = "sparse"

    @cached_property
    def dataset(self):
        try:
            return load("mnist")
        except DataUnavailable as error:
            print(f"{error}; using digits instead", file=sys.stderr)
            return load("digits")

    @cached_property
    def weights(self) -> list[np.ndarray]:
        name = f"snnlab-bench-{version()}-{self.dataset.name}-{self.recipe}-{EPOCHS}.npz"
        kept = Path(tempfile.gettempdir()) / name
        if not kept.exists():
            print(f"training {EPOCHS} epochs of {self.dataset.name} …", file=sys.stderr)
            for _ in (trainer := Trainer(self._settings(epochs=EPOCHS), self.dataset)):
                pass
            arrays = {f"layer_{k}": w for k, w in enumerate(trainer.network.arrays())}
            write_whole(kept, npz(arrays))
        return load_weights(kept)

    def trainer(self, **knobs) -> Trainer:
        """A training that goes on from these weights, and never comes to its end."""
        samples = BRAINSCALES2.training_samples
        endless = {"schedule": "constant", "epochs": ENDLESS, "samples": samples}
        return Trainer(self._settings(**endless, **knobs), self.dataset, self.weights)

    def _settings(self, **knobs):
        return recipe(self.recipe).config(dataset=self.dataset.name, **UNWARPED, **knobs)

    @cached_property
    def network(self) -> Network:
        return self.trainer().network

    @cached_property
    def weights_lsb(self) -> list[np.ndarray]:
        return self.network.weights_lsb()

    def chip(self, point: OperatingPoint, die: Die | None = None) -> Chip:
        """The network on a die, by default a calibrated one."""
        return Chip(Mapping(self.network.sizes), die, point)

    @cached_property
    def events(self) -> Events:
        """Spikes of the test images."""
        knobs = self._settings()
        return latency_encode(
            self.dataset.test_images, knobs.tau_in, knobs.theta_in, OperatingPoint().window
        )

    def images(self, count: int) -> Events:
        """Spikes of the first ``count`` test images, repeated if there are too few."""
        return self.events.take(np.arange(count) % len(self.events))

    def classify(self, chip: Chip, events: Events, trial: int = 0) -> np.ndarray:
        """Predicted class of each image : int64[image]."""
        run = chip.run(events, self.weights_lsb, trial=trial, read_hidden=False)
        return self.network.scores(run).argmax(axis=1)

    def accuracy(self, chip: Chip) -> float:
        """Accuracy on all test images, 0 to 1."""
        return float((self.classify(chip, self.events) == self.dataset.test_labels).mean())


class Spoken(Trained):
    """70-186R-10, trained on spoken digits; raises :class:`DataUnavailable` without them."""

    recipe = "spoken-digits"

    @cached_property
    def dataset(self):
        return load("spoken-digits")

    def _settings(self, **knobs):
        return recipe(self.recipe).config(**knobs)


@dataclass(frozen=True)
class Random:
    """A network with random weights, and random inputs of ``active`` spikes each.

    :meth:`run` is a forward pass, :meth:`step` a training step without loading data.
    """

    inputs: int = 256
    hidden: tuple[int, ...] = (246,)
    active: int = 60
    samples: int = 20
    batch: int = 100

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        return (self.inputs, *self.hidden, 10)

    @cached_property
    def events(self) -> Events:
        rng, never = np.random.default_rng(1), 2**16 - 1
        ticks = np.full((self.batch, self.inputs), never)
        for image in ticks:
            lines = rng.permutation(self.inputs)[: self.active]
            image[lines] = rng.integers(0, int(WINDOW / TICK), len(lines))
        return Events.from_ticks(ticks, never)

    @cached_property
    def network(self) -> Network:
        rng, network = np.random.default_rng(2), Network(self.sizes)
        active, weights = self.active, []
        for shape in pairwise(self.sizes):
            lsb = rng.normal(0.0, SPREAD_LSB / np.sqrt(active), shape)
            weights.append(lsb / BRAINSCALES2.weight_scale)
            active = max(shape[1] // 5, 1)
        network.load_weights(weights)
        network.clamp()
        return network

    @cached_property
    def chip(self) -> Chip:
        return Chip(Mapping(self.sizes, chips=8), point=OperatingPoint(samples=self.samples))

    @cached_property
    def weights_lsb(self) -> list[np.ndarray]:
        return self.network.weights_lsb()

    @cached_property
    def _learning(self):
        """Gradient, optimiser, labels and the knobs of the loss."""
        point = self.chip.point
        model = IdealModel(point.tau_mem, point.tau_syn)
        gradient = SurrogateGradient(Surrogate(10.0), model, point)
        return gradient, Adam(self.network.weights), np.arange(self.batch) % 10, Config()

    def run(self):
        """Forward pass on the chip; returns the recording."""
        return self.chip.run(self.events, self.weights_lsb)

    def step(self) -> None:
        """Forward, backward and Adam, at a learning rate of 0: every step costs the same."""
        gradient, optimizer, labels, knobs = self._learning
        run = Pass.forward(self.network, self.chip, self.events, trial=0)
        loss = losses.differentiate(
            scores(run.traces), run.counts, optimizer.values[:-1], labels, knobs
        )
        grads = run.backward(gradient, differentiate(run.traces, loss.d_scores), loss.d_counts)
        optimizer.step(grads, 0.0)
        self.network.clamp()


def make_recordings(n: int = 600, spikes: int = 800, channels: int = 70) -> RecordedSpikes:
    """Recordings of 1 s with random spikes, as many as a word has; a sixth of them tests."""
    rng, unit = np.random.default_rng(4), 25e-6
    ticks = np.sort(rng.integers(0, int(1.0 / unit), (n, spikes)), axis=1).ravel()
    events = Events(
        np.arange(n + 1) * spikes, ticks.astype(np.uint16),
        rng.integers(0, channels, n * spikes).astype(np.uint16), channels,
        np.arange(n, dtype=np.uint64),
    )  # fmt: skip
    labels, learn = np.arange(n) % 10, np.arange(n) % 6 > 0
    train, test = np.flatnonzero(learn), np.flatnonzero(~learn)
    return RecordedSpikes(
        "made", events.take(train), labels[train], events.take(test), labels[test],
        tuple("0123456789"), unit=unit,
    )  # fmt: skip
