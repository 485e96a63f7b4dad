"""A sweep that is interrupted or cannot begin leaves nothing but its results."""

import sys

import pytest
from refusal import refused_command
from small_sweeps import COMMAND, plan, results

from snnlab.commands.main import main
from snnlab.errors import SnnlabError
from snnlab.sweeps import search as search_
from snnlab.sweeps import storage as storage_
from snnlab.sweeps.search import sweep
from snnlab.sweeps.storage import load_study
from snnlab.sweeps.trials import TrialQueue


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
    assert out.endswith("\nthe same command continues with the remaining trials\n")
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
