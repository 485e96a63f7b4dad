"""Adam, and schedules of its learning rate."""

from collections.abc import Iterable
from math import cos, pi, sqrt

import numpy as np
import torch

from snnlab.chip.compiled import compiled
from snnlab.chip.kernels.arrays import FASTMATH
from snnlab.chip.threads import guarded

MEAN_DECAY, SQUARE_DECAY, EPSILON = 0.9, 0.999, 1e-8
"""Adam's usual constants (Kingma and Ba 2015)."""
EXPONENTIAL_DECAY = 0.97
"""Factor on the learning rate per epoch (Cramer et al. 2022)."""


class Adam:
    """Adam (Kingma and Ba 2015) in one compiled pass; each step takes its learning rate.

    ``means`` and ``squares`` are the running moments, float32 in the shapes of the parameters;
    ``steps`` the number of steps of each parameter.
    """

    def __init__(self, parameters: Iterable[torch.Tensor]):
        self.parameters = list(parameters)
        self.values = [p.detach().numpy() for p in self.parameters]  # of the same memory
        self.means = [np.zeros_like(v) for v in self.values]
        self.squares = [np.zeros_like(v) for v in self.values]
        self.steps = [np.zeros((), np.float32) for _ in self.values]

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        for parameter in self.parameters:
            parameter.grad = None

    def compile(self) -> None:
        """Compile the step, or load it, without making one."""
        none = np.zeros(0, np.float32)
        move(none, none, none, none, 0.0, 1.0)

    def step(self, learning_rate: float) -> None:
        """Update all parameters once from their gradients, ``grad``."""
        for k, parameter in enumerate(self.parameters):
            self.steps[k] += 1
            n = float(self.steps[k])
            move(
                self.values[k].reshape(-1), parameter.grad.numpy().reshape(-1),
                self.means[k].reshape(-1), self.squares[k].reshape(-1),
                float(learning_rate) / (1.0 - MEAN_DECAY**n), 1.0 / sqrt(1.0 - SQUARE_DECAY**n),
            )  # fmt: skip


@guarded
@compiled(nogil=True, fastmath=FASTMATH, error_model="numpy")
def move(value, gradient, mean, square, rate, root):
    """One step of Adam, in place; all arrays float32[parameter].

    rate : learning rate by the bias of the mean; root : root of the inverse bias of the square.
    """
    keep, new = np.float32(MEAN_DECAY), np.float32(1.0 - MEAN_DECAY)
    keep_square, new_square = np.float32(SQUARE_DECAY), np.float32(1.0 - SQUARE_DECAY)
    epsilon, rate, root = np.float32(EPSILON), np.float32(rate), np.float32(root)
    for k in range(value.shape[0]):
        mean[k] = keep * mean[k] + new * gradient[k]
    for k in range(value.shape[0]):
        square[k] = keep_square * square[k] + new_square * gradient[k] * gradient[k]
    for k in range(value.shape[0]):
        value[k] -= rate * mean[k] / (np.sqrt(square[k]) * root + epsilon)


def schedule_rate(schedule: str, highest: float, epochs_done: float, epochs: int) -> float:
    """Learning rate after ``epochs_done``, fractions included, of ``epochs``.

    It starts from ``highest``. schedule : "cosine" falls to zero at the last epoch and stays there,
    "exponential" by 3 % an epoch, "constant" not at all.
    """
    if schedule == "cosine":
        return highest * 0.5 * (1.0 + cos(pi * min(epochs_done / epochs, 1.0)))
    return highest * (EXPONENTIAL_DECAY ** int(epochs_done) if schedule == "exponential" else 1)
