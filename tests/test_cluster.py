"""Tasks on several processes: each result comes once, and no task takes another down."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numba
import psutil
import pytest

from snnlab.errors import SnnlabError
from snnlab.experiments.cluster import Failed, run_all


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

import numba
import torch

from snnlab.experiments.cluster import run_all


def threads(task, data):
    if task == "die":
        os._exit(7)
    return numba.get_num_threads(), torch.get_num_threads()


if __name__ == "__main__":
    print([result for task, result in run_all(threads, ["die", 1, 2], workers=1) if task != "die"])
"""


@pytest.mark.slow
def test_a_script_that_loads_numba_first_has_workers_of_one_thread_too(tmp_path):
    """Each worker reads the script anew, also one that takes the place of another."""
    (script := tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "NUMBA_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[(1, 1), (1, 1)]\n"
