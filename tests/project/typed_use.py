"""What a user's type checker sees of the public names; ``make lint`` has mypy check this file.

It is never run. The first part is the README's; ``assert_type`` fails on a type lost on the way.
"""

from pathlib import Path
from typing import assert_type

import numpy as np

from snnlab import (
    Chip,
    Config,
    Dataset,
    Die,
    Events,
    Mapping,
    Network,
    Progress,
    Recording,
    SnnlabError,
    Trainer,
    classify,
    dashboard,
    load,
    recipe,
)
from snnlab.learn.trainer import Evaluation
from snnlab.runs import Run, find_run, list_runs, load_weights
from snnlab.studies.classifier import Decision


def train() -> None:
    config = Config(dataset="digits", mismatch=0.3)
    for progress in Trainer(config, load("digits")):
        assert_type(progress, Progress)
        if progress.evaluation:
            assert_type(progress.evaluation, Evaluation)
            assert_type(progress.evaluation.accuracy, float)
        config.beta = 20.0
        config.hidden = [100, 50]
        config.dataset = "mnist"


def look(trainer: Trainer, dataset: Dataset) -> None:
    assert_type(trainer.chip, Chip)
    assert_type(trainer.train_events, Events)
    assert_type(dataset.train_images, np.ndarray)
    assert_type(trainer.weights_lsb(), list[np.ndarray])
    for ids, recording in trainer.recordings():
        assert_type(ids, np.ndarray)
        assert_type(recording, Recording)
        assert_type(recording.traces(0), np.ndarray)


def emulate(events: Events) -> Recording:
    network = Network((256, 246, 10))
    chip = Chip(Mapping(network.sizes), Die.draw(seed=1))
    assert_type(Die.draw(seed=1).save(Path("die.npz")), None)
    return chip.run(events, network.weights_lsb(), trial=1)


def stored() -> None:
    try:
        run = find_run("best")
    except SnnlabError:
        runs, _ = list_runs(Path("runs"))
        run = runs[0]
    assert_type(run, Run)
    assert_type(run.config, Config)
    assert_type(run.own_die(), Die | None)
    assert_type(load_weights(run.folder), list[np.ndarray])
    assert_type(list(classify(run, ["three.png"])), list[Decision])
    assert_type(recipe("paper").config(seed=2), Config)
    dashboard(dataset="digits").close()
