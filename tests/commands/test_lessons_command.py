"""``snnlab lessons``: what it lists, and links that the page reads as they were meant."""

import re
from urllib.parse import urlsplit

import pytest

from snnlab.commands.lessons import link
from snnlab.commands.main import main
from snnlab.lessons import bundled
from snnlab_app.controls.link import read

ADDRESS = "https://lab.school.example/snnlab"
LESSON = """
title = "Mine"
about = "A lesson."
question = "What happens?"
measure = "accuracy"
scale = {from = 0, to = 100, step = 1}
[change]
set = {mismatch = 0.3}
run = {steps = 3}
[[explain]]
text = "This."
"""


def printed(capsys, *arguments):
    assert main(["lessons", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_lessons_are_listed_in_their_order(capsys):
    assert [line.split()[0] for line in printed(capsys)] == list(bundled())


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_page_reads_a_link_as_it_was_meant(slash):
    settings = {"seed": 7, "hidden": [100, 50], "mismatch": 0.25, "dataset": "digits"}
    url = link(ADDRESS + slash, "repair", settings, ("learning_rate", "batch"))
    assert url.startswith(f"{ADDRESS}/?lesson=repair&")
    state = read(urlsplit(url).query, ("live",), ("repair",))
    assert (state.settings, state.lesson) == (settings, "repair")
    assert (state.hide, state.ignored) == (("learning_rate", "batch"), ())


def test_every_lesson_and_those_of_a_folder_get_a_link(capsys, tmp_path):
    (tmp_path / "mine.toml").write_text(LESSON, "utf-8")
    lines = printed(capsys, "--lessons", str(tmp_path), "--link", ADDRESS, "--set", "seed=7")
    titles, links = lines[::2], [line.strip() for line in lines[1::2]]
    assert titles == [*(lesson.title for lesson in bundled().values()), "Mine"]
    assert links == [f"{ADDRESS}/?lesson={name}&seed=7" for name in (*bundled(), "mine")]


def test_a_recipe_is_a_lesson_too(capsys):
    assert printed(capsys, "too-steep", "--link", ADDRESS)[1].endswith("/?lesson=too-steep")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["repiar"], "no lesson 'repiar': .*did you mean 'repair'"),
        (["--set", "seed=7"], "--set is for links: give --link URL"),
        (["--link", "lab.school.example"], "give the dashboard's address"),
        (["--link", "http://[abc"], "give the dashboard's address"),
        (["--link", f"{ADDRESS}?seed=7"], "give the dashboard's address"),
        (["--link", ADDRESS, "--set", "seed"], "--set seed: give a knob and its value"),
        (["--link", ADDRESS, "--set", "mismatch=3"], "mismatch = 3.0 is not allowed"),
        (["--link", ADDRESS, "--hide", "lerning_rate"], "no such knob.*learning_rate"),
        (["--lessons", "nowhere"], "nowhere: No such file or directory: give a folder"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, said, capsys):
    assert main(["lessons", *arguments]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    assert re.search(said, error)
