"""Sweeps: every trial once, whoever dies, with the results of a serial run."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import optuna
import pytest
from conftest import free_port, until
from pyarrow import parquet
from refusal import refused, refused_command
from sqlalchemy.pool import NullPool

from snnlab.commands.main import main
from snnlab.errors import SnnlabError
from snnlab.sweeps import search as search_
from snnlab.sweeps import storage as storage_
from snnlab.sweeps import trials as trials_
from snnlab.sweeps.cluster import Failed, run_all
from snnlab.sweeps.outcome import why_none
from snnlab.sweeps.plan import Plan
from snnlab.sweeps.search import sweep
from snnlab.sweeps.storage import load_study, open_storage
from snnlab.sweeps.trials import TrialQueue

SMALL = {"dataset": "digits", "epochs": 1, "hidden": [12], "batch": 200}
VARY = {"beta": "1:200:log", "rho_burst": "1e-5:1e-2:log"}


def plan(**given):
    return Plan.checked(
        **{"vary": VARY, "settings": SMALL, "sampler": "random", "trials": 4, **given}
    )


def results(study):
    """Values and results of each trial by its place in the plan, each exactly once."""
    trials = study.get_trials()
    assert all(trial.state.is_finished() for trial in trials)
    found = {t.user_attrs["index"]: (t.params, t.values, t.state.name) for t in trials}
    assert len(found) == len(trials), "a trial is there twice"
    return found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"vary": {}}, "nothing is varied"),
        ({"vary": {"colour": "1:2"}}, "vary colour: no such knob, there are dataset"),
        ({"vary": {"beta": "5:1"}}, "beta = 5:1 is empty: the first number must be the lower"),
        ({"vary": {"beta": "5:5"}}, "beta = 5:5 is empty"),
        ({"vary": {"beta": "1:2:3:4"}}, "beta = 1:2:3:4 is no range: write low:high"),
        ({"vary": {"beta": "a:b"}}, "beta = a:b is no range"),
        ({"vary": {"beta": "1:999"}}, "beta = 999.0 is not allowed: a number from 0.1 to 200"),
        ({"vary": {"rho_burst": "0:1:log"}}, "a logarithmic range must begin above 0"),
        ({"vary": {"batch": "1.5:9"}}, "batch = 1.5:9: a whole number from 1 to 10000"),
        ({"vary": {"schedule": "1:9"}}, "schedule = 1:9: one of cosine, exponential, constant"),
        ({"vary": {"schedule": "cosine,linear"}}, "schedule = linear is not allowed"),
        ({"vary": {"beta": "10,10"}}, "beta = '10,10' holds a value twice"),
        ({"vary": {"beta": []}}, "beta = [] holds no values"),
        ({"vary": {"beta": 3}}, "beta = 3 holds no values"),
        ({"vary": {"batch": "1:9"}}, "batch is both varied and set"),
        ({"vary": {"dataset": "digits,mnist"}, "settings": {}}, "do not vary dataset or side"),
        ({"sampler": "annealing"}, "sampler 'annealing' is unknown: use grid, random, tpe"),
        ({"sampler": "grid"}, "vary beta: a grid needs points, write 1:200:log:5 for five"),
        ({"sampler": "grid", "vary": {"beta": "1:9:3"}}, "grid has 3 points, not 4"),
        ({"objectives": ["speed"]}, "objective 'speed' is unknown"),
        ({"objectives": []}, "give one objective or several different ones"),
        ({"objectives": ["accuracy", "energy"], "prune": True}, "2 objectives: only a sweep for"),
        ({"limits": {"power": "low"}}, "limit power = low is no number"),
        ({"trials": 0}, "trials = 0 is not allowed: a whole number from 1"),
        ({"repeats": 2, "vary": {"die_seed": "1:9"}}, "die_seed is varied, and repeats vary it"),
        ({"settings": {"beta": 0}}, "beta = 0 is not allowed"),
        ({"colour": 1}, "a sweep has no 'colour'"),
    ],
)
def test_what_is_no_plan_is_said_before_anything_is_kept(tmp_path, given, said):
    where = str(tmp_path / "s.db")
    refused(lambda: sweep(plan(**given), where, workers=0), said, folder=tmp_path)


def test_a_plan_is_read_from_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'sampler = "grid"\nobjectives = ["accuracy", "energy"]\nrepeats = 2\n'
        '[settings]\ndataset = "digits"\n[limits]\npower = 0.21\n'
        '[vary]\nbeta = "1:100:log:3"\nhidden = [[50], [60, 60]]\nschedule = ["cosine"]\n'
    )
    read = Plan.read(path, settings={"epochs": 3})
    assert (read.name, read.trials, read.repeats) == ("mine", 6, 2)
    assert [point["beta"] for point in read.grid()[::2]] == pytest.approx([1.0, 10.0, 100.0])
    config = read.config(read.grid()[3])
    assert (config.beta, config.hidden, config.epochs) == (pytest.approx(10.0), [60, 60], 3)
    for content, said in [
        ("sampler = ", "is no TOML"),
        ("vary = 3", r"vary must be a table, \[vary\]"),
        ("colour = 3\n[vary]\nbeta = '1:2'", "a sweep has no 'colour'"),
        ("trials = 'x'\n[vary]\nbeta = '1:2'", "trials = x is not allowed"),
        (
            "objectives = 3\n[vary]\nbeta = '1:2'",
            "objectives = 3 is not allowed: it must be a list",
        ),
        ("limits = 3\n[vary]\nbeta = '1:2'", "limits = 3 is not allowed: it must be a table"),
    ]:
        path.write_text(content)
        with pytest.raises(SnnlabError, match=said):
            Plan.read(path)


def test_the_limit_in_the_documentation_can_be_kept_and_means_something():
    docs = Path(__file__).parents[2] / "docs"
    (text,) = re.findall(r"```toml\n(.*?)```", (docs / "sweeps.md").read_text("utf-8"), re.DOTALL)
    shown = Plan.checked(**tomllib.loads(text))
    measured = parquet.read_table(docs / "sweeps/beta-rho.parquet")["power"].to_pylist()
    kept = [power <= shown.limits["power"] for power in measured]
    assert any(kept)
    assert not all(kept)


def test_the_plan_in_the_documentation_can_be_carried_out():
    path = Path(__file__).parents[2] / "docs/sweeps/beta-rho.toml"
    read = Plan.read(path)
    assert (read.trials, read.repeats, read.config(read.grid()[0]).dataset) == (60, 2, "mnist")


def rdb(where):
    """Optuna's own storage in an SQLite file, which closes each connection after use."""
    return optuna.storages.RDBStorage(f"sqlite:///{where}", engine_kwargs={"poolclass": NullPool})


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


