"""Compiling, which takes a minute the first time: it is said how far that is, and to whom."""

import os
import re
import subprocess
import sys
from threading import Thread

import numpy as np
import pytest
from conftest import until
from numba import njit, prange
from numba.core.caching import NullCache

from snnlab.chip.compiled import compiled, compiling
from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.kernels.layer import run_layer
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.config import Config
from snnlab.events import Events

COUNT = re.compile(r"compiling kernel (\d+) of (\d+) \(once, then kept on disk\)")


@njit
def _leaf(x):
    return 2 * x


@njit(inline="always")
def _inlined(x):
    return _leaf(x) + 1


@njit
def _kernel(x):
    """Of two functions: what is inlined is compiled as part of it."""
    return _inlined(x) + _leaf(x)


@njit
def _foreign(x):
    return 2 * x


def test_functions_are_counted_while_they_are_compiled():
    told = []
    with compiling([_kernel], "a stage", lambda *news: told.append(news)):
        assert _kernel(3) == 13
    counts = [(*map(int, match.groups()), done) for what, done in told
              if (match := COUNT.fullmatch(what))]  # fmt: skip
    assert counts[0] == (1, 2, 0.0)
    assert counts[-1] == (2, 2, 0.5)
    assert counts == sorted(counts)
    assert told[0] == told[-1] == ("a stage", None)

    told.clear()
    with compiling([_kernel], "a stage", lambda *news: told.append(news)):
        assert _kernel(4) == 17
    assert told == [("a stage", None)], "it is there already"


def test_what_others_compile_is_not_counted():
    told = []
    with compiling([_kernel, len], "a stage", lambda *news: told.append(news)):
        assert _foreign(3) == 6
    assert set(told) == {("a stage", None)}


def _filled(n):
    """Two parallel loops, as numba sees it: one of them fills the array."""
    out = np.zeros((2, n))
    for k in prange(n):
        out[1, k] = k
    return out[1]


def loops(kernel):
    """Parallel loops of a kernel that is compiled here, whatever is kept of it."""
    kernel._cache = NullCache()
    assert np.array_equal(kernel(3), [0, 1, 2])
    (overload,) = kernel.overloads.values()
    return overload.metadata["parfor_diagnostics"].count_parfors()


def test_only_what_is_said_to_be_parallel_is_compiled_so():
    assert loops(compiled(parallel=True)(_filled)) == 1
    assert loops(njit(parallel=True)(_filled)) == 2


PREPARE = """
from snnlab.config import Config
from snnlab.data import load
from snnlab.learn.trainer import Trainer
trainer = Trainer(Config.checked(dataset="digits", rotation={}), load("digits"))
trainer.prepare(lambda what, done: print(done, what))
"""


@pytest.mark.slow
def test_every_kernel_of_a_training_is_counted(tmp_path):
    def prepare(rotation):
        done = subprocess.run(
            [sys.executable, "-c", PREPARE.format(rotation)], capture_output=True, text=True,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}, check=True,
        )  # fmt: skip
        return done.stdout

    counts = [tuple(map(int, pair)) for pair in COUNT.findall(prepare(0.0))]
    assert counts[0][0] == 1
    assert counts == sorted(counts)
    assert counts[-1][0] == counts[-1][1] > 20, "all of them were needed"
    assert "compiling" not in prepare(0.0), "they were kept"
    more = [tuple(map(int, pair)) for pair in COUNT.findall(prepare(0.1))]
    assert more == sorted(more)
    assert more[-1][1] > counts[-1][1], "rotation needs kernels of its own"
    assert len(set(more)) < 10, "the others were kept"
    assert "compiling" not in prepare(0.1)


def test_who_waits_sees_what_is_compiled():
    from snnlab_app.session.local import Session
    from snnlab_app.session.turns import Line

    line, doing = Line(), ("compiling kernel 7 of 23 (once, then kept on disk)", 0.25)
    with line.turn():
        session = Session(Config.checked(dataset="digits"), line=line).start()
        until(lambda: session.message == "others are computing: you are 1st in line")
        line.doing = doing
        until(lambda: (session.message, session.fraction) == doing)
    assert line.doing != doing, "the next one does something else"
    until(lambda: session.state == "ready")
    session.close()


def test_a_session_shows_the_others_what_it_prepares(monkeypatch):
    from snnlab.learn.trainer import Trainer
    from snnlab_app.session.local import Session
    from snnlab_app.session.turns import Line

    line, seen, prepare = Line(), [], Trainer.prepare

    def prepare_slowly(trainer, tell):
        tell("compiling kernel 1 of 23", 0.0)
        other = Session(Config.checked(dataset="digits"), line=line)
        waiting = Thread(target=lambda: other._wait(1))
        waiting.start()
        waiting.join()
        seen.append((other.message, other.fraction))
        return prepare(trainer, tell)

    monkeypatch.setattr(Trainer, "prepare", prepare_slowly)
    session = Session(Config.checked(dataset="digits"), line=line).start()
    until(lambda: session.state == "ready")
    session.close()
    assert seen == [("compiling kernel 1 of 23", 0.0)]
    assert line.doing is None


@pytest.mark.slow
def test_a_change_of_a_called_function_compiles_its_kernels_again(tmp_path):
    """Numba by itself watches the file of the kernel only."""
    leaf, kernel = tmp_path / "leaf.py", tmp_path / "kernel.py"
    kernel.write_text(
        "from leaf import leaf\nfrom snnlab.chip.compiled import compiled\n"
        "@compiled()\ndef kernel(x):\n    return leaf(x) + 1\n"
    )
    for factor, loaded in ((2, 0), (2, 1), (33, 0)):
        leaf.write_text(f"from numba import njit\n@njit\ndef leaf(x):\n    return {factor} * x\n")
        os.utime(leaf, (1e9, 1e9))  # the size tells it from what it was
        said = subprocess.run(
            [sys.executable, "-c",
             "from kernel import kernel; print(kernel(1), sum(kernel.stats.cache_hits.values()))"],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert said.stdout.split() == [str(factor + 1), str(loaded)]


def test_events_of_any_strides_need_the_same_code():
    """To compile for yet another type of argument takes seconds."""
    pairs = np.array([(100, 3), (200, 1), (300, 2)], np.uint16)
    events = Events([0, 3], pairs[:, 0].copy(), pairs[:, 1].copy(), 4, [0])
    weights = [np.full((4, 3), 40, np.int8), np.full((3, 2), 40, np.int8)]
    chip = Chip(Mapping((4, 3, 2)), Die.ideal(), OperatingPoint())
    chip.run(events, weights)
    known = list(run_layer.signatures)
    chip.run(Events([0, 3], pairs[:, 0], pairs[:, 1], 4, [0]), weights)
    assert run_layer.signatures == known
