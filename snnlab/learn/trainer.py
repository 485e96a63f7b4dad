"""Training in the loop, as a generator whose knobs may be turned while it runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from time import perf_counter
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from snnlab.chip import power
from snnlab.chip.compiled import KERNELS, compiling
from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.layout.report import sequential
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.power import PowerEstimate
from snnlab.chip.recording import Recording
from snnlab.config import Config
from snnlab.data import Dataset, batches
from snnlab.data.images import augment
from snnlab.data.source import TEST_IDS
from snnlab.data.spikes.recorded import RecordedSpikes
from snnlab.errors import SnnlabError
from snnlab.events import Events
from snnlab.learn import finite
from snnlab.learn import loss as losses
from snnlab.learn.feed import Feed, count_samples, open_source
from snnlab.learn.gradient import eventprop_kernels, kernels, recurrent_kernels
from snnlab.learn.gradient.methods import GRADIENTS, Gradient
from snnlab.learn.gradient.model import IdealModel
from snnlab.learn.gradient.surrogate import Surrogate
from snnlab.learn.memory import check_batch, choose_evaluation_batch
from snnlab.learn.network import Network, Pass
from snnlab.learn.optimizer import Adam, schedule_rate
from snnlab.learn.setup import Setup
from snnlab.model.gradients import EVENTPROP
from snnlab.model.readout import differentiate, scores
from snnlab.model.topology import Topology
from snnlab.process import defer_sigint
from snnlab.seeding import key, stream

__all__ = ["TEST_IDS", "Evaluation", "Progress", "Trainer"]


_surrogate = lru_cache(maxsize=4)(Surrogate)
"""Surrogates are cached with their tables."""


@dataclass(frozen=True)
class Evaluation:
    """Accuracy in 0…1 and hidden spikes per image on the test images.

    estimate : of power, time and energy, mean of all.
    """

    accuracy: float
    spikes: float
    estimate: PowerEstimate | None = field(default=None, repr=False, compare=False)


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


class _Batch(NamedTuple):
    """A batch on the chip: scores float32[image, label], and the loss with its gradients."""

    run: Pass
    labels: np.ndarray
    scores: np.ndarray
    loss: losses.Loss


class Trainer:
    """In-the-loop training of one network on one emulated chip.

    Iterating yields a :class:`Progress` after every weight update. Knobs in ``Config.LIVE`` are
    read at each step, so they may be turned in between; the others keep the values they had at
    the start (``settings`` holds the values in force).

    weights : initial float[source, neuron] for each layer, drawn by the knob seed if None.
    die : one of your own (drawn and changed, or measured) to train on, kept as ``own_die``. The
    knob die then has no effect. The others act on top of it, as on a drawn one: mismatch, dead and
    stuck, which die_seed draws, then killed; calibration measures the result.

    Raises :class:`SnnlabError` when the network does not fit the chip, the die or the weights are
    not valid, or training diverges.
    """

    def __init__(
        self,
        config: Config,
        dataset: Dataset | RecordedSpikes,
        weights: list[np.ndarray] | None = None,
        die: Die | None = None,
    ):
        if not isinstance(config, Config) or not isinstance(dataset, Dataset | RecordedSpikes):
            raise SnnlabError(
                f"Trainer of {type(config).__name__} and {type(dataset).__name__}: give a Config,"
                " as Config.checked(…) makes it, and a Dataset, as load(…) does, or RecordedSpikes"
            )
        if die is not None and not isinstance(die, Die):
            raise SnnlabError(
                f"Trainer with a die of type {type(die).__name__}: give a Die, as Die.draw(…) and"
                " Die.load(path) do; the knob die takes a name"
            )
        self.config, self.settings = config, SimpleNamespace(**config.values())
        self.dataset = dataset.checked().arranged(self.settings)
        self.own_die = die and die.checked()
        self.point = OperatingPoint(
            config.tau_mem, config.tau_syn, config.tau_ref,
            samples=count_samples(self.dataset, self.settings), substeps=config.substeps,
        )  # fmt: skip
        self.source = open_source(self.dataset, self.settings, self.point.window)
        classes = len(self.source.classes)
        topology = Topology.chain(
            (self.source.n_channels, *config.hidden, classes), config.recurrent != "none"
        )
        self.mapping = Mapping(topology.sizes, chips=config.chips, recurrent=topology.recurrent)
        check_batch(topology, self.point, min(config.batch, len(self.source.labels("train"))))
        self._setup = Setup(self.mapping, self.point, self.own_die)
        self._set_up: tuple[int | None, Chip | None] = (None, None)
        self._feed = Feed(self.source, self.settings)
        self.network = Network(topology, config.seed)
        self.given_weights = weights is not None
        if self.given_weights:
            self.network.load_weights(weights)
        self.network.clamp()
        self.optimizer = Adam(self.network.weights)
        self.gradients: list[np.ndarray] | None = None  # of the weights, in the last step
        self.model = IdealModel(config.tau_mem, config.tau_syn)
        self.step = 0
        self.unreported = None  # a step that is done while its evaluation is not
        self.epoch_accuracy: list[float] = []  # training accuracy of the epochs ended here
        self._steps_since: list[tuple[float, int]] = []  # accuracy and images of each

    def __iter__(self) -> Iterator[Progress]:
        while not self.finished:
            yield self.advance()

    @property
    def finished(self) -> bool:
        """Whether all epochs are done."""
        return self.epoch >= self.config.epochs and self.unreported is None

    def prepare(self, tell: Callable[[str, float | None], None]) -> Progress:
        """Compile and encode now, not in the first step; ``tell`` is called with each stage.

        Returns the results of the first batch and of the test images before any weight update.
        """
        start = perf_counter()
        idle = {batches.__name__ if self.source.augments else augment.__name__}
        exact = self.settings.gradient == EVENTPROP
        idle.add((kernels if exact else eventprop_kernels).__name__)
        if exact or not self.network.topology.recurrent:
            idle.add(recurrent_kernels.__name__)
        needed = [kernel for kernel in KERNELS if kernel.__module__ not in idle]
        with compiling(needed, "encoding inputs as spikes", tell):
            self._feed.ready()
        with compiling(needed, "testing the untrained network", tell):
            batch = self._forward(trial=0)
            self._differentiate(batch)
            self.gradients = None
            self.optimizer.compile()
            return self._progress(batch, start, self.evaluate())

    @property
    def steps_per_epoch(self) -> int:
        """Weight updates in one pass through the training images."""
        return self._feed.steps_per_epoch

    @property
    def epoch(self) -> int:
        """Passes completed."""
        return self.step // self.steps_per_epoch

    @property
    def power_mode(self) -> str:
        """How :func:`snnlab.chip.power.estimate` counts the time of an input in inference.

        What lasts longer than an image takes its whole time, as does a readout of the last sample.
        """
        image = isinstance(self.dataset, Dataset) and self.settings.readout != "last"
        return "inference" if image else "whole"

    def estimate(self, recording: Recording) -> PowerEstimate:
        """Power, time and energy of inference on inputs like the recorded ones.

        Parts of a network that is larger than the chip are taken to run in turn on one chip.
        """
        return sequential(power.estimate(recording, self.power_mode), self.mapping.n_parts)

    @property
    def train_events(self) -> Events:
        """Spikes of all training inputs, not augmented."""
        return self.source.events("train")

    @property
    def test_events(self) -> Events:
        """Spikes of all test inputs."""
        return self.source.events("test")

    def encode(self, images: np.ndarray, ids: np.ndarray) -> Events:
        """Spikes of images uint8[image, row, column]; ids uint64[image] select their noise."""
        return self.source.encoding.encode(images, ids)

    def _settings_now(self):
        """The settings, with the present values of the live knobs."""
        for name in Config.LIVE:
            setattr(self.settings, name, getattr(self.config, name))
        return self.settings

    @property
    def chip(self) -> Chip:
        """The chip for the present knobs; a new one is set up only when one was turned."""
        turned = self.config.turned
        if self._set_up[0] != turned:  # to read all knobs takes a tenth of a step
            self._set_up = turned, self._setup.chip(self._settings_now())
        return self._set_up[1]

    @chip.setter
    def chip(self, chip):
        raise SnnlabError(
            "a trainer's chip follows its knobs and cannot be set: for a die of your own write"
            " Trainer(config, data, die=…), to test on another chip trainer.evaluate(chip)"
        )

    @property
    def surrogate(self) -> Surrogate:
        """Surrogate derivative now in force."""
        c = self.settings
        return _surrogate(c.beta, c.at_spike, self.point.tau_ref, c.surrogate, c.returned)

    @property
    def gradient(self) -> Gradient:
        """Gradient method now in force, with its surrogate."""
        return GRADIENTS[self.settings.gradient](self.surrogate, self.model, self.point)

    @property
    def learning_rate(self) -> float:
        """Step size of the next update, by the schedule."""
        c, epochs_done = self.settings, self.step / self.steps_per_epoch
        return schedule_rate(c.schedule, c.learning_rate, epochs_done, c.epochs)

    def advance(self) -> Progress:
        """One weight update, with an evaluation at the end of an epoch.

        May be interrupted at any moment, e.g. by Ctrl-C: the next call completes the step.
        """
        if self.unreported is None:
            start = perf_counter()
            batch = self._forward(key(self.settings.seed, "train", self.step))
            self._differentiate(batch)
            with defer_sigint():
                self._update()
                self.step += 1
                self.unreported = batch, start
        evaluation = self.evaluate() if self.step % self.steps_per_epoch == 0 else None
        progress = self._progress(*self.unreported, evaluation)
        self.unreported = None
        self._steps_since.append((progress.accuracy, progress.samples))
        if evaluation:
            accuracies, samples = zip(*self._steps_since, strict=True)
            self.epoch_accuracy.append(float(np.average(accuracies, weights=samples)))
            self._steps_since.clear()
        return progress

    def _forward(self, trial):
        """A batch on the chip, and its loss."""
        chip, silent = self.chip, self._dropped()
        run = Pass.forward(self.network, chip, self._feed.events(self.step), trial, silent)
        labels = self.source.labels("train")[self._feed.batch(self.step)]
        given = scores(run.traces, self.settings.readout)
        hidden = self.optimizer.values[:-1]
        return _Batch(
            run, labels, given,
            losses.differentiate(given, run.counts, hidden, labels, self.settings, silent),
        )  # fmt: skip

    def _dropped(self):
        """Hidden neurons silenced in this batch : bool[neuron] per layer; () without dropout."""
        c = self.settings
        if not c.dropout:
            return ()
        rng = stream(c.seed, "dropout", self.step)
        return tuple(rng.random(layer.size) < c.dropout for layer in self.network.topology.hidden)

    def _progress(self, batch, start, evaluation):
        recording, labels = batch.run.recording, batch.labels
        return Progress(
            step=self.step,
            epoch=max(self.step - 1, 0) // self.steps_per_epoch,
            loss=batch.loss.value,
            accuracy=float((batch.scores.argmax(1) == labels).mean()),
            spikes=recording.spikes_per_sample(),
            samples=len(labels),
            seconds=perf_counter() - start,
            recording=recording,
            labels=labels,
            evaluation=evaluation,
        )

    def _differentiate(self, batch):
        """Gradients of the weights; raises SnnlabError if loss or gradient is not finite."""
        run, loss = batch.run, batch.loss
        self._stop_for(finite.check_loss(loss, self.optimizer.values))
        d_traces = differentiate(run.traces, loss.d_scores, self.settings.readout)
        grads = run.backward(self.gradient, d_traces, loss.d_counts)
        for grad, more in zip(grads, loss.d_weights, strict=False):  # hidden layers only
            grad += more
        self._stop_for(finite.check_layers("gradient", grads))
        if self.settings.recurrent == "fixed":
            for layer, rows in self.network.recurrent_rows().items():
                grads[layer][rows] = 0.0  # Adam then leaves them where they are
        self.gradients = grads

    def _update(self):
        """Update the weights; raises SnnlabError if they are no longer finite."""
        self.optimizer.step(self.gradients, self.learning_rate)
        self._stop_for(finite.check_layers(finite.WEIGHTS, self.optimizer.values))
        self.network.clamp()

    def _stop_for(self, found):
        """Raise an error that names the batch and the likely knobs, if NaN or infinity is found."""
        if found is None:
            return
        epoch, batch = divmod(self.step, self.steps_per_epoch)
        knobs = [f"{name} ({getattr(self.settings, name):g})" for name in found.knobs]
        raise SnnlabError(
            f"{found.what} at step {self.step}, batch {batch + 1} of {self.steps_per_epoch} in"
            f" epoch {epoch + 1}: lower {', then '.join(knobs)}"
        )

    def weights_lsb(self, chip: Chip | None = None) -> list[np.ndarray]:
        """Weights as written to the chip : int8[input, neuron] for each layer.

        chip : another one than the one trained on, maybe of fewer bits.
        """
        return self.network.weights_lsb((chip or self.chip).spec)

    def scores(self, recording: Recording) -> np.ndarray:
        """Scores of a recording by the readout in force : float32[image, label]."""
        return self.network.scores(recording, self.settings.readout)

    def evaluate(self, chip: Chip | None = None, silent: tuple[np.ndarray, ...] = ()) -> Evaluation:
        """Accuracy and spikes on the test images, with trial noise of its own.

        chip : to test on instead of the one trained on, with the same mapping.
        silent : bool[neuron] of each hidden layer, neurons that may not fire.
        """
        labels = self.source.labels("test")
        right, spikes, activity = 0, 0, []
        for part, recording in self.recordings(chip, silent):
            activity.append(power.count(recording, self.power_mode))
            right += int((self.scores(recording).argmax(1) == labels[part]).sum())
            spikes += sum(len(layer.tick) for layer in recording.spikes)
        estimate = sequential(power.mean(activity), self.mapping.n_parts)
        return Evaluation(right / len(labels), spikes / len(labels), estimate)

    def recordings(
        self, chip: Chip | None = None, silent: tuple[np.ndarray, ...] = ()
    ) -> Iterator[tuple[np.ndarray, Recording]]:
        """The test images on the chip, in batches: indices int64[image] and the recording.

        Hidden membranes are not digitised, as in inference. Arguments as for :meth:`evaluate`.
        """
        events, chip = self.test_events, chip or self.chip
        weights, trial = self.weights_lsb(chip), key(self.settings.seed, "test", self.step)
        size = choose_evaluation_batch(self.network.topology, self.point)
        for first in range(0, len(events), size):
            part = np.arange(first, min(first + size, len(events)))
            batch = events.take(part)
            yield part, chip.run(batch, weights, trial=trial, read_hidden=False, silent=silent)
