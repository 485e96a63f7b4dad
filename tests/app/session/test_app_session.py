"""A visitor's session, without a page: the worker, its orders and its snapshots."""

import json
import shutil
from threading import Event

import numpy as np
import pytest
from conftest import PATIENCE, idle, until
from sessions import ENDLESS, visiting

from snnlab.config import Config
from snnlab.learn import setup
from snnlab_app.session import local
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


def frames(session, **wishes):
    session.look_at("live", wishes)
    until(lambda: idle(session))
    return session.snapshot.frame, session.snapshot.twin


def assert_same_frames(a, b):
    for name in ("inputs", "spikes", "cadc"):
        mine, other = getattr(a.recording, name), getattr(b.recording, name)
        pairs = [(mine, other)] if name == "inputs" else zip(mine, other, strict=True)
        for x, y in pairs:
            if name == "cadc":
                np.testing.assert_array_equal(x, y)
            else:
                np.testing.assert_array_equal(x.tick, y.tick)
                np.testing.assert_array_equal(x.channel, y.channel)
    np.testing.assert_array_equal(a.label_traces, b.label_traces)
    assert (a.decision, a.label) == (b.decision, b.label)


def test_the_twin_is_made_only_when_wished_for(session):
    assert frames(session)[1] is None
    frame, twin = frames(session, twin=True)
    np.testing.assert_array_equal(twin.image, frame.image)
    np.testing.assert_array_equal(twin.recording.inputs.tick, frame.recording.inputs.tick)
    assert not np.array_equal(twin.recording.cadc[0], frame.recording.cadc[0])
    assert frames(session)[1] is None


def test_on_an_ideal_die_without_noise_twin_and_frame_are_the_same(session):
    session.step()
    session.turn("mismatch", 0.5)
    _, before = frames(session, twin=True)
    for name, value in Config.IDEAL.items():
        session.turn(name, value)
    frame, twin = frames(session, twin=True)
    assert_same_frames(frame, twin)
    assert_same_frames(before, twin)  # the real chip has no part in it


def test_the_ideal_chip_is_set_up_once(session):
    frames(session, twin=True)
    studio = session._publisher._studio
    chip = studio._ideal_chip()
    session.show(3)
    until(lambda: idle(session))
    assert studio._ideal_chip() is chip


def test_a_turn_at_rest_shows_on_the_chip_view_at_once(session, monkeypatch):
    """A calibration, which takes a moment, at first as one that is being measured."""
    begun, goes_on, calibrate = Event(), Event(), setup.calibrate

    def held(lab):
        begun.set()
        assert goes_on.wait(PATIENCE)
        return calibrate(lab)

    monkeypatch.setattr(setup, "calibrate", held)
    session.look_at("chip")
    session.turn("die_seed", 1234)  # not one that another test has calibrated
    session.step()
    until(lambda: session.state == "paused" and idle(session))
    assert session.snapshot.picture.calibration == {}
    session.turn("calibration", "measured")
    assert begun.wait(PATIENCE)
    assert session.snapshot.picture.calibration is None
    goes_on.set()
    until(lambda: session.snapshot.picture.calibration)
    session.turn("calibration", "as drawn")
    until(lambda: not session.snapshot.picture.calibration)


def test_the_activity_at_the_start_stays(session):
    at_start = session.snapshot.activity_at_start
    assert at_start == session.snapshot.history["activity"][0]
    assert 1e-3 < at_start < 0.1, "in watts"
    session.step()
    until(lambda: session.snapshot.step == 1)
    assert session.snapshot.activity_at_start == at_start


def past(snapshot):
    return [(mark.step, mark.text) for mark in snapshot.marks], snapshot.activity_at_start


@pytest.fixture
def stored():
    """Opens sessions that are kept in a folder, by its path."""
    with visiting(
        lambda config, folder: Session(config, folder=folder).start(), **ENDLESS
    ) as visit:
        yield visit


def step_once(session, step):
    session.step()
    until(lambda: session.snapshot.step == step and idle(session))
    return session.snapshot


