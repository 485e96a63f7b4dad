"""Sweeps in the dashboard: what the page shows, and a sweep in a browser."""

import csv
import dataclasses
import json
import re
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import param
import psutil
import pytest
from browsing import canvas, press, save, says, slider, wait_for
from conftest import until as within
from playwright.sync_api import Page, expect
from sweep_plans import TINY, offered

from snnlab.config import Config
from snnlab.sweeps.plan import Plan
from snnlab_app.compute.sweeps import Sweep
from snnlab_app.page.watching import KINDS
from snnlab_app.sweeps.axes import axes_of, wrapped
from snnlab_app.sweeps.ranges import around, planned
from snnlab_app.views.sweep import SweepView

# ── what the page shows ──


class Line:
    """Stands for the server's: says who was stopped and forgotten."""

    def __init__(self):
        self.stopped, self.removed = [], []

    def stop(self, sweep):
        self.stopped.append(sweep)

    def remove(self, sweep):
        self.removed.append(sweep)


def trial(number, beta, rho, accuracy, energy=2e-6, **more):
    measured = {"accuracy": accuracy, "energy": energy, "seconds": 2.0, "error": None}
    return {"trial": number, "state": "complete", "beta": beta, "rho_burst": rho,
            "accuracy_of_dies": str(accuracy), **measured, **more}  # fmt: skip


FAILED = {"trial": 3, "state": "fail", "beta": 2.0, "rho_burst": 1e-4, "accuracy_of_dies": "",
          "error": "no luck"}  # fmt: skip
TRIALS = [
    trial(0, 1.0, 1e-4, 0.8, 3e-6), trial(1, 10.0, 1e-3, 0.9, 4e-6), trial(2, 100.0, 5e-3, 0.7),
    FAILED,
]  # fmt: skip


@pytest.fixture
def view():
    """A view whose sweeps are begun by nobody, and what it does to the page."""
    session = SimpleNamespace(config=Config.checked(dataset="digits"), look_at=lambda *_: None)
    view, line, view.loaded = SweepView(session), Line(), []
    view.begin = lambda plan: Sweep(plan, line, Path("nowhere"))
    view.load = lambda settings, restart: view.loaded.append((settings, restart))
    view.open()
    return view


def begun(view, **fields):
    """A sweep in it, of which these trials are known."""
    for name, value in fields.items():
        getattr(view._form, f"_{name}").value = value
    view.start()
    assert not view._wrong.visible, view._wrong.title
    view._sweep.hear(state="running", trials=TRIALS, best=[0, 1], fraction=0.2,
                     importance={"accuracy": {"beta": 0.75, "rho_burst": 0.25}})  # fmt: skip
    for _ in range(9):  # a figure at a time, then the trials
        assert view.moves
        view.tick()
        if not view.moves:
            return view._sweep
    raise AssertionError("there is always more to draw")


def test_on_recordings_it_offers_their_knobs_and_says_recording(view):
    form = view._form
    assert "theta_in" in form._knobs.options.values()
    assert "blend" not in form._knobs.options.values()
    form._knobs.value = ["beta", "theta_in"]
    view.session.config.dataset = "spoken-digits"
    assert view.suit("sounds") is False
    assert "theta_in" not in form._knobs.options.values()
    assert "blend" in form._knobs.options.values()
    assert form._knobs.value == ["beta"]
    assert "hidden spikes / recording" in form._objectives.options
    sweep = begun(view, objectives=["accuracy", "spikes"], knobs=["beta", "rho_burst"])
    assert sweep.plan.config({"beta": 3.0, "rho_burst": 0.0}).dataset == "spoken-digits"
    assert "hidden spikes / recording" in view._goal.options
    assert [axis.label for axis in view._drawn.found][1] == "hidden spikes / recording"
    assert not any("image" in title for title in view.trials_table()[0])


