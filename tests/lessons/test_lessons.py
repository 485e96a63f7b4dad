"""Lessons: those that come along, those of a folder, and errors that say what to change."""

import re
from pathlib import Path

import pytest

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.lessons import Scale, Until, bundled, read, read_folder
from snnlab.lessons.condition import parse
from snnlab.lessons.measures import MEASURES, NAMES
from snnlab.lessons.reading import FIELDS, LIMITS, MEASURED
from snnlab.recipes import recipes

WHOLE = """
title = "A title"
about = "What it is about."
question = "How many?"
measure = "spikes"
scale = {from = 0, to = 80, step = 1}
[change]
set = {rho_burst = 0.1}
run = {steps = 10}
[[explain]]
when = "measured < before and guess > 3"
text = "From {before} to {measured}; accuracy {accuracy}, {accuracy_before} before."
[[explain]]
text = "Otherwise."
"""


def changed(old="", new=""):
    assert old in WHOLE
    return WHOLE.replace(old, new, 1) if old else new + WHOLE


def test_five_lessons_come_along_and_each_leads_to_the_next():
    lessons = bundled()
    assert list(lessons) == ["repair", "transfer", "burst", "steepness", "weight-bits"]
    following = [lesson.following for lesson in lessons.values()]
    assert following == [*list(lessons)[1:], None]
    assert not {*lessons} & {*recipes()}
    for lesson in lessons.values():
        Config.checked(**lesson.settings | lesson.change)
        assert lesson.change, lesson.name
        assert lesson.title[0].isupper(), lesson.name
        assert lesson.question.endswith("?"), lesson.name


def test_each_bundled_lesson_explains_every_result():
    for lesson in bundled().values():
        for measured in (0.0, 10.0, 50.0, 93.0, 100.0):
            values = dict.fromkeys((*NAMES, "before", "low", "high", "guess"), 93.0)
            values |= {"measured": measured, lesson.measure: measured}
            assert lesson.explain(values)
            assert "{" not in lesson.explain(values)
            if not isinstance(lesson.answers, Scale):
                assert len(lesson.right(values)) == 1, "one choice is right"


def test_what_a_file_leaves_out_has_a_default():
    lesson = read(WHOLE, "mine")
    assert (lesson.name, lesson.settings, lesson.restart) == ("mine", {}, False)
    assert (lesson.warm_up, lesson.run) == (Until(steps=1), Until(steps=10))
    assert (lesson.answers, lesson.following) == (Scale(0.0, 80.0, 1.0), None)


def test_a_recipe_is_the_base_of_the_settings():
    lesson = read(changed(new="recipe = 'too-steep'\nset = {epochs = 3}\n"), "mine")
    assert lesson.settings == {**recipes()["too-steep"].settings, "epochs": 3}


def test_texts_show_values_with_their_units():
    lesson = read(WHOLE, "mine")
    values = {"measured": 12.34, "before": 50.0, "guess": 20.0, "accuracy": 93.25}
    said = lesson.explain({**values, "accuracy_before": float("nan")})
    assert said == "From 50.0 to 12.3; accuracy 93.2 %, (not measured) before."
    assert lesson.explain({**values, "guess": 1.0}) == "Otherwise."


