"""Runs of a small training on the digits, and what two of them must have in common."""

import json
from dataclasses import asdict

import numpy as np
from builders import same_recording

from snnlab.config import Config
from snnlab.data import load
from snnlab.runs.frames import Frames
from snnlab.runs.recorder import Recorder
from snnlab.runs.run import Run, load_weights

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


def rewritten(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
