"""Results of a sweep: its trials as rows, the best of them, and the importance of knobs."""

from typing import TYPE_CHECKING

import numpy as np

from snnlab.quantities import objectives
from snnlab.sweeps.plan import Plan
from snnlab.sweeps.storage import optuna

if TYPE_CHECKING:  # Optuna is optional
    from optuna import Study
    from optuna.trial import FrozenTrial

ENOUGH = 8
"""Complete trials below which importance says nothing."""
TREES = 32
"""Of the forest that importance is read from: more change nothing that is seen, and take longer."""


def row_of(plan: Plan, trial) -> dict:
    """A trial by names of columns: number, state, values of knobs, what was measured, its error."""
    complete = trial.state.name == "COMPLETE"  # one that was stopped has a value of an early epoch
    values = dict(zip(plan.objectives, trial.values, strict=True)) if complete else {}
    measured = dict(trial.user_attrs.get("measured", {}))
    each = measured.pop("accuracy_of_dies", ())
    row = {"trial": trial.number, "state": trial.state.name.lower(), **trial.params, **values}
    error = trial.user_attrs.get("error")
    return {**row, **measured, "accuracy_of_dies": " ".join(map(str, each)), "error": error}


def best_of(plan: Plan, study: "Study") -> list["FrozenTrial"]:
    """Trials within the limits, the best first; with several objectives those that no other beats
    in all of them."""
    first = -1 if study.directions[0].name == "MAXIMIZE" else 1
    if len(plan.objectives) > 1:
        found = study.best_trials
    else:
        found = [
            trial for trial in study.trials
            if trial.state.name == "COMPLETE" and all(v <= 0 for v in trial.constraints.values())
        ]  # fmt: skip
    return sorted(found, key=lambda trial: first * trial.values[0])


def why_none(plan: Plan, rows: list[dict]) -> str:
    """Why there is no best trial in rows of :func:`row_of`: none was completed, or none keeps the
    limits. Empty if there is one, or no trial has ended."""
    complete = [row for row in rows if row["state"] == "complete"]
    if not complete:
        return _incomplete(rows)
    kept = {name: [row for row in complete if _keeps(plan, name, row)] for name in plan.limits}
    if any(all(row in found for found in kept.values()) for row in complete):
        return ""
    count = f"none of {len(complete)} trials" if len(complete) > 1 else "the only trial does not"
    verb = "keeps" if len(complete) > 1 else "keep"
    if broken := [name for name, found in kept.items() if not found]:
        return f"{count} {verb} {' or '.join(_missed(plan, n, complete) for n in broken)}"
    each = ", ".join(f"{_limit(plan, name)} by {len(found)}" for name, found in kept.items())
    return f"{count} {verb} all limits at once: {each}"


def _incomplete(rows):
    failed = [row for row in rows if row["state"] == "fail"]
    pruned = sum(row["state"] == "pruned" for row in rows)
    parts = [f"{pruned} stopped early"] * bool(pruned)
    if failed:
        parts.append(f"{len(failed)} failed: {failed[-1]['error']}")
    return ", ".join(["no trial was completed", *parts]) if parts else ""


def _keeps(plan, name, row):
    most, value = plan.limits[name], row[name]
    return value >= most if objectives()[name].better == "up" else value <= most


def _limit(plan, name):
    quantity = objectives()[name]
    sign = "≥" if quantity.better == "up" else "≤"
    unit = "" if quantity.unit == "%" else quantity.stored_unit
    return f"{name} {sign} {plan.limits[name]:.4g} {unit}".rstrip()


def _missed(plan, name, rows):
    """A limit that none keeps, and the nearest to it, with as many digits as tell them apart."""
    nearest = max if objectives()[name].better == "up" else min
    best, digits = nearest(row[name] for row in rows), 4
    while digits < 17 and f"{best:.{digits}g}" == f"{plan.limits[name]:.{digits}g}":
        digits += 1
    return f"{_limit(plan, name)} (best {best:.{digits}g})"


def importance(plan: Plan, study) -> dict[str, dict[str, float]]:
    """Share of each knob in how much an objective varies, by objective, by functional ANOVA.

    Empty where there is too little to tell: few trials, one knob, or values that are all the same.
    """
    complete = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    if len(complete) < ENOUGH or len(plan.vary) < 2:
        return {}
    values = np.array([trial.values for trial in complete]).T
    shares = {
        name: _shares(study, k, values[k].mean(), values[k].std())
        for k, name in enumerate(plan.objectives)
        if np.isfinite(values[k]).all() and np.ptp(values[k]) > 1e-9 * abs(values[k]).max()
    }
    return {name: found for name, found in shares.items() if found}


def _shares(study, k, mean, spread):
    """Of one objective, scaled: to a forest, values that differ by less than 1e-8 are all one."""
    library = optuna()
    evaluator = library.importance.FanovaImportanceEvaluator(n_trees=TREES, seed=0)
    try:
        return library.importance.get_param_importances(
            study, evaluator=evaluator, target=lambda trial: (trial.values[k] - mean) / spread
        )
    except RuntimeError:  # no tree of the forest found any difference
        return {}
