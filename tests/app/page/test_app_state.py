"""Links, undo, one-click actions, presets and axes of the dashboard, without a page."""

import numpy as np
import pytest

from snnlab.chip.units import PHYSICAL, UNITS
from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.model.surrogates import SHAPES
from snnlab.recipes import recipe
from snnlab.runs.tables import csv_of
from snnlab_app.controls import undo
from snnlab_app.controls.knobs import on_page
from snnlab_app.controls.link import as_python, describe_ignored, query, read
from snnlab_app.controls.undo import Turns
from snnlab_app.page.actions import Actions
from snnlab_app.page.main import LESSONS as NAMED
from snnlab_app.plots.displays import smooth
from snnlab_app.plots.live import pad_range
from snnlab_app.views import NAMES
from snnlab_app.views.pins import difference

VIEWS, LESSONS = ("live", "chip"), ("too-steep",)


def _turns(config):
    return Turns(config.set, lambda name: getattr(config, name))


def test_a_link_restores_everything_to_the_bit():
    config = Config.checked(
        mismatch=0.1 + 0.2,
        hidden=[100, 50],
        killed=[3, 17],
        seed=2**32 - 1,
        tau_mem=7.3e-6,
        surrogate="arctan",
    )
    state = read("?" + query(config, "chip"), VIEWS, LESSONS)
    assert state.ignored == ()
    assert state.view == "chip"
    assert state.settings == config.values()
    assert query(Config.checked(**state.settings), "chip") == query(config, "chip")


def test_a_link_says_more_than_the_differences():
    assert set(read(query(Config(), "live"), VIEWS, LESSONS).settings) == set(Config.knobs())


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("beta=9999", "beta=9999 (a number from 0.1 to 200)"),
        ("beta=nan", "beta=nan (a number from 0.1 to 200)"),
        ("batch=1.5", "batch=1.5 (a whole number from 1 to 10000)"),
        (
            "hidden=a-b",
            "hidden=a-b (a list of whole numbers from 1 to 8192, 8 at most, such as 246 or"
            " 120-120)",
        ),
        ("die=<script>", "die=<script> (one of ideal, calibrated, uncalibrated)"),
        (
            "surrogate=box",
            f"surrogate=box (one of {', '.join(SHAPES)})",
        ),
        ("colour=red", "colour=red (no such knob)"),
        ("v=7", "v=7 (one of 1)"),
        ("view=cellar", "view=cellar (one of live, chip)"),
        ("units=miles", "units=miles (one of physical, codes)"),
        ("lesson=none", "lesson=none (one of too-steep)"),
        ("seed=3", "seed=3 (given twice)"),
    ],
)
def test_junk_in_a_link_is_named_and_the_rest_counts(field, told):
    state = read(f"?v=1&mismatch=0.3&seed=2&{field}", VIEWS, LESSONS)
    if field != "v=7":
        assert state.ignored == (told,)
    assert state.settings == {"mismatch": 0.3, "seed": 2}


def test_a_link_tells_the_units():
    for units in UNITS:
        state = read("?" + query(Config(), "live", units), VIEWS, LESSONS)
        assert (state.units, state.ignored) == (units, ())
    assert read("?v=1", VIEWS, LESSONS).units == PHYSICAL


def test_a_teacher_hides_knobs():
    state = read("?lesson=too-steep&hide=lr,batch", VIEWS, LESSONS)
    assert (state.lesson, state.hide) == ("too-steep", ("learning_rate", "batch"))
    assert read("?hide=walls", VIEWS, LESSONS).ignored == ("hide=walls (no such knob: walls)",)


def test_a_notice_of_what_a_link_says_wrongly_is_short_and_has_labels():
    names = list(Config.knobs())
    state = read("?" + "&".join(f"{name}=x" for name in names), VIEWS, LESSONS)
    words = describe_ignored(state.ignored)
    assert words.startswith(f"Ignored in the link: {Config.param[names[0]].label} x (")
    assert words.endswith(f"; {len(state.ignored) - 3} more.")
    assert len(words) < 400
    assert describe_ignored(("colour=red (no such knob)",)) == (
        "Ignored in the link: colour=red (no such knob)."
    )


