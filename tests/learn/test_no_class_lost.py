"""No label stays at rest for good, wherever its first steps drive it."""

import pytest
import torch
from conftest import real

from snnlab.config import Config
from snnlab.data import load
from snnlab.learn.health import find_lost
from snnlab.learn.trainer import Trainer
from snnlab.model import readout
from snnlab.recipes import recipe

STEPS = 120


@pytest.mark.parametrize("rule", ["sum", "fading"])
def test_a_label_below_rest_receives_gradient(rule):
    traces = -torch.rand(2, 8, 3, generator=torch.Generator().manual_seed(1))
    traces.requires_grad_()
    readout.scores(traces, rule).sum().backward()
    assert (traces.grad > 0).all()


def after_some_steps(name, seed, data, **changes):
    config = recipe(name).config(seed=seed, die_seed=seed, epochs=100, **changes)
    trainer = Trainer(config, data)
    while trainer.step < STEPS:
        trainer.advance()
    return find_lost(trainer)


def test_a_readout_blind_below_rest_loses_labels_for_good(monkeypatch):
    """The cause, so that the tests below are known to find it."""
    monkeypatch.setattr(readout, "BELOW_REST", 0.0)
    monkeypatch.setattr(readout, "_above_rest", lambda traces: traces * (traces > 0))
    monkeypatch.setattr(readout, "_slope", lambda traces: traces > 0)
    found = after_some_steps("best", 3, load("digits"), dataset="digits", **Config.IDEAL)
    assert len(found) > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 9))
@pytest.mark.parametrize("chip", ["in the loop", "software"])
@pytest.mark.parametrize("name", ["default", "best", "fashion-best", "eventprop"])
def test_no_label_is_lost_on_digits(name, chip, seed):
    changes = {"dataset": "digits", **(Config.IDEAL if chip == "software" else {})}
    assert after_some_steps(name, seed, load("digits"), **changes).size == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
@pytest.mark.parametrize("chip", ["in the loop", "software"])
@pytest.mark.parametrize("name", ["default", "best", "eventprop"])
def test_no_label_is_lost_on_mnist(name, chip, seed):
    few = real("mnist").first(6000, 500)
    changes = Config.IDEAL if chip == "software" else {}
    assert after_some_steps(name, seed, few, **changes).size == 0
