"""Curves as TensorBoard's own reader finds them."""

import errno
import sys

import pytest
from refusal import refused_command
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from snnlab.commands.main import main
from snnlab.runs.run import Run
from snnlab.runs.tensorboard import epoch_curves, step_curves

SMALL = ("--dataset", "digits", "--hidden", "20", "--batch", "200", "--seed", "3")


def snnlab(*arguments):
    assert main([str(argument) for argument in arguments]) == 0


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with ``run`` and, in ``logs``, what was written while it trained."""
    folder = tmp_path_factory.mktemp("board")
    out = ("--out", folder / "run", "--tensorboard", folder / "logs")
    snnlab("train", *SMALL, "--epochs", 2, *out)
    return folder


def curves(logs):
    """Every curve as (step, value) pairs, and the times of the loss."""
    found = EventAccumulator(str(logs)).Reload()
    points = {tag: found.Scalars(tag) for tag in found.Tags()["scalars"]}
    pairs = {tag: [(p.step, p.value) for p in curve] for tag, curve in points.items()}
    return pairs, [p.wall_time for p in points["step/loss"]]


def expected(folder):
    run = Run.open(folder)
    steps, epochs = run.steps(), run.epochs()
    ends = dict(zip(steps["epoch"], steps["step"], strict=True))
    curves = {
        tag: list(zip(steps["step"], steps[name], strict=True))
        for name, tag in step_curves().items()
    }
    for name, tag in epoch_curves().items():
        curves[tag] = [(ends[epoch.epoch], getattr(epoch, name)) for epoch in epochs]
    return {
        tag: [(step, pytest.approx(value, rel=1e-6)) for step, value in curve]
        for tag, curve in curves.items()
    }


def test_every_curve_of_a_run_is_there(trained):
    pairs, times = curves(trained / "logs" / "run")
    assert pairs == expected(trained / "run")
    assert len(times) == 16, "two epochs of 1438 images in batches of 200"
    seconds = Run.open(trained / "run").steps()["seconds"]
    assert times[-1] - times[0] == pytest.approx(sum(seconds[1:]), abs=1e-3)


def test_a_kept_run_is_written_as_it_was_while_it_trained(trained, tmp_path):
    snnlab("runs", "tensorboard", trained / "run", "--out", tmp_path)
    assert curves(tmp_path / "run")[0] == curves(trained / "logs" / "run")[0]


def test_a_resumed_run_has_every_point_once(tmp_path):
    run, logs = tmp_path / "run", ("--tensorboard", tmp_path / "logs")
    snnlab("train", *SMALL, "--epochs", 1, "--out", run, *logs)
    snnlab("runs", "resume", run, "--epochs", 3, *logs)
    assert curves(tmp_path / "logs" / "run")[0] == expected(run)


def test_a_full_disk_ends_the_curves_but_not_the_training(tmp_path, monkeypatch, capsys):
    from torch.utils.tensorboard import SummaryWriter

    def full(self):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SummaryWriter, "flush", full)
    out = ("--out", tmp_path / "run", "--tensorboard", tmp_path / "logs")
    snnlab("train", *SMALL, "--epochs", 2, *out)
    printed = capsys.readouterr().out
    said = f"warning: TensorBoard folder {tmp_path}/logs/run cannot be written: No space left"
    assert printed.count(said) == 1
    assert Run.open(tmp_path / "run").record["finished"]


def test_without_tensorboard_nothing_begins(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    out = ("--out", tmp_path / "run", "--tensorboard", tmp_path / "logs")
    said = ('TensorBoard is not installed: pip install -e ".[tensorboard]"',)
    main_ = ("train", *SMALL, "--epochs", 1, *out)
    error = refused_command(capsys, *main_, folder=tmp_path)
    assert said[0] in error
