"""What tests of learning share: small data and settings, recorded runs, distances."""

from functools import cache

import numpy as np
from builders import random_spikes, random_weights

from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2
from snnlab.config import Config
from snnlab.data import load
from snnlab.learn.gradient.model import IdealModel
from snnlab.learn.trainer import Trainer

MODEL = IdealModel(OperatingPoint.tau_mem, OperatingPoint.tau_syn)
MODELS = [MODEL, IdealModel(9e-6, 4e-6)]


@cache
def few_digits():
    """A hundred digits to learn, fifty to test; not to be changed."""
    return load("digits").first(100, 50)


def relative(a, b):
    """Distance of two arrays, in lengths of the second."""
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def recorded(sizes, seed=1, model=MODEL, recurrent=()):
    """A run on a noisy, mismatched chip, with weights as rounded, in model units."""
    rng = np.random.default_rng(seed)
    point = OperatingPoint(model.tau_mem, model.tau_syn)
    chip = Chip(Mapping(sizes, recurrent=recurrent), Die.draw(sigma=0.2, seed=seed), point)
    lsb = random_weights(rng, sizes, spread=20, mean=10, recurrent=recurrent)
    for k in recurrent:
        lsb[k][sizes[k] :] = rng.permutation(lsb[k][sizes[k] :] // 2)
    recording = chip.run(random_spikes(rng, 12, sizes[0], rate=0.8), lsb, trial=seed)
    assert all(len(layer.tick) > 100 for layer in recording.spikes)
    return (
        rng,
        point,
        recording,
        [w.astype(np.float32) / np.float32(BRAINSCALES2.weight_scale) for w in lsb],
    )


def settings(**changes):
    start = {"dataset": "digits", "hidden": [40], "batch": 20, "epochs": 1, "learning_rate": 3e-3}
    return Config.checked(**(start | changes))


def trained(data, **changes):
    """Weights after all epochs."""
    trainer = Trainer(settings(**changes), data)
    for _ in trainer:
        pass
    return trainer.network.arrays()


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
