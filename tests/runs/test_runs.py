"""Runs: listed, compared, exported, refused."""

import io
import json
import shutil
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
from refusal import refused, refused_command
from small_runs import config, go_on, old_run, rewritten, started, to_the_end

from snnlab.commands.main import main
from snnlab.errors import SnnlabError
from snnlab.runs import training
from snnlab.runs.frames import Frames
from snnlab.runs.run import Run, difference, find_run, held, list_runs
from snnlab.runs.schema import SCHEMA
from snnlab.runs.training import resume, train


def test_what_cannot_be_opened_is_said(tmp_path):
    folder = to_the_end(started(tmp_path / "run")).folder
    rewritten(folder, data_crc32=1)
    with pytest.raises(SnnlabError, match="was trained on other images than digits"):
        resume(Run.open(folder))
    rewritten(folder, schema=SCHEMA + 1)
    with pytest.raises(
        SnnlabError, match=rf"newer snnlab \(schema {SCHEMA + 1}, .*: update snnlab"
    ):
        Run.open(folder)
    rewritten(folder, schema="x")
    with pytest.raises(SnnlabError, match="schema 'x' is invalid"):
        Run.open(folder)
    with pytest.raises(SnnlabError, match="holds a run already"):
        train(config(), folder)
    with pytest.raises(SnnlabError, match="no frames in it"):
        Frames.load(folder / "weights.npz")


def trained_meanwhile(monkeypatch, other):
    """Another process does this while a training loads its data."""
    load = training.load

    def load_slowly(*given, **more):
        monkeypatch.setattr(training, "load", load)
        other()
        return load(*given, **more)

    monkeypatch.setattr(training, "load", load_slowly)


def test_two_runs_that_begin_in_the_same_second_have_a_folder_each(tmp_path, monkeypatch):
    class Clock(datetime):
        @classmethod
        def now(cls, zone=None):
            return cls(2026, 1, 2, 3, 4, 5, tzinfo=zone)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "datetime", Clock)
    small = ["train", "--dataset", "digits", "--hidden", "20", "--epochs", "1", "--batch", "200"]
    trained_meanwhile(monkeypatch, lambda: main([*small, "--seed", "2"]))
    assert main([*small, "--seed", "1", "--tensorboard", "logs"]) == 0
    assert main([*small, "--seed", "3"]) == 0
    names = [f"20260102-030405-digits{end}" for end in ("", "-2", "-3")]
    assert sorted(path.name for path in Path("runs").iterdir()) == names
    assert [Run.open(Path("runs", name)).settings["seed"] for name in names] == [2, 1, 3]
    assert [path.name for path in Path("logs").iterdir()] == names[1:2]


def test_a_folder_that_another_process_has_just_begun_is_left_to_it(tmp_path, monkeypatch):
    trained_meanwhile(monkeypatch, (tmp_path / "run").mkdir)
    refused(lambda: train(config(), tmp_path / "run"), "holds a run already")
    assert list((tmp_path / "run").iterdir()) == []
    assert train(config(epochs=1), tmp_path / "run"), "an empty folder that was there before"


def test_whoever_comes_second_into_an_empty_folder_writes_nothing_there(tmp_path):
    """The first holds it, and has written nothing yet."""
    (folder := tmp_path / "run").mkdir()
    with held(folder):
        refused(lambda: train(config(), folder), "trained by another process", folder=folder)
    assert train(config(epochs=1), folder)
    assert ".lock" not in [path.name for path in folder.iterdir()]


def test_a_training_that_cannot_begin_leaves_no_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small = ("train", "--dataset", "digits", "--hidden", "20")
    Path("file").touch()
    for flags in ((), ("--out", "new/run")):
        said = ("TensorBoard folder file/",)
        refused_command(capsys, *small, *flags, "--tensorboard", "file", said=said, folder=tmp_path)
    Path("runs").touch()
    refused_command(capsys, *small, said=("cannot be written: Not a directory",), folder=tmp_path)


@pytest.mark.parametrize("name", ["checkpoint.npz", "frames.npz", "steps.parquet"])
def test_a_damaged_file_is_said(tmp_path, name):
    folder = to_the_end(started(tmp_path / "run", epochs=1)).folder
    (folder / name).write_bytes((folder / name).read_bytes()[:-70])
    with pytest.raises(SnnlabError, match=name):
        go_on(folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run."""
    return to_the_end(started(tmp_path_factory.mktemp("whole") / "run")).folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two runs in a folder, one of them tagged."""
    root = tmp_path_factory.mktemp("trained")
    to_the_end(started(root / "first", epochs=1))
    to_the_end(started(root / "second", epochs=1, beta=20.0))
    find_run("sec", root).annotate("looks good", ["keep"])
    return root


@pytest.fixture
def two(trained, tmp_path):
    """A copy of them to do anything with."""
    return shutil.copytree(trained, tmp_path / "runs")


def runs(capsys, root, *arguments):
    code = main(["runs", "--root", str(root), *map(str, arguments)])
    out, error = capsys.readouterr()
    return code, out, error


def test_runs_are_listed_filtered_and_sorted(capsys, two):
    old_run(two / "old")
    old_run(two / "newer")
    rewritten(two / "newer", schema=99)
    code, out, _ = runs(capsys, two, "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        "run", "first", "old", "second", "left",
    ]  # fmt: skip
    assert "75.00 %" in out
    for where, found in [
        ("beta>=20", ["second"]),
        ("tags=keep", ["second"]),
        ("tags!=keep", ["first", "old"]),
        ("dataset=digits", ["first", "old", "second"]),
        ("best_accuracy>0.74", ["old"]),
        ("hidden=20", ["first", "old", "second"]),
        ("hidden<100", ["first", "old", "second"]),
        ("hidden>=100", []),
        ("hidden>9-9", ["first", "old", "second"]),
    ]:
        _, out, _ = runs(capsys, two, "list", "--where", where)
        assert [line.split()[0] for line in out.splitlines()[1:-1]] == found, where
    _, out, _ = runs(capsys, two, "list", "--sort", "beta")
    assert out.splitlines()[-2].split()[0] == "second"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "--where", "colour=1"), "no column 'colour'"),
        (("list", "--where", "beta"), "condition beta: give NAME=VALUE"),
        (("list", "--where", "beta>x"), "condition beta>x: x is not a number"),
        (("list", "--where", "beta>1_0"), "condition beta>1_0: 1_0 is not a number"),
        (("list", "--where", "hidden>20,9"), "condition hidden>20,9: 20,9 is not a number"),
        (("list", "--where", "tags>keep"), "condition tags>keep: a run has a tag or not: give ="),
        (("list", "--sort", "colour"), "no column 'colour'"),
        (("show", "third"), "no run third here or in"),
        (("diff", "first"), "1 runs given: compare 2 to 6"),
        (("rm", "first"), "removed for good (first): add --yes"),
        (("note", "first", "--tag", "two words"), "tag 'two words' is not allowed"),
        (("export", "first", "--out", "table.txt"), "end its name in .csv or .parquet"),
        (("export", "first", "--out", "/nowhere/t.csv"), "t.csv cannot be written: No such file"),
        (("export", "first", "second", "--out", "t.zip"), "2 runs given: a zip file holds one"),
    ],
)
def test_what_runs_cannot_do_is_one_line(capsys, two, arguments, said):
    refused_command(capsys, "runs", "--root", two, *arguments, said=(said,), folder=two)


