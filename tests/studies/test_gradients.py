"""The microscope: every number of it against its definition, the command, and a whole training."""

import numpy as np
import pytest

from snnlab.chip.die import Die
from snnlab.commands.main import main
from snnlab.config import Config
from snnlab.data import load
from snnlab.errors import SnnlabError
from snnlab.learn.trainer import Trainer
from snnlab.model.gradients import COMPARED, TITLES
from snnlab.runs.recorder import Recorder
from snnlab.runs.run import Run
from snnlab.studies import gradients as microscope

DIGITS = load("digits")
SMALL = {"dataset": "digits", "hidden": [20], "epochs": 2, "batch": 200, "seed": 3}
EVENTPROP, THRESHOLD = TITLES.index("EventProp"), TITLES.index("surrogate, at the threshold")


def config(**changes):
    return Config.checked(**{**SMALL, **changes})


@pytest.fixture(scope="module")
def trainer():
    trainer = Trainer(config(hidden=[20, 10], epochs=6, batch=50, learning_rate=3e-3), DIGITS)
    while not trainer.finished:
        trainer.advance()
    return trainer


@pytest.fixture(scope="module")
def found(trainer):
    return microscope.compare(trainer, images=60, directions=6)


def test_the_method_that_trains_is_compared_with_itself(trainer, found):
    assert found.trained_by == THRESHOLD
    for layer in found.layers:
        np.testing.assert_allclose(np.diag(layer.cosine), 1.0)
        np.testing.assert_allclose(layer.cosine, layer.cosine.T)
        own = layer.neuron_cosine[THRESHOLD]
        np.testing.assert_allclose(own[np.isfinite(own)], 1.0)
    assert [layer.name for layer in found.layers] == ["hidden layer 1", "hidden layer 2", "labels"]


def test_inputs_of_every_class_are_compared():
    mixed, in_order = np.tile(np.arange(5), 40), np.repeat(np.arange(5), 40)
    assert microscope._some(mixed, 10).tolist() == list(range(10))
    assert set(in_order[microscope._some(in_order, 10)]) == set(range(5))
    assert microscope._some(in_order, 1000).tolist() == list(range(200))
    assert microscope._some(mixed, 3).tolist() == [0, 1, 2]


def test_all_methods_agree_on_the_labels_and_differ_below(found):
    labels = found.layers[-1]
    assert labels.cosine.min() > 0.9999
    np.testing.assert_allclose(labels.neuron_norm, 1.0, rtol=1e-3)
    for hidden in found.layers[:-1]:
        assert len(np.unique(hidden.norm)) == len(TITLES)
        assert hidden.cosine[THRESHOLD, EVENTPROP] < 0.99
        assert (hidden.spikes >= 0).all()


def test_its_gradients_are_those_of_a_training_step(trainer):
    """Of the cross-entropy alone, on the batch of the newest step."""
    twin = Trainer(
        config(hidden=[20, 10], rho_burst=0.0, rho_weight=0.0), DIGITS, trainer.network.arrays()
    )
    twin._feed.batch = lambda step: np.arange(60)
    batch = twin._forward(trial=5)
    twin._differentiate(batch)
    recording = batch.run.recording
    labels = twin.source.labels("train")[:60].astype(np.int64)
    d_traces, value = microscope._Loss(twin, labels).slope(recording)
    grads = microscope.gradients(twin, recording, d_traces)[THRESHOLD]
    assert value == pytest.approx(batch.loss.value)
    for ours, theirs in zip(grads, twin.gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-7)


def test_label_slopes_are_foreseen_to_within_the_noise_of_rounding(found):
    """The label layer is linear, so what the chip does there is what every gradient says."""
    labels = found.layers[-1]
    assert labels.measured.shape == (6,)
    assert labels.agreement.min() > 0.95
    assert (np.abs(labels.gain - 1.0) < 0.3).all()


def test_weights_at_their_end_are_not_moved(trainer):
    weights = trainer.network.arrays()
    weights[0][3, 4] = 1.0  # clipped to 63 LSB
    at_end = Trainer(config(hidden=[20, 10]), DIGITS, weights)
    slopes = microscope._Slopes(
        at_end, at_end.train_events.take(np.arange(5)), 1,
        microscope._Loss(at_end, at_end.source.labels("train")[:5].astype(np.int64)),
    )  # fmt: skip
    toward, measured = slopes.measure(0, 2)
    assert (toward[:, 3, 4] == 0).all()
    assert set(np.unique(toward)) == {-1, 0, 1}
    assert np.isfinite(measured).all()


def test_comparing_changes_nothing(trainer, found):
    before = trainer.network.arrays(), trainer.step
    again = microscope.compare(trainer, images=60, directions=6)
    assert all(
        np.array_equal(a, b) for a, b in zip(before[0], trainer.network.arrays(), strict=True)
    )
    assert trainer.step == before[1]
    assert str(microscope.columns([again])) == str(microscope.columns([found]))


