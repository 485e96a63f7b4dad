"""The paper's software network: the same algorithm in time steps of 1.7 µs, without a chip.

The software baseline of Cramer et al. (2022), following their released code: weights and
potentials are floats, a spike subtracts the threshold in the next step, there is no refractory
period, nothing saturates and nothing is noisy. Hidden weights stay within what the chip can hold,
without being rounded. Each kernel has a twin in torch in the tests.
"""

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from snnlab.chip.compiled import compiled
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2
from snnlab.chip.threads import guarded
from snnlab.config import Config
from snnlab.data import Dataset
from snnlab.data.images.encoding import latency
from snnlab.errors import SnnlabError
from snnlab.events import TICK, Events
from snnlab.learn import loss as losses
from snnlab.learn.feed import Feed, open_source
from snnlab.learn.gradient.surrogate import Surrogate
from snnlab.learn.network import Network
from snnlab.learn.optimizer import Adam, schedule_rate
from snnlab.model.gradients import SURROGATE
from snnlab.model.readout import differentiate, scores

THRESHOLD = np.float32(1.0)
EVALUATION_BATCH = 500
UNABLE = {"recurrent": "none", "dropout": 0.0, "gradient": SURROGATE}
"""Knobs that the software network takes only at these values."""


class SoftwareResult(NamedTuple):
    """Accuracy 0…1 and hidden spikes per image on the test images after the last epoch; accuracy
    and mean loss of the training batches of that epoch, each before its weight update."""

    accuracy: float
    spikes: float
    train_accuracy: float
    train_loss: float


def train_software(config: Config, dataset: Dataset) -> SoftwareResult:
    """Train the software network with these settings.

    Encoding, loss, optimizer, initial weights and the order of the images are those of a training
    of the chip; knobs of the chip and ``at_spike`` have no effect. Raises :class:`SnnlabError` for
    a knob of UNABLE at another value.
    """
    c = SimpleNamespace(**{**config.values(), "grid": "clock"})  # steps are the only grid
    for name, value in UNABLE.items():
        if (given := getattr(c, name)) != value:
            raise SnnlabError(f"software network with {name} = {given}: it takes {value} only")
    first = latency(np.ones(1), c.tau_in, c.theta_in, c.encoding)[0]
    model = Steps(c.tau_mem, c.tau_syn, c.samples, round(first / TICK))
    source = open_source(dataset.checked().arranged(c), c, OperatingPoint(samples=c.samples).window)
    feed, labels = Feed(source, c), source.labels("train")
    network = Network((source.n_channels, *c.hidden, len(source.classes)), c.seed)
    weights, adam = network.weights, Adam(network.weights)
    surrogate = Surrogate(c.beta, shape=c.surrogate)
    right = total = 0.0
    for step in range(c.epochs * feed.steps_per_epoch):
        if step % feed.steps_per_epoch == 0:
            right = total = 0.0
        wanted = labels[feed.batch(step)]
        run = model.run(feed.events(step), weights)
        given = scores(run.traces, c.readout)
        loss = losses.differentiate(given, run.counts, weights[:-1], wanted, c)
        d_traces = differentiate(run.traces, loss.d_scores, c.readout)
        gradients = run.backward(surrogate, d_traces, loss)
        epochs_done = step / feed.steps_per_epoch
        adam.step(gradients, schedule_rate(c.schedule, c.learning_rate, epochs_done, c.epochs))
        network.clamp()
        right += (given.argmax(1) == wanted).sum()
        total += loss.value * len(wanted)
    return SoftwareResult(
        *_evaluate(model, weights, source, c.readout),
        float(right / len(labels)), float(total / len(labels)),
    )  # fmt: skip


def _evaluate(model, weights, source, readout):
    """Accuracy and hidden spikes per image on the test images."""
    events, labels, right, spikes = source.events("test"), source.labels("test"), 0, 0
    for first in range(0, len(labels), EVALUATION_BATCH):
        part = np.arange(first, min(first + EVALUATION_BATCH, len(labels)))
        run = model.run(events.take(part), weights)
        right += int((scores(run.traces, readout).argmax(1) == labels[part]).sum())
        spikes += sum(int(count.sum()) for count in run.counts)
    return right / len(labels), spikes / len(labels)


class Spikes(NamedTuple):
    """Spikes of a batch, sorted by time: those of an input are ``offsets[b]:offsets[b + 1]``."""

    offsets: np.ndarray
    step: np.ndarray
    channel: np.ndarray


