"""Sweeps: storages, the queue of trials, and what the command prints."""

import os
import re
import sqlite3
import subprocess
import time
from contextlib import closing

import optuna
import pytest
from conftest import until
from refusal import refused
from small_sweeps import COMMAND, SMALL, plan, rdb, results

from snnlab.commands.main import main
from snnlab.config import Config
from snnlab.data import load
from snnlab.learn.trainer import Trainer
from snnlab.runs.recorder import Recorder
from snnlab.sweeps import trials as trials_
from snnlab.sweeps.cluster import Failed
from snnlab.sweeps.outcome import row_of
from snnlab.sweeps.search import Task, sweep, train_trial
from snnlab.sweeps.storage import load_study
from snnlab.sweeps.trials import TrialQueue


@pytest.mark.parametrize("name", ["what?", "50%3F#1&x=2", "{braces}", "ä b"])
def test_a_database_is_where_it_was_meant_to_be(tmp_path, name):
    where = tmp_path / name / f"{name}.db"
    queue = TrialQueue(plan(), str(where))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with closing(sqlite3.connect(where)) as connection:
        assert connection.execute("SELECT count(*) FROM trials").fetchone() == (4,)
    with pytest.raises(KeyboardInterrupt), queue:
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["s.db", "s.journal"])
def test_optuna_opens_what_is_kept(tmp_path, file):
    where, heard = str(tmp_path / file), []
    study = sweep(
        plan(objectives=["accuracy", "energy"], limits={"power": 0.1}, repeats=2, trials=2),
        where, workers=0, tell=lambda *told: heard.append(told),
    )  # fmt: skip
    if file == "s.db":
        opened = optuna.load_study(study_name="sweep", storage=rdb(where))
    else:
        backend = optuna.storages.journal.JournalFileBackend(where)
        storage = optuna.storages.JournalStorage(backend)
        opened = optuna.load_study(study_name="sweep", storage=storage)
    assert results(opened) == results(study)
    assert opened.metric_names == ["accuracy", "energy"]
    assert [d.name for d in opened.directions] == ["MAXIMIZE", "MINIMIZE"]
    for trial in opened.trials:
        each = trial.user_attrs["measured"]["accuracy_of_dies"]
        assert trial.values[0] == pytest.approx(sum(each) / 2)
        assert each[0] != each[1]
        assert trial.constraints["power"] == pytest.approx(
            trial.user_attrs["measured"]["power"] - 0.1
        )
        assert trial.constraints["power"] > 0
        assert 1 <= trial.params["beta"] <= 200
    assert [fraction for _, fraction in heard] == [0.5, 1.0]
    assert opened.best_trials == [], "no trial stays below 100 mW"


def test_more_trials_begin_with_the_same_ones(tmp_path):
    first = results(sweep(plan(trials=2), str(tmp_path / "s.journal"), workers=0))
    longer = sweep(plan(trials=3), str(tmp_path / "s.journal"), workers=0)
    assert {k: v for k, v in results(longer).items() if k < 2} == first
    assert results(longer) == results(sweep(plan(trials=3), str(tmp_path / "t.journal"), workers=0))


def test_a_trial_that_fails_is_told_and_the_others_go_on(tmp_path):
    study = sweep(
        plan(vary={"learning_rate": "0.001,0.002", "hidden": "12,400"}, sampler="grid",
             trials=None, settings={k: v for k, v in SMALL.items() if k != "hidden"}),
        str(tmp_path / "s.journal"), workers=0,
    )  # fmt: skip
    states = {t.params["hidden"]: t.state.name for t in study.trials}
    assert states == {"12": "COMPLETE", "400": "FAIL"}
    (said, _) = [t.user_attrs["error"] for t in study.trials if t.state.name == "FAIL"]
    assert "needs 840 neuron circuits" in said


def test_a_trial_has_the_loss_that_a_run_keeps(tmp_path):
    """The mean of its last epoch: the last batch alone is noise."""
    settings = {**SMALL, "epochs": 2, "batch": 150}  # the last batch of an epoch is smaller
    config, data = Config.checked(**settings), load("digits")
    recorder = Recorder(tmp_path / "run", Trainer(config, data))
    while not recorder.trainer.finished:
        last = recorder.advance()
    measured = train_trial(Task(0, (settings,)), data)
    assert measured["loss"] == pytest.approx(recorder.epochs[-1].loss, rel=1e-12)
    assert measured["loss"] != pytest.approx(last.loss, rel=1e-3)
    assert measured["energy"] == recorder.epochs[-1].energy


def test_a_bad_trial_is_stopped_early(tmp_path):
    given = {"vary": {"learning_rate": [0.01, 0.009, 0.008, 0.007, 0.006, 0.0]}, "trials": None}
    settings = {**SMALL, "epochs": 2, "hidden": [40]}
    study = sweep(
        plan(**given, sampler="grid", prune=True, settings=settings), str(tmp_path / "s.journal"),
        workers=0,
    )  # fmt: skip
    states = {t.params["learning_rate"]: t.state.name for t in study.trials}
    assert states["0.0"] == "PRUNED", "what does not learn is below the median after one epoch"
    assert list(states.values()).count("COMPLETE") >= 4


