"""A GRU on the same input spikes, counted in bins, for comparison."""

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2
from snnlab.data.spikes.recorded import RecordedSpikes
from snnlab.events import TICK
from snnlab.learn.feed import Feed, count_samples, open_source
from snnlab.learn.optimizer import Adam, schedule_rate
from snnlab.seeding import key

BIN = 2 * BRAINSCALES2.dt_cadc
"""Time of a bin on the chip : s; 6.8 ms of a recording that is played 2000 times faster."""


class Gru(nn.Module):
    """One layer of gated recurrent units (Cho et al. 2014); its outputs are averaged over time."""

    def __init__(self, inputs: int, units: int, classes: int):
        super().__init__()
        self.layer = nn.GRU(inputs, units, batch_first=True)
        self.labels = nn.Linear(units, classes)

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        """Scores float32[recording, class] of counts float32[recording, bin, channel]."""
        states, _ = self.layer(spikes)
        return self.labels(states).mean(1)


def count_parameters(inputs: int, units: int, classes: int) -> int:
    """Weights and biases of a :class:`Gru`: three gates, two biases each, and the labels."""
    return 3 * units * (inputs + units + 2) + classes * (units + 1)


def choose_units(parameters: int, inputs: int, classes: int) -> int:
    """Largest number of units, at least 1, that needs at most ``parameters``."""
    units = 1
    while count_parameters(inputs, units + 1, classes) <= parameters:
        units += 1
    return units


def train_gru(config, dataset: RecordedSpikes, parameters: int) -> float:
    """Test accuracy after the last epoch, 0…1, of a GRU of at most ``parameters``.

    config : :class:`~snnlab.config.Config`; recordings, their variations, test set, batch, epochs,
    learning rate and seed are those of a training of the chip.
    """
    dataset = dataset.arranged(config)
    window = OperatingPoint(samples=count_samples(dataset, config)).window
    source = open_source(dataset, config, window)
    feed = Feed(source, config)
    classes, bins = len(source.classes), int(np.ceil(window * TICK / BIN))
    torch.manual_seed(key(config.seed, "gru") % 2**63)
    units = choose_units(parameters, source.n_channels, classes)
    network = Gru(source.n_channels, units, classes)
    tensors, labels = [*network.parameters()], torch.from_numpy(source.labels("train"))
    adam = Adam(p.detach().numpy() for p in tensors)  # of the same memory
    steps = config.epochs * feed.steps_per_epoch
    for step in range(steps):
        index = feed.batch(step)
        network.zero_grad()
        cross_entropy(network(_counts(feed.events(step), bins)), labels[index]).backward()
        nn.utils.clip_grad_norm_(tensors, 1.0)
        rate = schedule_rate("cosine", config.learning_rate, step, steps)
        adam.step([p.grad.numpy() for p in tensors], rate)
    with torch.no_grad():
        decided = network.eval()(_counts(source.events("test"), bins)).argmax(1).numpy()
    return float((decided == source.labels("test")).mean())


def _counts(events, bins):
    return torch.from_numpy(events.to_dense(BIN, bins).astype(np.float32))
