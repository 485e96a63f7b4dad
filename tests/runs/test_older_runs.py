"""Runs of older versions: read, and resumed with the defaults of newer knobs."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from small_runs import STEPS, assert_same, go_on, old_run, rewritten, started, to_the_end

from snnlab import quantities
from snnlab.chip.spec import ChipSpec
from snnlab.errors import SnnlabError
from snnlab.quantities import STEP, Quantity
from snnlab.runs.run import Run
from snnlab.runs.schema import SCHEMA
from snnlab.runs.steps import Steps, column_types
from snnlab.runs.tables import columns_of, write_table
from snnlab.runs.training import resume
from snnlab_app.views.pins import Pin


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that was never interrupted."""
    return to_the_end(started(tmp_path_factory.mktemp("whole") / "run")).folder


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


def test_an_older_run_keeps_its_weaker_synaptic_inputs(tmp_path):
    started(tmp_path / "few")
    run = Run.open(tmp_path / "few")
    assert run.config.synaptic_limit == ChipSpec().synaptic_limit
    settings = {k: v for k, v in run.settings.items() if k != "synaptic_limit"}
    rewritten(tmp_path / "few", settings=settings)
    assert Run.open(tmp_path / "few").config.synaptic_limit == 8
    assert go_on(tmp_path / "few").trainer.chip.spec == ChipSpec(synaptic_limit=8)


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
