"""Parameter studies: Optuna chooses, Dask spreads the work, snnlab trains."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np

from snnlab.config import Config
from snnlab.data import Dataset, load
from snnlab.data.catalogue import CATALOGUE
from snnlab.errors import SnnlabError
from snnlab.learn.trainer import Trainer
from snnlab.quantities import TRIAL, estimates, objectives
from snnlab.sweeps.cluster import run_all, settle_workers
from snnlab.sweeps.plan import Plan
from snnlab.sweeps.storage import open_storage, optuna
from snnlab.sweeps.trials import TrialQueue

if TYPE_CHECKING:  # Optuna is optional
    from optuna import Study

Tell = Callable[[str, float], None]


@dataclass(frozen=True)
class Task:
    """One trial for a worker; ``settings`` : one set for each die.

    study, storage : where to report while it trains, if bad trials are to be stopped early.
    """

    number: int
    settings: tuple[dict, ...]
    study: str | None = None
    storage: str | None = None


def sweep(
    plan: Plan,
    storage: str | None = None,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    data_dir: str | None = None,
    tell: Tell | None = None,
) -> "Study":
    """Carry out a plan, or what is left of it; returns the Optuna study.

    storage : ``sweeps/<name>.db`` by default, see :func:`open_storage`; several processes may work
    on one. workers, scheduler : as in :func:`run_all`. ``tell(message, fraction)`` is called after
    every trial. Raises :class:`SnnlabError` if plan, data or storage cannot be used. If it ends
    before any trial has ended, a storage created for it is removed.
    """
    storage = storage or default_storage(plan.name)
    optuna()  # if it is missing, that is said before data are fetched
    workers = settle_workers(workers, scheduler)
    dataset = _dataset(plan, data_dir)
    with TrialQueue(plan, storage) as queue:
        while True:
            mine: dict[int, object] = {}
            tasks = (_task(queue, storage, trial, mine) for trial in queue.take())
            first = list(islice(tasks, 1))  # without any, no processes need to start
            for task, outcome in first and run_all(
                train_trial, chain(first, tasks), workers, scheduler=scheduler, data=dataset
            ):
                state = queue.tell(mine.pop(task.number), outcome)
                _say(queue, task, state, outcome, tell)
            if not {"waiting", "running"} & queue.counts().keys():
                return queue.study
            time.sleep(1.0)  # others are at work: should they die, their trials are taken over


def default_storage(name: str) -> str:
    """Default storage of a sweep."""
    return f"sweeps/{name}.db"


def _dataset(plan, data_dir):
    if "dataset" in plan.vary or "side" in plan.vary:
        raise SnnlabError("a sweep is over one data set: do not vary dataset or side")
    config = Config.checked(**plan.settings)
    CATALOGUE[config.dataset].check_place(data_dir)
    return load(config.dataset, config.side, data_dir=data_dir)


def _task(queue, storage, trial, mine):
    plan, mine[trial.number] = queue.plan, trial
    settings = plan.config(trial.params).values()
    dies = [{**settings, "die_seed": settings["die_seed"] + k} for k in range(plan.repeats)]
    where = (plan.name, storage) if plan.prune else (None, None)
    return Task(trial.number, tuple(dies), *where)


def _say(queue, task, state, outcome, tell):
    if tell is None:
        return
    counts, known = queue.counts(), objectives()
    over = sum(n for name, n in counts.items() if name not in ("waiting", "running"))
    result = getattr(outcome, "why", None) or ", ".join(
        f"{name} {known[name].format(outcome[name])}"
        for name in queue.plan.objectives
        if name in outcome
    )
    tell(f"trial {task.number} {state}: {result}", over / sum(counts.values()))


def train_trial(task: Task, dataset: Dataset) -> dict:
    """Train a network on each die; returns means, and the result of each die."""
    start, report, dies = time.perf_counter(), _reporter(task), []
    for number, settings in enumerate(task.settings):
        trained = _train(Config.checked(**settings), dataset, number, report)
        if trained is None:
            return {"pruned": True, "seconds": time.perf_counter() - start}
        dies.append(trained)
    means = {name: float(np.mean([die[name] for die in dies])) for name in dies[0]}
    each = [die["accuracy"] for die in dies]
    return {**means, "accuracy_of_dies": each, "seconds": time.perf_counter() - start}


def _train(config, dataset, die, report):
    """Results after the last epoch of a training, or None if it was stopped."""
    trainer, batches = Trainer(config, dataset), []
    for progress in trainer:
        batches.append((progress.loss, progress.samples))
        if progress.evaluation:
            found = _measured(progress, batches)
            batches.clear()
            if report(die * config.epochs + progress.epoch, found):
                return None
    return found


def _measured(progress, batches):
    """Results of an epoch; loss: mean of its batches, as in runs; all others of test images."""
    loss, samples = np.transpose(batches)
    return {
        "accuracy": progress.evaluation.accuracy,
        "loss": float(np.average(loss, weights=samples)),
        "spikes": progress.evaluation.spikes,
        **estimates(progress.evaluation.estimate, TRIAL),
    }


def _reporter(task):
    """Hears of every epoch; says whether to stop."""
    if task.storage is None:
        return lambda step, found: False
    library = optuna()
    pruner = library.pruners.MedianPruner(n_startup_trials=5)
    study = library.load_study(
        study_name=task.study, storage=open_storage(task.storage), pruner=pruner
    )
    number = study.get_trials(deepcopy=False)[task.number]._trial_id
    trial = library.trial.Trial(study, number)
    (objective,) = study.user_attrs["plan"]["objectives"]

    def report(step, found):
        trial.report(found[objective], step)
        return trial.should_prune()

    return report
