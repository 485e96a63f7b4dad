"""The test images that are watched while a network learns."""

import numpy as np

from snnlab.learn.trainer import TEST_IDS, Trainer
from snnlab.runs.frames import Frames, joined
from snnlab.seeding import key


def watch(trainer: Trainer) -> Frames:
    """The first test image of each class, always with the same noise: only the network changes."""
    labels = trainer.dataset.test_labels
    images = np.sort(np.unique(labels, return_index=True)[1])[:10]
    weights, chip = trainer.weights_lsb(), trainer.chip
    seed, events = trainer.settings.seed, trainer.test_events
    shown = [
        chip.run(events.take(np.array([k])), weights, trial=key(seed, "frame", TEST_IDS + int(k)))
        for k in images
    ]
    step, scale = (np.full(len(images), v) for v in (trainer.step, trainer.network.scales()[-1]))
    return Frames(step, images, scale, joined(shown))
