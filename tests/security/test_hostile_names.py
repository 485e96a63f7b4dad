"""Names stay in their folder, and text stays text: no markup, formula or control sequence."""

import ast
import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import snnlab_app
from snnlab.commands.main import main
from snnlab.config import Config
from snnlab.errors import SnnlabError, plain
from snnlab.runs.run import Run, find_run, list_runs, run_in
from snnlab.runs.tables import csv_of
from snnlab_app.browser.thumbnails import Thumbnails
from snnlab_app.views.pins import Pin, table_of

MARKUP = '<img src=x onerror="alert(1)">'


# ── names stay in their folder ──


@pytest.fixture
def runs(tmp_path):
    """A folder of runs, with others around it that must not be reached."""
    record = json.dumps({"schema": 2, "settings": {}})
    for name in ("runs/mine", "runs/.hidden", "secret", "runs/~", "runs/deep/er"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text(record)
    (tmp_path / "runs/link").symlink_to(tmp_path / "secret")
    (tmp_path / "config.json").write_text(record)
    return tmp_path / "runs"


OUTSIDE = [
    "", ".", "..", "../secret", "../runs/mine", "./mine", "mine/", "mine/.", "deep/er", "/", "//",
    "/etc", "~", "~root", ".hidden", "link", "mine\0", "\0", "..\\secret", "mine\\..\\..", "C:",
    "C:\\x", "mine:stream", "a" * 5000, "%2e%2e/secret", "..%2fsecret", "nobody",
]  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE, ids=ascii)
def test_a_name_does_not_leave_the_folder(runs, name):
    with pytest.raises(SnnlabError, match="run"):
        run_in(runs, name)


def test_an_absolute_name_does_not_either(runs):
    for name in (str(runs / "mine"), str(runs.parent / "secret")):
        with pytest.raises(SnnlabError, match="no run"):
            run_in(runs, name)
    assert run_in(runs, "mine").folder == runs / "mine"


def test_a_folder_that_is_itself_a_link_is_fine(runs, tmp_path):
    (tmp_path / "elsewhere").symlink_to(runs)
    assert run_in(tmp_path / "elsewhere", "mine").name == "mine"


def test_the_command_line_survives_odd_names(runs):
    for name in ("\0", "", "a" * 5000, "..", "\ud800"):
        with pytest.raises(SnnlabError):
            find_run(name, runs / "deep")


def test_removing_a_link_leaves_what_it_leads_to(runs):
    listed = {run.folder.name: run for run in list_runs(runs)[0]}
    assert ".hidden" not in listed
    listed["link"].remove()
    assert not (runs / "link").is_symlink()
    assert (runs.parent / "secret/config.json").exists()


def test_notes_do_not_write_through_a_link(runs):
    (runs.parent / "precious").write_text('{"tags": [], "note": ""}')
    (runs / "mine/notes.json").symlink_to(runs.parent / "precious")
    Run.open(runs / "mine").annotate("hello")
    assert "hello" not in (runs.parent / "precious").read_text()
    assert Run.open(runs / "mine").notes()["note"] == "hello"


# ── text stays text ──


def test_a_hostile_name_in_the_table_of_runs_is_text():
    history = {name: np.ones(3) for name in ("step", "accuracy", "spikes")}
    results = {"test_accuracy": 0.5, "energy": 1e-6}
    pin = Pin(MARKUP, {**Config().values(), "dataset": MARKUP}, 3, results, history, None)
    html = table_of([pin, Pin("now", Config().values(), 3, results, history, None)])
    assert "<img" not in html
    assert html.count("&lt;img") == 2


def test_hostile_class_names_are_text(monkeypatch):
    from snnlab_app.views import errors

    view = errors.ErrorsView(SimpleNamespace(config=Config(dataset="digits")))
    view._classes = (MARKUP, '" onload="alert(1)')
    view._show_images(
        SimpleNamespace(
            found=1,
            images=np.zeros((1, 4, 4), np.uint8),
            index=np.array([0]),
            label=[0],
            decision=[1],
            wavs=[],
        )
    )
    ((_, name, caption, png),) = view._images.pictures
    assert MARKUP in name or MARKUP in caption, "passed on as it is, as text"
    assert re.fullmatch("[A-Za-z0-9+/=]+", png)
    assert not re.search("innerHTML|outerHTML|insertAdjacentHTML|document.write", Thumbnails._esm)


def test_all_that_the_page_says_is_escaped():
    from snnlab_app.plots.cards import Text, card

    text = Text()
    text.say(MARKUP)
    assert "<img" not in text.object
    assert "<img" not in card(MARKUP, {})[0].object


def test_no_pane_of_the_dashboard_decodes_what_was_escaped():
    """Typography of panel-material-ui sets what it is given as HTML, whatever was escaped: it is
    for our own words only."""
    for path in Path(snnlab_app.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Typography"):
                assert isinstance(node.args[0], ast.Constant), (path, node.lineno)
                assert node.args[0].value, (path, node.lineno)


@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(cell):
    assert (
        csv_of(["run"], [(cell, "-1.5", -2, "5")])
        .getvalue()
        .split("\r\n", 1)[1]
        .lstrip('"')
        .startswith("'")
    )
    assert ",-1.5,-2,5" in csv_of(["run"], [(cell, "-1.5", -2, "5")]).getvalue()


def test_what_is_printed_cannot_steer_a_terminal(tmp_path, capsys):
    evil = "\x1b]0;owned\x07\x1b[2J\r\n\u202egnp"
    record = {"schema": 2, "settings": {"dataset": evil}, "network": evil, "versions": {"a": evil}}
    (tmp_path / "runs/x").mkdir(parents=True)
    (tmp_path / "runs/x/config.json").write_text(json.dumps(record))
    (tmp_path / "runs/x/notes.json").write_text(json.dumps({"tags": [evil], "note": evil}))
    (tmp_path / "runs" / evil.replace("/", "")).mkdir()
    (tmp_path / "runs" / evil.replace("/", "") / "config.json").write_text("no")
    for command in (["list"], ["show", "x"], ["show", evil]):
        main(["runs", "--root", str(tmp_path / "runs"), *command])
        printed = "".join(capsys.readouterr())
        assert printed
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", printed), printed
    assert plain("µJ – 5 %, “ok”") == "µJ – 5 %, “ok”"