def test_before_a_sweep_there_is_a_form_and_no_empty_figure(view):
    assert (view.figures, view.plots, view.saving.panel().visible) == (0, {}, False)
    assert "No sweep yet" in view.summary.object
    assert not view.moves


def test_bad_input_is_said_in_the_form_and_nothing_begins(view):
    view.begin = lambda plan: pytest.fail("it began")
    view._form._ranges["beta"]._low.value = "<b>"
    view.start()
    assert view._wrong.visible
    assert view._wrong.title.startswith("Surrogate steepness: <b> is not allowed: a number")
    assert view._sweep is None


def test_a_grid_asks_for_points_and_other_knobs_for_other_fields(view):
    form = view._form
    assert form._ranges["beta"]._points not in form._ranges["beta"].panel
    form._knobs.value = ["beta", "die"]
    form._sampler.value = "grid"
    assert form._ranges["beta"]._points in form._ranges["beta"].panel
    assert form._trials.disabled
    form._ranges["beta"]._points.value = "5"
    form._ranges["die"]._choices.value = "ideal, calibrated"
    plan = form.plan()
    assert plan.vary == {"beta": "1.0:100.0:log:5", "die": "ideal,calibrated"}
    assert (plan.sampler, plan.trials) == ("grid", 10)


def test_ranges_follow_the_settings_until_somebody_writes_others(view):
    fields = view._form._ranges["beta"], view._form._ranges["rho_burst"]
    fields[1]._low.value = "0.0001"
    view.session.config.set("beta", 50.0)
    view.session.config.set("rho_burst", 0.1)
    view.open()
    assert [field.given()[:2] for field in fields] == [("5", "200"), ("0.0001", "0.005")]


def test_history_slices_and_importance_show_the_trials(view):
    begun(view)
    assert view.figures == 5
    history = view.plots["history"]
    np.testing.assert_allclose(history.source("trials").data["value"], [80, 90, 70, np.nan])
    assert history.source("best so far").data["value"][-1] == 90
    over = view.plots["slice of beta"].source("trials").data
    np.testing.assert_allclose(over["trial"], [1, 10, 100, 2])
    shares = view.plots["importance"].source("importance").data
    assert dict(zip(shares["knob"], shares["share"], strict=True)) == {
        wrapped("Surrogate steepness"): 75.0, wrapped("Burst regularisation"): 25.0,
    }  # fmt: skip
    assert "4 of 20 trials have ended. The best is trial 1: test accuracy 90 %" in (
        view.summary.object
    )
    assert "1 failed: no luck" in view._status.object
    assert "about 32 s left" in view._status.object


def test_parallel_coordinates_are_logarithmic_where_the_knob_is_and_fade_the_others(view):
    begun(view)
    lines = view.plots["parallel coordinates"].source("lines").data["ys"]
    assert len(lines) == 3, "the one that failed has no line"
    np.testing.assert_allclose(lines[0], [1.0, 1.0, 0.0], err_msg="the worst below all")
    np.testing.assert_allclose(lines[1], [0.0, np.log10(2) / 2, 0.5])
    np.testing.assert_allclose(lines[2], [0.5, np.log10(20) / 2, 1.0])
    view._bright.options = {"best 1": 1}
    view._bright.value = 1
    source = view.plots["parallel coordinates"].source
    assert [len(source(name).data["ys"]) for name in ("lines", "others")] == [1, 2]
    assert source("lines").data["ys"][0][2] == 1.0, "the best is bright"


def test_the_front_is_of_those_that_no_other_beats(view):
    begun(view, objectives=["accuracy", "energy"])
    front = view.plots["Pareto front"].source("front").data
    np.testing.assert_allclose(front["one"], [80, 90])
    np.testing.assert_allclose(front["other"], [3, 4])
    view._goal.value = "energy"
    history = view.plots["history"]
    assert history.figure.yaxis[0].axis_label == "energy (µJ, estimate)"
    assert history.source("best so far").data["value"][-1] == pytest.approx(2)
    assert "Shown from" in view._drawn._matters.object, "importance is of the other one"


