"""Stress tests of a trained network: other dies, larger mismatch, silent neurons.

All take a run, and ``workers`` and ``scheduler`` as :func:`~snnlab.sweeps.cluster.run_all`
does; ``tell(message, fraction)`` is called after every test. They return tables as columns,
accuracies in 0…1. Other dies are drawn by ``die_seed`` and the numbers after it, also for a run on
a given die.
"""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from snnlab.chip.die import Die
from snnlab.config import Config
from snnlab.data import Dataset
from snnlab.errors import SnnlabError
from snnlab.learn.trainer import Evaluation, Trainer
from snnlab.runs.run import Run, data_of, load_weights
from snnlab.seeding import stream
from snnlab.sweeps.cluster import Failed, run_all, settle_workers

Tell = Callable[[str, float], None]
SIGMAS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
MAX_REPEATS = 1000
"""Dies, draws or epochs."""


@dataclass(frozen=True)
class Test:
    """One network under one condition.

    weights : initial weights, None to train from scratch; steps : updates they have had, which draw
    the noise of a test without further training; epochs : of training in the loop before the test;
    silenced, draw : share of hidden neurons to silence, number of the random draw;
    others : dies on which the result is tested as well; die : a given die to train on.
    """

    settings: dict
    weights: tuple[np.ndarray, ...] | None = None
    steps: int = 0
    epochs: int = 0
    silenced: float = 0.0
    draw: int = 0
    others: tuple[int, ...] = ()
    die: Die | None = None


def robustness(
    run: Run,
    n_dies: int = 5,
    sigmas: tuple[float, ...] = SIGMAS,
    *,
    epochs: int = 0,
    workers: int | None = None,
    scheduler: str | None = None,
    data_dir: str | None = None,
    tell: Tell | None = None,
) -> dict[str, list]:
    """Test accuracy of a run's network on other dies at each mismatch σ_d.

    As it is, or after ``epochs`` more in the loop with that die. Columns: sigma, die_seed,
    accuracy, spikes. Raises :class:`SnnlabError` for an invalid run, die or sigma.
    """
    _count("epochs", epochs, 0)
    weights = tuple(load_weights(run.folder))
    cases = [(sigma, die) for sigma in _several("sigmas", sigmas) for die in _dies(run, n_dies)]
    tests = [
        Test(
            _settings(run, mismatch=sigma, die_seed=die, epochs=max(epochs, 1)), weights,
            run.record["steps"], epochs,
        )
        for sigma, die in cases
    ]  # fmt: skip
    found = _all(run, tests, workers, scheduler, data_dir, tell)
    sigma, die = zip(*cases, strict=True)
    columns = {"sigma": list(sigma), "die_seed": list(die)}
    return columns | {name: [f[name][0] for f in found] for name in ("accuracy", "spikes")}


def transfer(
    run: Run,
    n_dies: int = 3,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    data_dir: str | None = None,
    tell: Tell | None = None,
) -> dict[str, list]:
    """Train with the settings of the run on die A, test on die B, for every pair.

    Columns: trained_on, tested_on, accuracy, spikes. Raises :class:`SnnlabError` for a run that
    does not fit, or a wrong number of dies.
    """
    dies = _dies(run, n_dies)
    tests = [
        Test(_settings(run, die_seed=die), epochs=run.config.epochs, others=tuple(dies))
        for die in dies
    ]
    found = _all(run, tests, workers, scheduler, data_dir, tell)
    columns = {"trained_on": [a for a in dies for _ in dies], "tested_on": dies * len(dies)}
    return columns | {
        name: [value for f in found for value in f[name]] for name in ("accuracy", "spikes")
    }


def neuron_death(
    run: Run,
    shares: tuple[float, ...] = SHARES,
    draws: int = 5,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    data_dir: str | None = None,
    tell: Tell | None = None,
) -> dict[str, list]:
    """Test accuracy while a share of the hidden neurons is silent, ``draws`` random choices each.

    Columns: silenced, draw, accuracy, spikes. Raises :class:`SnnlabError` for a run that does not
    fit, or a wrong share or number of draws.
    """
    shares = _several("shares", shares)
    if wrong := [share for share in shares if not 0.0 <= share <= 1.0]:
        raise SnnlabError(f"share of silent neurons = {wrong[0]} is not allowed: 0 to 1")
    weights = tuple(load_weights(run.folder))
    cases = [(share, draw) for share in shares for draw in range(_count("draws", draws))]
    settings, die, steps = _settings(run), run.own_die(), run.record["steps"]
    tests = [Test(settings, weights, steps, silenced=s, draw=d, die=die) for s, d in cases]
    found = _all(run, tests, workers, scheduler, data_dir, tell)
    share, draw = zip(*cases, strict=True)
    columns = {"silenced": list(share), "draw": list(draw)}
    return columns | {name: [f[name][0] for f in found] for name in ("accuracy", "spikes")}


def _settings(run, **changes):
    return Config.checked(**{**run.config.values(), **changes}).values()


def _dies(run, count):
    first = run.config.die_seed
    return [first + k for k in range(_count("n_dies", count))]


def _count(name, count, least=1):
    if not isinstance(count, Integral) or not least <= count <= MAX_REPEATS:
        raise SnnlabError(f"{name} = {count} is not allowed: {least} to {MAX_REPEATS}")
    return int(count)


def _several(name, values):
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        numbers = []
    if not numbers:
        raise SnnlabError(f"{name} = {values!r} is not allowed: give numbers, such as [0.1, 0.2]")
    return numbers


def _all(run, tests, workers, scheduler, data_dir, tell):
    """Results in the order of the tests."""
    workers = settle_workers(workers, scheduler)
    dataset = data_of(run, data_dir)
    found = {}
    for (k, _), result in run_all(
        perform, enumerate(tests), workers, scheduler=scheduler, data=dataset
    ):
        if isinstance(result, Failed):
            raise SnnlabError(f"run {run.name}: {result.why}")
        found[k] = result
        if tell:
            tell(f"{len(found)} of {len(tests)} tests", len(found) / len(tests))
    return [found[k] for k in range(len(tests))]


def perform(task: tuple[int, Test], dataset: Dataset) -> dict[str, list[float]]:
    """Accuracy and spikes of one test, on its own die or on the others."""
    test = task[1]
    trainer = _trained(test, dataset)
    results = []
    for die in test.others or (test.settings["die_seed"],):
        trainer.config.set("die_seed", die)
        results.append(without(trainer, test.silenced, test.draw))
    return {"accuracy": [r.accuracy for r in results], "spikes": [r.spikes for r in results]}


def without(trainer: Trainer, share: float, draw: int) -> Evaluation:
    """Evaluation on the test images with a random share, 0…1, of the hidden neurons silenced."""
    layers = trainer.mapping.sizes[1:-1]
    silent = np.zeros(sum(layers), bool)
    order = stream(trainer.config.seed, "silenced", draw).permutation(len(silent))
    silent[order[: round(share * len(silent))]] = True
    # Not by circuit: neurons in different parts of a network have the same.
    return trainer.evaluate(silent=tuple(np.split(silent, np.cumsum(layers[:-1]))))


def _trained(test, dataset):
    weights = None if test.weights is None else list(test.weights)
    trainer = Trainer(Config.checked(**test.settings), dataset, weights, test.die)
    trainer.step = 0 if test.epochs else test.steps
    while trainer.epoch < test.epochs:
        trainer.advance()
    return trainer
