"""Adam, in torch's functional form, and schedules of its learning rate."""

from collections.abc import Iterable
from math import cos, pi

import torch
from torch.optim.adam import adam

FUSED = torch.__version__ >= (2, 4)
"""Whether torch moves all weights in one kernel: on the CPU from 2.4 on, which Intel Macs lack."""
EXPONENTIAL_DECAY = 0.97
"""Factor on the learning rate per epoch (Cramer et al. 2022)."""


class Adam:
    """Adam with its usual constants (Kingma and Ba 2015); each step takes its learning rate.

    torch's class would do the same, but its first use imports torch's compiler: a second of every
    start. ``means`` and ``squares`` are the running moments, ``steps`` the count of each weight.
    """

    def __init__(self, parameters: Iterable[torch.Tensor]):
        self.parameters = list(parameters)
        self.means = [torch.zeros_like(p) for p in self.parameters]
        self.squares = [torch.zeros_like(p) for p in self.parameters]
        self.steps = [torch.zeros(()) for _ in self.parameters]

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Update all weights once from their gradients."""
        adam(
            self.parameters, [p.grad for p in self.parameters], self.means, self.squares, [],
            self.steps, fused=FUSED, amsgrad=False, beta1=0.9, beta2=0.999, lr=learning_rate,
            weight_decay=0.0, eps=1e-8, maximize=False,
        )  # fmt: skip


def schedule_rate(schedule: str, highest: float, epochs_done: float, epochs: int) -> float:
    """Learning rate after ``epochs_done``, fractions included, of ``epochs``.

    It starts from ``highest``. schedule : "cosine" falls to zero at the last epoch and stays there,
    "exponential" by 3 % an epoch, "constant" not at all.
    """
    if schedule == "cosine":
        return highest * 0.5 * (1.0 + cos(pi * min(epochs_done / epochs, 1.0)))
    return highest * (EXPONENTIAL_DECAY ** int(epochs_done) if schedule == "exponential" else 1)