@pytest.mark.parametrize(
    ("plot", "x", "y", "number"),
    [("history", 1.02, 89.9, 1), ("slice of beta", 95.0, 70.1, 2), ("slice of beta", 1, 80, 0),
     ("parallel coordinates", 1.99, 0.99, 1), ("history", 1.0, 75.0, -1)],
)  # fmt: skip
def test_a_tapped_point_or_line_is_chosen(view, plot, x, y, number):
    begun(view)
    view._drawn._tapped(plot, SimpleNamespace(x=x, y=y))
    assert view._which.value == number
    assert view._load.disabled == (number < 0)


def test_the_settings_of_a_trial_are_loaded(view):
    begun(view)
    view.load_chosen()
    view.pick(3)
    view.load_chosen()
    assert view.loaded == [], "the one that failed is not for choice"
    view.pick(2)
    assert "Trial 2: test accuracy 70 % at Surrogate steepness = 100" in view._chosen.object
    view.load_chosen()
    assert view.loaded == [({"beta": 100.0, "rho_burst": 5e-3}, False)]
    assert "Applied immediately" in view._loaded.object
    view.session.config.set("hidden", [50])
    view.load_chosen()
    settings, restart = view.loaded[-1]
    assert restart
    assert settings["hidden"] == [246], "those that the sweep had"
    assert "epochs" not in settings
    assert "restarts, as Hidden neurons cannot change" in view._loaded.object


@pytest.mark.parametrize(
    ("limits", "trials", "said"),
    [
        ({"accuracy": 0.95}, TRIALS, "None of 3 trials keeps accuracy ≥ 0.95 (best 0.9)"),
        ({}, [FAILED, FAILED], "No trial was completed, 2 failed: no luck"),
        ({}, TRIALS, "1 failed: no luck"),
    ],
)
def test_the_end_without_a_best_trial_is_said(view, limits, trials, said):
    running = begun(view)
    running.plan = dataclasses.replace(running.plan, limits=limits)
    running.hear(state="finished", trials=trials, best=[1, 0, 2] if not limits else [])
    view.tick()
    assert view._status.object.endswith(f">all 20 trials have ended. {said}</div>")
    assert ("The best is trial 1" in view.summary.object) == ("1 failed" in said)


def test_results_stay_when_it_is_stopped_and_go_with_the_next(view):
    first = begun(view)
    first.hear(state="stopped")
    view.tick()
    assert "stopped after 4 of 20 trials" in view._status.object
    assert (view._start.disabled, view._stop.disabled) == (False, True)
    assert not view._place.objects
    assert "trial 1" in " ".join(view._which.options)
    view.start()
    assert first._line.removed == [first]
    assert (view._which.options, view._sweep.trials) == ({"choose one …": -1}, [])


def test_what_was_found_is_exported_whole(view):
    begun(view)
    header, rows = view.trials_table()
    best = dict(zip(header, rows[1], strict=True))
    assert (best["beta"], best["test accuracy (share)"]) == (10.0, 0.9)
    assert best["energy (J, estimate)"] == 4e-6
    assert rows[3][header.index("error")] == "no luck"
    kept = json.loads(view.trials_file().getvalue())
    assert kept["trials"] == TRIALS
    assert Plan.checked(**kept["plan"]) == view._sweep.plan
    for plot in view.plots:
        header, rows = view.table(plot)
        assert all(len(row) == len(header) for row in rows)


def test_the_command_for_optunas_dashboard_names_the_storage(view, tmp_path):
    running = begun(view)
    running.storage = tmp_path / "sweep.db"
    running.hear(state="finished")
    view.tick()
    assert f"optuna-dashboard sqlite:///{running.storage}" in view._path.object
    copied = []
    view.copy = copied.append
    view._copy.clicks += 1
    assert copied == [f"optuna-dashboard sqlite:///{running.storage}"]


