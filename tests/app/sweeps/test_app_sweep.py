"""Sweeps from a page: what is offered and asked for, who is searching, and what the page shows."""

import csv
import dataclasses
import json
import os
import re
import signal
from functools import partial
from types import SimpleNamespace

import numpy as np
import param
import psutil
import pytest
from browsing import canvas, press, says, slider, wait_for
from conftest import until as within
from playwright.sync_api import Page, expect
from refusal import refused

from snnlab.commands.limits import Limits
from snnlab.config import Config
from snnlab.sweeps.outcome import ENOUGH, row_of
from snnlab.sweeps.plan import Plan
from snnlab.sweeps.search import sweep
from snnlab_app.compute.child import spawn
from snnlab_app.compute.sweeps import DIED, Sweep, Sweeps, _search
from snnlab_app.page.watching import KINDS
from snnlab_app.sweeps.axes import axes_of, wrapped
from snnlab_app.sweeps.ranges import VARIED, Given, around, is_choice, planned, vary
from snnlab_app.sweeps.words import describe
from snnlab_app.views.sweep import SweepView

TINY = Config.checked(dataset="digits", hidden=[12], batch=200)
TICKED = ("beta", "rho_burst")
until = partial(within, seconds=240)  # the process stands back behind all others


def offered(*names, config=TINY):
    return {name: around(name, getattr(config, name)) for name in names or TICKED}


def tiny(**given):
    """A plan of trials that take a fraction of a second."""
    return planned(TINY, offered(), sampler="random", **{"trials": "99", **given})


# ── what is offered, and what is asked for ──


@pytest.mark.parametrize("name", VARIED)
def test_the_range_that_is_offered_holds_the_setting_and_can_be_searched(name):
    config = Config()
    given = around(name, value := getattr(config, name))
    (knob,) = Plan.checked(vary={name: vary(name, given)}).space
    if is_choice(name):
        written = "-".join(map(str, value)) if isinstance(value, list) else str(value)
        assert written in knob.texts
        return
    least, most = Config.param[name].bounds
    assert least <= knob.low < knob.high <= most
    off = knob.log and value == 0.0
    assert off or knob.low * (1 - 1e-6) <= value <= knob.high * (1 + 1e-6)
    assert knob.log == given.log == bool(getattr(Config.param[name], "log", False))


@pytest.mark.parametrize("name", [n for n in VARIED if not is_choice(n)])
@pytest.mark.parametrize("end", [0, 1])
def test_at_its_ends_too(name, end):
    value = Config.param[name].bounds[end]
    (knob,) = Plan.checked(vary={name: vary(name, around(name, value))}).space
    assert knob.low < knob.high


def test_only_what_a_sweep_takes_is_offered():
    assert set(Config.knobs()) - set(VARIED) == {"dataset", "side", "killed", "epochs"}


def test_texts_are_in_the_unit_people_read():
    assert around("tau_mem", 6e-6) == Given("3", "12", False)
    assert around("mismatch", 0.1)[:2] == ("5", "20")
    assert around("beta", 10.0)[:3] == ("1", "100", True)
    assert around("beta", 100.0)[1] == "200", "no more than is allowed"
    assert around("weight_bits", 6) == Given("3", "6", False)
    assert around("cadc_bits", 8) == Given("4", "8", False)
    assert vary("cadc_bits", Given("4", "8", points="5"), grid=True) == "4:8:linear:5"
    assert around("hidden", [100, 60]).choices == "25-60, 50-60, 100-60"
    assert vary("tau_mem", Given("2", "5")) == "2e-06:5e-06:linear"
    assert vary("tau_mem", Given("2", "5", True, "3"), grid=True) == "2e-06:5e-06:log:3"
    assert vary("batch", Given("10", "20")) == "10:20:linear"
    assert vary("die", Given(choices="ideal , calibrated")) == "ideal,calibrated"


def test_the_rest_of_the_settings_are_those_of_the_page():
    config = Config.checked(dataset="digits", mismatch=0.3, epochs=9, beta=4.0)
    plan = planned(config, offered("beta", config=config), epochs="2", repeats="3")
    assert (plan.trials, plan.repeats, plan.objectives) == (20, 3, ["accuracy"])
    trial = plan.config({"beta": 7.0})
    assert (trial.mismatch, trial.epochs, trial.beta) == (0.3, 2, 7.0)
    assert planned(config, offered(), sampler="grid", trials="x").trials == 16


