"""Many visitors: trainings side by side, waiting in line, and going on after a crash."""

import os
import random
import shutil
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import until

import snnlab
from snnlab.config import Config
from snnlab.config.limits import Limits
from snnlab.errors import SnnlabError
from snnlab.learn.trainer import Trainer
from snnlab.runs.run import Run
from snnlab_app.compute import pool
from snnlab_app.compute.pool import Compute, _Process
from snnlab_app.compute.remote import LOST, MAX_FALLS, RemoteSession, kept_config
from snnlab_app.compute.store import MAX_AGE_SECONDS, MIN_AGE_SECONDS, Store
from snnlab_app.compute.worker import _Host
from snnlab_app.session.control import Close, Open, Play
from snnlab_app.session.history import History
from snnlab_app.session.local import Session

ENDLESS = Config.checked(dataset="digits", epochs=10_000, schedule="constant").values()
SHORT = ENDLESS | {"epochs": 12}


@pytest.fixture
def store(tmp_path):
    return Store(1000, tmp_path / "visitors")


def visitor(compute, name=None, **settings):
    folder = compute.store.folder(name) if name else None
    return RemoteSession(compute, Config.checked(**ENDLESS | settings), folder)


def alone(settings, turned=()):
    """Weights of the same training without anybody else; ``turned``: step, knob and value."""
    config = Config.checked(**settings)
    trainer = Trainer(config, snnlab.load("digits"))
    for progress in trainer:
        for step, knob, value in turned:
            if progress.step == step:
                config.set(knob, value)
    return trainer.network.arrays()


def assert_same_weights(folder, expected):
    with np.load(folder / "weights.npz") as kept:
        assert len(kept.files) == len(expected)
        for k, layer in enumerate(expected):
            np.testing.assert_array_equal(kept[f"layer_{k}"], layer)


# ── trainings side by side ──


@pytest.mark.slow
def test_everybody_who_trains_moves_and_none_much_faster():
    host = _Host(None)
    for number in range(6):
        host.obey(number, Open(ENDLESS))
    sessions = [visit.session for visit in host._visits.values()]
    until(lambda: all(session.state == "ready" for session in sessions))
    for number in range(6):
        host.obey(number, Play())
    until(lambda: all(session.state == "running" for session in sessions))
    now = lambda: np.array([session._trainer.step for session in sessions])  # noqa: E731
    before = now()
    until(lambda: (now() - before).mean() > 150)
    steps = now() - before
    for number in range(6):
        host.obey(number, Close())
    until(lambda: all(session.state == "closed" for session in sessions))
    assert steps.min() >= 0.7 * steps.mean()


@pytest.mark.slow
def test_opposite_settings_at_once_give_the_same_bits_as_alone(tmp_path):
    opposite = [SHORT | {"beta": 50.0, "seed": 1}, SHORT | {"beta": 2.0, "mismatch": 0.4}]
    host, folders = _Host(None), [tmp_path / "one", tmp_path / "other"]
    for number, settings in enumerate(opposite):
        host.obey(number, Open(settings, str(folders[number])))
        host.obey(number, Play())
    sessions = [visit.session for visit in host._visits.values()]
    until(lambda: all(session.state == "finished" for session in sessions))
    for settings, folder in zip(opposite, folders, strict=True):
        assert_same_weights(folder, alone(settings))


def test_a_training_pauses_after_its_time_and_goes_on_when_asked():
    session = Session(Config.checked(**ENDLESS), minutes=0.01).start()
    session.play()
    until(lambda: session.state == "running")
    until(lambda: session.state == "paused")
    assert session.notice.startswith("paused after 0.01 minutes, the limit of this server")
    step = session.snapshot.step
    session.play()
    until(lambda: session.snapshot.step > step)
    session.pause()
    until(lambda: session.state == "paused")
    assert session.notice == ""
    session.close()


# ── standing in line ──


def test_who_comes_when_the_server_is_full_stands_in_line(store):
    with Compute(limits=Limits(visitors=1), store=store) as compute:
        inside, second, third = (visitor(compute) for _ in range(3))
        until(lambda: inside.state == "ready")
        assert second.message == "the server is full: you are 1st in line"
        assert third.message == "the server is full: you are 2nd in line"
        assert (second.state, second.fraction) == ("loading", None)
        third.step()
        second.close()
        assert third.message == "the server is full: you are 1st in line"
        inside.close()
        until(lambda: third.state == "paused")
        assert third.snapshot.step == 1
        assert [entry["session"] for entry in compute.state()] == [third]