def test_choices_stand_side_by_side_on_an_axis():
    plan = planned(TINY, {"schedule": around("schedule", "cosine"), **offered("tau_mem")})
    (schedule, tau), _ = axes_of(plan)
    assert schedule.read({"schedule": "constant"}) == 2.0
    assert [mark for _, mark in schedule.marks()] == ["cosine", "exponential", "constant"]
    assert tau.read({"tau_mem": 6e-6}) == pytest.approx(6.0)
    assert [mark for _, mark in tau.marks()] == ["3", "7.5", "12"]
    assert tau.place([3.0, 12.0]).tolist() == [0.0, 1.0]


def test_what_somebody_searches_is_on_that_page_only():
    assert "sweep" not in KINDS
    assert not isinstance(SweepView.figures, param.Parameter)


# ── a person's way ──


@pytest.mark.browser
def test_a_sweep_from_here_is_watched_stopped_and_a_trial_loaded(dashboard: Page, digits_server):
    dashboard.goto(dashboard.url.split("?")[0] + "?v=1&view=sweep&hidden=12&batch=200")
    field = dashboard.get_by_role("textbox", name="Trials", exact=True)
    expect(field).to_be_visible()
    low = dashboard.get_by_role("textbox", name="β from")
    expect(low).to_have_value("1")
    dashboard.get_by_role("textbox", name="Epochs of each trial").fill("1")
    low.fill("x")
    press(dashboard, "Start sweep")
    says(dashboard, "^Surrogate steepness: x is not allowed: a number from").to_be_visible()
    low.fill("1")
    field.fill("99")
    press(dashboard, "Start sweep")
    says(dashboard, r"^\d+ of 99 trials have ended, about").to_be_visible()
    before = canvas(dashboard)
    wait_for(dashboard, lambda: canvas(dashboard) != before)
    says(dashboard, r"^([6-9]|\d\d) of 99 trials have ended, about").to_be_visible()
    says(dashboard, "^optuna-dashboard sqlite:///").to_be_visible()
    press(dashboard, "Stop sweep")
    says(dashboard, r"^stopped after \d+ of 99 trials").to_be_visible()
    expect(dashboard.get_by_text(re.compile("^optuna-dashboard"))).to_have_count(0)

    dashboard.get_by_role("combobox", name="Trial", exact=True).click()
    dashboard.get_by_role("menuitem").nth(1).click()
    says(dashboard, r"^Trial \d+: test accuracy").to_be_visible()
    steepness = slider(dashboard, "Surrogate steepness")
    expect(steepness).to_have_attribute("aria-valuetext", "10")
    press(dashboard, "Load these settings")
    says(dashboard, r"^Loaded from trial \d+: .*Applied immediately").to_be_visible()
    expect(steepness).not_to_have_attribute("aria-valuetext", "10")
    dashboard.keyboard.press("Control+z")
    expect(steepness).to_have_attribute("aria-valuetext", "10")

    with dashboard.expect_download() as download:
        press(dashboard, "Trials (CSV)")
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    assert len(rows) >= 6
    assert all(0 <= float(row["test accuracy (share)"]) <= 1 for row in rows)
    assert save(dashboard, "Whole view (PNG)")[1].startswith(b"\x89PNG")

    press(dashboard, "Start sweep")
    says(dashboard, r"^\d+ of 99 trials have ended, about").to_be_visible()
    assert len(sweepers(digits_server)) == 1
    dashboard.close()  # a closed tab ends its sweep
    within(lambda: sweepers(digits_server) == [], 20)


def sweepers(server):
    """Processes of the server that search: those that stand back behind the others."""
    parent, found = psutil.Process(server.process.pid), []
    for child in parent.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has ended since they were listed
            if child.status() != "zombie" and child.nice() > parent.nice():
                found.append(child.pid)
    return found