@pytest.mark.parametrize(
    ("knobs", "given", "said"),
    [
        ({"beta": Given("x", "5")}, {}, "steepness β: x is not allowed: a number from 0.1 to 200"),
        ({"beta": Given("", "5")}, {}, "nothing is not allowed"),
        ({"beta": Given("nan", "5")}, {}, "nan is not allowed"),
        ({"beta": Given("5", "1")}, {}, "from 5 to 1 is empty"),
        ({"tau_mem": Given("3", "300")}, {}, "τ_mem (µs): 300 is not allowed: a number from 1 to"),
        ({"rho_burst": Given("0", "1", True)}, {}, "a logarithmic range must begin above 0"),
        ({"batch": Given("1.5", "9")}, {}, "Batch size: 1.5 is not allowed: a whole number from"),
        ({"die": Given(choices="shiny")}, {}, "die = shiny is not allowed: one of ideal"),
        ({"die": Given(choices="")}, {}, "die = '' holds no values"),
        ({}, {}, "Knobs to vary: tick 1 to 3"),
        (offered("beta", "batch", "dead", "tau_mem"), {}, "Knobs to vary: tick 1 to 3"),
        ({"dataset": Given(choices="mnist")}, {}, "dataset is not varied here"),
        (offered(), {"trials": "0"}, "Trials: 0 is not allowed: a whole number from 1 to 500"),
        (offered(), {"trials": "many"}, "Trials: many is not allowed"),
        (offered(), {"trials": "9" * 5000}, "Trials: 999"),
        (offered(), {"epochs": "1.5"}, "Epochs of each trial: 1.5 is not allowed"),
        (offered(), {"repeats": "-1"}, "Dies for each trial: -1 is not allowed"),
        (offered("die_seed"), {"repeats": "2"}, "die_seed is varied, and repeats vary it too"),
        (offered(), {"objectives": []}, "What to seek: choose 1 or 2"),
        (offered(), {"objectives": ["speed"]}, "objective 'speed' is unknown"),
        (offered(), {"sampler": "luck"}, "sampler 'luck' is unknown"),
        (
            {name: Given("1", "10", False, "99") for name in ("beta", "logit_gain")},
            {"sampler": "grid"}, "the grid has 9801 points, at most 500",
        ),
        ({"beta": Given("1", "9", False, "1")}, {"sampler": "grid"}, "points: 1 is not allowed"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_one_line(knobs, given, said):
    refused(lambda: planned(TINY, knobs, **given), said)


# ── who is searching ──


@pytest.fixture
def line(tmp_path):
    sweeps = Sweeps(root=tmp_path / "sweeps")
    yield sweeps
    sweeps.end()
    assert sweeps.pid is None
    assert list((tmp_path / "sweeps").rglob("*")) == []


def files(sweeps):
    return list(sweeps._root.rglob("*"))


@pytest.mark.slow
def test_one_at_a_time_and_whoever_stops_or_leaves_is_followed_by_the_next(line):
    first, second, third = (line.begin(tiny()) for _ in range(3))
    assert second.message == ("a sweep is running: yours begins when it ends, you are 1st in line")
    until(lambda: len(first.trials) > 2)
    assert (first.state, second.state, third.state) == ("running", "waiting", "waiting")
    assert first.storage.exists()
    assert first.seconds_left > 0
    assert "2nd in line" in third.message

    second.stop()
    assert (second.state, "1st in line" in third.message) == ("stopped", True)
    pid = line.pid
    first.stop()
    until(lambda: third.state == "running")
    assert not psutil.pid_exists(pid)
    until(lambda: not first.storage.parent.exists())
    assert len(first.trials) > 2, "what it found is still shown"
    assert describe(first).startswith(f"stopped after {len(first.trials)} of 99 trials")

    third.forget()
    until(lambda: line.pid is None and not files(line))
    assert third.state == "stopped"


@pytest.mark.slow
def test_it_finds_what_a_sweep_from_the_command_line_finds(line, tmp_path):
    plan = tiny(trials=str(ENOUGH), objectives=["accuracy", "energy"])
    found = line.begin(plan)
    until(lambda: found.over)
    assert (found.state, found.message) == ("finished", "")
    study = sweep(plan, str(tmp_path / "other.db"), workers=0)

    def untimed(rows):
        return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]

    assert untimed(found.trials) == untimed(row_of(plan, t) for t in study.trials)
    assert sorted(found.best) == sorted(trial.number for trial in study.best_trials)
    assert found.importance.keys() == {"accuracy", "energy"}
    for shares in found.importance.values():
        assert shares.keys() == set(TICKED)
        assert sum(shares.values()) == pytest.approx(1.0)
    assert found.storage.exists(), "optuna-dashboard may open it while the page is there"
    found.forget()
    assert files(line) == []


@pytest.mark.slow
def test_a_process_that_dies_is_told_and_the_next_begins(line):
    first, second = line.begin(tiny()), line.begin(tiny(trials="1"))
    until(lambda: first.trials)
    os.kill(line.pid, signal.SIGKILL)
    until(lambda: second.state == "finished")
    assert (first.state, first.message) == ("failed", DIED)
    assert first.trials
    second.forget()


def test_a_plan_that_is_none_is_told_by_the_process(tmp_path):
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_search, args=(theirs, {"vary": {}}, str(tmp_path / "s.db")))
    process.start()
    assert ours.poll(60), "it is silent"
    news = ours.recv()
    assert (news["state"], "nothing is varied" in news["message"]) == ("failed", True)
    process.join(20)
    assert process.exitcode == 0
    assert list(tmp_path.iterdir()) == []


def test_no_longer_than_the_server_allows(tmp_path):
    sweeps = Sweeps(limits=Limits(minutes=0.01), root=tmp_path)
    late = sweeps.begin(tiny())
    until(lambda: late.over)
    assert late.state == "stopped"
    assert "after 0.01 minutes, the most that this server searches" in describe(late)
    sweeps.end()
    assert files(sweeps) == []


@pytest.mark.slow
def test_without_a_server_the_process_ends(tmp_path):
    ours, theirs = spawn.Pipe()
    where = str(tmp_path / "s.db")
    process = spawn.Process(target=_search, args=(theirs, tiny().values(), where), daemon=True)
    process.start()
    theirs.close()
    assert ours.poll(240), "it is at work"
    ours.close()
    process.join(20)
    assert process.exitcode == 0


@pytest.mark.slow
def test_what_no_training_can_begin_with_is_told(line):
    config = Config.checked(dataset="digits", hidden=[600])
    plan = planned(config, offered("beta"), trials="1")
    found = line.begin(plan)
    until(lambda: found.over)
    assert "1 failed: " in describe(found)
    assert "the chip has 512" in describe(found)
    found.forget()


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
    view.begin = lambda plan: Sweep(plan, line)
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


def test_before_a_sweep_there_is_a_form_and_no_empty_figure(view):
    assert (view.figures, view.plots, view._saving.panel().visible) == (0, {}, False)
    assert "No sweep yet" in view.summary.object
    assert not view.moves


def test_bad_input_is_said_in_the_form_and_nothing_begins(view):
    view.begin = lambda plan: pytest.fail("it began")
    view._form._ranges["beta"]._low.value = "<b>"
    view.start()
    assert view._wrong.visible
    assert view._wrong.title.startswith("Surrogate steepness β: <b> is not allowed: a number")
    assert view._sweep is None


def test_a_grid_asks_for_points_and_other_knobs_for_other_fields(view):
    form = view._form
    assert not form._ranges["beta"]._points.visible
    form._knobs.value = ["beta", "die"]
    form._sampler.value = "grid"
    assert form._ranges["beta"]._points.visible
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
        wrapped("Surrogate steepness β"): 75.0, wrapped("Burst regularisation ρ_b"): 25.0,
    }  # fmt: skip
    assert "4 of 20 trials have ended. The best is trial 1: test accuracy (%) 90" in (
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
    assert "Trial 2: test accuracy (%) 70 at Surrogate steepness β 100" in view._chosen.object
    view.load_chosen()
    assert view.loaded == [({"beta": 100.0, "rho_burst": 5e-3}, False)]
    assert "They act at once" in view._loaded.object
    view.session.config.set("hidden", [50])
    view.load_chosen()
    settings, restart = view.loaded[-1]
    assert restart
    assert settings["hidden"] == [246], "those that the sweep had"
    assert "epochs" not in settings
    assert "restarts, for Hidden neurons cannot change" in view._loaded.object


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
    assert not view._place.visible
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
    says(dashboard, "^Surrogate steepness β: x is not allowed: a number from").to_be_visible()
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
    says(dashboard, r"^Loaded from trial \d+: .*They act at once").to_be_visible()
    expect(steepness).not_to_have_attribute("aria-valuetext", "10")
    dashboard.keyboard.press("Control+z")
    expect(steepness).to_have_attribute("aria-valuetext", "10")

    with dashboard.expect_download() as download:
        press(dashboard, "Trials (CSV)")
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    assert len(rows) >= 6
    assert all(0 <= float(row["test accuracy (share)"]) <= 1 for row in rows)
    with dashboard.expect_download() as download:
        press(dashboard, "PNG")
    assert download.value.path().read_bytes().startswith(b"\x89PNG")

    press(dashboard, "Start sweep")
    says(dashboard, r"^\d+ of 99 trials have ended, about").to_be_visible()
    assert len(sweepers(digits_server)) == 1
    dashboard.close()  # a closed tab ends its sweep
    within(lambda: sweepers(digits_server) == [], 20)


def sweepers(server):
    """Processes of the server that search: those that stand back behind the others."""
    parent = psutil.Process(server.process.pid)
    children = parent.children(recursive=True)
    return [c.pid for c in children if c.status() != "zombie" and c.nice() > parent.nice()]
