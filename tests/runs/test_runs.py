"""Runs: kept whole, resumed to the bit, listed, compared, refused."""

import io
import json
import random
import shutil
import signal
import tracemalloc
from collections import Counter
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from builders import same_recording
from conftest import until
from refusal import refused_command

from snnlab import files, quantities
from snnlab.chip.spec import ChipSpec
from snnlab.commands.main import main
from snnlab.config import Config
from snnlab.data import load
from snnlab.errors import SnnlabError
from snnlab.learn.network import decode
from snnlab.quantities import STEP, Quantity
from snnlab.runs import recorder as recorder_
from snnlab.runs.frames import Frames
from snnlab.runs.recorder import Recorder, watch
from snnlab.runs.run import Run, difference, find_run, list_runs, load_weights
from snnlab.runs.schema import SCHEMA
from snnlab.runs.steps import Steps, column_types
from snnlab.runs.tables import columns_of, write_table
from snnlab.runs.training import resume, train
from snnlab_app.views.pins import Pin

DIGITS = load("digits")
SMALL = {"dataset": "digits", "hidden": [20], "epochs": 2, "batch": 200, "seed": 3}
STEPS = 16
"""Of the small training: two epochs of 1438 images in batches of 200."""


def config(**changes):
    return Config.checked(**{**SMALL, **changes})


def started(folder, **changes):
    from snnlab.learn.trainer import Trainer

    return Recorder(folder, Trainer(config(**changes), DIGITS))


def go_on(folder, every=30.0):
    return Recorder.resume(Run.open(folder), DIGITS, every=every)


def to_the_end(recorder):
    while not recorder.trainer.finished:
        recorder.advance()
    recorder.save()
    return recorder


def kept(folder):
    """All of a run that must not depend on how often it was interrupted."""
    run, state = Run.open(folder), np.load(folder / "checkpoint.npz")
    epochs = [{**asdict(epoch), "seconds": 0} for epoch in run.epochs()]
    steps = {name: column for name, column in run.steps().items() if name != "seconds"}
    return run.settings, run.changes, epochs, steps, {name: state[name] for name in state.files}


def assert_same(folder, other):
    *plain, state = kept(folder)
    *other_plain, other_state = kept(other)
    assert plain == other_plain
    assert state.keys() == other_state.keys()
    for name, array in state.items():
        np.testing.assert_array_equal(array, other_state[name], strict=True)
    for mine, others in zip(load_weights(folder), load_weights(other), strict=True):
        np.testing.assert_array_equal(mine, others, strict=True)
    mine, others = (Frames.load(f / "frames.npz") for f in (folder, other))
    np.testing.assert_array_equal(mine.step, others.step)
    assert same_recording(mine.recording, others.recording)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that was never interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    to_the_end(started(folder))
    return folder


class PowerCut(BaseException):
    """Nothing may catch it."""


def test_it_does_not_matter_between_which_files_the_power_goes(whole, tmp_path, monkeypatch):
    """Cut before every single file that a training writes, resume, and end with the same bits."""
    left = [0]

    def cut(path, fill):
        if left[0] == 0:
            raise PowerCut
        left[0] -= 1
        files.write_whole(path, fill)

    for module in ("recorder", "tables", "frames", "schema"):
        monkeypatch.setattr(f"snnlab.runs.{module}.write_whole", cut)
    cuts = 0
    for survived in range(8, 100):
        folder, left[0] = tmp_path / str(survived), survived
        try:
            to_the_end(started(folder))
            break
        except PowerCut:
            cuts, left[0] = cuts + 1, 10**9
        to_the_end(go_on(folder))
        assert_same(folder, whole)
    assert cuts >= 12, "two epochs write at least six files each"


def test_a_run_without_its_first_checkpoint_is_no_run(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder_, "write_json", lambda *_: (_ for _ in ()).throw(PowerCut))
    with pytest.raises(PowerCut):
        started(tmp_path / "run")
    monkeypatch.undo()
    assert list_runs(tmp_path) == ([], [])
    to_the_end(started(tmp_path / "run"))
    assert Run.open(tmp_path / "run").state == "finished"


