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
    ours = [p.clone().numpy() for p in start]
    theirs = [p.clone().requires_grad_() for p in start]
    adam, twin = Adam(ours), torch.optim.Adam(theirs, lr=1.0)
    for step in range(50):
        twin.param_groups[0]["lr"] = rate = (1e-3, 5e-3, 1e-4)[step % 3]
        for b in theirs:
            b.grad = torch.randn(b.shape, generator=generator)
        adam.step([b.grad.numpy() for b in theirs], rate)
        twin.step()
    for a, b, first in zip(ours, theirs, start, strict=True):
        moved = torch.from_numpy(a) - first
        torch.testing.assert_close(moved, (b - first).detach(), rtol=1e-5, atol=2e-7)


def test_a_gradient_of_zero_moves_nothing():
    weight = np.ones((3, 2), np.float32)
    Adam([weight]).step([np.zeros((3, 2), np.float32)], 0.1)
    assert (weight == 1.0).all()


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