def test_two_queues_never_hand_out_the_same_trial(tmp_path):
    queues = [TrialQueue(plan(trials=10), str(tmp_path / "s.db")) for _ in range(2)]
    for name, queue in zip("xy", queues, strict=True):
        queue.me = f"elsewhere:{os.getpid()}:{name}"
        queue.study.set_user_attr(f"alive {queue.me}", time.time())
    taken = [next(queues[k % 2].take()).number for k in range(10)]
    assert sorted(taken) == list(range(10))
    assert [next(queue.take(), None) for queue in queues] == [None, None]


def test_storage_that_cannot_be_used_is_one_line(tmp_path, capsys):
    (tmp_path / "text.db").write_text("no database\n" * 100)
    sweep(plan(trials=1), str(tmp_path / "s.db"), workers=0)
    foreign = optuna.create_study(storage=rdb(tmp_path / "f.db"), study_name="sweep")
    assert foreign.study_name == "sweep"
    for file, flags, said in [
        ("/proc/nothing/s.db", (), "No such file or directory"),
        ("/proc/s.db", (), "unable to open database file"),
        (tmp_path / "text.db", (), "file is not a database"),
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
    assert "limit power = x is no number" in capsys.readouterr().err


# A sweep always ends with a result, or with why there is none


def row(number, power=0.2003, accuracy=0.9, state="complete", error=None):
    return {"trial": number, "state": state, "power": power, "accuracy": accuracy, "error": error}


FAILED_ROW = row(9, state="fail", error="needs 840 neuron circuits")
PRUNED_ROW = row(8, state="pruned")


@pytest.mark.parametrize(
    ("limits", "rows", "said"),
    [
        ({}, [row(0)], ""),
        ({}, [], ""),
        ({"power": 0.21}, [row(0), FAILED_ROW], ""),
        (
            {"power": 0.2}, [row(k, 0.2003 + 0.001 * k) for k in range(4)],
            "none of 4 trials keeps power ≤ 0.2 W (best 0.2003)",
        ),
        (
            {"power": 0.2}, [row(0), row(1, 0.2001), FAILED_ROW, PRUNED_ROW],
            "none of 2 trials keeps power ≤ 0.2 W (best 0.2001)",
        ),
        ({"power": 0.2}, [row(0)], "the only trial does not keep power ≤ 0.2 W (best 0.2003)"),
        (
            {"power": 0.2}, [row(0, 0.2000002), row(1)],
            "none of 2 trials keeps power ≤ 0.2 W (best 0.2000002)",
        ),
        (
            {"accuracy": 0.95}, [row(0), row(1, accuracy=0.8)],
            "none of 2 trials keeps accuracy ≥ 0.95 (best 0.9)",
        ),
        (
            {"accuracy": 0.95, "power": 0.2}, [row(0), row(1)],
            "none of 2 trials keeps accuracy ≥ 0.95 (best 0.9) or power ≤ 0.2 W (best 0.2003)",
        ),
        (
            {"accuracy": 0.95, "power": 0.2}, [row(0, 0.1), row(1, 0.3, 0.96), row(2, 0.3, 0.97)],
            "none of 3 trials keeps all limits at once: accuracy ≥ 0.95 by 2, power ≤ 0.2 W by 1",
        ),
        (
            {}, [FAILED_ROW, FAILED_ROW],
            "no trial was completed, 2 failed: needs 840 neuron circuits",
        ),
        (
            {"power": 1.0}, [FAILED_ROW, PRUNED_ROW],
            "no trial was completed, 1 stopped early, 1 failed: needs 840 neuron circuits",
        ),
    ],
)  # fmt: skip
def test_why_there_is_no_best_trial_is_one_line(limits, rows, said):
    assert why_none(plan(limits=limits), rows) == said


COMMAND = (
    "sweep", "--dataset", "digits", "--epochs", "1", "--hidden", "12", "--batch", "200",
    "--workers", "0", "--sampler", "random", "--trials", "2", "--vary", "beta=1:20",
)  # fmt: skip


def test_the_command_ends_with_a_result_or_why_there_is_none(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*COMMAND, "--limit", "power=0.1"]) == 0
    *_, line = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"none of 2 trials keeps power ≤ 0\.1 W \(best 0\.\d+\)", line)
    assert main([*COMMAND, "--limit", "power=0.1"]) == 0
    first, *_, again = capsys.readouterr().out.splitlines()
    assert (first, again) == ("nothing was left to do: all trials had ended before", line)
    front = ("--name", "front", "--objective", "accuracy", "--objective", "energy")
    assert main([*COMMAND, *front]) == 0
    out = capsys.readouterr().out
    assert "trials no other beats in all (accuracy, energy; energy and power are estimates):" in out
    assert re.search(r"^  \d: accuracy [\d.]+, energy \S+ at beta ", out, re.MULTILINE)
    large = [flag if flag != "12" else "400" for flag in COMMAND]
    assert main([*large, "--name", "large"]) == 0
    *_, line = capsys.readouterr().out.splitlines()
    assert line.startswith("no trial was completed, 2 failed: Network 256-400-10")


