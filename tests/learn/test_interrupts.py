"""Ctrl-C, or a notebook's stop button, at any moment: KeyboardInterrupt, and a sound trainer."""

import ctypes
import signal
import subprocess
import sys

import numpy as np
import pytest

from snnlab import Config, Trainer, load
from snnlab.learn.state import capture, restore
from snnlab.process import defer_sigint, find_raised, reraise_sigint

OFTEN = """
import collections, random, signal, threading
from snnlab import Config, Trainer, load
from snnlab.learn.state import capture

def stopped_within(work):
    timer = threading.Timer(late.uniform(0.0, 0.03), signal.raise_signal, [signal.SIGINT])
    try:
        try:
            timer.start()
            work()
        finally:
            timer.join()
    except BaseException as error:
        return type(error).__name__

def train():
    for progress in trainer:
        seen.append((progress.step, progress.loss, progress.evaluation))

late, seen = random.Random(1), []
config = Config(dataset="digits", batch=50, epochs=400)
trainer, twin = (Trainer(config, load("digits")) for _ in range(2))
next(iter(trainer))  # compiles
print(collections.Counter(stopped_within(train) for _ in range(60)))
print(collections.Counter(stopped_within(lambda: [trainer.evaluate() for _ in range(9)])
                          for _ in range(20)))
while (last := trainer.advance()).evaluation is None:
    pass
expected = [(p.step, p.loss, p.evaluation) for _, p in zip(range(trainer.step), twin)]
same = {name: (array == capture(twin)[name]).all() for name, array in capture(trainer).items()}
print(all(same.values()), set(seen) <= set(expected))
print(last.evaluation == expected[-1][2] == twin.evaluate())
"""


@pytest.fixture(autouse=True)
def default_handler():
    """Python's own: a library that was imported before, as Brian2, may have set another."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_interrupted_at_any_moment_a_training_goes_on_as_if_it_never_was():
    done = subprocess.run([sys.executable, "-c", OFTEN], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Counter({'KeyboardInterrupt': 60})", "Counter({'KeyboardInterrupt': 20})",
        "True True", "True",
    ]  # fmt: skip


@pytest.fixture
def trainer():
    settings = {"dataset": "digits", "hidden": [10], "batch": 1000, "epochs": 1}
    return Trainer(Config.checked(**settings), load("digits"))


def interrupt(*_):
    signal.raise_signal(signal.SIGINT)


def test_an_interrupt_while_weights_move_is_heard_after_the_step(trainer, monkeypatch):
    twin = Trainer(trainer.config, trainer.dataset)
    twin.advance()
    clamp = trainer.network.clamp
    monkeypatch.setattr(trainer.network, "clamp", lambda: (interrupt(), clamp()))
    with pytest.raises(KeyboardInterrupt):
        trainer.advance()
    assert trainer.step == 1
    for name, array in capture(trainer).items():
        np.testing.assert_array_equal(array, capture(twin)[name])


def test_an_interrupted_evaluation_is_made_up_for(trainer, monkeypatch):
    twin = Trainer(trainer.config, trainer.dataset)
    expected = list(twin)[-1]
    trainer.advance()
    with monkeypatch.context() as patched:
        patched.setattr(trainer, "evaluate", interrupt)
        with pytest.raises(KeyboardInterrupt):
            trainer.advance()
    assert trainer.step == 2
    assert not trainer.finished
    (last,) = trainer
    assert (last.step, last.loss, last.evaluation) == (2, expected.loss, expected.evaluation)
    assert trainer.finished


def test_a_restored_state_has_nothing_left_to_report(trainer, monkeypatch):
    trainer.advance()
    state = capture(trainer)
    monkeypatch.setattr(trainer, "evaluate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        trainer.advance()
    restore(trainer, state)
    monkeypatch.undo()
    assert [progress.step for progress in trainer] == [2]


def test_what_is_held_back_is_heard_after_an_error_too():
    def failing():
        with defer_sigint():
            interrupt()
            raise ValueError

    with pytest.raises(KeyboardInterrupt) as error:
        failing()
    assert isinstance(error.value.__context__, ValueError)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_a_callback_swallows_is_not_lost(monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", swallowed := [].append)
    with pytest.raises(KeyboardInterrupt), reraise_sigint():
        ctypes.CFUNCTYPE(None)(interrupt)()
    assert len(swallowed.__self__) == 1
    with pytest.raises(KeyboardInterrupt) as error, reraise_sigint():
        interrupt()
    assert error.value.__context__ is None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_that_only_notes_ends_nothing():
    noted = []
    before = signal.signal(signal.SIGINT, lambda *signalled: noted.append(signalled))
    try:
        with reraise_sigint(), defer_sigint():
            interrupt()
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(noted) == 1


def test_the_root_of_a_complaint():
    root, error, other = TimeoutError(), SystemError(), SystemError()
    error.__cause__, other.__cause__ = other, root
    assert find_raised(error) is root
    assert find_raised(lone := SystemError()) is lone
