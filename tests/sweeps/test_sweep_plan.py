"""Plans of sweeps: read from files, refused, and why a sweep has no best trial."""

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet
from refusal import refused
from small_sweeps import plan

from snnlab.commands.main import main
from snnlab.errors import SnnlabError
from snnlab.recipes import recipe
from snnlab.sweeps.outcome import why_none
from snnlab.sweeps.plan import Plan
from snnlab.sweeps.search import sweep
from snnlab.sweeps.storage import load_study
from snnlab.sweeps.trials import TrialQueue


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"vary": {}}, "nothing is varied"),
        ({"vary": {"colour": "1:2"}}, "vary colour: no such knob, there are dataset"),
        ({"vary": {"beta": "5:1"}}, "beta = 5:1 is empty: the first number must be the lower"),
        ({"vary": {"beta": "5:5"}}, "beta = 5:5 is empty"),
        ({"vary": {"beta": "1:2:3:4"}}, "beta = 1:2:3:4 is not a range: write low:high"),
        ({"vary": {"beta": "a:b"}}, "beta = a:b is not a range"),
        ({"vary": {"beta": "1:nan"}}, "beta = 1:nan: nan is not a number"),
        ({"vary": {"beta": "1:999"}}, "beta = 999.0 is not allowed: a number from 0.1 to 200"),
        ({"vary": {"rho_burst": "0:1:log"}}, "a logarithmic range must begin above 0"),
        ({"vary": {"batch": "1.5:9"}}, "batch = 1.5:9: a whole number from 1 to 10000"),
        ({"vary": {"schedule": "1:9"}}, "schedule = 1:9: one of cosine, exponential, constant"),
        ({"vary": {"schedule": "cosine,linear"}}, "schedule = linear is not allowed"),
        ({"vary": {"beta": "10,10"}}, "beta = '10,10' holds a value twice"),
        ({"vary": {"beta": []}}, "beta = [] holds no values"),
        ({"vary": {"beta": 3}}, "beta = 3 holds no values"),
        ({"vary": {"batch": "1:9"}}, "batch is both varied and set"),
        ({"vary": {"dataset": "digits,mnist"}, "settings": {}}, "do not vary dataset or side"),
        ({"sampler": "annealing"}, "sampler 'annealing' is unknown: use grid, random, tpe"),
        ({"sampler": "grid"}, "vary beta: a grid needs points, write 1:200:log:5 for five"),
        ({"sampler": "grid", "vary": {"beta": "1:9:3"}}, "grid has 3 points, not 4"),
        ({"objectives": ["speed"]}, "objective 'speed' is unknown"),
        ({"objectives": []}, "give one objective or several different ones"),
        ({"objectives": ["accuracy", "energy"], "prune": True}, "2 objectives: only a sweep for"),
        ({"limits": {"power": "low"}}, "limit power = low is not a number"),
        ({"trials": 0}, "trials = 0 is not allowed: a whole number from 1"),
        ({"repeats": 2, "vary": {"die_seed": "1:9"}}, "die_seed is varied, and repeats vary it"),
        ({"settings": {"beta": 0}}, "beta = 0 is not allowed"),
        (
            {"settings": {"die": "ideal"}, "repeats": 2},
            "repeats = 2 would train one network again and again: ideal dies are all the same",
        ),
        (
            {"settings": {"die_seed": 2**32 - 1}, "repeats": 2},
            "die_seed = 4294967296 is not allowed",
        ),
        ({"colour": 1}, "a sweep has no 'colour'"),
    ],
)
def test_what_is_no_plan_is_said_before_anything_is_kept(tmp_path, given, said):
    where = str(tmp_path / "s.db")
    refused(lambda: sweep(plan(**given), where, workers=0), said, folder=tmp_path)


def test_a_plan_is_read_from_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'sampler = "grid"\nobjectives = ["accuracy", "energy"]\nrepeats = 2\n'
        '[settings]\ndataset = "digits"\n[limits]\npower = 0.21\n'
        '[vary]\nbeta = "1:100:log:3"\nhidden = [[50], [60, 60]]\nschedule = ["cosine"]\n'
    )
    read = Plan.read(path, settings={"epochs": 3})
    assert (read.name, read.trials, read.repeats) == ("mine", 6, 2)
    assert [point["beta"] for point in read.grid()[::2]] == pytest.approx([1.0, 10.0, 100.0])
    config = read.config(read.grid()[3])
    assert (config.beta, config.hidden, config.epochs) == (pytest.approx(10.0), [60, 60], 3)
    for content, said in [
        ("sampler = ", "is not valid TOML"),
        ("vary = 3", r"vary must be a table, \[vary\]"),
        ("colour = 3\n[vary]\nbeta = '1:2'", "a sweep has no 'colour'"),
        ("trials = 'x'\n[vary]\nbeta = '1:2'", "trials = x is not allowed"),
        (
            "objectives = 3\n[vary]\nbeta = '1:2'",
            "objectives = 3 is not allowed: it must be a list",
        ),
        ("limits = 3\n[vary]\nbeta = '1:2'", "limits = 3 is not allowed: it must be a table"),
    ]:
        path.write_text(content)
        with pytest.raises(SnnlabError, match=said):
            Plan.read(path)


