"""The plan of a sweep from a page: ranges around the current settings, as texts.

Texts are in displayed units, as everywhere on the page.
"""

from typing import NamedTuple

import param

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.sweeps.plan import Plan
from snnlab.sweeps.space import MAX_POINTS
from snnlab.text.numerals import number, suggest
from snnlab_app.controls.knobs import factor, label, unit, without_effect

MAX_KNOBS, MAX_OBJECTIVES, MAX_TRIALS, MAX_EPOCHS = 3, 2, 500, 1000
FIXED = ("dataset", "side", "split", "held_out", "killed", "epochs")
"""Knobs never varied: the data set and what of it tests are fixed, and the form has its own number
of epochs."""
VARIED = tuple(name for name in Config.knobs() if name not in FIXED)
"""Knobs that a sweep from a page may vary."""
DECADES = 1e-4
"""Lower end of a logarithmic range around a knob at 0, as a share of the highest value."""
POINTS = 4
"""Default number of points of a range in a grid."""


def offered(config: Config) -> dict[str, str]:
    """Knobs that a sweep from these settings may vary, by label."""
    idle = without_effect(config)
    return {label(name): name for name in VARIED if name not in idle}


class Given(NamedTuple):
    """Texts that describe how a knob is varied.

    low, high : ends of a range; log : whether it is logarithmic; points : number of grid points;
    choices : comma-separated values of a knob that is not a number.
    """

    low: str = ""
    high: str = ""
    log: bool = False
    points: str = str(POINTS)
    choices: str = ""


def is_choice(name: str) -> bool:
    """Whether a knob is varied over a list of values."""
    return isinstance(Config.param[name], param.Selector | param.List)


def around(name: str, value) -> Given:
    """The default range around a value: half to twice of it, or a decade to each side of a
    logarithmic one, within the bounds; all choices of a knob that has few."""
    knob = Config.param[name]
    if isinstance(knob, param.Selector):
        return Given(choices=", ".join(map(str, knob.objects)))
    if isinstance(knob, param.List):
        sizes = {max(1, round(value[0] * share)) for share in (0.25, 0.5, 1.0)}
        return Given(choices=", ".join(_listed([n, *value[1:]]) for n in sorted(sizes)))
    low, high = _ends(knob, value)
    log = bool(getattr(knob, "log", False))
    return Given(_written(name, low), _written(name, high), log)


def _ends(knob, value):
    least, most = knob.bounds
    if knob.name.endswith("seed"):  # a seed is not a quantity
        low = min(value, most - 9)
        return low, low + 9
    if getattr(knob, "log", False):
        low, high = (value / 10, value * 10) if value else (most * DECADES, most)
    elif value:
        low, high = value / 2, value * 2
    else:
        low, high = least, least + (most - least) / 2
    low, high = max(least, low), min(most, high)
    if isinstance(knob, param.Integer):
        low = round(low)
        return low, max(round(high), low + 1)
    return low, high


def _written(name, value):
    if isinstance(Config.param[name], param.Integer):
        return str(value)
    return f"{value * factor(name):.6g}"


def _listed(values):
    return "-".join(map(str, values))


def vary(name: str, given: Given, grid: bool = False) -> str:
    """What ``snnlab sweep --vary`` takes, from texts in the shown units.

    Raises :class:`SnnlabError` with the knob's label as on the page.
    """
    if is_choice(name):
        texts = [text.strip() for text in given.choices.split(",")]
        return ",".join(texts)
    low, high = (_end(name, text) for text in (given.low, given.high))
    if not low < high:
        raise SnnlabError(
            f"{label(name)}: from {given.low} to {given.high} is empty, give the lower one first"
        )
    if given.log and low <= 0:
        raise SnnlabError(f"{label(name)}: a logarithmic range must begin above 0")
    points = f":{whole(f'{label(name)}: points', given.points, 2, MAX_POINTS)}" if grid else ""
    return f"{low!r}:{high!r}:{'log' if given.log else 'linear'}{points}"


def _end(name, text):
    """One end of a range in stored units."""
    knob = Config.param[name]
    whole_ = isinstance(knob, param.Integer)
    least, most = knob.bounds
    kind = int if whole_ else float
    try:
        value = number(text, kind) / (1 if whole_ else factor(name))
    except ValueError:
        value = None
    slack = 1e-5 * abs(most - least)  # tolerance for rounding in the display
    if value is None or not least - slack <= value <= most + slack:
        what = "a whole number" if whole_ else "a number"
        low, high = least * factor(name), most * factor(name)
        ends = f"{low:g} to {high:g} {unit(name)}".rstrip()
        shown = text.strip()[:40] or "nothing"
        meant = suggest(text, kind, (low, high), percent=1.0 if unit(name) == "%" else None)
        raise SnnlabError(f"{label(name)}: {shown} is not allowed: {what} from {ends}{meant}")
    value = min(max(value, least), most)
    return int(value) if whole_ else round(value, 15)


def whole(what: str, text: str, low: int, high: int) -> int:
    """A whole number from a text; raises :class:`SnnlabError` that names it as ``what``."""
    text = str(text).strip()
    if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
        shown, meant = text[:40] or "nothing", suggest(text, int, (low, high))
        raise SnnlabError(
            f"{what}: {shown} is not allowed: a whole number from {low} to {high}{meant}"
        )
    return int(text)


def planned(
    config: Config,
    knobs: dict[str, Given],
    *,
    sampler: str = "tpe",
    trials: str = "20",
    epochs: str = "1",
    objectives: list[str] = ("accuracy",),
    repeats: str = "1",
) -> Plan:
    """The plan of a page's form; all other settings are those of ``config``.

    Raises :class:`SnnlabError` for values that are not allowed, with the labels of the page.
    """
    if not 1 <= len(knobs) <= MAX_KNOBS:
        raise SnnlabError(f"Settings to vary: choose 1 to {MAX_KNOBS}")
    if not 1 <= len(objectives) <= MAX_OBJECTIVES:
        raise SnnlabError(f"Optimise for: choose 1 or {MAX_OBJECTIVES}")
    if fixed := [name for name in knobs if name not in VARIED]:
        raise SnnlabError(f"{fixed[0]} is not varied here: there are {', '.join(VARIED)}")
    grid = sampler == "grid"
    settings = {name: value for name, value in config.values().items() if name not in knobs}
    settings["epochs"] = whole("Epochs of each trial", epochs, 1, MAX_EPOCHS)
    plan = Plan.checked(
        vary={name: vary(name, given, grid) for name, given in knobs.items()},
        settings=settings,
        sampler=sampler,
        objectives=list(objectives),
        repeats=whole("Dies for each trial", repeats, 1, 20),
        **({} if grid else {"trials": whole("Trials", trials, 1, MAX_TRIALS)}),
    )
    if plan.trials > MAX_TRIALS:
        raise SnnlabError(f"the grid has {plan.trials} points, at most {MAX_TRIALS}: use fewer")
    return plan