TURNS = {3: ("beta", 40.0), 5: ("mismatch", 0.2), 9: ("beta", 10.0), 12: ("epochs", 3)}


def turned(recorder, until):
    """Train while somebody turns knobs."""
    while recorder.trainer.step < until:
        if recorder.trainer.step in TURNS:
            recorder.trainer.config.set(*TURNS[recorder.trainer.step])
        recorder.advance()
    return recorder


@pytest.mark.parametrize("at", [4, 10, 13])
def test_knobs_turned_since_the_checkpoint_turn_again(tmp_path, at):
    turned(started(tmp_path / "a"), 24).save()
    turned(started(tmp_path / "b"), at)  # never saved: its last checkpoint is an epoch's end
    again = go_on(tmp_path / "b")
    assert again.trainer.step == at // 8 * 8
    turned(again, 24).save()
    assert_same(tmp_path / "b", tmp_path / "a")
    assert [(c.step, c.knob, c.before, c.after) for c in Run.open(tmp_path / "b").changes] == [
        (3, "beta", 10.0, 40.0),
        (5, "mismatch", 0.0, 0.2),
        (9, "beta", 40.0, 10.0),
        (12, "epochs", 2, 3),
    ]


def test_warps_and_dropout_go_on_as_they_would_have(tmp_path):
    more = {"rotation": 0.2, "shift": 0.8, "dropout": 0.3}
    to_the_end(started(tmp_path / "a", **more))
    stopped = started(tmp_path / "b", **more)
    for _ in range(5):
        stopped.advance()
    stopped.save()
    to_the_end(go_on(tmp_path / "b"))
    assert_same(tmp_path / "b", tmp_path / "a")


def test_checkpoints_come_by_the_clock_too(tmp_path):
    recorder = started(tmp_path / "run")
    recorder.advance()
    assert Run.open(tmp_path / "run").record["steps"] == 0
    recorder.every = 0.0
    recorder.advance()
    assert Run.open(tmp_path / "run").record["steps"] == 2
    assert recorder_.CHECKPOINT_SECONDS == 30.0


def test_a_finished_run_can_be_trained_longer(tmp_path, capsys, whole):
    assert train(config(), tmp_path / "run")
    assert_same(tmp_path / "run", whole)
    assert main(["runs", "--root", str(tmp_path), "resume", "run", "--epochs", "3"]) == 0
    assert "epoch   3  test" in capsys.readouterr().out
    run = Run.open(tmp_path / "run")
    assert (len(run.epochs()), run.state, run.settings["epochs"]) == (3, "finished", 3)
    with pytest.raises(SnnlabError, match="epochs = 0 is not allowed"):
        resume(run, epochs=0)


def _train_on(folder):
    """What is killed: a training from wherever it stands, kept at every step."""
    if (folder / "config.json").exists():
        resume(Run.open(folder), every=0.0)
    else:
        train(config(epochs=40, hidden=[60]), folder, every=0.0)