def test_marks_and_measurements_outlive_the_process(stored, tmp_path):
    session = stored(tmp_path / "run")
    step_once(session, 1)
    session.turn("mismatch", 0.3)
    seen = step_once(session, 2)
    assert seen.marks[0].text == "Mismatch → 30 %"
    shutil.copytree(tmp_path / "run", tmp_path / "copy")  # as a crash would leave it
    again = stored(tmp_path / "copy", mismatch=0.3)
    assert again.state == "paused"
    assert past(again.snapshot) == past(seen)
    for name, values in seen.held_out.items():
        np.testing.assert_array_equal(again.snapshot.held_out[name][: len(values)], values)
    (tmp_path / "copy" / "curves.npz").unlink()
    shutil.copytree(tmp_path / "copy", tmp_path / "without curves")
    bare = stored(tmp_path / "without curves", mismatch=0.3)
    assert (bare.state, bare.snapshot.step, bare.snapshot.marks) == ("paused", 2, ())


def test_it_goes_on_with_its_data_whatever_waits_for_a_restart(stored, tmp_path):
    seen = step_once(stored(tmp_path / "run"), 1)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    again = stored(tmp_path / "copy", dataset="mnist", side=28, hidden=[9])
    assert (again.state, again.snapshot.step) == ("paused", seen.step)
    assert (again.snapshot.settings["dataset"], again.snapshot.settings["side"]) == ("digits", 16)
    assert (again.config.dataset, again.config.side, again.config.hidden) == ("mnist", 28, [9])


def test_one_kept_before_there_was_a_knob_goes_on(stored, tmp_path):
    seen = step_once(stored(tmp_path / "run"), 1)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    record = json.loads((tmp_path / "copy" / "config.json").read_text())
    del record["settings"]["blend"], record["settings"]["beta"]
    (tmp_path / "copy" / "config.json").write_text(json.dumps(record))
    again = stored(tmp_path / "copy")
    assert (again.state, again.snapshot.step) == ("paused", seen.step), again.message


@pytest.mark.parametrize("changes", [{"beta": 1e9}, {"dataset": "idx"}])
def test_one_that_cannot_be_read_any_more_keeps_nobody_from_another(stored, tmp_path, changes):
    """By settings that are no longer allowed, or data that are gone."""
    step_once(stored(tmp_path / "run"), 1)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    record = json.loads((tmp_path / "copy" / "config.json").read_text())
    record["settings"] |= changes
    (tmp_path / "copy" / "config.json").write_text(json.dumps(record))
    again = stored(tmp_path / "copy", hidden=[9])
    assert (again.state, again.snapshot.step) == ("ready", 0)
    assert again.notice.startswith("the training that was kept is lost: ")
    again.reset()
    until(lambda: again.state == "ready" and idle(again))
    assert again.notice == ""


def test_a_damaged_one_is_replaced_by_one_of_the_settings_now(stored, tmp_path):
    step_once(stored(tmp_path / "run", dataset="digits"), 1)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    (tmp_path / "copy" / "checkpoint.npz").write_bytes(b"PK")
    again = stored(tmp_path / "copy", hidden=[9])
    assert (again.state, again.snapshot.step) == ("ready", 0)
    assert again.notice.startswith("the training that was kept is lost: ")
    assert again.snapshot.settings["hidden"] == [9]


def test_a_knob_turned_since_the_checkpoint_leaves_its_mark(stored, tmp_path):
    step_once(stored(tmp_path / "run"), 1)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    again = stored(tmp_path / "copy", beta=50.0)
    assert past(again.snapshot)[0] == [(1, "Surrogate steepness → 50")]


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


def test_snapshots_come_though_they_take_more_than_their_share(session, monkeypatch):
    """As with many visitors, of whom each has little of the processor's time."""
    monkeypatch.setattr(local, "MAX_PUBLISH_SHARE", 1e-9)
    session.play()
    until(lambda: session.snapshot and session.snapshot.step > 0)
    for _ in range(3):
        step = session.snapshot.step
        until(lambda before=step: session.snapshot.step > before)
    assert session.state == "running"
