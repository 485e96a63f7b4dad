"""A visitor's session, without a page: the worker, its orders and its snapshots."""

import numpy as np
import pytest
from conftest import until
from sessions import ENDLESS, visiting

from snnlab_app.session.history import MAX_POINTS, History
from snnlab_app.session.local import Session


@pytest.fixture
def session():
    with visiting(lambda config: Session(config).start(), **ENDLESS) as visit:
        yield visit()


def test_a_live_knob_acts_without_a_reset(session):
    before = session.snapshot.frame.recording.cadc[0]
    die = session._trainer.chip.die
    session.turn("mismatch", 0.5)
    until(lambda: session._trainer.chip.die is not die)
    until(lambda: not np.array_equal(session.snapshot.frame.recording.cadc[0], before))
    assert session.snapshot.step == 0


def test_history_stays_short_and_keeps_the_mean():
    history = History()
    n = 10 * MAX_POINTS
    for k in range(n):
        history.add(step=k, loss=2.0 * k)
    curves = history.arrays()
    assert len(curves["step"]) < MAX_POINTS
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
