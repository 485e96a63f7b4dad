"""Measurements of a trained network: over readout time, with silenced neurons, on other dies."""

import numpy as np

from snnlab.chip import power
from snnlab.chip.spec import BRAINSCALES2
from snnlab.config import Config
from snnlab.learn.setup import TRIAL_NOISE
from snnlab.learn.trainer import Trainer
from snnlab.studies.decision import accuracy_over_time, decided_within
from snnlab.studies.stress import SHARES, SIGMAS, without

DECISION = 8e-6
"""Time from the first input spike at which the paper's accuracy peaks : s."""
DRAWS = 5


def examine(trainer: Trainer) -> dict:
    """Plain numbers: accuracy within 8 µs and over readout time; power and energy, estimates.

    Images follow one another every 11.8 µs as in the paper, or sooner if less was recorded.
    """
    labels, readout = trainer.dataset.test_labels, trainer.settings.readout
    within, over_time, activity = 0, 0.0, []
    for part, recording in trainer.recordings():
        within += int((decided_within(recording, DECISION, readout) == labels[part]).sum())
        over_time += len(part) * accuracy_over_time(recording, labels[part], readout)[1]
        activity.append(power.count(recording))
    estimate = power.mean(activity)
    return {
        "within_8us": within / len(labels),
        "times": [BRAINSCALES2.dt_cadc * k for k in range(len(over_time))],
        "accuracy_over_time": (over_time / len(labels)).tolist(),
        "power": estimate.power,
        "energy": estimate.energy,
        "energy_range": list(estimate.ranges["energy"]),
        "rate": estimate.rate,
    }


def silenced(trainer: Trainer) -> dict[str, float]:
    """Accuracy by the share of hidden neurons that no longer fire, mean of five random choices."""
    return {
        str(share): float(np.mean([
            without(trainer, share, draw).accuracy for draw in range(DRAWS if share else 1)
        ]))
        for share in SHARES
    }  # fmt: skip


def transferred(trainer: Trainer) -> dict[str, float]:
    """Accuracy by decalibration when the weights are put on calibrated dies, with trial noise.

    The network is not trained further. Changes the trainer's knobs.
    """
    trainer.config.set("die", "calibrated")
    for name in TRIAL_NOISE:
        trainer.config.set(name, Config.param[name].default)
    found = {}
    for sigma in SIGMAS:
        trainer.config.set("mismatch", sigma)
        found[str(sigma)] = trainer.evaluate().accuracy
    return found


MEASURES = {"silenced": silenced, "transferred": transferred}
