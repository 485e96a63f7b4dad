"""A measured quantity has one declaration: whatever shows quantities shows a new one."""

from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest

from snnlab import quantities as declared
from snnlab.config import Config
from snnlab.data import load
from snnlab.errors import SnnlabError
from snnlab.quantities import (
    COMPARISON,
    EPOCH,
    LIVE,
    QUANTITIES,
    RECORD,
    RUN_LIST,
    STEP,
    SUMMARY,
    TRIAL,
    Quantity,
    estimates,
    objectives,
    quantities,
)
from snnlab.reproduce.records import DERIVED
from snnlab.reproduce.rows import ROWS
from snnlab.runs.query import format_cell, select_rows
from snnlab.runs.schema import EpochRecord, summarise
from snnlab.runs.tensorboard import epoch_curves, step_curves
from snnlab.sweeps.outcome import why_none
from snnlab.sweeps.plan import Plan
from snnlab.sweeps.search import Task, sweep, train_trial
from snnlab_app.sweeps.axes import axes_of
from snnlab_app.sweeps.form import Form
from snnlab_app.sweeps.words import table_of
from snnlab_app.views import pins, stored

PLACES = (STEP, EPOCH, SUMMARY, RUN_LIST, COMPARISON, LIVE, TRIAL, RECORD)
NEW = Quantity(
    "rate", "images per second", "k/s", 1e-3, 1, "1/s", "up", estimate=True, heading="pace",
    curve="images per second", places=frozenset(PLACES),
)  # fmt: skip
"""Declared everywhere; :class:`PowerEstimate` has it."""
TINY = {"dataset": "digits", "hidden": [8], "epochs": 1, "batch": 500}


@pytest.fixture
def added(monkeypatch):
    others = tuple(q for q in QUANTITIES if q.name != NEW.name)
    monkeypatch.setattr(declared, "QUANTITIES", (*others, NEW))


def test_a_name_means_one_thing_in_each_place():
    for place in PLACES:
        named = [q.name for q in QUANTITIES if place in q.places]
        assert named
        assert len(set(named)) == len(named), place
    for q in QUANTITIES:
        assert q.places <= set(PLACES)
        assert q.label, q.name
        assert q.better in ("up", "down", None)
        assert (q.factor == 1.0) == (q.unit in ("", q.stored_unit)), q.name
    assert all(q.heading for q in quantities(RUN_LIST).values())


@pytest.mark.parametrize(
    ("name", "place", "value", "text"),
    [
        ("test_accuracy", RUN_LIST, 0.97126, "97.13 %"),
        ("test_spikes", RUN_LIST, 43.25, "43.2"),
        ("energy", RUN_LIST, 2.414e-6, "2.41 µJ"),
        ("seconds", RUN_LIST, 1234.5, "1,234 s"),
        ("power", TRIAL, 0.2003, "200 mW"),
        ("loss", TRIAL, float("nan"), ""),
        ("loss", TRIAL, None, ""),
    ],
)
def test_a_value_is_written_with_its_unit(name, place, value, text):
    assert quantities(place)[name].format(value) == text


def test_titles_carry_the_unit_shown_or_stored():
    energy = quantities(TRIAL)["energy"]
    assert (energy.title, energy.stored_title) == ("energy (µJ, estimate)", "energy (J, estimate)")
    assert quantities(STEP)["loss"].title == "loss in training"


def test_estimates_are_attributes_of_the_power_estimate():
    of = SimpleNamespace(energy=1.0, power=2.0, latency=3.0, rate=4.0)
    assert estimates(of, TRIAL) == {"energy": 1.0, "power": 2.0, "latency": 3.0}
    assert estimates(of, RECORD) == {"energy": 1.0, "power": 2.0, "rate": 4.0}


def test_an_epoch_has_every_quantity_of_epochs_and_its_summary_every_one_of_summaries():
    assert {f.name for f in fields(EpochRecord)} == {"epoch", *quantities(EPOCH)}
    values = {name: k + 1.0 for k, name in enumerate(quantities(EPOCH))}
    first, last = EpochRecord(1, **values), EpochRecord(2, **{**values, "test_accuracy": 0.5})
    found = summarise([first, last])
    assert set(found) == set(quantities(SUMMARY))
    assert found["best_accuracy"] == values["test_accuracy"]
    assert found["seconds"] == 2 * values["seconds"]
    older = replace(last, energy=float("nan"))
    assert set(quantities(SUMMARY)) - set(summarise([older])) == {"energy"}


