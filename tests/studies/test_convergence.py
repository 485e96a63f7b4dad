"""The study of the emulation's step: what it prints, what it refuses."""

import json
import re

import numpy as np
import pytest

from snnlab.chip.spec import BRAINSCALES2
from snnlab.commands.main import main
from snnlab.config import Config
from snnlab.data import load
from snnlab.errors import SnnlabError
from snnlab.learn.trainer import Trainer
from snnlab.runs.run import Run, load_config
from snnlab.studies.convergence import SUBSTEPS, converge, table

DT_CADC = BRAINSCALES2.dt_cadc


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on the bundled digits, with settings of its own."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    flags = ("--dataset", "digits", "--epochs", "1", "--hidden", "40", "--mismatch", "0.2")
    assert main(["train", *flags, "--out", str(folder)]) == 0
    return folder


def test_a_run_is_studied_from_the_command_line(run, capsys):
    assert main(["convergence", str(run)]) == 0
    _, *rows = capsys.readouterr().out.splitlines()
    assert len(rows) == len(SUBSTEPS)
    assert [row.split(" ns")[0].strip() for row in rows] == [
        "1700",
        "850",
        "425",
        "212",
        "106",
        "53",
    ]
    assert re.search(r"\+0\.00 pp .* \+0\.00 %", rows[-1])
    kept = Run.open(run)
    at_its_own = rows[SUBSTEPS.index(kept.config.substeps)]
    assert f" {kept.record['summary']['test_accuracy']:.2%} " in at_its_own, "the run's own test"


def test_the_settings_of_a_run_come_back(run):
    config = load_config(run)
    written = json.loads((run / "config.json").read_text())["settings"]
    assert config.values() == written
    assert (config.hidden, config.mismatch) == ([40], 0.2)


def test_every_step_is_evaluated_as_the_trainer_would():
    dataset = load("digits")
    config = Config(dataset="digits", hidden=[30], mismatch=0.3)
    # Three times the initial weights, so that neurons fire.
    weights = [3 * weight for weight in Trainer(config, dataset).network.arrays()]
    rows = list(converge(config, dataset, weights, (2, 5)))
    assert config.substeps == 4
    for row, substeps in zip(rows, (2, 5), strict=True):
        alone = Config(dataset="digits", hidden=[30], mismatch=0.3, substeps=substeps)
        got = Trainer(alone, dataset, weights).evaluate()
        assert (row.accuracy, row.spikes) == (got.accuracy, got.spikes)
        assert row.dt == DT_CADC / substeps
        assert row.seconds > 0
    assert rows[0].spikes > 1
    assert rows[0].spikes != rows[1].spikes


def test_silent_networks_have_a_table_too():
    dataset, config = load("digits"), Config(dataset="digits", hidden=[8])
    silent = [np.zeros((256, 8), np.float32), np.zeros((8, 10), np.float32)]
    text = table(list(converge(config, dataset, silent, (1, 2))))
    assert "nan" not in text
    _, *rows = text.splitlines()
    assert all(re.search(r" 0\.00 +– ", row) for row in rows), "no spikes are as many as no spikes"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, r"no config\.json in it, give the folder of a run"),
        ("{", r"config\.json holds no settings \(JSONDecodeError\)"),
        ("[]", r"config\.json holds no settings \(NoneType\)"),
        ("{}", r"config\.json holds no settings \(NoneType\)"),
        ('{"settings": 3}', r"config\.json holds no settings \(int\)"),
        ('{"settings": {"beta": -1}}', r"beta = -1 is not allowed: a number from 0\.1 to 200"),
        ('{"settings": {"colour": 1}}', r"'colour' is not a knob"),
    ],
)
def test_what_is_no_run_is_refused(content, complaint, tmp_path):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(SnnlabError, match=rf"^run {tmp_path}: {complaint}"):
        load_config(tmp_path)


def test_a_missing_run_is_one_line(capsys, tmp_path):
    assert main(["convergence", str(tmp_path / "nothing")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
