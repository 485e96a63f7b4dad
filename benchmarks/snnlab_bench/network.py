"""The networks that are measured: one trained on MNIST, and random ones of any shape."""

import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from snnlab.chip.constants import TAU_MEM, TAU_SYN, TRAINING_SAMPLES, WEIGHT_SCALE
from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.config import Config
from snnlab.data import load
from snnlab.data.images.encoding import latency_encode
from snnlab.errors import DataUnavailable
from snnlab.events import TICK, Events
from snnlab.files import npz, write_whole
from snnlab.install import version
from snnlab.learn import loss as losses
from snnlab.learn.gradient.model import IdealModel
from snnlab.learn.gradient.surrogate import Surrogate
from snnlab.learn.gradient.surrogate_gradient import SurrogateGradient
from snnlab.learn.network import Network
from snnlab.learn.optimizer import Adam
from snnlab.learn.trainer import Trainer
from snnlab.recipes import recipe
from snnlab.runs.run import load_weights

EPOCHS = 6
UNWARPED = dict.fromkeys(("rotation", "shift", "stretch", "bend", "mirror"), 0.0)
ENDLESS = 10_000
BURST, GAIN = Config.param.rho_burst.default, Config.param.logit_gain.default
WINDOW = 11.8e-6
"""Random spikes come within the window of inference, as most of an image's do : s."""
SPREAD_LSB = 130.0
"""Spread of random weights times the root of the active inputs: about one spike of six neurons, as
in the trained network."""


class Trained:
    """256-246-10 with weights that classify MNIST, or scikit-learn's digits where it is missing.

    Trained for six epochs with the recipe "sparse", so with some 20 hidden spikes an image as the
    chip's had when it was timed; the weights are kept in the temporary folder.
    """

    @cached_property
    def dataset(self):
        try:
            return load("mnist")
        except DataUnavailable as error:
            print(f"{error}: measuring on digits instead", file=sys.stderr)
            return load("digits")

    @cached_property
    def weights(self) -> list[np.ndarray]:
        name = f"snnlab-bench-{version()}-{self.dataset.name}-sparse-{EPOCHS}.npz"
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
        endless = {"schedule": "constant", "epochs": ENDLESS, "samples": TRAINING_SAMPLES}
        return Trainer(self._settings(**endless, **knobs), self.dataset, self.weights)

    def _settings(self, **knobs):
        return recipe("sparse").config(dataset=self.dataset.name, **UNWARPED, **knobs)

    @cached_property
    def network(self) -> Network:
        return self.trainer().network

    @cached_property
    def weights_lsb(self) -> list[np.ndarray]:
        return self.network.weights_lsb()

    def chip(self, point: OperatingPoint, die: Die | None = None) -> Chip:
        """The network on the default die, calibrated, or on another."""
        return Chip(Mapping(self.network.sizes), die, point)

    @cached_property
    def events(self) -> Events:
        """Spikes of the test images."""
        knobs = self._settings()
        return latency_encode(
            self.dataset.test_images, knobs.tau_in, knobs.theta_in, OperatingPoint().window
        )

    def images(self, count: int) -> Events:
        """Spikes of the first test images, from the beginning again where there are too few."""
        return self.events.take(np.arange(count) % len(self.events))

    def classify(self, chip: Chip, events: Events, trial: int = 0) -> np.ndarray:
        """What each image is taken for : int64[image]."""
        run = chip.run(events, self.weights_lsb, trial=trial, read_hidden=False)
        return self.network.scores(run).argmax(axis=1)

    def accuracy(self, chip: Chip) -> float:
        """Of all test images, 0…1."""
        return float((self.classify(chip, self.events) == self.dataset.test_labels).mean())


@dataclass(frozen=True)
class Random:
    """A network with random weights and random images of ``active`` spikes each.

    The work of a forward pass, :meth:`run`, and of a training step without data, :meth:`step`.
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
            weights.append(rng.normal(0.0, SPREAD_LSB / np.sqrt(active), shape) / WEIGHT_SCALE)
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
        """Gradient, optimiser and targets."""
        model = IdealModel(TAU_MEM, TAU_SYN)
        gradient = SurrogateGradient(Surrogate(10.0), model, self.chip.point)
        return gradient, Adam(self.network.parameters()), torch.arange(self.batch) % 10

    def run(self):
        """Forward on the chip; the recording."""
        return self.chip.run(self.events, self.weights_lsb)

    def step(self) -> None:
        """Forward, backward and Adam, at a learning rate of 0: every step costs the same."""
        gradient, optimizer, labels = self._learning
        _, traces, counts = self.network.in_the_loop(self.chip, self.events, gradient, trial=0)
        loss = losses.classification(losses.scores(traces, "maximum"), labels, GAIN)
        optimizer.zero_grad()
        (loss + BURST * losses.burst(counts)).backward()
        optimizer.step(0.0)
        self.network.clamp()
