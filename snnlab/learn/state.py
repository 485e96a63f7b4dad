"""The state of a training between two steps, as arrays.

The order of images and all noise follow from seed and step, so weights, the optimizer's moments
and the step are enough to continue with the same bits.
"""

import numpy as np
import torch

from snnlab.learn.trainer import Trainer


def capture(trainer: Trainer) -> dict[str, np.ndarray]:
    """Step, weights and moments by name; copies."""
    arrays = {name: tensor.detach().numpy().copy() for name, tensor in _tensors(trainer)}
    return {"step": np.array(trainer.step), **arrays}


@torch.no_grad()
def restore(trainer: Trainer, arrays: dict[str, np.ndarray]) -> None:
    """Set a trainer of the same network to a captured state."""
    trainer.step, trainer.unreported = int(arrays["step"]), None
    for name, tensor in _tensors(trainer):
        tensor.copy_(torch.as_tensor(arrays[name]))


def _tensors(trainer):
    adam = trainer.optimizer
    for name in ("parameters", "means", "squares", "steps"):
        for k, tensor in enumerate(getattr(adam, name)):
            yield f"{name}_{k}", tensor
