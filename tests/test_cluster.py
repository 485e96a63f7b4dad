"""Tasks on several processes: each result comes once, and no task takes another down."""

import os
import subprocess
import sys
import time

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
        time.sleep(60)
    return task**2, os.getpid(), os.environ["NUMBA_NUM_THREADS"], data


def test_every_task_is_done_whatever_becomes_of_the_others():
    tasks, before = [2, "fail", 3, "break", 4, 5], dict(os.environ)
    done = dict(run_all(square, tasks, workers=2, data="shared"))
    assert set(done) == set(tasks)
    assert [done[n][0] for n in (2, 3, 4, 5)] == [4, 9, 16, 25]
    assert {done[n][2:] for n in (2, 3, 4, 5)} == {("1", "shared")}
    assert os.getpid() not in {done[n][1] for n in (2, 3, 4, 5)}
    assert done["fail"] == Failed("told to fail")
    assert done["break"].why.startswith("ZeroDivisionError: division by zero (square, line ")
    assert dict(os.environ) == before


@pytest.mark.slow
def test_a_task_that_kills_its_process_fails_alone():
    done = dict(run_all(square, ["die", 2, 3], workers=1))
    assert isinstance(done["die"], Failed)
    assert [done[n][0] for n in (2, 3)] == [4, 9]


def test_leaving_early_ends_the_processes():
    start = time.monotonic()
    results = run_all(square, [2, "sleep", "sleep"], workers=2)
    assert next(results)[0] == 2
    results.close()
    assert time.monotonic() - start < 40


def test_no_processes_at_all():
    assert list(run_all(square, [], workers=0)) == []
    ((_, result),) = run_all(square, [3], workers=0)
    assert result[:2] == (9, os.getpid())


SCRIPT = """
import os

import numba

from snnlab.experiments.cluster import run_all


def threads(task, data):
    if task == "die":
        os._exit(7)
    return numba.config.NUMBA_NUM_THREADS


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
    assert done.stdout == "[1, 1]\n"
