"""Training of recurrent networks: what moves, what stays, and that nothing depends on the way."""

import numba
import numpy as np
import pytest
from recordings import recordings
from training import equal, few_digits, settings

from snnlab.config import Config
from snnlab.learn.health import measure_signs
from snnlab.learn.network import Network
from snnlab.learn.state import capture, restore
from snnlab.learn.trainer import Trainer
from snnlab.model.topology import Topology
from snnlab.recipes import recipe
from snnlab.runs.frames import Frames
from snnlab.runs.recorder import Recorder
from snnlab.runs.run import Run, load_weights


def trainer(recurrent="trained", weights=None, **changes):
    """A training from weights at which neurons fire."""
    if weights is None:
        weights = Network(Topology.chain((256, 40, 10), recurrent=True)).arrays()
        weights[0][:256] += 0.02
    return Trainer(settings(recurrent=recurrent, **changes), few_digits(), weights)


@pytest.mark.parametrize("gradient", ["surrogate", "eventprop"])
def test_trained_recurrent_weights_move_and_fixed_ones_stay(gradient):
    for recurrent in ("trained", "fixed"):
        training = trainer(recurrent, gradient=gradient)
        before = training.network.arrays()
        assert before[0].shape == (256 + 40, 40)
        for _ in range(3):
            training.advance()
        after = training.network.arrays()
        assert (after[0][:256] != before[0][:256]).any()
        assert (after[1] != before[1]).any()
        assert np.array_equal(after[0][256:], before[0][256:]) == (recurrent == "fixed")


def test_fixed_weights_are_those_that_are_given():
    weights = trainer().network.arrays()
    weights[0][256:] = np.random.default_rng(0).normal(0, 0.05, (40, 40))
    training = trainer("fixed", weights, rho_weight=100.0)
    training.advance()
    np.testing.assert_array_equal(
        training.network.arrays()[0][256:], weights[0][256:].astype(np.float32)
    )


def test_penalties_on_weights_include_recurrent_ones():
    training = trainer(rho_weight=100.0)
    weight = training.network.arrays()[0]
    gradient = training._forward(trial=0).loss.d_weights[0]
    np.testing.assert_allclose(gradient[256:], 200.0 / weight.size * weight[256:], rtol=1e-5)


def test_a_recurrent_training_resumes_to_the_bit(tmp_path):
    whole = trainer(dropout=0.2)
    recorder = Recorder(tmp_path / "run", trainer(dropout=0.2))
    for _ in range(3):
        whole.advance()
        recorder.advance()
    recorder.save()
    run = Run.open(tmp_path / "run")
    assert run.config.recurrent == "trained"
    assert run.record["network"] == "256-40R-10"
    again = Recorder.resume(run, few_digits())
    assert equal(whole.network.arrays(), load_weights(run.folder))
    for _ in range(2):
        whole.advance()
        again.advance()
    assert equal(whole.network.arrays(), again.trainer.network.arrays())


def test_a_captured_state_restores_recurrent_weights_and_moments():
    one, other = trainer(), trainer(seed=7)
    one.advance()
    restore(other, capture(one))
    assert equal(one.network.arrays(), other.network.arrays())
    assert one.optimizer.means[0][256:].any()
    assert equal(one.optimizer.means, other.optimizer.means)


def test_frames_remember_that_a_layer_is_recurrent(tmp_path):
    training = trainer()
    run = training.chip.run(training.test_events.take(np.arange(2)), training.weights_lsb())
    frames = Frames(np.zeros(2, int), np.arange(2), np.ones(2), run)
    frames.save(tmp_path / "frames.npz")
    read = Frames.load(tmp_path / "frames.npz").one(0)
    assert read.recurrent == (0,)
    assert read.sources(0).n_channels == 296


def test_evaluation_in_batches_and_health_see_recurrence():
    training = trainer()
    progress = training.advance()
    assert training.evaluate() == training.evaluate()
    assert measure_signs(training, progress.recording).spikes[0] > 0


def test_a_recurrent_network_learns_recordings():
    config = Config.checked(
        dataset="spikes", hidden=[30], recurrent="trained", speedup=2000.0, duration=0.2,
        readout="sum", logit_gain=30.0, batch=20, epochs=8, learning_rate=5e-3,
    )  # fmt: skip
    weights = Network(Topology.chain((20, 30, 2), recurrent=True)).arrays()
    weights[0][:20] += 0.05
    training = Trainer(config, recordings(n=120, channels=20), weights)
    accuracy = [progress.evaluation.accuracy for progress in training if progress.evaluation]
    assert training.network.topology.recurrent == (0,)
    assert accuracy[-1] > 0.9


VARIED = {
    "dataset": "spikes", "hidden": [30], "recurrent": "trained", "duration": 0.2, "readout": "sum",
    "batch": 10, "epochs": 3, "shift": 1.0, "stretch": 0.1, "blend": 0.2, "channel_noise": 1.0,
}  # fmt: skip


def on_recordings(**changes):
    """A training from weights at which neurons fire, on recordings that vary in every epoch."""
    weights = Network(Topology.chain((20, 30, 2), recurrent=True)).arrays()
    weights[0][:20] += 0.05
    config = Config.checked(**{**VARIED, **changes})
    return Trainer(config, recordings(n=60, channels=20), weights)


@pytest.mark.parametrize("gradient", ["surrogate", "eventprop"])
def test_recordings_give_the_same_bits_on_any_number_of_threads(gradient):
    found, before = [], numba.get_num_threads()
    try:
        for count in (1, before):
            numba.set_num_threads(count)
            training = on_recordings(gradient=gradient)
            evaluations = [p.evaluation for p in training if p.evaluation]
            found.append((training.network.arrays(), evaluations))
    finally:
        numba.set_num_threads(before)
    assert equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]


def test_a_training_on_recordings_resumes_to_the_bit(tmp_path):
    whole, recorder = on_recordings(), Recorder(tmp_path / "run", on_recordings())
    for _ in range(6):  # within the second epoch
        whole.advance()
        recorder.advance()
    recorder.save()
    again = Recorder.resume(Run.open(tmp_path / "run"), recordings(n=60, channels=20))
    while not whole.finished:
        one, other = whole.advance(), again.advance()
        assert one.evaluation == other.evaluation
    assert again.trainer.finished
    assert equal(whole.network.arrays(), again.trainer.network.arrays())


def test_the_recipe_of_the_papers_speech_network_runs_on_700_channels():
    config = recipe("paper-shd").config(dataset="spikes", batch=8, epochs=1)
    data = recordings(n=60, channels=700, classes=20, speakers=3, spikes=60, first=70, every=9)
    training = Trainer(config, data)
    assert str(training.mapping) == "70-186R-20"
    assert training.point.samples == 296
    progress = training.advance()
    assert np.isfinite(progress.loss)
    assert progress.recording.recurrent == (0,)


def test_the_recipe_of_spoken_digits_is_its_control_with_recurrence():
    recurrent, control = recipe("spoken-digits").settings, recipe("spoken-digits-forward").settings
    assert recurrent == {**control, "recurrent": "trained", "returned": 0.0}


def test_initial_recurrent_weights_have_the_spread_of_their_number():
    hidden, _ = Network(Topology.chain((256, 200, 10), recurrent=True)).arrays()
    assert hidden[256:].std() * np.sqrt(200) == pytest.approx(hidden[:256].std() * 16, rel=0.05)