def test_every_quantity_of_a_trial_is_measured_and_a_new_estimate_too(added):
    settings = Config.checked(**TINY).values()
    found = train_trial(Task(0, (settings,)), load("digits"))
    assert set(found) == {*quantities(TRIAL), "accuracy_of_dies"}
    assert found["rate"] == pytest.approx(found["power"] / found["energy"])


def test_a_sweep_seeks_it_and_limits_it(added, tmp_path):
    assert objectives()["rate"] is NEW
    plan = Plan.checked(
        vary={"beta": "1:50:log"}, settings=TINY, sampler="random", trials=1,
        objectives=["rate"], limits={"rate": 1.0},
    )  # fmt: skip
    study = sweep(plan, str(tmp_path / "s.db"), workers=0)
    (trial,) = study.trials
    assert study.directions[0].name == "MAXIMIZE"
    assert trial.values[0] > 1.0 / 34e-6 / 2
    (beyond,) = trial.constraints.values()
    assert beyond == pytest.approx(1.0 - trial.values[0]), "more is better: the limit is a least"
    row = {"trial": 0, "state": "complete", "rate": 0.5}
    assert why_none(plan, [row]) == "the only trial does not keep rate ≥ 1 1/s (best 0.5)"
    with pytest.raises(SnnlabError, match="objective 'seconds' is unknown: use accuracy"):
        Plan.checked(vary={"beta": "1:50:log"}, objectives=["seconds"])


def test_the_dashboard_offers_it_to_sweeps_and_shows_it(added):
    form = Form(Config.checked(dataset="digits"))
    assert form._objectives.options["images per second (k/s, estimate)"] == "rate"
    plan = Plan.checked(vary={"beta": "1:50:log"}, objectives=["rate"])
    _, (axis,) = axes_of(plan)
    assert (axis.text({"rate": 84_700.0}), axis.best_is_high) == ("84.7", True)
    header, _ = table_of(SimpleNamespace(plan=plan, trials=[]))
    assert {q.stored_title for q in quantities(TRIAL).values()} <= set(header)


def test_lists_of_runs_have_it(added):
    rows = [{"run": "a", "rate": 84_700.0}, {"run": "b", "rate": 1.0}]
    assert select_rows(rows, ["rate>100"]) == rows[:1]
    assert format_cell("rate", rows[0]) == "84.7 k/s"
    assert stored.columns()["rate"] == "pace"
    assert stored.orders()["pace"] == "rate"
    costs = [{"run": "a", "energy": 1.0}, {"run": "b", "energy": 2.0}, {"run": "c"}]
    for column, given, names in (("rate", rows, ["b", "a"]), ("energy", costs, ["c", "b", "a"])):
        assert [row["run"] for row in select_rows(given, [], column)] == names, "the best last"
        assert stored.best_first(column)
    assert not stored.best_first("beta")


def test_pinned_runs_show_it(added):
    history = {name: np.array([1.0, 2.0]) for name in pins.CURVES}
    pin = pins.Pin("a", Config().values(), 3, {"rate": 84_700.0}, history, None)
    html = pins.table_of([pin])
    assert "images per second, estimate" in html
    assert "84.7 k/s" in html
    assert "150.0 %" in html, "the mean of the newest batches"
    assert "–" in html, "what an older run has none of"


def test_tensorboard_has_a_curve_of_it(added):
    assert step_curves()["rate"] == "step/images per second"
    assert epoch_curves()["rate"] == "estimate/images per second"


def test_a_curve_has_one_name():
    for curves in (step_curves(), epoch_curves()):
        assert len(set(curves.values())) == len(curves)
    assert epoch_curves()["test_spikes"] == "test/spikes per image"
    assert epoch_curves()["energy"] == "estimate/energy per image (J)"


def test_every_row_of_the_reproduction_is_of_a_declared_quantity():
    assert {row.quantity for row in ROWS} | set(DERIVED) <= set(quantities(RECORD))
