"""A small sweep: its plan, its command, and its results."""

import optuna
from sqlalchemy.pool import NullPool

from snnlab.sweeps.plan import Plan

SMALL = {"dataset": "digits", "epochs": 1, "hidden": [12], "batch": 200}
VARY = {"beta": "1:200:log", "rho_burst": "1e-5:1e-2:log"}
COMMAND = (
    "sweep", "--dataset", "digits", "--epochs", "1", "--hidden", "12", "--batch", "200",
    "--workers", "0", "--sampler", "random", "--trials", "2", "--vary", "beta=1:20",
)  # fmt: skip


def plan(**given):
    return Plan.checked(
        **{"vary": VARY, "settings": SMALL, "sampler": "random", "trials": 4, **given}
    )


def results(study):
    """Values and results of each trial by its place in the plan, each exactly once."""
    trials = study.get_trials()
    assert all(trial.state.is_finished() for trial in trials)
    found = {t.user_attrs["index"]: (t.params, t.values, t.state.name) for t in trials}
    assert len(found) == len(trials), "a trial is there twice"
    return found


def rdb(where):
    """Optuna's own storage in an SQLite file, which closes each connection after use."""
    return optuna.storages.RDBStorage(f"sqlite:///{where}", engine_kwargs={"poolclass": NullPool})
