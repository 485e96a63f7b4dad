"""Runs that were interrupted, resumed to the bit."""

import random
import signal
import time
import tracemalloc
from multiprocessing import get_context

import pytest
from builders import same_recording
from conftest import until
from small_runs import DIGITS, STEPS, assert_same, config, go_on, started, to_the_end

from snnlab import files
from snnlab.chip.spec import ChipSpec
from snnlab.commands.main import main
from snnlab.errors import SnnlabError
from snnlab.learn.network import decode
from snnlab.runs import recorder as recorder_
from snnlab.runs.frames import Frames
from snnlab.runs.provenance import fingerprint
from snnlab.runs.recorder import watch
from snnlab.runs.run import Run, data_of, held, list_runs
from snnlab.runs.steps import Steps, column_types
from snnlab.runs.training import resume, train
from snnlab.studies import robustness


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that was never interrupted."""
    return to_the_end(started(tmp_path_factory.mktemp("whole") / "run")).folder


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
    with pytest.raises(SnnlabError, match=r"3 epochs already, epochs = 2 is .*: give 4 or more"):
        resume(run, epochs=2)
    assert resume(run, epochs=3), "the same command once more: there is nothing left to do"


@pytest.mark.parametrize("every", ["x", float("nan"), -1.0])
def test_a_wrong_time_between_checkpoints_leaves_no_folder(tmp_path, every):
    with pytest.raises(SnnlabError, match=f"every = {every!r} is not allowed: seconds between"):
        train(config(), tmp_path / "run", every=every)
    assert not (tmp_path / "run").exists()


def test_a_run_is_studied_on_its_own_data_only(tmp_path, whole):
    run = Run.open(whole)
    same = data_of(run)
    assert fingerprint(same.arranged(run.config)) == run.record["data_crc32"]
    run.record["data_crc32"] += 1
    said = "was trained on other images than digits from .*: give --data-dir with its data"
    for study in (data_of, lambda run: robustness(run, 1, (0.0,))):
        with pytest.raises(SnnlabError, match=said):
            study(run)
    del run.record["data_crc32"]
    assert len(data_of(run).test_images) == len(same.test_images), "an older run has none"


@pytest.mark.parametrize("asked", [None, 4])
def test_a_run_to_be_trained_longer_that_was_killed_at_once_is_trained_longer(tmp_path, asked):
    to_the_end(started(tmp_path / "run"))
    killed = go_on(tmp_path / "run")
    killed.trainer.config.set("epochs", 3)
    killed.advance()  # kept in config.json, while the checkpoint is the one before
    run = Run.open(tmp_path / "run")
    assert (run.record["steps"], run.settings["epochs"]) == (STEPS, 3)
    assert resume(run, epochs=asked)
    run = Run.open(tmp_path / "run")
    assert (len(run.epochs()), run.settings["epochs"]) == (asked or 3, asked or 3)


def _hold(folder):
    with held(folder):
        time.sleep(600)


def test_a_run_belongs_to_the_process_that_trains_it(tmp_path, capsys):
    folder = started(tmp_path / "run").folder
    process = get_context("spawn").Process(target=_hold, args=(folder,), daemon=True)
    process.start()
    until((folder / ".lock").exists)
    for order in (("resume", str(folder)), ("rm", str(folder), "--yes")):
        assert main(["runs", *order]) == 2
        assert "is being trained by another process" in capsys.readouterr().err
    process.kill()
    process.join()
    assert resume(Run.open(folder))  # a process that was killed holds nothing
    assert not (folder / ".lock").exists()


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
    # What takes a second to import is imported once.
    context.set_forkserver_preload(["snnlab.runs.training", "pandas"])
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


def test_frames_of_a_long_training_of_a_large_network_can_be_read_again(tmp_path):
    """Ten times as many would be more than is read."""
    frames = watch(started(tmp_path / "run", hidden=[2000], chips=9, samples=100).trainer)
    frames.save(tmp_path / "one.npz")
    size = (tmp_path / "one.npz").stat().st_size
    assert 1000 * size > files.MAX_NPZ_BYTES
    assert 4 * (1000 // frames.stride(1000)) * size < files.MAX_NPZ_BYTES
    assert frames.stride(20) == 1


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


def test_frames_of_a_chip_of_fewer_bits_are_still_of_it(tmp_path):
    bits = {"weight_bits": 4, "cadc_bits": 3, "synaptic_limit": 20}
    frames = watch(started(tmp_path / "run", **bits).trainer)
    frames.save(tmp_path / "frames.npz")
    read = Frames.load(tmp_path / "frames.npz").recording
    assert read.spec == frames.recording.spec == ChipSpec(**bits)


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
