"""Tasks on several processes: each result comes once, and no task takes another down."""

import os
import time

import pytest

from snnlab.errors import SnnlabError
from snnlab.experiments.pool import Failed, run_all


def square(task):
    """What the workers do; runs in a process of its own."""
    if task == "fail":
        raise SnnlabError("told to fail")
    if task == "break":
        return 1 / 0
    if task == "die":
        os._exit(7)
    if task == "sleep":
        time.sleep(60)
    return task**2, os.getpid(), os.environ["NUMBA_NUM_THREADS"]


def test_every_task_is_done_whatever_becomes_of_the_others():
    tasks = [2, "fail", 3, "break", "die", 4, 5]
    done = dict(run_all(square, tasks, workers=2))
    assert set(done) == set(tasks)
    assert [done[n][0] for n in (2, 3, 4, 5)] == [4, 9, 16, 25]
    assert {done[n][2] for n in (2, 3, 4, 5)} == {"1"}
    assert os.getpid() not in {done[n][1] for n in (2, 3, 4, 5)}
    assert done["fail"] == Failed("told to fail")
    assert done["break"].why.startswith("ZeroDivisionError: division by zero (square, line ")
    assert done["die"] == Failed("its process ended with exit code 7")


def test_leaving_early_ends_the_processes():
    start = time.monotonic()
    results = run_all(square, [2, "sleep", "sleep"], workers=2)
    assert next(results)[0] == 2
    results.close()
    assert time.monotonic() - start < 30


def test_the_environment_is_as_before():
    before = dict(os.environ)
    ((_, result),) = run_all(square, [2], workers=3)
    assert result[0] == 4
    assert dict(os.environ) == before


def test_no_tasks_no_processes():
    assert list(run_all(square, [], workers=2)) == []


def test_no_workers_are_refused():
    with pytest.raises(SnnlabError, match="workers = 0 is not allowed"):
        list(run_all(square, [1], workers=0))