# Nothing is left by a sweep that fails before it has a result


def interrupted_at(monkeypatch, number):
    """Ctrl-C while this trial trains."""
    train = search_.train_trial

    def train_trial(task, dataset):
        if task.number == number:
            raise KeyboardInterrupt
        return train(task, dataset)

    monkeypatch.setattr(search_, "train_trial", train_trial)


@pytest.mark.parametrize("file", ["new/s.db", "new/s.journal"])
def test_interrupted_before_the_first_result_nothing_is_left(tmp_path, file, monkeypatch):
    interrupted_at(monkeypatch, 0)
    with pytest.raises(KeyboardInterrupt):
        sweep(plan(), str(tmp_path / file), workers=0)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    study = sweep(plan(vary={"beta": "1:2"}), str(tmp_path / file), workers=0)
    assert len(results(study)) == 4, "another plan begins in the same place"


@pytest.mark.parametrize("file", ["new/s.db", "new/s.journal"])
@pytest.mark.parametrize("place", ["_begun", "_introduce", "_fill", "_points"])
def test_interrupted_while_it_begins_nothing_is_left(tmp_path, file, place, monkeypatch):
    def interrupted(queue, *_):
        raise KeyboardInterrupt

    monkeypatch.setattr(TrialQueue, place, interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep(plan(), str(tmp_path / file), workers=0)
    assert list(tmp_path.iterdir()) == []


def test_interrupted_while_a_database_is_made_nothing_is_left(tmp_path, monkeypatch):
    database, held = storage_._database, []

    def interrupted(url, engine):
        held.append(connection := database(url, engine).engine.connect())
        connection.exec_driver_sql("UPDATE version_info SET schema_version = 1")  # and locked
        raise KeyboardInterrupt

    monkeypatch.setattr(storage_, "_database", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep(plan(), str(tmp_path / "new/s.db"), workers=0)
    assert list(tmp_path.iterdir()) == []
    held[0].invalidate()  # its pool is gone: nobody else would close it
    held[0].close()


def test_interrupted_later_it_shows_what_it_has_and_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    interrupted_at(monkeypatch, 1)
    assert main(list(COMMAND)) == 130
    out, error = capsys.readouterr()
    assert "best trials (accuracy; energy and power are estimates):" in out
    assert out.endswith("\nthe same command goes on with the trials that are left\n")
    assert error == "snnlab: stopped\n"
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert main(list(COMMAND)) == 0
    assert "trial 0" not in (out := capsys.readouterr().out)
    assert "2 complete, in sweeps/sweep.db" in out


def test_what_others_have_in_a_storage_stays(tmp_path, monkeypatch):
    where = str(tmp_path / "s.db")
    kept = results(sweep(plan(name="first"), where, workers=0))
    interrupted_at(monkeypatch, 0)
    with pytest.raises(KeyboardInterrupt):
        sweep(plan(name="second"), where, workers=0)
    assert results(load_study("first", where)) == kept
    with pytest.raises(SnnlabError, match="holds no sweep 'second'"):
        load_study("second", where)


def test_who_began_a_sweep_leaves_it_to_whoever_is_at_it(tmp_path):
    where = str(tmp_path / "s.db")
    first = TrialQueue(plan(), where)
    second = TrialQueue(plan(), where)
    with pytest.raises(KeyboardInterrupt), first:
        raise KeyboardInterrupt
    assert [trial.number for trial in second.take()] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--vary", "colour=1:2"), "no such knob"),
        (("--vary", "rho_burst=5:1"), "is empty: the first number must be the lower"),
        (("--workers", "-1"), "workers = -1 is not allowed"),
        (("--storage", f"new/folder/{'x' * 300}.db"), "unable to open database file"),
        (("--storage", f"new/{'x' * 300}.journal"), "File name too long"),
        (("--dataset", "fashion-mnist"), "data set fashion-mnist"),
        (("--dataset", "yin-yang", "--vary", "side=16,28"), "do not vary dataset or side"),
        (("--export", "nowhere/t.csv"), "No such file or directory"),
    ],
)
def test_a_sweep_that_cannot_begin_leaves_nothing(tmp_path, monkeypatch, capsys, flags, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SNNLAB_DATA", str(tmp_path / "no-data"))
    refused_command(capsys, *COMMAND, *flags, said=(said,), folder=tmp_path)


@pytest.mark.parametrize("library", ["optuna", "distributed"])
def test_what_is_not_installed_is_said_and_nothing_is_left(tmp_path, monkeypatch, capsys, library):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, library, None)
    flags = ("--scheduler", "tcp://127.0.0.1:9") if library == "distributed" else ()
    refused_command(capsys, *COMMAND, *flags, said=('pip install -e ".[sweep]"',), folder=tmp_path)