@pytest.mark.slow
def test_killed_twenty_times_it_ends_with_the_same_bits(tmp_path):
    """SIGKILL at random moments of one training, files of every step half written or not."""
    random.seed(7)
    context = get_context("forkserver")
    context.set_forkserver_preload(["snnlab.runs.training"])
    folder, kills, steps = tmp_path / "killed", 0, []
    checkpoint = folder / "checkpoint.npz"
    while kills < 20:
        before = checkpoint.stat().st_mtime_ns if kills else 0
        process = context.Process(target=_train_on, args=(folder,))
        process.start()
        until(lambda: checkpoint.exists() and checkpoint.stat().st_mtime_ns > before)  # noqa: B023
        process.join(random.uniform(0.0, 0.3))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "it came to its end before it was killed"
        kills += 1
        if (folder / "config.json").exists():
            steps.append(Run.open(folder).record["steps"])
    assert len(set(steps)) > 10, steps
    resume(Run.open(folder))
    train(config(epochs=40, hidden=[60]), tmp_path / "whole")
    assert_same(folder, tmp_path / "whole")
    assert not list(folder.glob(".*"))


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch, whole):
    recorder = started(tmp_path / "run")
    for _ in range(10):
        recorder.advance()

    def full(path, fill):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recorder_, "write_whole", full)
    with pytest.raises(SnnlabError, match=r"run folder .*run cannot be written: No space left"):
        recorder.save()
    monkeypatch.undo()
    assert go_on(tmp_path / "run").trainer.step == 8
    to_the_end(go_on(tmp_path / "run"))
    assert_same(tmp_path / "run", whole)


def test_frames_show_what_the_chip_would(whole):
    recorder = to_the_end(go_on(whole))
    frames, trainer = Frames.load(whole / "frames.npz"), recorder.trainer
    assert len(frames) == 30, "ten classes at the start and after two epochs"
    assert sorted(DIGITS.test_labels[frames.image[:10]]) == list(range(10))
    now = watch(trainer)
    for k in (0, 9):
        assert same_recording(frames.one(20 + k), now.one(k))
    assert same_recording(frames.newest().one(3), frames.one(23))
    traces = decode(frames.one(25), frames.scale[25])[0]
    assert traces.shape == (trainer.point.samples, 10)
    assert not same_recording(frames.one(0), frames.one(20)), "the network has learnt"


ONE = {name: [1] for name in column_types()}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"step": [1]}, "run here: its steps have no accuracy, epoch, loss"),
        ({**ONE, "loss": [None]}, "run here: its steps are not all numbers"),
        ({**ONE, "step": [0.5]}, "run here: its steps are not all numbers"),
        ({**ONE, "step": [2**70]}, "run here: its steps are not all numbers"),
    ],
)
def test_steps_that_are_none_are_refused(columns, said):
    with pytest.raises(SnnlabError, match=said):
        Steps.of(columns, Path("here"))


def test_a_run_from_before_the_newest_column_is_read_and_resumed(tmp_path, monkeypatch, whole):
    """Its steps have no value of it: NaN, in every table that is made of them."""
    run = Run.open(shutil.copytree(whole, tmp_path / "run"))
    newer = (*quantities.QUANTITIES, Quantity("grip", "grip", places=frozenset({STEP})))
    monkeypatch.setattr(quantities, "QUANTITIES", newer)
    assert "grip" not in run.steps()
    columns = Steps.of(run.steps(), run.folder).columns()
    assert np.isnan(columns["grip"]).all()
    assert columns["loss"].tolist() == run.steps()["loss"]
    recorder = go_on(run.folder)
    assert recorder.trainer.step == len(recorder.steps) == STEPS
    recorder._written.clear()
    recorder.save()
    assert np.isnan(Run.open(run.folder).steps()["grip"]).all()
    assert Pin.stored(run).history["accuracy"].tolist() == run.steps()["accuracy"]


def test_epochs_from_before_the_newest_column_are_read(tmp_path, whole):
    run = Run.open(shutil.copytree(whole, tmp_path / "run"))
    rows = [asdict(epoch) for epoch in run.epochs()]
    for row in rows:
        del row["latency"]
    write_table(run.folder / "metrics.parquet", columns_of(rows))
    assert np.isnan([epoch.latency for epoch in run.epochs()]).all()
    assert [epoch.energy for epoch in run.epochs()] == [row["energy"] for row in rows]
    assert go_on(run.folder).trainer.finished


def test_a_hundred_thousand_steps_take_little_memory():
    steps, row = Steps(), dict.fromkeys(column_types(), 1)
    tracemalloc.start()
    for k in range(100_000):
        steps.add(**row | {"step": k, "loss": k / 3})
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 100 * len(steps), "bytes"
    assert steps.columns(-2)["loss"].tolist() == [99_998 / 3, 99_999 / 3]
    steps.cut(7)
    assert steps.columns()["step"].tolist() == list(range(7))


