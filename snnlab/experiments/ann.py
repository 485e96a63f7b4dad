"""The yardstick without spikes: a ReLU network of equal size on the same pictures."""

from dataclasses import dataclass
from itertools import pairwise
from math import cos, pi

import numpy as np
import torch
from torch import nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from snnlab.data import Dataset
from snnlab.learn.optimizer import Adam
from snnlab.seeding import key, stream


@dataclass(frozen=True)
class AnnSettings:
    """How the network is trained: Adam with a cosine schedule, nothing chosen on test images.

    rotation : largest angle, degrees; dropout : share of hidden neurons, 0 to 1.
    """

    hidden: tuple[int, ...] = (246,)
    epochs: int = 30
    learning_rate: float = 1e-3
    batch: int = 100
    rotation: float = 0.0
    dropout: float = 0.0
    seed: int = 1


def train_ann(settings: AnnSettings, dataset: Dataset) -> float:
    """Test accuracy after the last epoch, 0 to 1."""
    images = torch.from_numpy(dataset.train_images.astype(np.float32) / 255.0)
    labels = torch.from_numpy(dataset.train_labels.astype(np.int64))
    torch.manual_seed(key(settings.seed, "ann") % 2**63)
    network = _network(settings, dataset)
    adam = Adam(network.parameters())
    angles = stream(settings.seed, "rotation")
    for epoch in range(settings.epochs):
        rate = settings.learning_rate * 0.5 * (1.0 + cos(pi * epoch / settings.epochs))
        order = torch.from_numpy(stream(settings.seed, "order", epoch).permutation(len(images)))
        for index in order.split(settings.batch):
            adam.zero_grad()
            batch = _turned(images[index], settings.rotation, angles)
            cross_entropy(network(batch.flatten(1)), labels[index]).backward()
            adam.step(rate)
    return _accuracy(network.eval(), dataset)


def _network(settings, dataset):
    layers, sizes = [], (dataset.train_images[0].size, *settings.hidden)
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(settings.dropout)]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], len(dataset.classes)))


def _turned(images, most, stream):
    """Pictures turned about their middle by up to ``most`` degrees : float32, same shape."""
    if not most:
        return images
    angle = torch.from_numpy(np.deg2rad(stream.uniform(-most, most, len(images))).astype("f4"))
    zero = torch.zeros_like(angle)
    rows = ((angle.cos(), -angle.sin(), zero), (angle.sin(), angle.cos(), zero))
    turn = torch.stack([torch.stack(row, 1) for row in rows], 1)
    shape = (len(images), 1, *images.shape[1:])
    grid = affine_grid(turn, shape, align_corners=False)
    return grid_sample(images.reshape(shape), grid, align_corners=False)[:, 0]


@torch.no_grad()
def _accuracy(network, dataset):
    images = torch.from_numpy(dataset.test_images.astype(np.float32) / 255.0)
    decided = network(images.flatten(1)).argmax(1).numpy()
    return float((decided == dataset.test_labels).mean())