def test_without_dask_a_sweep_runs_in_this_process(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert len(results(sweep(plan(trials=2), str(tmp_path / "s.db")))) == 2
    assert ["Dask is not installed" in message for message in caplog.messages] == [True]


def test_a_scheduler_that_is_not_there_is_said():
    with pytest.raises(SnnlabError, match="workers = -1 is not allowed"):
        list(run_all(print, [], -1))
    with pytest.raises(SnnlabError, match="no Dask scheduler nonsense://here"):
        list(run_all(print, [1], scheduler="nonsense://here"))


def sweep_command(where, *flags):
    """The same small sweep as a process of its own."""
    command = [sys.executable, "-m", "snnlab", "sweep", "--storage", str(where), "--dataset"]
    small = ["digits", "--epochs", "1", "--hidden", "12", "--batch", "200", "--sampler", "random"]
    vary = [f"--vary={name}={text}" for name, text in VARY.items()]
    return subprocess.Popen(
        [*command, *small, *vary, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_a_worker_is_killed_and_the_connection_cut(tmp_path):
    """24 trials on a scheduler and two workers, processes of their own without a nanny."""
    from distributed import Client

    address = f"tcp://127.0.0.1:{(port := free_port())}"
    environment = {**os.environ, "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    cli = [sys.executable, "-m", "distributed.cli"]
    started = [
        subprocess.Popen([*command], env=environment, stderr=subprocess.DEVNULL)
        for command in (
            [f"{cli[0]}", "-m", "distributed.cli.dask_scheduler", "--port", str(port),
             "--no-dashboard"],
            *2 * [[f"{cli[0]}", "-m", "distributed.cli.dask_worker", address, "--no-nanny",
                   "--nthreads", "1", "--no-dashboard"]],
        )
    ]  # fmt: skip
    done = []

    def disturb(message, fraction):
        done.append(message)
        if len(done) == 6:
            started[1].kill()
        if len(done) == 12:
            for client in list(Client._instances):
                client.loop.add_callback(client.scheduler_comm.comm.abort)

    try:
        study = sweep(plan(trials=24), str(tmp_path / "s.db"), scheduler=address, tell=disturb)
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert len(done) == 24
    assert started[1].returncode == -signal.SIGKILL
    assert results(study) == results(sweep(plan(trials=24), str(tmp_path / "t.db"), workers=0))


@pytest.mark.slow
def test_two_processes_share_a_sweep_and_one_is_killed(tmp_path):
    where = tmp_path / "s.db"
    flags = ("--trials", "32", "--workers", "1")
    with sweep_command(where, *flags) as killed, sweep_command(where, *flags) as other:
        lines = [process.stdout.readline() for process in (killed, other)]
        killed.kill()
        killed.wait()
        assert all(line.startswith("trial ") for line in lines), killed.stderr.read()
        out, error = other.communicate(timeout=150)
    assert other.returncode == 0, error
    assert "32 complete" in out
    study = optuna.load_study(study_name="sweep", storage=rdb(where))
    serial = sweep(plan(trials=32), str(tmp_path / "t.db"), workers=0)
    assert results(study) == results(serial)


def test_a_storage_that_another_process_begins_is_waited_for(tmp_path):
    """SQLite does not wait by itself where a file is about to be written ahead."""
    where = tmp_path / "s.db"
    other = sqlite3.connect(where, check_same_thread=False)
    other.execute("CREATE TABLE mine (x)")
    other.commit()
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO mine VALUES (1)")
    release = threading.Timer(2.0, other.close)
    release.start()
    try:
        assert open_storage(str(where)).get_all_studies() == []
    finally:
        release.join()


@pytest.mark.slow
def test_the_last_worker_killed_on_this_machine_is_replaced(tmp_path):
    """Data that every worker had are sent anew."""
    import psutil

    def kill(message, fraction):
        if not kills:
            for child in psutil.Process().children(recursive=True):
                if "spawn_main" in " ".join(child.cmdline()):
                    child.kill()
                    kills.append(child.pid)

    kills = []
    study = sweep(plan(trials=6), str(tmp_path / "s.db"), workers=1, tell=kill)
    assert kills
    assert results(study) == results(sweep(plan(trials=6), str(tmp_path / "t.db"), workers=0))
    until(lambda: not any(map(psutil.pid_exists, kills)))
