"""Marks on the curves: one for every turn of live knobs, in words."""

import pytest

from snnlab.config import Config
from snnlab_app.session import marks as module
from snnlab_app.session.marks import MAX_MARKS, Marks
from snnlab_app.session.snapshot import Mark


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when a test says so."""
    now = [100.0]
    monkeypatch.setattr(module, "perf_counter", lambda: now[0])

    def wait(seconds):
        now[0] += seconds

    return wait


@pytest.fixture
def turn(clock):
    """Turns knobs of one training at a step; returns the texts of all marks and keeps them."""
    config = Config()
    marks = Marks(config.values())

    def turn(step, **settings):
        for name, value in settings.items():
            config.set(name, value)
        marks.follow(config.values(), step)
        return [(mark.step, mark.text) for mark in marks()]

    turn.marks = marks
    return turn


def test_a_turn_leaves_a_mark_with_the_value_as_shown(turn, clock):
    assert turn(10) == []
    assert turn(10, mismatch=0.3) == [(10, "Mismatch → 30 %")]
    clock(10)
    assert turn(40, rho_burst=0.01)[1:] == [(40, "Burst regularisation → 0.01")]


def test_before_the_first_update_and_by_knobs_that_restart_there_is_none(turn, clock):
    assert turn(0, mismatch=0.3) == []
    assert turn(20, hidden=[100], tau_mem=5e-6) == []


def test_a_dragged_slider_is_one_mark_with_the_last_value(turn, clock):
    for step, sigma in ((10, 0.1), (20, 0.2), (30, 0.3)):
        turn(step, mismatch=sigma)
        clock(2.9)
    assert turn(40) == [(10, "Mismatch → 30 %")]
    clock(0.2)
    assert turn(50, mismatch=0.0) == [(10, "Mismatch → 30 %"), (50, "Mismatch → 0 %")]


def test_another_knob_is_another_mark(turn, clock):
    turn(10, mismatch=0.1)
    clock(1.0)
    assert [text for _, text in turn(20, beta=50.0)] == [
        "Mismatch → 10 %", "Surrogate steepness → 50",
    ]  # fmt: skip


def test_what_is_turned_back_before_the_next_update_leaves_none(turn, clock):
    turn(10, mismatch=0.3)
    clock(60)
    assert turn(10, mismatch=0.0) == []
    turn(20, mismatch=0.3)
    clock(1)
    assert turn(25, mismatch=0.0) == [(20, "Mismatch → 0 %")], "it was trained with"


def test_several_at_rest_are_one_mark(turn, clock):
    turn(10, mismatch=0.3)
    clock(60)
    assert turn(10, beta=50.0) == [(10, "Mismatch → 30 %, Surrogate steepness → 50")]


def test_one_click_that_turns_several_knobs_is_one_mark_even_if_seen_in_parts(turn, clock):
    turn(5, mismatch=0.3, dead=0.1)
    clock(60)
    turn(10, die="ideal", mismatch=0.0, dead=0.0)
    clock(0.1)
    noise = dict.fromkeys(("cadc_noise", "threshold_drift", "spike_jitter"), 0.0)
    assert turn(11, **noise)[-1] == (10, "Ideal twin")
    clock(60)
    plain = Config().values()
    real = {name: plain[name] for name in Config.IDEAL} | {"mismatch": 0.3}
    assert turn(30, **real)[-1] == (30, "Real chip")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"killed": [17]}, "Circuit 17 killed"),
        ({"killed": [3, 17]}, "Circuits 3, 17 killed"),
        ({"killed": list(range(40))}, "40 circuits killed"),
        ({"die_seed": 2}, "Chip swapped: die 2"),
        ({"calibration": "measured"}, "Recalibrated"),
        ({"beta": 50.0, "mismatch": 0.1, "dead": 0.2, "stuck": 0.1},
         "Mismatch, Dead neurons and 2 more"),
    ],
)  # fmt: skip
def test_a_mark_is_readable(turn, settings, text):
    assert turn(10, **settings) == [(10, text)]


def test_revived_circuits_are_named(turn, clock):
    turn(10, killed=[3, 17])
    clock(60)
    assert turn(20, killed=[17])[-1] == (20, "Circuit 3 revived")
    clock(60)
    assert turn(30, killed=[5])[-1] == (30, "Circuit 5 killed, Circuit 17 revived")


def test_marks_go_on_from_what_was_kept(turn, clock):
    for step in (10, 20, 30):
        turn(step, mismatch=step / 100)
        clock(60)
    again = Marks(Config.checked(mismatch=0.2).values())
    again.restore(turn.marks.kept(), 20)
    assert again() == (Mark(10, "Mismatch → 10 %"), Mark(20, "Mismatch → 20 %"))
    again.follow(Config.checked(mismatch=0.5).values(), 25)
    assert [mark.step for mark in again()] == [10, 20, 25]


def test_they_never_become_too_many(turn, clock):
    for step in range(1, 2 * MAX_MARKS):
        turn(step, beta=10.0 + step % 2)
        clock(60)
    assert len(turn.marks()) == MAX_MARKS
    assert turn.marks()[-1].step == 2 * MAX_MARKS - 1
