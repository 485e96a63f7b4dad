"""The plan of a sweep, from a TOML file or from flags."""

import re
import tomllib
from dataclasses import asdict, dataclass, field, fields
from itertools import product
from math import isfinite, prod
from pathlib import Path

import numpy as np

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.quantities import objectives
from snnlab.sweeps.space import Choice, Range, read_space
from snnlab.text.spelling import did_you_mean

SAMPLERS = ("grid", "random", "tpe")
MAX_TRIALS, MAX_LETTERS = 100_000, 80
WITHIN = {"trials": (1, MAX_TRIALS), "repeats": (1, 1000), "seed": (0, 2**32 - 1)}
_NAME = re.compile(rf"\w[\w \-+.,=()]{{0,{MAX_LETTERS - 1}}}")
_KINDS = (
    ("name", str, "a text"), ("sampler", str, "a text"), ("vary", dict, "a table"),
    ("settings", dict, "a table"), ("limits", dict, "a table"), ("prune", bool, "true or false"),
    ("objectives", list | tuple, "a list"),
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """A sweep.

    vary : range by knob; settings : fixed knobs; objectives : of
    :func:`~snnlab.quantities.objectives`, the most important first; limits : quantity to its
    highest allowed value (lowest, where more is better), e.g. power in W; repeats : dies that each
    trial is trained on, from ``die_seed`` upwards, whose means count; prune : stop bad trials
    early.
    """

    name: str
    vary: dict
    settings: dict = field(default_factory=dict)
    sampler: str = "tpe"
    trials: int | None = None
    objectives: tuple[str, ...] = ("accuracy",)
    limits: dict = field(default_factory=dict)
    repeats: int = 1
    seed: int = 1
    prune: bool = False

    @classmethod
    def checked(cls, **given) -> "Plan":
        """A plan that can be carried out; raises :class:`SnnlabError` if it cannot."""
        given = _plain(given)
        known = [f.name for f in fields(cls)]
        if unknown := [name for name in given if name not in known]:
            meant = did_you_mean(unknown[0], known)
            raise SnnlabError(f"a sweep has no {unknown[0]!r}: there are {', '.join(known)}{meant}")
        for name, kind, word in _KINDS:
            if name in given and not isinstance(given[name], kind):
                raise SnnlabError(f"{name} = {given[name]} is not allowed: it must be {word}")
        if "objectives" in given:
            given["objectives"] = tuple(given["objectives"])
        plan = cls(**{"name": "sweep", "vary": {}, **given})
        _check(plan)
        count = _size(plan) if plan.sampler == "grid" else plan.trials
        if plan.sampler == "grid" and plan.trials not in (None, count):
            raise SnnlabError(f"the grid has {count} points, not {plan.trials}: leave trials out")
        return cls(**{**plan.values(), "trials": 20 if count is None else count})

    @classmethod
    def read(cls, path: Path, recipe: dict | None = None, **more) -> "Plan":
        """A plan from a TOML file; entries of ``more`` replace those of the file.

        recipe : settings that apply where neither of them sets or varies a knob. Raises
        :class:`SnnlabError` for a missing or foreign file.
        """
        try:
            given = tomllib.loads(Path(path).read_text("utf-8"))
        except FileNotFoundError:
            raise SnnlabError(f"sweep file {path}: no such file") from None
        except (OSError, ValueError) as error:
            raise SnnlabError(
                f"sweep file {path} is not valid TOML: {str(error).splitlines()[0]}"
            ) from None
        for name in ("vary", "settings"):
            more[name] = {**_table(path, given, name), **more.get(name, {})}
        more["settings"] = above(recipe, more["settings"], more["vary"])
        try:
            return cls.checked(**{"name": Path(path).stem, **given, **more})
        except SnnlabError as error:
            raise SnnlabError(f"sweep file {path}: {error}") from None

    def values(self) -> dict:
        """All of it as plain values."""
        return {**asdict(self), "objectives": list(self.objectives)}

    @property
    def space(self) -> list[Range | Choice]:
        """What is varied."""
        return read_space(self.vary)

    def grid(self) -> list[dict]:
        """All combinations."""
        names, values = zip(*((knob.name, knob.grid()) for knob in self.space), strict=True)
        return [dict(zip(names, point, strict=True)) for point in product(*values)]

    def config(self, parameters: dict) -> Config:
        """Settings of a trial; raises :class:`SnnlabError` if they are not allowed."""
        texts = {knob.name for knob in self.space if isinstance(knob, Choice)}
        turned = {k: Config.read(k, v) if k in texts else v for k, v in parameters.items()}
        return Config.checked(**{**self.settings, **turned})


def above(recipe: dict | None, settings: dict, vary: dict) -> dict:
    """The settings of a recipe with others above them, without the knobs that are varied."""
    return {**{k: v for k, v in (recipe or {}).items() if k not in vary}, **settings}


def _plain(value):
    """As JSON has it, with which plans are compared: no tuples, no numbers and arrays of NumPy."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [*map(_plain, value)] if isinstance(value, list | tuple) else value


def _table(path, given, name):
    table = given.get(name, {})
    if not isinstance(table, dict):
        raise SnnlabError(f"sweep file {path}: {name} must be a table, [{name}]")
    return table


def _check(plan):
    _one_of("sampler", [plan.sampler], SAMPLERS)
    _one_of("objective", plan.objectives, objectives())
    _one_of("limit", plan.limits, objectives())
    if not plan.objectives or len(set(plan.objectives)) < len(plan.objectives):
        raise SnnlabError("give one objective or several different ones")
    for name, (least, most) in WITHIN.items():
        value = getattr(plan, name)
        if value is not None and (type(value) is not int or not least <= value <= most):
            raise SnnlabError(
                f"{name} = {value} is not allowed: a whole number from {least} to {most}"
            )
    for name, value in plan.limits.items():
        if type(value) not in (int, float) or not isfinite(value):
            raise SnnlabError(f"limit {name} = {value} is not a number")
    if not _NAME.fullmatch(plan.name):
        raise SnnlabError(
            f"name = {plan.name[:MAX_LETTERS]!r} is not allowed: letters, digits, spaces and any"
            f" of _-+.,=() within, at most {MAX_LETTERS}, for it names a file"
        )
    _check_knobs(plan)


def _size(plan):
    """How many points a grid has, before any is made."""
    size = prod(knob.size() for knob in plan.space)
    if size > MAX_TRIALS:
        raise SnnlabError(f"the grid has {size} points, at most {MAX_TRIALS}: use fewer")
    return size


def _check_knobs(plan):
    Config.checked(**plan.settings)
    names = {knob.name for knob in plan.space}
    if both := names & set(plan.settings):
        raise SnnlabError(f"{min(both)} is both varied and set: leave one of them out")
    if plan.repeats > 1 and "die_seed" in names:
        raise SnnlabError("die_seed is varied, and repeats vary it too: leave one of them out")
    if plan.repeats > 1 and not _differ_by_die(plan, names):
        raise SnnlabError(
            f"repeats = {plan.repeats} would train one network again and again: ideal dies are all"
            " the same; leave repeats out, or vary seed"
        )
    first = plan.settings.get("die_seed", Config().die_seed)
    Config.checked(die_seed=first + plan.repeats - 1)  # that of the last die
    if plan.prune and len(plan.objectives) > 1:
        raise SnnlabError(f"{len(plan.objectives)} objectives: only a sweep for one can be pruned")


def _differ_by_die(plan, varied):
    """Whether another die_seed makes another die."""
    settings = Config.checked(**plan.settings)
    faults = ("mismatch", "dead", "stuck")
    spread = settings.die != "ideal" or any(getattr(settings, name) for name in faults)
    return spread or not varied.isdisjoint({"die", *faults})


def _one_of(what, given, known):
    for name in given:
        if name not in list(known):  # by being equal: a file may name a table
            meant = did_you_mean(name, known)
            raise SnnlabError(f"{what} {name!r} is unknown: use {', '.join(known)}{meant}")
