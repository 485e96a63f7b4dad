"""A training that cannot go well says so: NaN, a dead network, a saturated one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from builders import spikes

from snnlab.chip.recording import Recording
from snnlab.chip.saturation import Saturated, saturated_currents, saturated_samples
from snnlab.chip.spec import BRAINSCALES2
from snnlab.commands.main import main
from snnlab.config import Config
from snnlab.data import load
from snnlab.errors import SnnlabError
from snnlab.learn.gradient.methods import GRADIENTS
from snnlab.learn.gradient.surrogate import Surrogate
from snnlab.learn.health import (
    SETTLING_STEPS,
    Signs,
    assess,
    describe_trouble,
    diagnose,
    find_falling,
    measure_signs,
)
from snnlab.learn.loss import REGULARISERS
from snnlab.learn.reach import slope_spread
from snnlab.learn.trainer import Trainer
from snnlab_app.session.studio import Studio

SIZES = (256, 40, 10)


@pytest.fixture(scope="module")
def few():
    """A hundred digits to learn, fifty to test."""
    whole = load("digits")
    parts = {f"{part}_{what}": n for part, n in (("train", 100), ("test", 50))
             for what in ("images", "labels")}  # fmt: skip
    return replace(whole, **{name: getattr(whole, name)[:n] for name, n in parts.items()})


def training(data, weights=None, **changes):
    start = {
        "dataset": "digits",
        "hidden": [40],
        "batch": 20,
        "epochs": 100,
        "schedule": "constant",
    }
    return Trainer(Config.checked(**{**start, **changes}), data, weights)


# NaN and infinity


def spoilt(trainer, layer, value):
    with torch.no_grad():
        trainer.network.weights[layer][3, 4] = value


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # numpy notices it, too
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("rho", [0.0, 1.0])
def test_a_weight_that_is_no_number_is_noticed_in_the_same_step(few, layer, value, rho):
    trainer = training(few, rho_weight=rho)
    for _ in range(7):
        trainer.advance()
    spoilt(trainer, layer, value)
    size = trainer.network.weights[layer].size
    with pytest.raises(SnnlabError) as error:
        trainer.advance()
    assert str(error.value) == (
        f"weight matrix of layer {layer} holds 1 NaN or infinite values of {size} at step 7,"
        " batch 3 of 5 in epoch 2: lower learning_rate (0.001)"
    )


def test_a_term_of_the_loss_that_is_no_number_is_named_with_its_knob(few, monkeypatch):
    trainer = training(few)
    infinite = REGULARISERS[0]._replace(function=lambda counts, strength: (np.inf, counts))
    monkeypatch.setattr("snnlab.learn.loss.REGULARISERS", (infinite,))
    said = (
        r"loss became inf \(burst penalty\) at step 0, batch 1 of 5 in epoch 1: lower learning_rate"
    )
    with pytest.raises(SnnlabError, match=rf"{said} \(0.001\), then rho_burst \(0.0005\)$"):
        trainer.advance()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("layer", [0, 1])
def test_a_gradient_that_is_no_number_moves_no_weight(few, monkeypatch, layer, value):
    trainer = training(few)
    trainer.advance()
    weights, moments = trainer.network.arrays(), [m.copy() for m in trainer.optimizer.means]
    monkeypatch.setitem(GRADIENTS, "surrogate", _spoiling(layer, value))
    with pytest.raises(SnnlabError) as error:
        trainer.advance()
    assert str(error.value) == (
        f"gradient of layer {layer} holds 2 NaN or infinite values of"
        f" {weights[layer].size} at step 1, batch 2 of 5 in epoch 1: lower learning_rate (0.001)"
    )
    for before, after in zip(weights, trainer.network.arrays(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert all(map(np.array_equal, moments, trainer.optimizer.means))
    monkeypatch.undo()
    assert trainer.advance().step == 2, "it can go on from where it was"


def _spoiling(layer, value):
    """The gradient method in use, with two of its values replaced."""

    class Spoiling(GRADIENTS["surrogate"]):
        def backward(self, *arguments):
            grads = super().backward(*arguments)
            grads[layer][[0, 1], [0, 1]] = value
            return grads

    return Spoiling


@pytest.mark.parametrize("rate", [1e30, 1e38, 1e39])
def test_a_learning_rate_beyond_all_bounds_is_named(few, monkeypatch, rate):
    monkeypatch.setattr(Trainer, "learning_rate", rate)
    with pytest.raises(SnnlabError, match=r"at step \d+, batch \d of 5 .*: lower learning_rate"):
        list(training(few))


def test_a_training_that_stops_for_nan_is_one_line_and_keeps_its_run(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "learning_rate", 1e38)
    flags = ("--dataset", "digits", "--hidden", "40", "--out", str(tmp_path / "run"))
    assert main(["train", *flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith("snnlab: ")
    assert "lower learning_rate" in error
    assert error.count("\n") == 1
    monkeypatch.undo()
    assert main(["runs", "--root", str(tmp_path), "resume", "run", "--epochs", "1"]) == 0


# What learns no more

SOUND = Signs(
    rate=1e-3, beta=10.0, reached=0.3, spread=2.0, spikes=(20.0,), clipped=0.0, busy=0.0, lost=()
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rate": 0.0}, "learning rate is zero"),
        ({"spikes": (0.0,)}, "the hidden neurons are silent"),
        ({"spikes": (20.0, 0.2)}, "hidden layer 2 of 2 is silent"),
        ({"spikes": (0.0,)}, "Lower the burst regularisation or the steepness of the surrogate"),
        (
            {"spikes": (0.0,), "reached": np.nan},
            "EventProp changes only neurons that fire. Raise",
        ),
        ({"clipped": 0.4}, "40% of the hidden weights are cut at ±63"),
        ({"busy": 0.8}, "80% of the hidden neurons fire as often as their refractory period"),
        ({"lost": ("boot",)}, "stalls for “boot”: the label's potential stays at rest"),
        ({"lost": ("boot", "bag")}, "stalls for “boot” and “bag”"),
        ({"saturated": Saturated(0.2, 0.1)}, "synaptic inputs of 20% of the neurons saturate"),
        ({"saturated": Saturated(0.0, 0.7)}, "70% of the hidden CADC samples lie at an end"),
        (
            {"falling": (0.81, 0.8, 0.775), "saturated": Saturated(0.021, 0.64)},
            "fallen for 2 epochs, from 81.0% to 77.5%; the synaptic inputs of 2.1% of the neurons"
            " and 64% of the hidden CADC samples are saturated",
        ),
        ({"reached": 0.01}, "so narrow that only 1.0%"),
        ({"spread": 0.05}, "so flat"),
    ],
)
def test_trouble_is_named_with_its_cure(change, said):
    text = describe_trouble(SOUND._replace(**change))
    assert said in text
    assert "\n" not in text
    assert text.split(". ")[-1].startswith(("Raise", "Lower"))


def test_health_is_not_trouble():
    assert describe_trouble(SOUND) is None


@pytest.mark.parametrize(
    ("accuracy", "falls"),
    [
        ([0.80, 0.79, 0.78], True), ([0.7, 0.80, 0.79, 0.78], True), ([0.80, 0.79], False),
        ([0.80, 0.78, 0.79], False), ([0.80, 0.80, 0.78], False), ([0.8, 0.7999, 0.7998], False),
        ([0.80, 0.79, 0.78, 0.785], False), ([], False),
    ],
)  # fmt: skip
def test_a_training_accuracy_that_falls_for_two_epochs_is_found_but_not_noise(accuracy, falls):
    found = find_falling(accuracy, 60_000)
    assert found == (tuple(accuracy[-3:]) if falls else ())
    assert find_falling(accuracy, 20) == ()


def test_a_few_digits_less_than_all_are_noise():
    """What a turn of mismatch did to 1,438 digits that were all learnt."""
    assert find_falling([1.0, 0.9986, 0.997], 1438) == ()
    assert find_falling([1.0, 0.995, 0.985], 1438) != ()


def test_a_trainer_keeps_the_training_accuracy_of_its_epochs(few):
    trainer = training(few, epochs=2, batch=60)
    steps = list(trainer)
    assert [step.samples for step in steps] == [60, 40] * 2, "the last batch is smaller"
    right = np.reshape([step.accuracy * step.samples for step in steps], (2, -1))
    np.testing.assert_allclose(trainer.epoch_accuracy, right.sum(axis=1) / 100)


@pytest.mark.parametrize("inputs", [128, 129])  # of one circuit and of two
def test_saturated_currents_are_those_that_enough_full_spikes_reach(inputs):
    """At once, or a few more where some of the first has decayed."""
    limit = BRAINSCALES2.synaptic_limit * (1 if inputs == 128 else 2)
    lsb = np.array([[63, 63, 30]] * inputs, np.int8) * np.array([1, -1, 1], np.int8)
    at_once = [[(100, k) for k in range(count)] for count in (limit - 1, limit)]
    late = [[(k * 100, k) for k in range(limit + 1)]]  # 0.8 µs apart: most of it has decayed
    for came, expected in ((at_once[:1], 0.0), (at_once[1:], 2 / 3), (late, 0.0)):
        recording = Recording(spikes(came, inputs), (), ())
        assert saturated_currents(recording, lsb, 0, 6e-6) == pytest.approx(expected)


def test_saturated_samples_are_those_at_the_ends_of_the_converter():
    cadc = np.full((1, 5, 4), 80, np.uint8)
    cadc[0, 2:4, 0], cadc[0, 4, 1] = BRAINSCALES2.cadc_min_lsb, BRAINSCALES2.cadc_max_lsb
    recording = Recording(spikes([[]], 2), (spikes([[]], 4),), (cadc,))
    assert saturated_samples(recording, 0) == 3 / 16


def test_the_spread_is_that_of_the_derivatives_at_the_membranes():
    edges, share = np.array([-0.5, 0.5, 1.5]), np.array([0.75, 0.25])  # at 0 and at 1
    for shape, rest in (("superspike", 1 / 9), ("arctan", 1 / (1 + np.pi**2)), ("triangle", 0.0)):
        mean = 0.75 * rest + 0.25
        expected = np.sqrt(0.75 * (rest - mean) ** 2 + 0.25 * (1 - mean) ** 2) / mean
        assert slope_spread(edges, share, Surrogate(2.0, shape=shape)) == pytest.approx(expected)
    assert slope_spread(edges, np.array([0.5, 0.5]), Surrogate(1e-9)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("shape", ["triangle", "sigmoid"])
def test_a_derivative_of_zero_is_not_taken_for_a_flat_one(shape):
    at_rest = np.array([-0.5, 0.5, 1.5]), np.array([1.0, 0.0])
    spread = slope_spread(*at_rest, Surrogate(1e4, shape=shape))
    assert spread == np.inf
    assert describe_trouble(SOUND._replace(spread=spread)) is None


def constant(hidden):
    """Weights whose hidden ones are all the same, in LSB."""
    labels = np.random.default_rng(0).normal(0.0, 0.05, SIZES[1:])
    return [np.full(SIZES[:2], hidden / 240, np.float32), labels.astype(np.float32)]


def settled(trainer):
    """Diagnosis and signs after the settling steps."""
    for _ in range(SETTLING_STEPS):
        progress = trainer.advance()
    return diagnose(trainer, progress.recording), measure_signs(trainer, progress.recording)


def test_a_dead_network_is_told(few):
    why, found = settled(training(few, constant(-20), learning_rate=1e-5))
    assert found.spikes == (0.0,)
    assert "the hidden neurons are silent" in why


def test_a_second_layer_that_is_dead_is_told(few):
    rng = np.random.default_rng(1)
    weights = [
        rng.normal(0.02, 0.05, (256, 40)),
        np.full((40, 30), -0.1),
        rng.normal(size=(30, 10)),
    ]
    weights = [w.astype(np.float32) for w in weights]
    why, found = settled(training(few, weights, hidden=[40, 30], learning_rate=1e-5))
    assert found.spikes[0] > 10 > found.spikes[1]
    assert "hidden layer 2 of 2 is silent" in why


def test_a_network_that_fires_without_end_is_told(few):
    why, found = settled(training(few, constant(40), learning_rate=1e-5, rho_burst=0.0))
    assert found.clipped == 0.0
    assert found.spikes[0] > 300
    assert "fire as often as their refractory period" in why


def test_a_label_that_stays_at_rest_is_told(few):
    rng = np.random.default_rng(2)
    weights = [rng.normal(0.02, 0.05, SIZES[:2]), rng.uniform(0.02, 0.1, SIZES[1:])]
    weights[1][:, 7] = -0.2
    weights = [w.astype(np.float32) for w in weights]
    why, found = settled(training(few, weights, batch=50, learning_rate=1e-4))
    assert found.lost == ("7",)
    assert "stalls for “7”" in why


def test_no_label_of_a_training_that_learns_is_lost(few):
    trainer = training(few, batch=50)
    for _ in range(3):
        why, found = settled(trainer)
        assert found.lost == ()
    assert why is None


def test_weights_at_their_ends_are_told(few):
    """By training: with far too large steps weights run from end to end."""
    why, found = settled(training(few, learning_rate=0.1, rho_burst=0.0, rho_weight=0.0))
    assert found.clipped > 0.3
    assert "silent" in why or "weights are cut at ±63" in why
    why, found = settled(training(few, constant(63), learning_rate=1e-5, rho_burst=0.0))
    assert found.clipped == 1.0
    assert "100% of the hidden weights are cut at ±63" in why


@pytest.mark.parametrize("knobs", [{}, {"hidden": [40, 30]}, {"tau_ref": 32e-6}, {"samples": 6}])
def test_a_training_that_learns_is_left_in_peace(few, knobs):
    trainer = training(few, learning_rate=3e-3, **knobs)
    assert diagnose(trainer, trainer.advance().recording) is None, "silent, but it has just begun"
    while trainer.step < 2 * SETTLING_STEPS:
        progress = trainer.advance()
    assert diagnose(trainer, progress.recording) is None


def test_healthy_is_never_said_where_hardly_any_neuron_receives_gradient(few):
    """From the first step to the last: untrained, silent, and with a surrogate made too narrow."""
    trainer = training(few, constant(-200), learning_rate=1e-5)
    studio, seen = Studio(trainer), set()
    studio.progress = trainer.prepare(lambda *stage: None)
    while trainer.step <= SETTLING_STEPS:
        picture = studio.take("learn", {})
        assert picture.reached == 0.0
        seen.add(picture.verdict.split()[0])
        studio.progress = trainer.advance()
    assert seen == {"Too", "Learning"}


def test_a_training_that_learns_is_healthy_once_it_can_be_judged(few):
    trainer = training(few, learning_rate=3e-3)
    assert assess(trainer, None).startswith("Too early to judge")
    for _ in range(2 * SETTLING_STEPS):
        progress = trainer.advance()
    trouble = diagnose(trainer, progress.recording)
    assert (trouble, assess(trainer, trouble)) == (None, "Healthy.")
    trouble = describe_trouble(SOUND._replace(reached=0.004))
    assert assess(trainer, trouble) == trouble


@pytest.mark.parametrize(("hidden", "said"), [(-20, "are silent"), (63, "are cut at ±63")])
def test_the_learn_view_shows_it(few, hidden, said):
    trainer = training(few, constant(hidden), learning_rate=1e-5, rho_burst=0.0)
    studio = Studio(trainer)
    for _ in range(SETTLING_STEPS):
        studio.progress = trainer.advance()
    assert said in studio.take("learn", {}).trouble


def test_the_command_line_warns_once(capsys, tmp_path):
    np.savez(tmp_path / "w.npz", **{f"layer_{k}": w for k, w in enumerate(constant(-20))})
    flags = ("--weights", str(tmp_path / "w.npz"), "--learning-rate", "1e-5", "--epochs", "4")
    small = ("--dataset", "digits", "--hidden", "40", "--out", str(tmp_path / "run"))
    assert main(["train", *small, *flags]) == 0
    out = capsys.readouterr().out
    lines = [line for line in out.splitlines() if line.startswith("warning: ")]
    assert len(lines) == 1
    assert "the hidden neurons are silent" in lines[0]
    assert out.index("epoch   2") < out.index("warning: ") < out.index("epoch   3")
