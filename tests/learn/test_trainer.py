"""Training: reproducible, complete in its reports, and it learns."""

import subprocess
import sys

import numba
import numpy as np
import pytest
from training import equal, few_digits, settings, trained

from snnlab.chip import power
from snnlab.chip.emulator import Chip
from snnlab.chip.spec import BRAINSCALES2, ChipSpec
from snnlab.config import Config
from snnlab.data import load
from snnlab.errors import SnnlabError
from snnlab.events import TICK
from snnlab.learn.network import Network
from snnlab.learn.trainer import Trainer
from snnlab.model.surrogates import SHAPES
from snnlab.seeding import key


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture
def few():
    return few_digits()


def test_idle_threads_sleep_before_torch_wakes_them():
    """OpenMP reads how to wait once, when it loads; a spinning pool starves the kernels' one."""
    code = "import sys, snnlab.learn.autograd; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = run.stdout.split()
    assert modules.index("snnlab.chip") < modules.index("torch")


@pytest.fixture
def threads():
    """Sets the number of threads, and puts it back."""
    before = numba.get_num_threads()
    yield numba.set_num_threads
    numba.set_num_threads(before)


def test_training_gives_the_same_bits_on_any_number_of_threads(few, threads):
    threads(1)
    one = trained(few, hidden=[70, 20])
    threads(2)
    assert equal(trained(few, hidden=[70, 20]), one)


def test_warped_and_dropped_out_training_gives_the_same_bits_on_any_number_of_threads(few, threads):
    knobs = {"hidden": [40, 20], "rotation": 0.2, "bend": 1.0, "mirror": 0.5, "dropout": 0.3}
    threads(1)
    one = trained(few, **knobs)
    threads(2)
    assert equal(trained(few, **knobs), one)
    assert not equal(trained(few, **knobs, seed=2), one)


def test_an_image_is_warped_anew_in_every_epoch_and_never_for_a_test(few):
    trainer = Trainer(settings(batch=100, epochs=2, shift=2.0), few)
    before = trainer.test_events.tick.tobytes()
    first, second = (p.recording.inputs for p in trainer)
    first, second = (e.take(np.argsort(e.ids)) for e in (first, second))
    assert first.ids.tolist() == list(range(100))
    changed = [
        a.channel.tolist() != b.channel.tolist()
        for a, b in ((first.take([k]), second.take([k])) for k in range(100))
    ]
    assert np.mean(changed) > 0.9
    assert trainer.test_events.tick.tobytes() == before


def test_dropped_neurons_keep_silent_and_do_not_learn(few):
    config = settings(hidden=[200], dropout=0.4, rho_weight=0.0, batch=100)
    trainer = Trainer(config, few)
    before = trainer.network.arrays()[0]
    recording = trainer.advance().recording
    moved = (trainer.network.arrays()[0] != before).any(axis=0)
    fired = recording.spikes[0].count_by_channel().any(axis=0)
    assert not (fired & ~moved).any()
    assert abs((~moved).mean() - 0.4) < 4 * np.sqrt(0.24 / 200)


def test_all_neurons_fire_in_a_test_whatever_the_dropout(few):
    """The chip, not a rescaled one: as after training."""
    plain, dropping = (Trainer(settings(dropout=d), few).evaluate() for d in (0.0, 0.4))
    assert plain == dropping


def test_a_recording_lasts_as_many_samples_as_asked_for(few):
    recording = Trainer(settings(samples=7), few).advance().recording
    assert {cadc.shape[1] for cadc in recording.cadc} == {7}
    assert recording.inputs.tick.max() < 7 * BRAINSCALES2.dt_cadc / TICK


def test_the_seed_is_the_training(few):
    first = trained(few, mismatch=0.1)
    assert equal(trained(few, mismatch=0.1), first)
    assert not equal(trained(few, mismatch=0.1, seed=2), first)
    assert not equal(trained(few, mismatch=0.1, die_seed=2), first)


def test_digits_are_learnt_on_a_mismatched_chip(digits):
    config = settings(hidden=[60], batch=50, epochs=8, mismatch=0.1)
    trainer = Trainer(config, digits)
    progress = list(trainer)
    evaluations = [p.evaluation for p in progress if p.evaluation]
    assert len(evaluations) == 8
    assert evaluations[-1].accuracy > 0.85
    assert 1 < evaluations[-1].spikes < 200
    assert np.mean([p.loss for p in progress[-10:]]) < 0.3 * np.mean([p.loss for p in progress[:3]])