def test_choices_are_right_where_their_condition_holds():
    choices = (
        "choices = [{text = 'more', when = 'measured > before'},"
        " {text = 'less', when = 'measured <= before'}]"
    )
    text = changed("scale = {from = 0, to = 80, step = 1}", choices).replace(" and guess > 3", "")
    lesson = read(text, "mine")
    right = lesson.right({"measured": 3.0, "before": 2.0})
    assert [choice.text for choice in right] == ["more"]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("measured < before - 5", True),
        ("measured < before - 50", False),
        ("measured + 5 >= 45 and before <= 90", True),
        ("measured >= 40.5", False),
        ("-3 < measured and measured < 41 and before > 89.5", True),
        ("missing < 3", False),
        ("missing > 3", False),
    ],
)
def test_a_condition_compares_sums(text, holds):
    values = {"measured": 40.0, "before": 90.0, "missing": float("nan")}
    assert parse(text, values).holds(values) is holds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("measured", "is not one comparison"),
        ("1 < measured < 3", "is not one comparison"),
        ("measured < ", "'' is not a sum"),
        ("measured < 3 or before > 2", "is not one comparison"),
        ("measured < 2 * before", "'2 \\* before' is not a sum"),
        ("measured < __import__", "'__import__' is not a sum"),
        ("mesured < 3", "'mesured' is unknown: use measured, before; did you mean 'measured'"),
        ("measured < 3 and", "'' is not one comparison"),
        ("x" * 300, "at most 200 characters"),
        (3, "at most 200 characters"),
    ],
)
def test_what_is_no_condition_is_named(text, said):
    with pytest.raises(SnnlabError, match=said):
        parse(text, ("measured", "before"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title = ", "not valid TOML: Invalid value"),
        (changed('title = "A title"'), "title is missing: give a text of 1 to 60"),
        (changed("A title", "T" * 61), "title = 'T+' is not allowed: give a text of 1 to 60"),
        (changed(new="colour = 'red'\n"), "colour is unknown: use title, about"),
        (changed(new="abuot = 'x'\n"), "abuot is unknown: .*did you mean 'about'"),
        (
            changed('"spikes"', '"speed"'),
            f"measure = 'speed' .*: give one of {', '.join(MEASURES)}",
        ),
        (changed("scale = {from = 0, to = 80, step = 1}"), "scale, choices: give one of them"),
        (changed("to = 80", "to = 0"), "scale.to = 0 is not allowed: give a number above from = 0"),
        (changed("step = 1", "step = 0"), "scale.step = 0 is not allowed: give a number from 0.08"),
        (changed("to = 80", "to = nan"), "scale.to = nan is not allowed"),
        (changed("rho_burst = 0.1", "rho_burts = 0.1"), "change.set: 'rho_burts' is not a knob"),
        (changed("rho_burst = 0.1", "rho_burst = 9"), "change.set: rho_burst = 9 is not allowed"),
        (changed("rho_burst = 0.1", "hidden = [20]"), "change.set: hidden needs a new training"),
        (changed("{steps = 10}", "{}"), "change.run is empty: give steps, epochs"),
        (
            changed("{steps = 10}", "{steps = 0}"),
            "change.run.steps = 0 is not allowed: give a whole",
        ),
        (changed("{steps = 10}", "{steps = 1.5}"), "change.run.steps = 1.5 is not allowed"),
        (changed("{steps = 10}", "10"), "change.run = 10 is not a table: give steps"),
        (changed("{before}", "{befor}"), "explain 1.text = .*: {befor} is unknown: use accuracy"),
        (changed("guess > 3", "guess"), "explain 1.when: 'guess' is not one comparison"),
        (changed('\ntext = "Otherwise."', '\ntext = "O."\nwhen = "low > 3"'), "but the last"),
        (changed(new="next = 3\n"), "next = 3 is not allowed: give a name"),
        (changed(new="recipe = 'no'\n"), "recipe = 'no' is not allowed: give one of paper"),
        (changed(new="set = 3\n"), "set: 3 is not a table of knobs"),
        (changed(new="warm_up = {minutes = 3}\n"), "warm_up.minutes is unknown: use steps"),
    ],
)
def test_what_is_no_lesson_is_named_with_its_file_and_field(text, said):
    with pytest.raises(SnnlabError, match=f"^lesson mine.toml: .*{said}"):
        read(text, "mine")


def test_a_teachers_lessons_come_after_the_others_in_their_order(tmp_path):
    (tmp_path / "b.toml").write_text(changed(new="place = 2\nnext = 'a'\n"))
    (tmp_path / "a.toml").write_text(changed(new="place = 3\nnext = 'too-flat'\n"))
    (tmp_path / "notes.txt").write_text("not a lesson")
    assert list(read_folder(tmp_path)) == [*bundled(), "b", "a"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("too-steep.toml", WHOLE, "lesson too-steep.toml: the name 'too-steep' is taken: rename"),
        ("repair.toml", WHOLE, "lesson repair.toml: the name 'repair' is taken: rename"),
        ("a.toml", changed(new="next = 'brust'\n"), "next = 'brust' is unknown: .*mean 'burst'"),
        ("a.txt", WHOLE, "0 TOML files: give a folder with 1 to 100"),
        ("a.toml", "# " + "x" * 64_000, "lesson a.toml: more than 64000 bytes: shorten it"),
        ("a.toml", b"\xff\xfe", "lesson a.toml: not UTF-8: save it as such"),
    ],
)
def test_what_is_wrong_with_a_folder_is_named(tmp_path, name, text, said):
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SnnlabError, match=said):
        read_folder(tmp_path)


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(SnnlabError, match="No such file or directory: give a folder"):
        read_folder(tmp_path / "no")


@pytest.mark.parametrize(
    ("until", "share"),
    [
        (Until(steps=200), 0.5),
        (Until(steps=200, seconds=10), 0.9),
        (Until(epochs=0.5), 0.8),
        (Until(accuracy=90, steps=1000), 1.0),
    ],
)
def test_a_training_ends_at_the_first_limit(until, share):
    done = {"steps": 100, "epochs": 0.4, "seconds": 9.0, "accuracy": 90.0}
    assert until.share(**done) == pytest.approx(share)


GUIDE = Path(__file__).parents[2] / "docs" / "lessons.md"


def test_the_guides_example_is_a_lesson():
    (example,) = re.findall(r"```toml\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    lesson = read(example, "bits")
    assert (lesson.measure, lesson.change) == ("accuracy", {"weight_bits": 2})


def test_the_guide_names_every_field_quantity_and_value():
    text = GUIDE.read_text("utf-8")
    for name in (*FIELDS, *LIMITS, *MEASURES, *NAMES, *MEASURED, "guess"):
        assert re.search(rf"`(change\.)?{name}[.`]", text), name