def test_a_link_without_end_is_not_read():
    assert read("?" + "x" * 10_000, VIEWS, LESSONS).ignored == ("a link of 10001 characters",)


def test_junk_is_shortened_before_it_is_shown():
    told = read("?die=" + "y" * 3000, VIEWS, LESSONS).ignored[0]
    assert len(told) < 120


def test_python_says_what_the_page_does():
    code = as_python(Config.checked(dataset="digits", beta=3.0, hidden=[30]))
    compile(code, "copied", "exec")
    scope = {}
    exec(code.split("for progress")[0], scope)  # our own text: the configuration, not the training
    assert (
        scope["config"].values() == Config.checked(dataset="digits", beta=3.0, hidden=[30]).values()
    )
    assert "load('digits')" in code


def test_there_is_a_way_back_from_the_twin_whatever_is_turned_on_it():
    config = Config.checked(mismatch=0.2)
    actions = Actions(config, _turns(config))
    real = config.values()
    actions.twin()
    actions.recalibrate()
    assert actions.is_twin, "an ideal die is one, calibrated or not"
    actions.twin()
    assert not actions.is_twin
    assert {name: config.values()[name] for name in Config.IDEAL} == {
        name: real[name] for name in Config.IDEAL
    }


def test_undo_takes_back_a_click_as_a_whole_and_redo_does_it_again():
    config = Config.checked(mismatch=0.2)
    turns = _turns(config)
    actions = Actions(config, turns)
    actions.kill(7)
    actions.twin()
    assert actions.is_twin
    assert turns.undo()
    assert (config.mismatch, config.killed) == (0.2, [7])
    assert turns.redo()
    assert {name: getattr(config, name) for name in Config.IDEAL} == Config.IDEAL
    assert turns.undo()
    assert turns.undo()
    assert config.values() == Config.checked(mismatch=0.2).values()
    assert not turns.undo()


def test_the_oldest_turns_are_forgotten():
    config = Config()
    turns = _turns(config)
    for k in range(undo.MAX_UNDO + 10):
        turns.turn({"beta": 1.0 + k % 7})
    taken = 0
    while turns.undo():
        taken += 1
    assert taken == undo.MAX_UNDO


