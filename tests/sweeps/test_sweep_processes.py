"""Sweeps over several processes, of which some are killed."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading

import optuna
import pytest
from conftest import free_port, until
from small_sweeps import VARY, plan, rdb, results

from snnlab.errors import SnnlabError
from snnlab.sweeps.cluster import run_all, settle_workers
from snnlab.sweeps.search import sweep
from snnlab.sweeps.storage import open_storage


def test_a_scheduler_that_is_not_there_is_said():
    with pytest.raises(SnnlabError, match="workers = -1 is not allowed"):
        list(run_all(print, [], -1))
    with pytest.raises(SnnlabError, match="the address of the scheduler is empty"):
        list(run_all(print, [1], scheduler=""))
    with pytest.raises(SnnlabError, match="workers = 1025 is not allowed: give 0 to 1024"):
        settle_workers(1025)  # starts nothing
    with pytest.raises(SnnlabError, match="no Dask scheduler nonsense://here"):
        list(run_all(print, [1], scheduler="nonsense://here"))


def sweep_command(where, output, *flags):
    """The same small sweep as a process of its own, which writes into a file."""
    command = [sys.executable, "-m", "snnlab", "sweep", "--storage", str(where), "--dataset"]
    small = ["digits", "--epochs", "1", "--hidden", "12", "--batch", "200", "--sampler", "random"]
    vary = [f"--vary={name}={text}" for name, text in VARY.items()]
    with output.open("w") as file:
        return subprocess.Popen(
            [*command, *small, *vary, *flags], stdout=file, stderr=subprocess.PIPE, text=True
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
    """The one whose trial ends first is killed: however busy the machine is, most are left then."""
    where, first, second = (tmp_path / name for name in ("s.db", "first.txt", "second.txt"))
    flags = ("--trials", "32", "--workers", "1")
    with sweep_command(where, first, *flags) as one, sweep_command(where, second, *flags) as two:
        until(lambda: ended_trials(first) or ended_trials(second))
        if ended_trials(first):
            killed, other, output = one, two, second
        else:
            killed, other, output = two, one, first
        killed.kill()
        killed.wait()
        _, error = other.communicate(timeout=150)
    assert other.returncode == 0, error
    assert ended_trials(output)
    assert "32 complete" in output.read_text()
    study = optuna.load_study(study_name="sweep", storage=rdb(where))
    serial = sweep(plan(trials=32), str(tmp_path / "t.db"), workers=0)
    assert results(study) == results(serial)


def ended_trials(output):
    """What a sweep has said of its trials; it also says how long it takes."""
    return re.findall("^trial [0-9]+ complete", output.read_text(), re.MULTILINE)


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
    """Data that every worker had are sent again."""
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
