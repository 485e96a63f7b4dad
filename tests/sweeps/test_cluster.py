"""Tasks on several processes: each result comes once, and no task takes another down."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import dask
import distributed
import numba
import psutil
import pytest

from snnlab.errors import SnnlabError
from snnlab.sweeps import script
from snnlab.sweeps.cluster import Failed, run_all, settle_workers


def square(task, data):
    """What the workers do; runs in a process of its own."""
    if task == "fail":
        raise SnnlabError("told to fail")
    if task == "break":
        return 1 / 0
    if task == "die":
        os._exit(7)
    if task == "sleep":
        time.sleep(10 * 60)
    return task**2, os.getpid(), numba.get_num_threads(), data


def settings():
    """The environment, without what Dask keeps there to know its own processes by."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONHASHSEED", "__DASK_PARENT_PID")
    }


def test_every_task_is_done_whatever_becomes_of_the_others():
    tasks, before = [2, "fail", 3, "break", 4, 5], settings()
    done = dict(run_all(square, tasks, workers=2, data="shared"))
    assert set(done) == set(tasks)
    assert [done[n][0] for n in (2, 3, 4, 5)] == [4, 9, 16, 25]
    assert {done[n][2:] for n in (2, 3, 4, 5)} == {(1, "shared")}
    assert os.getpid() not in {done[n][1] for n in (2, 3, 4, 5)}
    assert done["fail"] == Failed("told to fail")
    assert done["break"].why.startswith("ZeroDivisionError: division by zero (square, line ")
    assert settings() == before


@pytest.mark.slow
def test_a_task_that_kills_its_process_fails_alone():
    before = settings()
    # On a busy machine, a process that takes its place needs longer than Dask waits for it.
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "1 s"}):
        done = dict(run_all(square, ["die", 2, 3], workers=1))
    assert isinstance(done["die"], Failed)
    assert [done[n][0] for n in (2, 3)] == [4, 9]
    assert settings() == before


def test_kernels_compile_while_processes_begin_and_end():
    """Numba refuses to once it finds another number of threads than it began with."""
    numba.set_num_threads(numba.get_num_threads())  # begins its threads
    stop, compiled = threading.Event(), []

    def compile_on():
        while not stop.is_set():
            compiled.append(numba.njit(lambda n: n + 1)(1))

    with ThreadPoolExecutor(1) as pool:
        compiling = pool.submit(compile_on)
        try:
            results = [result for _, result in run_all(square, [2, 3], workers=1)]
        finally:
            stop.set()
        compiling.result()
    assert [result[0] for result in results] == [4, 9]
    assert set(compiled) == {2}


@pytest.mark.slow
def test_leaving_early_ends_the_processes():
    """Those that are busy, too: waiting for their tasks would outlast the test's time."""
    results = run_all(square, [2, "sleep", "sleep"], workers=2)
    task, (_, process, *_) = next(results)
    assert task == 2
    assert psutil.pid_exists(process)
    results.close()
    assert not psutil.pid_exists(process)


def test_no_processes_at_all():
    assert list(run_all(square, [], workers=0)) == []
    ((_, result),) = run_all(square, [3], workers=0)
    assert result[:2] == (9, os.getpid())


SCRIPT = """
import os

import distributed
import numba
import torch

from snnlab.sweeps.cluster import run_all


def threads(task, data):
    if task == "die":
        os._exit(7)
    return numba.get_num_threads(), torch.get_num_threads()


if __name__ == "__main__":
    print([result for task, result in run_all(threads, ["die", 1, 2], workers=1) if task != "die"])
"""


@pytest.mark.slow
def test_a_script_that_loads_numba_first_has_workers_of_one_thread_too(tmp_path):
    """Each worker reads the script again, also one that takes the place of another."""
    (script := tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "NUMBA_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[(1, 1), (1, 1)]\n", 0), done.stderr


# Scripts that their own processes run again

CALL = """
from snnlab.sweeps.cluster import run_all
{before}
print("begun")
print([result for _, result in run_all(max, [[1, 2]], workers=1)])
"""
"""What a newcomer writes, without a guard."""
CURE = "under if __name__ == '__main__':"


def run_script(*command, cwd, **options):
    return subprocess.run(
        [sys.executable, *command], cwd=cwd, capture_output=True, text=True, timeout=200, **options
    )