def test_what_is_stopped_early_is_worse_in_the_objective_itself(tmp_path):
    """Of two losses the higher one, though its accuracy is the lower one."""
    given = {"vary": {"learning_rate": [0.01, 0.009, 0.008, 0.007, 0.006, 0.0]}, "trials": None}
    settings = {**SMALL, "epochs": 2, "hidden": [40]}
    sought = plan(**given, sampler="grid", prune=True, settings=settings, objectives=["loss"])
    study = sweep(sought, str(tmp_path / "s.journal"), workers=0)
    *others, worst = sorted(study.trials, key=lambda trial: -float(trial.params["learning_rate"]))
    assert worst.state.name == "PRUNED"
    (early,) = worst.intermediate_values.values()
    assert early > max(trial.values[0] for trial in others if trial.state.name == "COMPLETE")
    assert "loss" not in row_of(sought, worst), "that of an early epoch is no result"


def test_tpe_works_off_the_same_queue(tmp_path, monkeypatch):
    monkeypatch.setattr(trials_, "STARTUP", 2)
    study = sweep(plan(sampler="tpe", trials=5), str(tmp_path / "s.journal"), workers=0)
    assert len(results(study)) == 5
    assert len({str(trial.params) for trial in study.trials}) == 5


def test_what_a_dead_process_left_is_taken_over_once(tmp_path, monkeypatch):
    where = str(tmp_path / "s.db")
    with subprocess.Popen(["true"]) as gone:
        pass
    first, second = TrialQueue(plan(), where), TrialQueue(plan(), where)
    dead = first.me.replace(str(os.getpid()), str(gone.pid))
    first.me = dead
    left = next(first.take())
    assert left.user_attrs["owner"] == dead
    second.me = f"elsewhere:{os.getpid()}:x"  # on another machine, where nobody can look
    second.study.set_user_attr(f"alive {second.me}", time.time())
    other = next(second.take())
    third = TrialQueue(plan(), where)
    taken = list(third.take())
    assert [t.number for t in taken] == [2, 3, left.number], "two waited, one was left behind"
    assert other.number not in [t.number for t in taken]
    assert taken[-1].params == left.params
    outcome = {"accuracy": 0.5, "power": 0.2}
    assert third.tell(taken[-1], dict(outcome)) == "complete"
    assert first.tell(left, {"accuracy": 0.9}) == "done elsewhere"
    assert third.tell(taken[0], Failed("no reason")) == "fail"
    assert third.study.trials[left.number].values == [0.5]
    monkeypatch.setattr(trials_, "LEASE", 0.0)
    assert [t.number for t in third.take()] == [other.number], "no sign of life for too long"


@pytest.mark.parametrize("file", ["s.db", "s.journal"])
def test_what_another_process_has_taken_over_or_finished_is_left_out(tmp_path, file, monkeypatch):
    """Orphans are listed once, and each is taken when a worker is free: that may be much later."""
    where = str(tmp_path / file)
    dead = TrialQueue(plan(trials=5), where)
    dead.me = "elsewhere:1:x"
    left = [next(dead.take()).number for _ in range(5)]
    with TrialQueue(plan(trials=5), where) as first, TrialQueue(plan(trials=5), where) as second:
        slow, quick = first.take(), second.take()
        assert [next(slow).number, next(quick).number] == left[:2]
        assert second.tell(trial := next(quick), {"accuracy": 0.5}) == "complete"
        assert trial.number == left[2]
        assert next(slow).number == left[3]
        look = first._is_orphan

        def looked_at_too_soon(trial):
            found = look(trial)
            return second.tell(next(quick), {"accuracy": 0.5}) == "complete" and found

        monkeypatch.setattr(first, "_is_orphan", looked_at_too_soon)
        assert next(slow, None) is None


def test_two_queues_never_hand_out_the_same_trial(tmp_path):
    queues = [TrialQueue(plan(trials=10), str(tmp_path / "s.db")) for _ in range(2)]
    for name, queue in zip("xy", queues, strict=True):
        queue.me = f"elsewhere:{os.getpid()}:{name}"
        queue.study.set_user_attr(f"alive {queue.me}", time.time())
    taken = [next(queues[k % 2].take()).number for k in range(10)]
    assert sorted(taken) == list(range(10))
    assert [next(queue.take(), None) for queue in queues] == [None, None]


def test_a_queue_gives_signs_of_life_while_it_enters_its_trials(tmp_path, monkeypatch):
    """Or a second process enters them as well."""
    points = TrialQueue._points

    def enter_slowly(queue):
        def sign():
            return queue.study.user_attrs[f"alive {queue.me}"]

        before = sign()
        until(lambda: sign() > before, 10)
        assert queue.me in trials_._HERE
        return points(queue)

    monkeypatch.setattr(trials_, "BEAT", 0.1)
    monkeypatch.setattr(TrialQueue, "_points", enter_slowly)
    TrialQueue(plan(), str(tmp_path / "s.db"))


