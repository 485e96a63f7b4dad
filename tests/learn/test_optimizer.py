"""Adam and the schedules of its learning rate."""

import numpy as np
import pytest
import torch
from training import few_digits, settings

from snnlab.learn.optimizer import Adam
from snnlab.learn.trainer import Trainer


def test_adam_moves_as_torchs_does():
    """To rounding error of float32, over many steps."""
    generator = torch.Generator().manual_seed(1)
    start = [torch.randn(shape, generator=generator) for shape in ((7, 5), (5, 3))]
    ours = [p.clone().requires_grad_() for p in start]
    theirs = [p.clone().requires_grad_() for p in start]
    adam, twin = Adam(ours), torch.optim.Adam(theirs, lr=1.0)
    for step in range(50):
        twin.param_groups[0]["lr"] = rate = (1e-3, 5e-3, 1e-4)[step % 3]
        for a, b in zip(ours, theirs, strict=True):
            gradient = torch.randn(a.shape, generator=generator)
            a.grad, b.grad = gradient, gradient.clone()
        adam.step(rate)
        twin.step()
    for a, b, first in zip(ours, theirs, start, strict=True):
        torch.testing.assert_close(a - first, b - first, rtol=1e-5, atol=2e-7)
    adam.zero_grad()
    assert all(p.grad is None for p in ours)


def test_a_gradient_of_zero_moves_nothing():
    weight = torch.ones(3, 2, requires_grad=True)
    adam = Adam([weight])
    weight.grad = torch.zeros(3, 2)
    adam.step(0.1)
    assert torch.equal(weight, torch.ones(3, 2))


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("constant", [1.0, 1.0, 1.0, 1.0]),
        ("exponential", [1.0, 1.0, 0.97, 0.97]),
        ("cosine", [1.0, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5]),
    ],
)
def test_the_learning_rate_follows_its_schedule(schedule, rates):
    trainer = Trainer(settings(schedule=schedule, batch=50, epochs=2), few_digits())
    got = []
    for rate in rates:
        got.append(trainer.learning_rate / 3e-3)
        before = trainer.network.arrays()
        trainer.advance()
        # Adam's first steps move a weight by about the rate, whatever the gradient.
        moved = max(
            np.abs(a - b).max() for a, b in zip(before, trainer.network.arrays(), strict=True)
        )
        assert 0.5 * rate < moved / 3e-3 < 2.0 * rate
    assert got == pytest.approx(rates)
    assert trainer.finished