def test_a_drag_is_taken_back_as_one_and_clicks_are_not(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(undo, "monotonic", lambda: now[0])
    config = Config.checked(beta=10.0)
    turns = _turns(config)

    def seen():
        return config.mismatch, config.beta

    turns.turn({"mismatch": 0.1})
    for value in (0.2, 0.25, 0.3):
        turns.drag("mismatch", value)
        now[0] += 1.0
    turns.drag("beta", 20.0)
    now[0] += 4.0
    turns.drag("beta", 30.0)
    for expected in ((0.3, 20.0), (0.3, 10.0), (0.1, 10.0), (0.0, 10.0)):
        assert turns.undo()
        assert seen() == pytest.approx(expected)
    assert not turns.undo()
    for expected in ((0.1, 10.0), (0.3, 10.0)):
        assert turns.redo()
        assert seen() == pytest.approx(expected)
    turns.drag("mismatch", 0.4)  # not part of what was done again
    turns.drag("mismatch", 0.3)  # there and back
    assert turns.undo()
    assert seen() == pytest.approx((0.1, 10.0))
    turns.turn({"mismatch": 0.2})
    for value in (0.3, 0.2, 0.2, 0.25, 0.2, 0.15):  # past its start, and on
        turns.drag("mismatch", value)
    turns.drag("beta", 10.0)  # where it is
    assert turns.undo()
    assert seen() == pytest.approx((0.2, 10.0))
    assert turns.undo()
    assert seen() == pytest.approx((0.1, 10.0))
    turns.drag("mismatch", 0.2)
    with pytest.raises(SnnlabError):
        turns.drag("mismatch", 99.0)
    assert turns.undo()
    assert seen() == pytest.approx((0.1, 10.0))


def test_a_drag_back_and_past_its_start_needs_no_turn_before_it():
    config = Config.checked(beta=3.0)
    turns = _turns(config)
    for value in (4.0, 3.0, 2.0):
        turns.drag("beta", value)
    assert turns.undo()
    assert config.beta == 3.0
    assert not turns.undo()


def test_the_twin_goes_back_to_the_chip_it_came_from():
    config = Config.checked(mismatch=0.3, die_seed=9)
    actions = Actions(config, _turns(config))
    actions.twin()
    assert config.mismatch == 0.0
    actions.twin()
    assert (config.mismatch, config.die_seed) == (0.3, 9)


def test_swap_recalibrate_and_kill_are_one_turn_each():
    config = Config()
    actions = Actions(config, _turns(config))
    actions.swap_chip()
    actions.recalibrate()
    actions.kill(3)
    assert (config.die_seed, config.calibration, config.killed) == (2, "measured", [3])
    actions.recalibrate()
    actions.kill(3)
    assert (config.calibration, config.killed) == ("as drawn", [])


@pytest.mark.parametrize("name", NAMED)
def test_a_lesson_is_a_recipe_with_a_view_to_open_and_what_to_look_for(name):
    lesson = NAMED[name]
    Config.checked(**lesson.settings)
    assert lesson.view in (None, *NAMES)
    assert (lesson.view is None) == (lesson.look_for == "")
    assert lesson.look_for.endswith(".") or not lesson.look_for
    assert read(f"?lesson={name}", VIEWS, tuple(NAMED)).lesson == name


OLD_LESSONS = {
    "the-papers-network": "paper",
    **{name: name for name in (
        "a-bad-chip", "straight-from-the-wafer", "frugal", "too-steep", "too-flat",
        "a-third-of-the-neurons-dead", "tiny", "two-hidden-layers", "clothes", "no-network-needed",
    )},
}  # fmt: skip
"""Names of lessons in links from before recipes and presets were one registry."""


@pytest.mark.parametrize(("old", "name"), OLD_LESSONS.items())
def test_links_to_lessons_from_before_still_open_them(old, name):
    assert NAMED[old] is recipe(name)
    assert recipe(name).look_for


def test_an_axis_moves_only_when_the_data_leave_it_or_shrink():
    now = pad_range(0.0, 100.0, (0.0, 1.0))
    assert now[0] == 0.0
    assert now[1] >= 110.0
    assert pad_range(0.0, 105.0, now) == now
    assert pad_range(0.0, 2 * now[1], now)[1] > 2 * now[1]
    assert pad_range(0.0, 1.0, now)[1] < 2.0
    low, high = pad_range(5.0, 5.0, (0.0, 1.0))
    assert low <= 5.0 <= high


def test_an_axis_is_not_filled_by_a_tenth_of_a_percent():
    low, high = pad_range(1.940, 1.942, (0.0, 1.0))
    assert low < 1.92
    assert high > 1.96
    assert pad_range(90.0, 99.0, (0.0, 1.0))[0] > 85


def test_smoothing_keeps_a_constant_and_means_the_last():
    np.testing.assert_allclose(smooth(np.full(30, 3.0)), 3.0)
    assert smooth(np.arange(20.0))[-1] == pytest.approx(np.arange(11.0, 20.0).mean())
    assert smooth(np.empty(0)).size == 0


def test_a_table_becomes_csv_and_differences_are_named():
    lines = csv_of(["step", "energy (µJ)"], [(1, 0.5), (2, 0.25)]).read().splitlines()
    assert lines == ["step,energy (µJ)", "1,0.5", "2,0.25"]
    a, b = Config().values(), Config(beta=3.0).values()
    assert difference(a, b) == {"beta": (10.0, 3.0)}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("partition it into 2 parts (--chips 2)", "partition it into 2 parts (Chips or runs 2)"),
        ("use --hidden 20 or --learning-rate 1", "use Hidden neurons 20 or Learning rate 1"),
        ("say where by --data-dir, -- or not", "say where by --data-dir, -- or not"),
    ],
)
def test_errors_on_the_page_name_knobs_as_the_page_does(said, shown):
    assert on_page(said) == shown