@pytest.mark.slow
def test_storage_that_cannot_be_used_is_one_line(tmp_path, capsys):
    (tmp_path / "text.db").write_text("no database\n" * 100)
    sweep(plan(trials=1), str(tmp_path / "s.db"), workers=0)
    foreign = optuna.create_study(storage=rdb(tmp_path / "f.db"), study_name="sweep")
    assert foreign.study_name == "sweep"
    for file, flags, said in [
        ("/proc/nothing/s.db", (), "No such file or directory"),
        ("/proc/s.db", (), "unable to open database file"),
        (tmp_path / "text.db", (), "file is not the database of a sweep"),
        (tmp_path / "s.db", (), "has vary = .* give this one another --name"),
        (tmp_path / "f.db", (), "study 'sweep' in .*f.db is not one of snnlab's"),
        ("nodriver://x", (), "Can't load plugin"),
    ]:
        command = ["sweep", "--dataset", "digits", "--vary", "beta=1:20", "--workers", "0"]
        assert main([*command, "--storage", str(file), *flags]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert re.search(said, error), error


def test_a_journal_cut_in_the_middle_of_a_line_goes_on(tmp_path):
    path = tmp_path / "s.journal"
    whole = results(sweep(plan(), str(path), workers=0))
    lines = path.read_bytes().splitlines(keepends=True)
    ends = [k for k, line in enumerate(lines) if b'"state":1' in line]
    path.write_bytes(b"".join(lines[: ends[1]]) + lines[ends[1]][:40])  # the disk was full here
    assert results(sweep(plan(), str(path), workers=0)) == whole
    assert path.read_bytes().startswith(b"".join(lines[: ends[1]]))


@pytest.mark.parametrize("line", ["{}", "[]", "5", '"x"', '{"op_code": 99, "worker_id": "x"}'])
def test_a_journal_with_a_damaged_line_is_refused(tmp_path, line):
    path = tmp_path / "s.journal"
    entry = '{"op_code":0,"worker_id":"x","study_name":"sweep","directions":[2]}'
    path.write_text(f"{entry}\n{line}\n{entry}\n")
    said = "is damaged (a line in it is no entry of a journal): put back a copy of it, or give"
    refused(lambda: load_study("sweep", str(path)), said, folder=tmp_path)
    refused(lambda: sweep(plan(), str(path), workers=0), said, folder=tmp_path)


def test_the_command_line_shows_the_best_and_writes_a_table(tmp_path, capsys):
    command = ["sweep", "--dataset", "digits", "--epochs", "1", "--hidden", "12", "--workers", "0"]
    flags = ["--vary", "beta=1:100:log:2", "--vary", "rho-burst=0,0.001", "--sampler", "grid"]
    table = tmp_path / "t.csv"
    more = ["--storage", str(tmp_path / "s.db"), "--export", str(table), "--limit", "power=0.3"]
    assert main([*command, *flags, *more]) == 0
    out = capsys.readouterr().out
    assert "4 complete, in" in out
    assert "best trials (accuracy; energy and power are estimates):" in out
    header, *rows = table.read_text().splitlines()
    assert header.startswith('"trial","state","beta","rho_burst","accuracy"')
    assert len(rows) == 4
    assert main(["sweep", "--vary", "beta"]) == 2
    assert "--vary beta: give NAME=VALUES" in capsys.readouterr().err
    assert main(["sweep", "--vary", "beta=1:2", "--limit", "power=x"]) == 2
    assert "limit power = x is not a number" in capsys.readouterr().err


def test_the_command_ends_with_a_result_or_why_there_is_none(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*COMMAND, "--limit", "power=0.1"]) == 0
    *_, line = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"none of 2 trials keeps power ≤ 0\.1 W \(best 0\.\d+\)", line)
    assert main([*COMMAND, "--limit", "power=0.1"]) == 0
    first, *_, again = capsys.readouterr().out.splitlines()
    assert (first, again) == ("nothing to do: all trials are complete", line)
    front = ("--name", "front", "--objective", "accuracy", "--objective", "energy")
    assert main([*COMMAND, *front]) == 0
    out = capsys.readouterr().out
    assert "trials that no other beats in all objectives (accuracy, energy; energy and" in out
    assert re.search(r"^  \d: accuracy [\d.]+ %, energy [\d.]+ µJ at beta ", out, re.MULTILINE)
    large = [flag if flag != "12" else "400" for flag in COMMAND]
    assert main([*large, "--name", "large"]) == 1
    *_, line = capsys.readouterr().out.splitlines()
    assert line.startswith("no trial was completed, 2 failed: Network 256-400-10")