@pytest.mark.parametrize("shape", SHAPES)
def test_digits_are_learnt_with_every_surrogate(digits, shape):
    knobs = {"surrogate": shape, "beta": 1.0 if shape == "triangle" else 10.0}
    *_, last = Trainer(settings(hidden=[60], batch=50, epochs=4, mismatch=0.1, **knobs), digits)
    assert last.evaluation.accuracy > 0.85
    assert 1 < last.evaluation.spikes < 200


def test_a_triangle_too_narrow_for_the_membranes_learns_nothing(digits):
    config = settings(hidden=[60], batch=50, epochs=2, surrogate="triangle", beta=10.0)
    *_, last = Trainer(config, digits)
    assert last.evaluation.spikes == 0.0
    assert last.evaluation.accuracy < 0.2


def test_two_hidden_layers_learn_too(digits):
    trainer = Trainer(settings(hidden=[60, 30], batch=50, epochs=6), digits)
    *_, last = trainer
    assert last.evaluation.accuracy > 0.8


def test_progress_counts_steps_epochs_and_samples(few):
    trainer = Trainer(settings(batch=30, epochs=2), few)
    assert trainer.steps_per_epoch == 4
    progress = list(trainer)
    assert [p.step for p in progress] == list(range(1, 9))
    assert [p.epoch for p in progress] == [0] * 4 + [1] * 4
    assert [p.samples for p in progress] == [30, 30, 30, 10] * 2
    assert [p.evaluation is not None for p in progress] == [False] * 3 + [True] + [False] * 3 + [
        True
    ]
    assert all(0 <= p.accuracy <= 1 for p in progress)
    assert trainer.finished


def test_an_epoch_shows_every_image_once_in_an_order_of_its_own(few):
    orders = []
    trainer = Trainer(settings(batch=30, epochs=2), few)
    for epoch in range(2):
        ids = [trainer.advance().recording.inputs.ids for _ in range(4)]
        orders.append(np.concatenate(ids))
        assert sorted(orders[epoch].tolist()) == list(range(100))
    assert (orders[0] != orders[1]).any()


def test_noise_is_new_in_every_epoch(few):
    trainer = Trainer(settings(batch=100, epochs=2, learning_rate=0.0), few)
    first, second = (p.recording for p in trainer)
    for a, b in zip(first.cadc, second.cadc, strict=True):
        a, b = (x[np.argsort(run.inputs.ids)] for x, run in ((a, first), (b, second)))
        assert 0.1 < (a != b).mean() < 1.0
    np.testing.assert_array_equal(
        first.spikes[0].take(np.argsort(first.inputs.ids)).tick,
        second.spikes[0].take(np.argsort(second.inputs.ids)).tick,
    )


def test_progress_is_of_its_own_batch(few):
    progress = Trainer(settings(), few).advance()
    np.testing.assert_array_equal(
        progress.labels, few.train_labels[progress.recording.inputs.ids.astype(int)]
    )
    assert progress.spikes == progress.recording.spikes_per_sample()


def test_training_and_evaluation_read_out_alike(few):
    """A training by the sum minimises and counts by it."""
    trainer = Trainer(settings(readout="sum", rho_burst=0.0, rho_weight=0.0), few)
    scale = trainer.network.scales()[-1]
    first = trainer.advance()
    traces = first.recording.traces(-1).astype(float) * 240 / scale
    area = np.where(traces < 0, 0.1 * traces, traces).mean(axis=1)
    logits = 10 * area
    expected = np.log(np.exp(logits).sum(1)) - logits[np.arange(20), first.labels]
    assert first.loss == pytest.approx(expected.mean(), rel=1e-5)
    assert first.accuracy == (area.argmax(1) == first.labels).mean()
    right = [
        trainer.network.scores(run, "sum").argmax(1) == few.test_labels[part]
        for part, run in trainer.recordings()
    ]
    assert trainer.evaluate().accuracy == np.concatenate(right).mean()


def test_evaluation_is_on_the_test_images_with_noise_of_their_own(few):
    trainer = Trainer(settings(), few)
    assert not set(trainer.test_events.ids.tolist()) & set(trainer.train_events.ids.tolist())
    recording = trainer.chip.run(
        trainer.test_events, trainer.network.weights_lsb(), trial=key(1, "test", 0)
    )
    right = trainer.network.scores(recording).argmax(1) == few.test_labels
    evaluation = trainer.evaluate()
    assert evaluation.accuracy == right.mean()
    assert evaluation.spikes == recording.spikes_per_sample()
    assert trainer.evaluate() == evaluation


def test_preparing_learns_nothing(few):
    messages = []
    trainer, plain = (Trainer(settings(), few) for _ in range(2))
    before = trainer.network.arrays()
    trainer.prepare(lambda message, fraction: messages.append(message))
    assert messages
    assert equal(trainer.network.arrays(), before)
    assert trainer.step == 0
    trainer.advance()
    plain.advance()
    assert equal(trainer.network.arrays(), plain.network.arrays())