def test_a_silent_network_is_reached_by_surrogates_only():
    silent = Trainer(
        config(), DIGITS,
        [np.full((256, 20), 1e-3), np.random.default_rng(1).normal(0, 0.1, (20, 10))],
    )  # fmt: skip
    hidden = microscope.compare(silent, directions=2).layers[0]
    assert hidden.spikes.sum() == 0
    assert hidden.reached[EVENTPROP] == 0.0 < hidden.reached[THRESHOLD]
    assert hidden.norm[EVENTPROP] == 0.0
    assert np.isnan(hidden.agreement).all(), "the chip's loss is level"
    assert "–" in microscope.table(microscope.compare(silent, directions=0))


@pytest.mark.parametrize(("title", "knobs"), COMPARED.items())
def test_the_knobs_say_which_method_trains(title, knobs):
    gradient, at_spike = knobs
    chosen = Trainer(config(gradient=gradient, at_spike=at_spike), DIGITS)
    assert TITLES[microscope.compare(chosen, images=5, directions=0).trained_by] == title


def test_a_training_is_followed_from_its_start():
    moments = list(microscope.follow(config(epochs=2), DIGITS, images=10, directions=0))
    assert [one.step for one in moments] == [0, 8, 16]
    first = list(microscope.follow(config(epochs=2), DIGITS, 1, images=10, directions=0))
    assert str(microscope.columns(first)) == str(microscope.columns(moments[:2]))


def test_a_run_that_was_continued_is_repeated_to_its_end(tmp_path):
    recorder = Recorder(tmp_path / "run", Trainer(config(epochs=1), DIGITS))
    recorder.advance()
    recorder.trainer.config.set("epochs", 3)
    while not recorder.trainer.finished:
        recorder.advance()
    moments = microscope.study(Run.open(tmp_path / "run"), epochs=3, images=10, directions=0)
    assert [one.step for one in moments] == [0, 8, 16, 24]


def test_a_training_from_given_weights_is_not_taken_for_another(tmp_path):
    weights = Trainer(config(seed=9), DIGITS).network.arrays()
    Recorder(tmp_path / "run", Trainer(config(), DIGITS, weights))
    Recorder.resume(Run.open(tmp_path / "run"), DIGITS).advance()
    run = Run.open(tmp_path / "run")
    with pytest.raises(SnnlabError, match="began with given weights, which it does not keep"):
        microscope.study(run, epochs=1)
    assert len(microscope.study(run, images=10, directions=0)) == 1


@pytest.mark.parametrize(("images", "directions"), [(0, 2), (5, -1)])
def test_what_cannot_be_compared_is_refused(trainer, images, directions):
    with pytest.raises(SnnlabError, match="give 1 image or more, 0 directions or more"):
        microscope.compare(trainer, images=images, directions=directions)


def test_a_run_is_looked_at_from_the_command_line(tmp_path, capsys, monkeypatch):
    small = ("--dataset", "digits", "--hidden", "20", "--epochs", "2", "--batch", "200")
    assert main(["train", *small, "--out", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    flags = "--images", "20", "--directions", "2"
    table, figure = tmp_path / "table.csv", tmp_path / "neurons.svg"
    command = ["gradients", str(tmp_path / "run"), *flags]
    assert main([*command, "--export", str(table), "--figure", str(figure)]) == 0
    shown = capsys.readouterr().out
    assert all(shown.count(title) == 2 for title in TITLES)
    assert "step 16" in shown
    assert len(table.read_text().splitlines()) == 1 + 2 * len(TITLES)
    assert figure.read_text().startswith("<?xml")
    figure.unlink()
    assert main([*command, "--epochs", "1", "--figure", str(figure)]) == 0
    assert "step 8" in capsys.readouterr().out
    assert figure.exists()
    monkeypatch.setattr(microscope, "study", None)  # not even begun
    assert main([*command, "--figure", str(tmp_path / "neurons.odt")]) == 2
    assert "neurons.odt: end its name in .png, .svg or .pdf" in capsys.readouterr().err


def test_a_run_is_repeated_on_its_die_and_with_its_turned_knobs(tmp_path):
    """To the bit: else its own gradients would be those of another training."""
    die = Die.draw("uncalibrated", seed=9)
    recorder = Recorder(tmp_path / "run", Trainer(config(), DIGITS, die=die))
    for step in range(recorder.trainer.steps_per_epoch):
        if step == 3:
            recorder.trainer.config.beta = 40.0
        recorder.advance()
    recorder.save()
    options = {"images": 10, "directions": 0}
    *_, again = microscope.study(Run.open(tmp_path / "run"), epochs=1, **options)
    whole = microscope.compare(recorder.trainer, **options)
    assert str(microscope.columns([again])) == str(microscope.columns([whole]))
