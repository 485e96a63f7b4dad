"""The line of sweeps on a server: one searches at a time, in a process of its own."""

import os
import signal
from functools import partial

import psutil
import pytest
from conftest import until as within
from sweep_plans import TICKED, offered, tiny

from snnlab.config import Config
from snnlab.config.limits import Limits
from snnlab.process import spawn
from snnlab.sweeps.outcome import ENOUGH, row_of
from snnlab.sweeps.search import sweep
from snnlab_app.compute.sweeps import DIED, Sweeps, _search
from snnlab_app.sweeps.ranges import planned
from snnlab_app.sweeps.words import describe

until = partial(within, seconds=240)  # the process stands back behind all others


@pytest.fixture
def line(tmp_path):
    sweeps = Sweeps(root=tmp_path / "sweeps")
    yield sweeps
    sweeps.end()
    assert sweeps.pid is None
    assert list((tmp_path / "sweeps").rglob("*")) == []


def files(sweeps):
    return list(sweeps._root.rglob("*"))


@pytest.mark.slow
def test_one_at_a_time_and_whoever_stops_or_leaves_is_followed_by_the_next(line):
    first, second, third = (line.begin(tiny()) for _ in range(3))
    assert second.message == ("a sweep is running: yours begins when it ends, you are 1st in line")
    until(lambda: len(first.trials) > 2)
    assert (first.state, second.state, third.state) == ("running", "waiting", "waiting")
    assert first.storage.exists()
    assert first.seconds_left > 0
    assert "2nd in line" in third.message

    second.stop()
    assert (second.state, "1st in line" in third.message) == ("stopped", True)
    pid = line.pid
    first.stop()
    until(lambda: third.state == "running")
    assert not psutil.pid_exists(pid)
    until(lambda: not first.storage.parent.exists())
    assert len(first.trials) > 2, "what it found is still shown"
    assert describe(first).startswith(f"stopped after {len(first.trials)} of 99 trials")

    third.forget()
    until(lambda: line.pid is None and not files(line))
    assert third.state == "stopped"


@pytest.mark.slow
def test_it_finds_what_a_sweep_from_the_command_line_finds(line, tmp_path):
    plan = tiny(trials=str(ENOUGH), objectives=["accuracy", "energy"])
    found = line.begin(plan)
    until(lambda: found.over)
    assert (found.state, found.message) == ("finished", "")
    study = sweep(plan, str(tmp_path / "other.db"), workers=0)

    def untimed(rows):
        return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]

    assert untimed(found.trials) == untimed(row_of(plan, t) for t in study.trials)
    assert sorted(found.best) == sorted(trial.number for trial in study.best_trials)
    assert found.importance.keys() == {"accuracy", "energy"}
    for shares in found.importance.values():
        assert shares.keys() == set(TICKED)
        assert sum(shares.values()) == pytest.approx(1.0)
    assert found.storage.exists(), "optuna-dashboard may open it while the page is there"
    found.forget()
    assert files(line) == []


@pytest.mark.slow
def test_a_process_that_dies_is_told_and_the_next_begins(line):
    first, second = line.begin(tiny()), line.begin(tiny(trials="1"))
    until(lambda: first.trials)
    os.kill(line.pid, signal.SIGKILL)
    until(lambda: second.state == "finished")
    assert (first.state, first.message) == ("failed", DIED)
    assert first.trials
    second.forget()


def test_a_plan_that_is_none_is_told_by_the_process(tmp_path):
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_search, args=(theirs, {"vary": {}}, str(tmp_path / "s.db")))
    process.start()
    assert ours.poll(60), "it is silent"
    news = ours.recv()
    assert (news["state"], "nothing is varied" in news["message"]) == ("failed", True)
    process.join(20)
    assert process.exitcode == 0
    assert list(tmp_path.iterdir()) == []


def test_no_longer_than_the_server_allows(tmp_path):
    sweeps = Sweeps(limits=Limits(minutes=0.01), root=tmp_path)
    late = sweeps.begin(tiny())
    until(lambda: late.over)
    assert late.state == "stopped"
    assert "after 0.01 minutes, the limit of this server" in describe(late)
    sweeps.end()
    assert files(sweeps) == []


@pytest.mark.slow
def test_without_a_server_the_process_ends(tmp_path):
    ours, theirs = spawn.Pipe()
    where = str(tmp_path / "s.db")
    process = spawn.Process(target=_search, args=(theirs, tiny().values(), where), daemon=True)
    process.start()
    theirs.close()
    assert ours.poll(240), "it is at work"
    ours.close()
    process.join(20)
    assert process.exitcode == 0


@pytest.mark.slow
def test_what_no_training_can_begin_with_is_told(line):
    config = Config.checked(dataset="digits", hidden=[600])
    plan = planned(config, offered("beta"), trials="1")
    found = line.begin(plan)
    until(lambda: found.over)
    assert "1 failed: " in describe(found)
    assert "the chip has 512" in describe(found)
    found.forget()