def test_runs_made_elsewhere_are_listed(capsys, two, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    two.rename(tmp_path / "elsewhere")
    shutil.copytree("elsewhere/first", "deeper/down/third")

    def listed(*arguments):
        assert main(["runs", *arguments]) == 0
        return [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]

    first, second, third = "elsewhere/first", "elsewhere/second", "deeper/down/third"
    assert listed("list", "elsewhere") == [first, second]
    assert listed("list", "elsewhere", "deeper/down") == [first, second, third]
    assert listed("list", third, first) == [third, first], "a run itself, as a shell expands *"
    assert listed("list", "elsewhere", first, "./elsewhere") == [first, second], "each once"
    assert listed("list", "elsewhere", "--where", "run=second") == [second]
    assert listed("list", "--root", "elsewhere") == ["first", "second"]
    assert listed("--root", "elsewhere", "list") == ["first", "second"]
    assert main(["runs", "show", second]) == 0, "what is listed can be shown"
    capsys.readouterr()
    assert main(["runs", "list"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "no runs in runs: those made with --out are listed by snnlab runs list DIR"
    refused_command(capsys, "runs", "list", "nowhere", said=("folder of runs nowhere: no such",))


def test_runs_are_shown_compared_exported_and_removed(capsys, two):
    _, out, _ = runs(capsys, two, "show", "second")
    assert "  beta = 20.0  (default 10.0)" in out
    assert "tag keep\nlooks good\n" in out
    _, out, _ = runs(capsys, two, "diff", "first", "second")
    assert ["beta", "10.0", "20.0"] in [line.split() for line in out.splitlines()]
    assert list(difference(list_runs(two)[0])) == ["beta"]

    import pyarrow.csv
    import pyarrow.parquet

    runs(capsys, two, "export", "first", "second", "--what", "steps", "--out", two / "t.csv")
    table = pyarrow.csv.read_csv(two / "t.csv").to_pydict()
    assert table["run"] == 8 * ["first"] + 8 * ["second"]
    assert table["loss"][:8] == find_run("first", two).steps()["loss"]
    runs(capsys, two, "export", "first", "second", "--what", "runs", "--out", two / "t.parquet")
    assert pyarrow.parquet.read_table(two / "t.parquet")["beta"].to_pylist() == [10.0, 20.0]
    runs(capsys, two, "export", "first", "--out", two / "first.zip")
    assert (two / "first.zip").stat().st_size > 1000

    _, out, _ = runs(capsys, two, "rm", "first", "--yes")
    assert out == "removed first\n"
    assert not (two / "first").exists()
    assert [run.name for run in list_runs(two)[0]] == ["second"]


def test_a_name_must_say_which_run(two):
    old_run(two / "sector")
    with pytest.raises(SnnlabError, match="run sec could be second or sector: give more"):
        find_run("sec", two)


def test_a_thousand_runs_are_listed_from_two_small_files_each(tmp_path, whole, monkeypatch):
    record = json.loads((whole / "config.json").read_text())
    for k in range(1000):
        folder = tmp_path / f"{k:04d}"
        folder.mkdir()
        record["settings"]["seed"] = k
        (folder / "config.json").write_text(json.dumps(record, indent=2))
        (folder / "notes.json").write_text('{"tags": ["a"], "note": ""}')
    opened, open_file = Counter(), io.open

    def watched(path, *arguments, **options):
        opened[Path(path).name] += 1
        return open_file(path, *arguments, **options)

    monkeypatch.setattr(io, "open", watched)
    rows = [run.row() for run in list_runs(tmp_path)[0]]
    assert [row["seed"] for row in rows] == list(range(1000))
    assert opened == {"config.json": 1000, "notes.json": 1000}


def test_the_thumbnail_is_a_picture(whole):
    from xml.etree import ElementTree

    picture = ElementTree.fromstring(Path(whole / "thumbnail.svg").read_text())
    dots, line = picture
    assert dots.get("d").count("M") == len(Frames.load(whole / "frames.npz").one(29).spikes[0].tick)
    assert len(line.get("points").split()) == 2