def test_too_much_memory_keeps_visitors_outside_but_never_the_only_one(monkeypatch):
    limits = Limits()
    limits.memory = 500
    with Compute(limits=limits) as compute:
        first = visitor(compute)
        until(lambda: first.state == "ready")
        monkeypatch.setattr(_Process, "memory", 501_000_000)
        second = visitor(compute)
        assert second.message == "the server is full: you are 1st in line"


def test_visitors_are_spread_over_processes():
    with Compute(ENDLESS, workers=2) as compute:
        first, second, third = (visitor(compute) for _ in range(3))
        homes = [compute._homes[session._number] for session in (first, second, third)]
        assert homes[0] is homes[2] is not homes[1]
        until(lambda: first.state == second.state == "ready")
        assert len(compute.memory()) == 2
        assert min(compute.memory().values()) > 50e6


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"visitors": "0"}, "--max-visitors 0 is not allowed: a whole number from 1 to 10000"),
        ({"visitors": "2.5"}, "--max-visitors 2.5 is not allowed: a whole number"),
        ({"visitors": "1_0"}, "--max-visitors 1_0 is not allowed: a whole number"),
        ({"minutes": "nan"}, "--max-minutes nan is not allowed: a number from 0.01 to 100000"),
        ({"memory": "1"}, "--max-memory 1 is not allowed: a whole number from 500 to 1e+07"),
        ({"stored": "much"}, "--max-stored much is not allowed"),
    ],
)  # fmt: skip
def test_limits_that_make_no_sense_are_refused(given, message):
    with pytest.raises(SnnlabError) as refused:
        Limits.read(**given)
    assert str(refused.value).startswith(message)


# ── crashes ──


def kill(compute):
    for pid in compute.memory():
        os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
def test_a_training_goes_on_bit_for_bit_after_its_process_was_killed(store, monkeypatch):
    monkeypatch.setattr("snnlab_app.session.persistence.CHECKPOINT_EVERY", 0.2)
    moments = random.Random(1)
    with Compute(SHORT, store=store) as compute:
        session = visitor(compute, "me", epochs=40)
        session.play()
        for _ in range(2):
            until(lambda: session.state == "running")
            until((store.folder("me") / "checkpoint.npz").exists)
            time.sleep(moments.uniform(0.1, 0.6))
            kill(compute)
            until(lambda: session.state != "running")
            assert "ended unexpectedly: continuing from the last checkpoint" in session.message
        until(lambda: session.state in ("finished", "failed"))
        assert session.notice.startswith("this training was interrupted, and continues from step")
        steps = session.snapshot.history["step"]
        assert (np.diff(steps) > 0).all()
        assert steps[-1] > 39 * 15
        assert_same_weights(store.folder("me"), alone(SHORT | {"epochs": 40}))
        session.close()
        until(lambda: not store.folder("me").exists(), 5)


@pytest.mark.slow
def test_knobs_turned_on_the_way_turn_again_at_the_same_step(tmp_path):
    folder, copy = tmp_path / "run", tmp_path / "copy"
    session = Session(Config.checked(**ENDLESS), folder=folder).start()
    session.play()
    until(lambda: session.snapshot and session.snapshot.step > 20)
    session.turn("mismatch", 0.3)
    until(lambda: Run.open(folder).changes)
    shutil.copytree(folder, copy)  # as a crash would leave it
    session.close()
    (change,) = Run.open(copy).changes
    assert change.step > 20

    again = Session(Config.checked(**ENDLESS | {"mismatch": 0.3, "epochs": 12}), folder=copy)
    again.start()
    until(lambda: again.state == "paused")
    assert (again._trainer.step, again.config.mismatch) == (0, 0.0)
    again.play()
    until(lambda: again.state == "finished")
    assert again.config.mismatch == 0.3
    assert_same_weights(copy, alone(SHORT, [(change.step, "mismatch", 0.3)]))
    again.close()


@pytest.mark.slow
def test_a_visitor_finds_the_training_after_the_server_was_killed(store):
    folder = store.folder("me")
    assert kept_config(folder) is None
    with Compute(store=store) as compute:
        session = visitor(compute, "me", beta=7.0)
        session.play()
        until(lambda: session.snapshot and session.snapshot.step > 30)
        session.pause()
        until(lambda: session.state == "paused")
        kill(compute)
        compute._over = True
    config = kept_config(folder)
    assert config.beta == 7.0
    with Compute(store=store) as compute:
        session = RemoteSession(compute, config, folder)
        until(lambda: session.state == "paused")
        assert session.config.beta == 7.0
        session.step()
        until(lambda: session.snapshot.step > 0)