@pytest.mark.parametrize("before", ["", "import logging\nlogging.getLogger(__name__)"])
def test_a_script_without_its_guard_is_one_line_and_nothing_is_started(tmp_path, before):
    (tmp_path / "two.py").write_text(CALL.format(before=before))
    done = run_script("two.py", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "begun\n"), "no other process ran it"
    line = done.stderr.splitlines()[-1]
    assert line.startswith("snnlab.errors.SnnlabError: two.py, line ")
    assert line.endswith(CURE)
    assert done.stderr.count("Traceback") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["two.py"]


def test_the_processes_of_a_script_that_calls_beside_its_guard_are_quiet(tmp_path):
    (tmp_path / "three.py").write_text(CALL.format(before="if __name__ == 'other': exit()"))
    done = run_script("three.py", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "begun\nbegun\n"), "a process ran it, then ended"
    line = done.stderr.splitlines()[-1]
    assert "SnnlabError: processes of this machine cannot start: " in line
    assert f"each begins by running three.py again: put what it does {CURE}" in line
    assert done.stderr.count("Traceback") == 1


def test_a_script_from_standard_input_is_told_to_be_saved(tmp_path):
    done = run_script("-", cwd=tmp_path, input=CALL.format(before=""))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "<stdin> is no file: save the script as one, or give workers=0 to compute in this process"
    )


def test_a_module_without_its_guard_is_told_too(tmp_path):
    (tmp_path / "module.py").write_text(CALL.format(before=""))
    done = run_script("-m", "module", cwd=tmp_path)
    assert done.stderr.splitlines()[-1].endswith(CURE)


@pytest.mark.slow
def test_where_no_script_is_run_again_no_guard_is_needed(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__main__.py").write_text(CALL.format(before=""))
    for command in (("-c", CALL.format(before="")), ("-m", "package")):
        done = run_script(*command, cwd=tmp_path)
        assert "Failed(why=" in done.stdout, done.stderr
        assert done.returncode == 0, done.stderr


def test_a_process_that_somebody_else_started_says_what_is_wrong(monkeypatch):
    def bootstrapping(name):
        raise RuntimeError

    monkeypatch.setattr(script.spawn, "get_preparation_data", bootstrapping)
    with pytest.raises(SnnlabError, match=CURE):
        settle_workers(2)
    process = type("Process", (), {"name": "Dask Worker process (from Nanny)"})
    monkeypatch.setattr(script, "current_process", process)
    with pytest.raises(SystemExit):
        settle_workers(2)


# Ctrl-C while processes start


@pytest.mark.parametrize("presses", [0, 1])
def test_ctrl_c_while_processes_start_waits_for_them_and_ends_them(monkeypatch, presses):
    """Ignored, it would be lost; half started processes would be left behind."""
    cluster = distributed.LocalCluster
    began, closed = [], []

    class Pressed(cluster):
        def __init__(self, **options):
            began.append(self)
            for _ in range(presses):
                signal.raise_signal(signal.SIGINT)
            super().__init__(**options)

        def close(self, *arguments):
            closed.append(self)
            return super().close(*arguments)

    monkeypatch.setattr(distributed, "LocalCluster", Pressed)
    results = run_all(square, [3], workers=1)
    if presses:
        with pytest.raises(KeyboardInterrupt):
            next(results)
    else:
        assert next(results)[0] == 3
    results.close()
    assert closed
    assert set(closed) == set(began)


# Without Dask


@pytest.fixture
def no_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)


@pytest.mark.usefixtures("no_dask")
@pytest.mark.parametrize("workers", [None, 2])
def test_without_dask_this_process_computes_and_says_so_once(caplog, workers):
    ((_, result),) = run_all(square, [3], workers)
    assert result[:2] == (9, os.getpid())
    (said,) = caplog.messages
    assert said.startswith("Dask is not installed: all of it runs in this process")
    assert 'pip install -e ".[sweep]"' in said


@pytest.mark.usefixtures("no_dask")
def test_without_dask_a_scheduler_cannot_be_used():
    with pytest.raises(SnnlabError, match=r'Dask is not installed: pip install -e "\.\[sweep\]"'):
        list(run_all(square, [3], scheduler="tcp://127.0.0.1:9"))


@pytest.mark.usefixtures("no_dask")
def test_who_asks_for_this_process_hears_nothing_of_dask(caplog):
    assert settle_workers(0) == 0
    assert caplog.messages == []
