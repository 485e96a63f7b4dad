"""A visitor's session, without a page: the worker, its orders and its snapshots."""

import time

import numpy as np
import pytest
from conftest import until

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab_app.session.history import MOST, History
from snnlab_app.session.local import Session


@pytest.fixture
def session():
    session = Session(Config.checked(dataset="digits", epochs=10_000, schedule="constant")).start()
    until(lambda: session.state != "loading")
    yield session
    session.close()


def test_it_loads_and_shows_the_untrained_network(session):
    assert session.state == "ready"
    assert session.message == "digits: bundled with scikit-learn"
    snapshot = session.snapshot
    assert snapshot.step == 0
    assert snapshot.test_accuracy < 0.35
    assert snapshot.history["step"].tolist() == [0]
    assert snapshot.frame.image.shape == (16, 16)


def test_step_is_one_weight_update(session):
    session.step()
    until(lambda: session.snapshot.step == 1)
    time.sleep(0.1)
    assert (session.state, session.snapshot.step) == ("paused", 1)


def test_it_trains_until_paused(session):
    session.play()
    until(lambda: session.snapshot.step > 60)
    session.pause()
    until(lambda: session.state == "paused")
    step = session._trainer.step
    time.sleep(0.2)
    assert session._trainer.step == step
    assert (
        session.snapshot.history["accuracy"][-5:].mean() > session.snapshot.history["accuracy"][0]
    )


def test_snapshots_are_never_changed_after_they_were_taken(session):
    session.play()
    until(lambda: session.snapshot.step > 5)
    taken = session.snapshot
    copies = {name: values.copy() for name, values in taken.history.items()}
    step = taken.step
    until(lambda: session.snapshot.step > step + 20)
    assert taken.step == step
    for name, values in copies.items():
        np.testing.assert_array_equal(taken.history[name], values)


def test_reset_begins_anew_with_the_same_seed(session):
    session.step()
    until(lambda: session.snapshot.step == 1)
    loss = session.snapshot.history["loss"]
    session.reset()
    until(lambda: session.snapshot.step == 0)
    session.step()
    until(lambda: session.snapshot.step == 1)
    np.testing.assert_array_equal(session.snapshot.history["loss"], loss)


def test_a_live_knob_acts_without_a_reset(session):
    before = session.snapshot.frame.recording.cadc[0]
    die = session._trainer.chip.die
    session.turn("mismatch", 0.5)
    until(lambda: session._trainer.chip.die is not die)
    until(lambda: not np.array_equal(session.snapshot.frame.recording.cadc[0], before))
    assert session.snapshot.step == 0


def test_the_watched_image_has_the_same_noise_every_time(session):
    first = session.snapshot
    session.show(0)
    until(lambda: session.snapshot is not first)
    for a, b in zip(first.frame.recording.cadc, session.snapshot.frame.recording.cadc, strict=True):
        np.testing.assert_array_equal(a, b)
    session.show(3)
    until(lambda: not np.array_equal(session.snapshot.frame.image, first.frame.image))


def test_a_network_too_large_is_said_and_mended_by_a_reset(session):
    session.turn("hidden", [300])
    session.reset()
    until(lambda: session.state == "failed")
    assert "630 neuron circuits, the chip has 512" in session.message
    session.turn("hidden", [64])
    session.reset()
    until(lambda: session.state == "ready")
    assert session.snapshot.frame.recording.cadc[0].shape[2] == 64


def test_a_size_that_the_data_do_not_have_is_said_and_mended_by_a_reset(session):
    session.turn("side", 28)
    session.reset()
    until(lambda: session.state == "failed")
    assert "digits has no images of 28×28" in session.message
    session.turn("side", 16)
    session.reset()
    until(lambda: session.state == "ready")


def test_a_wrong_value_is_refused_at_once(session):
    with pytest.raises(SnnlabError, match=r"mismatch = 2 is not allowed: a number from 0 to 0\.5"):
        session.turn("mismatch", 2)
    assert session.config.mismatch == 0.0


def test_training_ends_with_the_last_epoch():
    session = Session(Config.checked(dataset="digits", epochs=1)).start()
    until(lambda: session.state == "ready")
    session.play()
    until(lambda: session.state == "finished")
    assert session.snapshot.done == 1.0
    assert session.snapshot.tests["step"].tolist() == [0, 15]
    session.close()
    assert session.state == "closed"


def test_without_network_it_says_so_and_trains_on_digits(monkeypatch, tmp_path):
    monkeypatch.delenv("SNNLAB_DATA", raising=False)
    monkeypatch.setenv("SNNLAB_CACHE", str(tmp_path))
    monkeypatch.setenv("SNNLAB_MIRROR", "http://127.0.0.1:9")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    session = Session(Config.checked(side=28, hidden=[64])).start()
    until(lambda: session.state == "ready")
    assert (session.config.dataset, session.config.side) == ("digits", 16)
    assert session.notice == (
        "mnist could not be fetched (no network, nothing cached):"
        " training on scikit-learn's bundled digits instead."
    )
    session.close()


def test_history_stays_short_and_keeps_the_mean():
    history = History()
    n = 10 * MOST
    for k in range(n):
        history.add(step=k, loss=2.0 * k)
    curves = history.arrays()
    assert len(curves["step"]) < MOST
    np.testing.assert_allclose(curves["loss"], 2.0 * curves["step"])
    grain = curves["step"][1] - curves["step"][0]
    np.testing.assert_allclose(np.diff(curves["step"]), grain)
    assert curves["step"][0] == (grain - 1) / 2


def test_at_rest_the_matrix_of_errors_is_of_the_network_as_it_is(session):
    session.look_at("errors")
    session.play()
    until(lambda: session.snapshot.step > 60)
    session.pause()
    until(lambda: session.state == "paused")
    matrix = session.snapshot.picture.matrix
    trainer = session._trainer
    assert matrix.sum() == len(trainer.dataset.test_labels)
    assert np.trace(matrix) / matrix.sum() == trainer.evaluate().accuracy