def test_what_kills_its_process_again_and_again_is_given_up(store):
    with Compute(store=store) as compute:
        session = visitor(compute, "me", hidden=[64])
        for fall in range(MAX_FALLS + 1):
            assert session.state == "loading", fall
            until(lambda: compute._homes.get(session._number))  # it may be between two
            home = compute._homes[session._number]
            kill(compute)
            session._falls = fall  # nothing was heard of it
            until(lambda home=home: compute._homes.get(session._number) is not home)
        until(lambda: session.state == "failed")
        assert session.message == LOST
        session.reset()
        until(lambda: session.state == "ready")


def test_a_training_that_cannot_be_kept_goes_on_and_says_so(tmp_path):
    (tmp_path / "file").touch()
    session = Session(Config.checked(**SHORT), folder=tmp_path / "file" / "run").start()
    session.play()
    until(lambda: session.state == "finished")
    assert session.notice.startswith("this training continues but is not kept: run folder")
    assert session.snapshot.test_accuracy > 0.5
    session.close()


def test_a_damaged_checkpoint_is_said_and_the_training_begins_anew(tmp_path):
    folder = tmp_path / "run"
    session = Session(Config.checked(**SHORT), folder=folder).start()
    session.play()
    until(lambda: session.state == "finished")
    (folder / "checkpoint.npz").write_bytes(b"half")
    again = Session(Config.checked(**SHORT), folder=folder).start()
    until(lambda: again.state == "ready")
    assert again.notice.startswith("the training that was kept is lost: checkpoint")
    assert again.snapshot.step == 0
    for each in (session, again):
        each.close()


def test_a_visitor_who_only_looks_leaves_no_trace(tmp_path):
    session = Session(Config.checked(**SHORT), folder=tmp_path / "run").start()
    until(lambda: session.state == "ready")
    session.show(3)
    session.close()
    assert list(tmp_path.iterdir()) == []


def test_curves_go_on_where_they_were_cut():
    history = History()
    for step in range(2000):
        history.add(step=step, loss=1.0 / (step + 1))
    half = History.of(history.kept(), 1000)
    assert half.arrays()["step"].max() <= 1000
    for step in range(1001, 2000):
        half.add(step=step, loss=1.0 / (step + 1))
    steps = half.arrays()["step"]
    assert (np.diff(steps) > 0).all()
    assert steps[-1] > 1990


# ── what is left on disk ──


def left(store, name, age, megabytes=0.0):
    folder = store.folder(name)
    folder.mkdir(parents=True)
    (folder / "checkpoint.npz").write_bytes(bytes(int(1e6 * megabytes)))
    then = time.time() - age
    os.utime(folder / "checkpoint.npz", (then, then))
    return folder


def test_the_oldest_go_when_there_are_too_many(tmp_path):
    store = Store(3, tmp_path)
    new = left(store, "new", 60, 2)
    old = left(store, "old", 2 * MIN_AGE_SECONDS, 2)
    ancient = left(store, "ancient", 2 * MAX_AGE_SECONDS)
    store.tidy()
    assert [folder.exists() for folder in (new, old, ancient)] == [True, False, False]


def test_none_goes_that_another_server_may_be_at_work_on(tmp_path):
    store = Store(3, tmp_path)
    folders = [left(store, str(k), 60 * k, 2) for k in range(4)]
    store.tidy()
    assert all(folder.exists() for folder in folders)


def test_none_goes_whose_visitor_is_there(tmp_path, monkeypatch):
    """A data set is written once, and a training that pauses writes nothing."""
    monkeypatch.setattr(pool, "STAY_EVERY", 0.05)
    store = Store(3, tmp_path)
    mine, gone = (left(store, name, 2 * MAX_AGE_SECONDS) for name in ("mine", "gone"))
    there = RemoteSession(SimpleNamespace(open=lambda session: 1), Config(), mine, None)
    with Compute(store=Store(3, tmp_path / "elsewhere")) as compute:
        compute.store, compute._sessions[1] = store, there
        until(lambda: time.time() - (mine / "checkpoint.npz").stat().st_mtime < 3600)
        store.tidy()
    assert mine.exists()
    assert not gone.exists()


def test_what_was_left_since_the_server_began_goes_too(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "STAY_EVERY", 0.05)
    store = Store(3, tmp_path)
    with Compute(store=Store(3, tmp_path / "elsewhere")) as compute:
        compute.store = store
        folder = left(store, "gone", 2 * MAX_AGE_SECONDS)
        until(lambda: not folder.exists())


def test_a_visitor_cannot_be_told_from_the_name_of_its_folder(store):
    assert store.folder("../../etc").parent == store.folder("me").parent
    assert "me" not in Path(store.folder("me")).name
