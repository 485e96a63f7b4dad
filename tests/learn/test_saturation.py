"""Synaptic inputs carry what a training drives through them."""

from functools import cache
from itertools import pairwise

import pytest
from conftest import real

from snnlab.chip.saturation import measure_saturation
from snnlab.learn.health import MAX_CURRENTS
from snnlab.learn.trainer import Trainer
from snnlab.recipes import recipe

IMAGES, EPOCHS = 12_000, 3
NOISE = 0.01
"""Two standard errors of the difference of two accuracies of 80 % over 12,000 images."""


@cache
def trained(**turned):
    """The paper's network on clothes after three epochs, and the share of saturated neurons."""
    few = real("fashion-mnist").first(IMAGES, 500)
    trainer = Trainer(recipe("paper-fashion").config(epochs=EPOCHS, **turned), few)
    *_, last = trainer
    weights = trainer.weights_lsb()
    found = measure_saturation(last.recording, weights, trainer.point.tau_syn)
    return trainer.epoch_accuracy, found.neurons


@pytest.mark.slow
def test_training_accuracy_does_not_fall_on_clothes():
    accuracy, saturated = trained()
    assert len(accuracy) == EPOCHS
    assert all(after >= before - NOISE for before, after in pairwise(accuracy))
    assert saturated < MAX_CURRENTS


@pytest.mark.slow
def test_a_weak_synaptic_input_costs_training_accuracy_on_clothes():
    """So the test above would see one; the network is the same but for the limit."""
    (*_, whole), _ = trained()
    (*_, weak), saturated = trained(synaptic_limit=2)
    assert weak < whole - NOISE
    assert saturated > MAX_CURRENTS
