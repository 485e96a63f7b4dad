"""The reproduction: what is measured after a training, and a small one from end to end."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from snnlab import Config, Trainer, load
from snnlab.chip.emulator import Chip
from snnlab.commands.main import main
from snnlab.errors import SnnlabError
from snnlab.reproduce.cache import Cache
from snnlab.reproduce.examine import examine, silenced, transferred
from snnlab.reproduce.job import Job, run
from snnlab.studies.ann import AnnSettings, train_ann

# What is measured


@pytest.fixture(scope="module", params=Config.param["readout"].objects)
def trained(request):
    knobs = {"dataset": "digits", "epochs": 3, "hidden": [100], "readout": request.param}
    trainer = Trainer(Config.checked(**knobs), load("digits"))
    *_, last = trainer
    return trainer, last


def test_what_is_examined_is_what_was_evaluated(trained):
    trainer, last = trained
    found = examine(trainer)
    assert found["accuracy_over_time"][-1] == pytest.approx(last.evaluation.accuracy)
    assert found["accuracy_over_time"][0] < 0.2
    # Scores accumulate, but for those of the last sample, which the training made good at the end.
    later = "accuracy" if trainer.settings.readout == "last" else "within_8us"
    known = {**found, "accuracy": last.evaluation.accuracy}
    assert found["accuracy_over_time"][2] < known[later] <= 1.0
    assert found["within_8us"] <= 1.0
    assert found["rate"] == pytest.approx(1 / 11.8e-6)
    assert found["energy"] == pytest.approx(found["power"] * 11.8e-6)
    json.dumps(found, allow_nan=False)


def test_silenced_neurons_cost_accuracy(trained):
    trainer, last = trained
    found = silenced(trainer)
    assert found["0.0"] == last.evaluation.accuracy
    assert found["0.5"] < found["0.15"]
    own = trainer.mapping.circuits[0][:, 0]
    dead = Chip(trainer.mapping, trainer.chip.die.with_faults(dead=own), trainer.chip.point)
    assert trainer.evaluate(dead).spikes == 0


def test_transferred_weights_suffer_from_decalibration():
    noiseless = {"die": "ideal", "cadc_noise": 0.0, "threshold_drift": 0.0, "spike_jitter": 0.0}
    trainer = Trainer(Config.checked(dataset="digits", epochs=3, **noiseless), load("digits"))
    *_, last = trainer
    found = transferred(trainer)
    assert trainer.config.cadc_noise == Config().cadc_noise
    assert found["0.5"] < found["0.0"] - 0.05
    assert found["0.0"] < last.evaluation.accuracy + 0.05


def test_an_ann_learns_the_digits():
    assert train_ann(AnnSettings(epochs=8), load("digits")) > 0.85
    for wrong in ({"epochs": 0}, {"batch": 0}, {"dropout": 2.0}, {"learning_rate": float("nan")}):
        with pytest.raises(SnnlabError, match=f"ReLU network with {next(iter(wrong))} = .* is not"):
            AnnSettings(**wrong)
    turned = AnnSettings(epochs=2, rotation=0.2618, dropout=0.4, seed=3)
    assert train_ann(turned, load("digits")) == train_ann(turned, load("digits"))


@pytest.mark.parametrize("kind", ["snn", "software"])
def test_a_job_gives_a_record_that_repeats(tmp_path, kind):
    one = Job(kind, Config.checked(dataset="digits", epochs=1).values(), (), "")
    first, second = run(one)["result"], run(one)["result"]
    assert first == second
    Cache(tmp_path).put(one, {"result": first, "seconds": 1.0})


# From the command line


@pytest.mark.slow
def test_a_quick_reproduction_from_end_to_end(tmp_path, capsys):
    flags = ("--quick", "--out", str(tmp_path), "--cache", str(tmp_path / "cache"))
    before = os.times()
    assert main(["reproduce", "all", *flags, "--workers", "2"]) == 0
    after = os.times()
    work = sum(after[k] - before[k] for k in range(4))  # of this process and its workers
    assert work < 60, "quick no longer"
    page = (tmp_path / "results.md").read_text()
    assert page.count(".svg") == 5
    assert "No training failed." in page
    assert "snnlab reproduce all --quick" in page
    assert "–  |" not in page
    written = {path.name for path in tmp_path.iterdir()} - {"cache"}
    first, *_ = capsys.readouterr().out.splitlines()
    assert all(f"{tmp_path / name}" in first for name in written), "said before it is written"
    assert main(["reproduce", "all", *flags]) == 0
    out = capsys.readouterr().out
    done = len(list((tmp_path / "cache").iterdir()))
    assert f"\n{done} trainings, {done} of them done before\n" in out


@pytest.mark.slow
def test_ctrl_c_leaves_results_and_the_rest_for_later(tmp_path, capsys):
    flags = ["--quick", "--out", str(tmp_path), "--cache", str(tmp_path / "cache")]
    process = subprocess.Popen(
        [sys.executable, "-m", "snnlab", "reproduce", "mismatch", *flags, "--workers", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not list((tmp_path / "cache").glob("*.json")):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers as well
    out, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in error
    assert "stopped; call again" in out
    assert Path(tmp_path / "results.md").exists()
    kept = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "cache").glob("*.json")}
    assert main(["reproduce", "mismatch", *flags]) == 0
    assert {name: (tmp_path / "cache" / name).stat().st_mtime_ns for name in kept} == kept
    assert len(list((tmp_path / "cache").glob("*.json"))) > len(kept)


def test_a_failed_training_is_an_error_in_the_end(tmp_path, monkeypatch, capsys):
    def complete(jobs, store, *_):
        store.fail(jobs[0], "no luck")
        return True

    monkeypatch.setattr("snnlab.reproduce.command.complete", complete)
    flags = ["--quick", "--out", str(tmp_path), "--cache", str(tmp_path / "cache")]
    assert main(["reproduce", "latency", *flags]) == 2
    page = tmp_path / "results.md"
    said = capsys.readouterr().err
    assert re.fullmatch(rf"snnlab: 1 of \d+ trainings failed: {page} says why\n", said)
    assert "no luck" in page.read_text()
    assert main(["reproduce", "latency", *flags, "--report-only"]) == 0
