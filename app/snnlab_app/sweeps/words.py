"""Texts and tables about a sweep."""

import json
from io import StringIO

from snnlab.config import Config
from snnlab.quantities import TRIAL, quantities
from snnlab.sweeps.outcome import why_none
from snnlab_app.compute.sweeps import Sweep
from snnlab_app.controls.knobs import factor, label
from snnlab_app.controls.link import written
from snnlab_app.plots.blank import kind_of
from snnlab_app.plots.grid import grid
from snnlab_app.plots.words import reword


def describe(sweep: Sweep) -> str:
    """State of a sweep in a sentence."""
    done, trials = len(sweep.trials), sweep.plan.trials
    failed = [row for row in sweep.trials if row["error"]]
    trouble = f" {len(failed)} failed: {failed[-1]['error']}" if failed else ""
    if sweep.state in ("waiting", "failed"):
        return f"{sweep.message}{trouble}"
    if sweep.over and (none := why_none(sweep.plan, sweep.trials)):
        trouble = f" {none[0].upper()}{none[1:]}"
    if sweep.state == "stopped":
        why = f" {sweep.message}." if sweep.message else ""
        return f"stopped after {done} of {trials} trials.{why}{trouble}"
    if sweep.state == "finished":
        return f"all {trials} trials have ended.{trouble}"
    if not done:
        return f"preparing the first of {trials} trials"
    left = _duration(sweep.seconds_left)
    return f"{done} of {trials} trials have ended, about {left} left.{trouble}"


def _duration(seconds):
    if seconds is None or seconds < 1:
        return "a moment"
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def loaded(number: int, turned: dict, restart: list[str]) -> str:
    """Message after loading a trial; ``restart`` lists the knobs that restarted the training."""
    if not turned:
        return f"The settings of trial {number} are already in use."
    words = ", ".join(f"{label(name)} {_setting(name, v)}" for name, v in turned.items())
    if not restart:
        return f"Loaded from trial {number}: {words}. Applied immediately; Undo reverts it."
    which = ", ".join(Config.param[name].label for name in restart)
    return (
        f"Loaded from trial {number}: {words}. The training restarts, as {which} cannot change"
        " during a training; Undo restores the previous settings."
    )


def _setting(name, value):
    """A setting as text in its shown unit."""
    return f"{value * factor(name):.4g}" if isinstance(value, float) else written(value)


def markup(axes: list, rows: list[dict]) -> str:
    """Table of trials with their values on these axes."""
    cells = [[str(row["trial"]), *(axis.text(row) for axis in axes)] for row in rows]
    return grid("Trials", ["trial", *(axis.label for axis in axes)], cells, set())


def table_of(sweep: Sweep) -> tuple[list[str], list[tuple]]:
    """All trials: column names with units, and rows, in SI."""
    units = {name: getattr(Config.param[name], "unit", "") for name in sweep.plan.vary}
    names = [f"{name} ({unit})" if unit else name for name, unit in units.items()]
    measured = quantities(TRIAL)
    columns = ("trial", "state", *units, *measured, "accuracy_of_dies", "error")
    kind = kind_of(Config.checked(**sweep.plan.settings))
    titles = (reword(q.stored_title, kind) for q in measured.values())
    header = ["trial", "state", *names, *titles, "accuracy of dies", "error"]
    return header, [tuple(row.get(name) for name in columns) for row in sweep.trials]


def file_of(sweep: Sweep | None) -> StringIO:
    """Plan, trials and importance as JSON, SI units."""
    found = sweep and {
        "plan": sweep.plan.values(), "trials": sweep.trials, "best": sweep.best,
        "importance": sweep.importance,
    }  # fmt: skip
    return StringIO(json.dumps(found, indent=2))
