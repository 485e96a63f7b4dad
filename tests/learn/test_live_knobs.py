"""Knobs turned between two steps of a training."""

import numpy as np
import pytest
from recordings import recordings
from training import equal, few_digits, settings

from snnlab.chip.spec import ChipSpec
from snnlab.config import Config
from snnlab.learn.trainer import Trainer


@pytest.fixture
def few():
    return few_digits()


def after_turning(data, **turned):
    """Weights after one step, some knobs, and another step."""
    config = settings(schedule="constant")
    trainer = Trainer(config, data)
    trainer.advance()
    for name, value in turned.items():
        config.set(name, value)
    progress = trainer.advance()
    return trainer, progress


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("beta", 40.0), ("rho_burst", 0.5), ("rho_weight", 50.0), ("rho_readout", 1.0),
        ("learning_rate", 1e-2), ("mismatch", 0.3), ("cadc_noise", 5.0), ("die", "ideal"),
        ("die_seed", 7), ("threshold_drift", 0.1), ("spike_jitter", 5e-7),
        ("calibration", "measured"), ("dead", 0.2), ("stuck", 0.02), ("logit_gain", 3.0),
        ("label_smoothing", 0.2), ("dropout", 0.5), ("rotation", 0.2), ("shift", 1.0),
        ("stretch", 0.1), ("bend", 1.0), ("mirror", 0.5), ("rho_silent", 10.0),
        ("killed", list(range(100))), ("at_spike", "overshoot"),
        ("surrogate", "triangle"), ("weight_bits", 4), ("cadc_bits", 4),
        ("synaptic_limit", 1), ("gradient", "eventprop"),
    ],
)  # fmt: skip
def test_a_live_knob_takes_effect_at_the_next_step(few, name, value):
    plain, _ = after_turning(few)
    turned, _ = after_turning(few, **{name: value})
    assert not equal(turned.network.arrays(), plain.network.arrays())


@pytest.mark.parametrize(
    ("name", "value"), [("shift", 2.0), ("stretch", 0.2), ("channel_noise", 2.0), ("blend", 1.0)]
)
def test_a_live_knob_of_recordings_takes_effect_at_the_next_step(name, value):
    data = recordings(n=60)
    plain, _ = after_turning(data)
    turned, _ = after_turning(data, **{name: value})
    assert not equal(turned.network.arrays(), plain.network.arrays())


def test_the_share_of_the_gradient_that_returns_takes_effect_at_the_next_step(few):
    found = []
    for returned in (1.0, 0.0):
        trainer = Trainer(settings(recurrent="trained"), few)
        trainer.advance()
        trainer.config.set("returned", returned)
        trainer.advance()
        found.append(trainer.network.arrays())
    assert not equal(*found)


def test_every_live_knob_is_tested_above():
    tests = (
        test_a_live_knob_takes_effect_at_the_next_step,
        test_a_live_knob_of_recordings_takes_effect_at_the_next_step,
    )
    tested = {name for test in tests for name, _ in test.pytestmark[0].args[1]}
    assert tested | {"epochs", "least_spikes", "returned"} == Config.LIVE


def test_the_least_activity_takes_effect_at_the_next_step(few):
    plain, _ = after_turning(few, rho_silent=10.0)
    turned, _ = after_turning(few, rho_silent=10.0, least_spikes=1.0)
    assert not equal(turned.network.arrays(), plain.network.arrays())


@pytest.mark.parametrize("name", ["tau_mem", "batch", "seed", "schedule", "theta_in", "samples"])
def test_other_knobs_wait_for_a_new_training(few, name):
    values = {"tau_mem": 9e-6, "batch": 10, "seed": 8, "schedule": "cosine", "theta_in": 0.5}
    value = (values | {"samples": 9})[name]
    plain, _ = after_turning(few)
    turned, _ = after_turning(few, **{name: value})
    assert equal(turned.network.arrays(), plain.network.arrays())


def test_mismatch_deepens_the_die_under_the_network(few):
    trainer, _ = after_turning(few)
    before = trainer.chip.die
    assert trainer.chip.die is before
    trainer.config.mismatch = 0.3
    after = trainer.chip.die
    assert after.tau_mem.std() > 3 * before.tau_mem.std()
    np.testing.assert_array_equal(after.gain, before.gain)


def test_noise_is_heard_in_the_next_recording(few):
    _, silent = after_turning(few, cadc_noise=0.0, die="ideal")
    assert (silent.recording.cadc[0][:, 0] == 80).all()
    _, loud = after_turning(few, cadc_noise=8.0, die="ideal")
    assert loud.recording.cadc[0][:, 0].std() == pytest.approx(8.0, rel=0.2)


def test_no_learning_rate_no_learning(few):
    trainer, _ = after_turning(few, learning_rate=0.0)
    before = trainer.network.arrays()
    trainer.advance()
    assert equal(trainer.network.arrays(), before)


def test_fewer_epochs_stop_the_training(few):
    config = settings(epochs=50)
    trainer = Trainer(config, few)
    for progress in trainer:
        if progress.evaluation:
            config.epochs = 1
    assert trainer.step == trainer.steps_per_epoch


def test_more_epochs_carry_on(few):
    config = settings(epochs=1)
    trainer = Trainer(config, few)
    assert len(list(trainer)) == 5
    config.epochs = 2
    assert len(list(trainer)) == 5


@pytest.mark.parametrize("bits", [2, 4, 5])
def test_weights_and_samples_have_the_bits_of_the_next_step(few, bits):
    trainer, progress = after_turning(few, weight_bits=bits, cadc_bits=bits + 1)
    spec = ChipSpec(weight_bits=bits, cadc_bits=bits + 1)
    assert trainer.chip.spec == progress.recording.spec == spec
    for mine, full in zip(trainer.weights_lsb(), trainer.network.weights_lsb(), strict=True):
        assert set(mine.ravel()) <= set(spec.weight_levels)
        assert not set(full.ravel()) <= set(spec.weight_levels)
        assert np.abs(mine.astype(int) - full).max() <= spec.weight_step / 2 + 1
    for cadc in progress.recording.cadc:
        assert (cadc % 2 ** (7 - bits) == 0).all()
    trainer.config.set("weight_bits", 6)
    assert equal(trainer.weights_lsb(), trainer.network.weights_lsb())
