"""Accuracy on held-out images, in the loop and left out of it."""

import numpy as np
import pytest

from snnlab.config import Config
from snnlab.data import load
from snnlab.learn.trainer import Trainer
from snnlab.studies.interval import wilson_interval
from snnlab_app.session import held_out as module
from snnlab_app.session.held_out import HeldOut
from snnlab_app.session.snapshot import MAX_HELD_OUT


@pytest.fixture
def trainer():
    config = Config.checked(dataset="digits", hidden=[40], epochs=1000, schedule="constant")
    trainer = Trainer(config, load("digits"))
    for _ in range(20):
        trainer.advance()
    return trainer


@pytest.fixture
def measured(trainer):
    """The trainer's measurement, which has seen its chip."""
    measured = HeldOut(trainer)
    measured.follow()
    measured.measure()
    return measured


def change(trainer, measured, **settings):
    for name, value in settings.items():
        trainer.config.set(name, value)
    measured.follow()
    measured.measure()


def test_it_is_that_part_of_the_whole_test_with_its_interval(trainer, measured):
    labels, n = trainer.dataset.test_labels, len(measured._images)
    decided = np.empty(len(labels), int)
    for part, recording in trainer.recordings():
        decided[part] = trainer.scores(recording).argmax(axis=1)
    right = int((decided == labels)[measured._images].sum())
    curves = measured.in_the_loop()
    assert curves["accuracy"].tolist() == [right / n]
    assert (curves["low"][0], curves["high"][0]) == wilson_interval(right, n)
    assert curves["step"].tolist() == [20]
    assert (np.diff(measured._images) > 0).all()
    assert (n, measured._images[-1]) == (MAX_HELD_OUT, len(labels) - 1)


def test_nothing_is_measured_twice_nor_before_it_is_due(trainer, measured, monkeypatch):
    measured.measure()
    assert len(measured.in_the_loop()["step"]) == 1, "of the same weights"
    trainer.advance()
    measured.measure(hurry=True)
    assert len(measured.in_the_loop()["step"]) == 1, "not due"
    measured.measure()
    assert measured.in_the_loop()["step"].tolist() == [20, 21]


def test_measurements_that_take_long_become_rarer(trainer, monkeypatch):
    now = [0.0]
    for clock in ("perf_counter", "thread_time"):
        monkeypatch.setattr(module, clock, lambda: now[0])
    measured = HeldOut(trainer)
    count = measured._count_right

    def slowly(weights):
        now[0] += 0.3
        return count(weights)

    monkeypatch.setattr(measured, "_count_right", slowly)
    steps = 200
    for _ in range(steps):
        trainer.step += 1
        now[0] += 0.5
        measured.measure(hurry=True)
    spent = 0.3 * len(measured.in_the_loop()["step"])
    assert 0.5 * module.MAX_SHARE < spent / (0.5 * steps) < 2 * module.MAX_SHARE


def test_both_lines_split_from_one_point_at_the_step_of_the_change(trainer, measured):
    assert measured.transferred()["step"].size == 0
    change(trainer, measured, mismatch=0.5, die_seed=3)
    trainer.advance()
    measured.measure()
    loop, left = measured.in_the_loop(), measured.transferred()
    assert loop["step"].tolist() == [20, 20, 21]
    assert left["step"].tolist() == [20, 21]
    assert left["left"][0] == loop["accuracy"][1] < loop["accuracy"][0]
    assert measured._left is not None


def test_what_is_left_out_is_measured_as_it_was_on_the_chip_as_it_is(trainer, measured):
    before = trainer.weights_lsb()
    change(trainer, measured, mismatch=0.5)
    for _ in range(10):
        trainer.advance()
    measured.measure()
    right = measured._count_right(before)
    assert measured.transferred()["left"][-1] == right / len(measured._images)
    assert not all(map(np.array_equal, before, trainer.weights_lsb()))


def test_another_change_begins_another_line_and_a_dragged_slider_does_not(
    trainer, measured, monkeypatch
):
    change(trainer, measured, mismatch=0.3)
    trainer.advance()
    change(trainer, measured, mismatch=0.4)
    assert measured.transferred()["step"].tolist() == [20, 21]
    monkeypatch.setattr(module, "SAME_CHANGE_SECONDS", 0.0)
    trainer.advance()
    change(trainer, measured, mismatch=0.5)
    assert measured.transferred()["step"].tolist() == [22]


def test_changes_at_one_step_leave_two_points_the_first_and_the_last(trainer, measured):
    before = measured.in_the_loop()["accuracy"][0]
    for sigma in (0.1, 0.2, 0.5):
        change(trainer, measured, mismatch=sigma)
    last = measured._count_right(trainer.weights_lsb()) / len(measured._images)
    assert measured.in_the_loop()["accuracy"].tolist() == [before, last]
    assert measured.transferred()["left"].tolist() == [last]
    trainer.advance()
    measured.measure()
    assert measured.in_the_loop()["step"].tolist() == [20, 20, 21]


def test_a_change_undone_before_the_next_update_leaves_no_other_line(trainer, measured):
    change(trainer, measured, mismatch=0.5, killed=[3])
    change(trainer, measured, mismatch=0.0, killed=[])
    assert measured.transferred()["step"].size == 0
    first, last = measured.in_the_loop()["accuracy"]
    assert first == last
    trainer.advance()
    measured.measure()
    assert measured.transferred()["step"].size == 0
    change(trainer, measured, mismatch=0.5)
    assert measured.transferred()["step"].tolist() == [21], "the one after it begins at once"


def test_a_dragged_slider_is_measured_soon_after_each_of_its_values(trainer, measured, monkeypatch):
    now = [module.perf_counter()]
    for clock in ("perf_counter", "thread_time"):
        monkeypatch.setattr(module, clock, lambda: now[0])
    for sigma in (0.1, 0.2, 0.3):
        trainer.config.set("mismatch", sigma)
        measured.follow()
        for _ in range(2):
            measured.measure(hurry=True)
            trainer.advance()
            now[0] += 1.1 * module.FOLLOW_UP_SECONDS
    assert measured.transferred()["step"].tolist() == [20, 23, 25]


def test_weights_of_more_bits_are_rounded_to_those_of_the_chip(trainer, measured):
    change(trainer, measured, weight_bits=3)
    trainer.advance()
    measured.measure()
    assert measured.transferred()["step"].tolist() == [20, 21]