def test_training_starts_from_given_weights(few):
    weights = [w * 0.5 for w in Network((256, 40, 10), seed=9).arrays()]
    trainer = Trainer(settings(), few, weights)
    assert equal(trainer.network.arrays(), weights)


def test_hidden_weights_stay_where_six_bits_reach(few):
    weights = trained(few, learning_rate=0.1, schedule="constant", epochs=2)
    assert np.abs(weights[0]).max() == pytest.approx(63 / 240)


def test_a_network_that_does_not_fit_is_refused_before_it_trains(few):
    with pytest.raises(SnnlabError, match="Network 256-300-10 needs 630 neuron circuits"):
        Trainer(settings(hidden=[300]), few)


def test_weights_of_another_network_are_refused(few):
    with pytest.raises(SnnlabError, match="weights of layer 0 have shape"):
        Trainer(settings(), few, Network((256, 30, 10)).arrays())


def test_gradients_see_the_weights_as_rounded(few):
    """The chip of 3 bits gives the gradient of a network whose weights lie on its levels."""
    config = settings(weight_bits=3, learning_rate=0.0)
    trainer = Trainer(config, few)
    trainer.network.load_weights([5 * w for w in trainer.network.arrays()])
    pairs = zip(trainer.weights_lsb(), trainer.network.scales(), strict=True)
    on_levels = [w / np.float32(scale) for w, scale in pairs]
    other = Trainer(settings(weight_bits=6, learning_rate=0.0), few)
    other.network.load_weights(on_levels)
    assert equal(trainer.weights_lsb(), other.weights_lsb())
    trainer.config.rho_weight = other.config.rho_weight = 0.0
    for each in (trainer, other):
        each.advance()
    grads = [each.gradients for each in (trainer, other)]
    assert any(np.abs(g).max() > 0 for g in grads[0])
    assert equal(*grads)


def test_evaluation_rounds_for_the_chip_that_it_is_given(few):
    """What 3 bits make of weights is the same on a chip of 6 bits, if it is not rounded again."""
    trainer = Trainer(settings(), few)
    trainer.advance()
    chip, mapping, point = trainer.chip, trainer.mapping, trainer.chip.point
    coarse = Chip(mapping, chip.die, point, spec=ChipSpec(weight_bits=3))
    part, recording = next(iter(trainer.recordings(coarse)))
    weights = [ChipSpec(weight_bits=3).rounded(w * s) for w, s in
               zip(trainer.network.arrays(), trainer.network.scales(), strict=True)]  # fmt: skip
    by_hand = chip.run(
        trainer.test_events.take(part), weights, trial=key(trainer.settings.seed, "test", 1)
    )
    np.testing.assert_array_equal(recording.cadc[-1], by_hand.cadc[-1])


def test_energy_is_that_of_all_test_images_in_any_order(monkeypatch):
    data = load("digits")
    trainer = Trainer(Config.checked(dataset="digits", hidden=[40], seed=2), data)
    whole = trainer.evaluate().estimate
    monkeypatch.setattr("snnlab.learn.trainer.choose_evaluation_batch", lambda *_: 50)
    parts = trainer.evaluate().estimate
    assert parts.energy == pytest.approx(whole.energy, rel=1e-12)
    first = trainer.estimate(next(trainer.recordings())[1])
    assert first.energy != pytest.approx(whole.energy, rel=1e-6), "the first are not like all"


def test_a_readout_of_the_last_sample_takes_the_energy_until_then():
    trainer = Trainer(Config.checked(dataset="digits", hidden=[40], samples=20), load("digits"))
    short = trainer.evaluate().estimate
    trainer.config.set("readout", "last")
    whole = Trainer(trainer.config, load("digits")).evaluate().estimate
    assert short.latency == BRAINSCALES2.inference_period
    assert whole.latency == pytest.approx(19 * BRAINSCALES2.dt_cadc)
    assert whole.energy > 2 * short.energy


def test_a_network_in_parts_takes_as_many_times_the_energy_of_one_chip():
    """As ``snnlab map`` says of it: the parts run in turn on one chip."""
    trainer = Trainer(Config.checked(dataset="digits", hidden=[400], chips=2), load("digits"))
    assert trainer.mapping.n_parts == 2
    _, recording = next(trainer.recordings())
    once, whole = power.estimate(recording, trainer.power_mode), trainer.estimate(recording)
    assert whole.power == once.power
    assert (whole.energy, whole.latency) == (2 * once.energy, 2 * once.latency)
    assert whole.ranges["energy"] == pytest.approx([2 * side for side in once.ranges["energy"]])