def test_a_recipe_is_below_the_file_and_flags_are_above_it(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        '[settings]\ndataset = "digits"\nepochs = 3\nside = 16\n[vary]\nbeta = "1:200:log"\n'
    )
    paper = recipe("paper").config().values()
    made = Plan.read(path, paper, settings={"epochs": 2})
    assert made.vary == {"beta": "1:200:log"}
    above = {"dataset": "digits", "side": 16, "epochs": 2}
    assert made.settings == {k: v for k, v in (paper | above).items() if k != "beta"}
    with pytest.raises(SnnlabError, match="beta is both varied and set"):
        Plan.read(path, paper, settings={"beta": 3.0})


def test_a_plan_file_and_a_recipe_go_together(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(
        'trials = 1\nsampler = "random"\n[settings]\ndataset = "digits"\nepochs = 1\n'
        'hidden = [12]\nbatch = 200\n[vary]\nbeta = "1:200:log"\n'
    )
    assert main(["sweep", "mine.toml", "--recipe", "paper", "--workers", "0"]) == 0
    assert "1 complete" in capsys.readouterr().out
    settings = load_study("mine", "sweeps/mine.db").user_attrs["plan"]["settings"]
    assert (settings["dataset"], settings["epochs"]) == ("digits", 1)
    assert settings["rho_burst"] == recipe("paper").config().rho_burst


def test_the_limit_in_the_documentation_can_be_kept_and_means_something():
    docs = Path(__file__).parents[2] / "docs"
    (text,) = re.findall(r"```toml\n(.*?)```", (docs / "sweeps.md").read_text("utf-8"), re.DOTALL)
    shown = Plan.checked(**tomllib.loads(text))
    measured = parquet.read_table(docs / "sweeps/beta-rho.parquet")["power"].to_pylist()
    kept = [power <= shown.limits["power"] for power in measured]
    assert any(kept)
    assert not all(kept)


def test_the_plan_in_the_documentation_can_be_carried_out():
    path = Path(__file__).parents[2] / "docs/sweeps/beta-rho.toml"
    read = Plan.read(path)
    assert (read.trials, read.repeats, read.config(read.grid()[0]).dataset) == (60, 2, "mnist")


def row(number, power=0.2003, accuracy=0.9, state="complete", error=None):
    return {"trial": number, "state": state, "power": power, "accuracy": accuracy, "error": error}


FAILED_ROW = row(9, state="fail", error="needs 840 neuron circuits")
PRUNED_ROW = row(8, state="pruned")


@pytest.mark.parametrize(
    ("limits", "rows", "said"),
    [
        ({}, [row(0)], ""),
        ({}, [], ""),
        ({"power": 0.21}, [row(0), FAILED_ROW], ""),
        (
            {"power": 0.2}, [row(k, 0.2003 + 0.001 * k) for k in range(4)],
            "none of 4 trials keeps power ≤ 0.2 W (best 0.2003)",
        ),
        (
            {"power": 0.2}, [row(0), row(1, 0.2001), FAILED_ROW, PRUNED_ROW],
            "none of 2 trials keeps power ≤ 0.2 W (best 0.2001)",
        ),
        ({"power": 0.2}, [row(0)], "the only trial does not keep power ≤ 0.2 W (best 0.2003)"),
        (
            {"power": 0.2}, [row(0, 0.2000002), row(1)],
            "none of 2 trials keeps power ≤ 0.2 W (best 0.2000002)",
        ),
        (
            {"accuracy": 0.95}, [row(0), row(1, accuracy=0.8)],
            "none of 2 trials keeps accuracy ≥ 0.95 (best 0.9)",
        ),
        (
            {"accuracy": 0.95, "power": 0.2}, [row(0), row(1)],
            "none of 2 trials keeps accuracy ≥ 0.95 (best 0.9) or power ≤ 0.2 W (best 0.2003)",
        ),
        (
            {"accuracy": 0.95, "power": 0.2}, [row(0, 0.1), row(1, 0.3, 0.96), row(2, 0.3, 0.97)],
            "none of 3 trials keeps all limits at once: accuracy ≥ 0.95 by 2, power ≤ 0.2 W by 1",
        ),
        (
            {}, [FAILED_ROW, FAILED_ROW],
            "no trial was completed, 2 failed: needs 840 neuron circuits",
        ),
        (
            {"power": 1.0}, [FAILED_ROW, PRUNED_ROW],
            "no trial was completed, 1 stopped early, 1 failed: needs 840 neuron circuits",
        ),
    ],
)  # fmt: skip
def test_why_there_is_no_best_trial_is_one_line(limits, rows, said):
    assert why_none(plan(limits=limits), rows) == said


def test_a_plan_is_plain_so_that_it_is_found_again(tmp_path):
    given = {
        "settings": {"dataset": "digits", "hidden": (64,), "batch": np.int64(50)},
        "vary": {"beta": (1.0, 2.0)}, "sampler": "grid", "limits": {"spikes": np.float64(20.0)},
    }  # fmt: skip
    plan = Plan.checked(**given)
    assert json.loads(json.dumps(plan.values())) == plan.values()
    for _ in range(2):  # begun, and joined by another process
        TrialQueue(plan, str(tmp_path / "s.journal"))