class Steps:
    """A network in steps of the CADC's period.

    tau_mem, tau_syn : s; samples : steps of a run; first : tick in which an input spike comes at
    the earliest, where the first step begins.
    """

    dt = BRAINSCALES2.dt_cadc

    def __init__(self, tau_mem: float, tau_syn: float, samples: int, first: int = 0):
        self.decay_mem = np.float32(np.exp(-self.dt / tau_mem))
        self.decay_syn = np.float32(np.exp(-self.dt / tau_syn))
        self.samples, self.first = samples, first

    def run(self, events: Events, weights: list[np.ndarray]) -> "StepRun":
        """Play a batch of spikes; weights : float32[input, neuron] of each layer."""
        step = ((events.tick - float(self.first)) * (TICK / self.dt)).astype(np.int64)
        spikes, inputs, potentials = Spikes(events.offsets, step, events.channel), [], []
        for layer, weight in enumerate(weights):
            reset = THRESHOLD * np.float32(layer < len(weights) - 1)  # labels have none
            v = integrate(*spikes, weight, self.decay_mem, self.decay_syn, self.samples, reset)
            inputs.append(spikes)
            potentials.append(v)
            if reset:
                spikes = _spikes(v)
        return StepRun(self, weights, inputs, potentials)


class StepRun(NamedTuple):
    """A run with all that its gradient needs; inputs : spikes that reach each layer; potentials :
    float32[input, step, neuron] of each layer, before the reset."""

    model: Steps
    weights: list[np.ndarray]
    inputs: list[Spikes]
    potentials: list[np.ndarray]

    @property
    def traces(self) -> np.ndarray:
        """Potentials of the labels : float32[input, step, label]."""
        return self.potentials[-1]

    @property
    def counts(self) -> list[np.ndarray]:
        """Spikes of each hidden neuron : float32[input, neuron] per layer."""
        return [(v > THRESHOLD).sum(axis=1).astype(np.float32) for v in self.potentials[:-1]]

    def backward(
        self, surrogate: Surrogate, d_traces: np.ndarray, loss: losses.Loss
    ) -> list[np.ndarray]:
        """Gradients of the weights; d_traces : float32[input, step, label], of the loss."""
        gradients, d_v = [], d_traces
        for layer in reversed(range(len(self.weights))):
            weight = self.weights[layer]
            grad, current = adjoint(
                *self.inputs[layer], d_v, len(weight), self.model.decay_mem, self.model.decay_syn
            )
            if layer < len(self.weights) - 1:
                grad += loss.d_weights[layer]
            gradients.insert(0, grad)
            if layer:
                d_spikes = current @ weight.T + loss.d_counts[layer - 1][:, None]
                d_v = d_spikes * surrogate.derivative(self.potentials[layer - 1])
        return gradients


def _spikes(potentials):
    """A spike in every step in which the potential is above the threshold."""
    owner, step, channel = np.nonzero(potentials > THRESHOLD)
    offsets = np.searchsorted(owner, np.arange(len(potentials) + 1))
    return Spikes(offsets, step, channel.astype(np.uint16))


@guarded
@compiled(nogil=True, error_model="numpy")
def integrate(offsets, step, channel, weight, decay_mem, decay_syn, samples, reset):
    """Potentials before the reset : float32[input, step, neuron].

    A spike raises current and potential in the next step; a potential above the threshold loses
    ``reset`` by then.
    """
    n_inputs, n = len(offsets) - 1, weight.shape[1]
    potentials = np.empty((n_inputs, samples, n), np.float32)
    mem, syn = np.empty(n, np.float32), np.empty(n, np.float32)
    for b in range(n_inputs):
        mem[:], syn[:] = 0.0, 0.0
        e = offsets[b]
        for k in range(samples):
            now = potentials[b, k]
            for j in range(n):
                now[j] = mem[j]
                lost = reset if mem[j] > THRESHOLD else np.float32(0.0)
                mem[j] = decay_mem * mem[j] - lost
                syn[j] *= decay_syn
            while e < offsets[b + 1] and step[e] == k:
                row = weight[channel[e]]
                for j in range(n):
                    syn[j] += row[j]
                e += 1
            for j in range(n):
                mem[j] += syn[j]
    return potentials


@guarded
@compiled(nogil=True, error_model="numpy")
def adjoint(offsets, step, channel, d_v, n_in, decay_mem, decay_syn):
    """Gradients of the weights : float32[input, neuron], summed over the batch, and of the weighted
    input in each step : float32[input, step, neuron].

    d_v : float32[input, step, neuron], gradient with respect to the potentials. The reset is not
    differentiated, as in the released code.
    """
    n_inputs, samples, n = d_v.shape
    grad = np.zeros((n_in, n), np.float32)
    current = np.empty((n_inputs, samples, n), np.float32)
    p, q = np.empty(n, np.float32), np.empty(n, np.float32)
    for b in range(n_inputs):
        p[:], q[:] = 0.0, 0.0
        e = offsets[b + 1]
        while e > offsets[b] and step[e - 1] >= samples:
            e -= 1
        for k in range(samples - 1, -1, -1):
            now, g = current[b, k], d_v[b, k]
            while e > offsets[b] and step[e - 1] == k:
                e -= 1
                row = grad[channel[e]]
                for j in range(n):
                    row[j] += q[j]
            for j in range(n):
                now[j] = q[j]
                p[j] = decay_mem * p[j] + g[j]
                q[j] = decay_syn * q[j] + p[j]
    return grad, current