def old_run(folder):
    """A run as snnlab of schema 1 kept it."""
    folder.mkdir(parents=True)
    settings = config().values()
    record = {"schema": 1, "settings": settings, "network": "256-20-10", "steps": 16,
              "weight_scales_lsb": [240.0, 250.0], "data": "bundled", "versions": {}}  # fmt: skip
    epoch = {"loss": 1.0, "train_accuracy": 0.5, "train_spikes": 9.0, "test_accuracy": 0.5,
             "test_spikes": 9.0, "seconds": 2.0}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(record))
    metrics = [{"epoch": 1, **epoch}, {"epoch": 2, **epoch, "test_accuracy": 0.75}]
    (folder / "metrics.json").write_text(json.dumps(metrics))
    weights = {f"layer_{k}": np.zeros(s, np.float32) for k, s in enumerate([(256, 20), (20, 10)])}
    np.savez(folder / "weights.npz", **weights)
    return folder


def test_an_older_run_opens(tmp_path):
    run = Run.open(old_run(tmp_path / "old"))
    assert (run.record["schema"], run.state) == (SCHEMA, "finished")
    assert [epoch.test_accuracy for epoch in run.epochs()] == [0.5, 0.75]
    assert run.record["summary"]["best_accuracy"] == 0.75
    assert run.row()["seconds"] == 4.0
    assert run.steps() == {}
    with pytest.raises(SnnlabError, match="without a checkpoint: start a new run from its weights"):
        resume(run)


def test_bits_are_recorded_and_an_older_run_has_all_of_them(tmp_path):
    started(tmp_path / "few", weight_bits=3, cadc_bits=5)
    run = Run.open(tmp_path / "few")
    assert (run.config.weight_bits, run.config.cadc_bits) == (3, 5)
    assert go_on(tmp_path / "few").trainer.chip.spec == ChipSpec(weight_bits=3, cadc_bits=5)
    settings = {k: v for k, v in run.settings.items() if k not in ("weight_bits", "cadc_bits")}
    rewritten(tmp_path / "few", settings=settings)
    assert (Run.open(tmp_path / "few").config.weight_bits, run.record["schema"]) == (6, SCHEMA)
    assert Run.open(tmp_path / "few").config.cadc_bits == 8
    assert go_on(tmp_path / "few").trainer.chip.spec == ChipSpec()


def test_a_run_kept_before_there_was_a_knob_has_its_default(tmp_path, whole):
    folder = tmp_path / "run"
    recorder = started(folder)
    for _ in range(4):
        recorder.advance()
    recorder.save()
    settings = json.loads((folder / "config.json").read_text())["settings"]
    assert settings.pop("surrogate") == "superspike"
    rewritten(folder, settings=settings)
    assert Run.open(folder).config.surrogate == "superspike"
    assert_same(to_the_end(go_on(folder)).folder, whole)
    assert Run.open(folder).settings["surrogate"] == "superspike"


def rewritten(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_what_cannot_be_opened_is_said(tmp_path, whole):
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


@pytest.mark.parametrize("name", ["checkpoint.npz", "frames.npz", "steps.parquet"])
def test_a_damaged_file_is_said(tmp_path, name):
    folder = to_the_end(started(tmp_path / "run", epochs=1)).folder
    (folder / name).write_bytes((folder / name).read_bytes()[:-70])
    with pytest.raises(SnnlabError, match=name):
        go_on(folder)


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
        (("list", "--where", "beta>x"), "condition beta>x: x is no number"),
        (("list", "--where", "beta>1_0"), "condition beta>1_0: 1_0 is no number"),
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
    with pytest.raises(SnnlabError, match="run sec could be second or sector: say more"):
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
