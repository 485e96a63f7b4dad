"""A ReLU network of equal size on the same pictures, for comparison."""

from dataclasses import dataclass
from itertools import pairwise
from math import cos, inf, pi

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from snnlab.data import Dataset
from snnlab.data.images.augment import Warp, warp
from snnlab.errors import SnnlabError
from snnlab.learn.optimizer import Adam
from snnlab.seeding import key, stream


@dataclass(frozen=True)
class AnnSettings:
    """How the network is trained: Adam with a cosine schedule, nothing chosen on test images.

    rotation : largest angle, rad; dropout : share of hidden neurons, 0 to 1. Raises
    :class:`SnnlabError` for a number that does not train.
    """

    hidden: tuple[int, ...] = (246,)
    epochs: int = 30
    learning_rate: float = 1e-3
    batch: int = 100
    rotation: float = 0.0
    dropout: float = 0.0
    seed: int = 1

    def __post_init__(self):
        for name, least, most in (("epochs", 1, inf), ("batch", 1, inf), ("dropout", 0.0, 1.0)):
            if not least <= (value := getattr(self, name)) <= most:
                limits = f"{least:g} to {most:g}" if most < inf else f"{least} or more"
                raise SnnlabError(f"ReLU network with {name} = {value} is not possible: {limits}")
        if not 0.0 < self.learning_rate < inf:
            raise SnnlabError(
                f"ReLU network with learning_rate = {self.learning_rate} is not possible: a number"
                " above 0"
            )


def train_ann(settings: AnnSettings, dataset: Dataset) -> float:
    """Test accuracy after the last epoch, 0 to 1."""
    labels = torch.from_numpy(dataset.train_labels.astype(np.int64))
    torch.manual_seed(key(settings.seed, "ann") % 2**63)
    network = _network(settings, dataset)
    parameters = list(network.parameters())
    adam = Adam(p.detach().numpy() for p in parameters)  # of the same memory
    for epoch in range(settings.epochs):
        rate = settings.learning_rate * 0.5 * (1.0 + cos(pi * epoch / settings.epochs))
        images = _pixels(_seen(dataset.train_images, settings, epoch))
        order = torch.from_numpy(stream(settings.seed, "order", epoch).permutation(len(images)))
        for index in order.split(settings.batch):
            network.zero_grad()
            cross_entropy(network(images[index]), labels[index]).backward()
            adam.step([p.grad.numpy() for p in parameters], rate)
    return _accuracy(network.eval(), dataset)


def _seen(images, settings, epoch):
    """The training images as this epoch has them."""
    if not (by := Warp(rotation=settings.rotation)):
        return images
    return warp(
        images, np.arange(len(images), dtype=np.uint64), by, key(settings.seed, "warp", epoch)
    )


def _pixels(images):
    return torch.from_numpy(images.astype(np.float32) / 255.0).flatten(1)


def _network(settings, dataset):
    layers, sizes = [], (dataset.train_images[0].size, *settings.hidden)
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(settings.dropout)]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], len(dataset.classes)))


@torch.no_grad()
def _accuracy(network, dataset):
    decided = network(_pixels(dataset.test_images)).argmax(1).numpy()
    return float((decided == dataset.test_labels).mean())
