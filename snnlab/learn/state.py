"""The state of a training between two steps, as arrays.

The order of images and all noise follow from seed and step, so weights, the optimizer's moments
and the step are enough to continue with the same bits.
"""

import numpy as np

from snnlab.learn.trainer import Trainer


def capture(trainer: Trainer) -> dict[str, np.ndarray]:
    """Step, weights and moments by name; copies."""
    arrays = {name: array.copy() for name, array in _arrays(trainer)}
    return {"step": np.array(trainer.step), **arrays}


def restore(trainer: Trainer, arrays: dict[str, np.ndarray]) -> None:
    """Set a trainer of the same network to a captured state."""
    trainer.step, trainer.unreported = int(arrays["step"]), None
    for name, array in _arrays(trainer):
        array[...] = arrays[name]


def _arrays(trainer):
    adam = trainer.optimizer
    kept = {
        "parameters": adam.values, "means": adam.means, "squares": adam.squares, "steps": adam.steps
    }  # fmt: skip
    for name, layers in kept.items():
        for k, array in enumerate(layers):
            yield f"{name}_{k}", array
