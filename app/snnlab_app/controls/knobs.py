"""A declared knob as a slider shows it: its values in the unit of the page, and its steps."""

import re
from collections.abc import Collection

import param

from snnlab.config import Config, PhysicalNumber
from snnlab.data.catalogue import CATALOGUE

STEPS_PER_DECADE = (1.0, 2.0, 5.0)
MAX_SLIDER_POSITIONS = 200


RECORDINGS = "Recordings"


def without_effect(config: Config) -> Collection[str]:
    """Knobs that do nothing on the data set: those of images on recordings, and the other way."""
    recordings = CATALOGUE[config.dataset].recordings
    return Config.OF_IMAGES if recordings else Config.GROUPS[RECORDINGS]


def unit(name: str) -> str:
    """The unit in which a knob is shown."""
    return getattr(Config.param[name], "shown", "")


def factor(name: str) -> float:
    """A value as shown over the value as stored."""
    return getattr(Config.param[name], "factor", 1.0)


def label(name: str) -> str:
    """A knob's name with its unit."""
    named = Config.param[name].label
    return f"{named} ({unit(name)})" if unit(name) else named


def shown(name: str, value):
    """A stored value as its widget has it: in the unit of the page."""
    if isinstance(value, list):
        return "-".join(map(str, value))
    knob = Config.param[name]
    if isinstance(knob, param.Integer) and span(knob) > MAX_SLIDER_POSITIONS:
        return str(value)
    return round(value * knob.factor, 9) if isinstance(knob, PhysicalNumber) else value


def stored(name: str, value):
    """A widget's value as the configuration has it.

    Raises :class:`~snnlab.errors.SnnlabError` if it is not a number where one is needed.
    """
    knob = Config.param[name]
    if isinstance(knob, PhysicalNumber):
        return round(value / knob.factor, 15)
    return Config.read(name, str(value))


def span(knob) -> float:
    """From the lowest to the highest value."""
    return knob.bounds[1] - knob.bounds[0]


def ends(knob: PhysicalNumber) -> tuple[float, float]:
    """The lowest and the highest value, as shown."""
    low, high = (bound * knob.factor for bound in knob.bounds)
    return low, high


def steps(name: str, value) -> dict[str, dict[str, float]]:
    """``options`` of a slider in steps, which include its value; nothing for other widgets."""
    knob = Config.param[name]
    if not getattr(knob, "log", False):
        return {}
    places = sorted({*log_steps(*ends(knob)), shown(name, knob.default), value})
    return {"options": {f"{place:.12g}": place for place in places}}


def move(widget, name: str, value) -> None:
    """Show a value, as ``shown``, that may lie between the widget's positions."""
    if widget.value != value:
        widget.param.update(**steps(name, value), value=value)


def log_steps(low: float, high: float) -> list[float]:
    """1, 2, 5 in every decade; from zero if the knob may be off."""
    lowest = low if low > 0 else high * 1e-6
    decades = (10.0**k for k in range(-9, 10))
    round_ones = [float(f"{d * m:g}") for d in decades for m in STEPS_PER_DECADE]
    return ([0.0] if low == 0 else []) + [s for s in round_ones if lowest <= s <= high]


def round_step(width: float) -> float:
    """The step of a linear slider of this width, in the unit of the slider."""
    return 1.0 if width >= 40 else 0.1 if width >= 4 else 0.01


def on_page(text: str) -> str:
    """An error of the library with the knobs' names of the page in place of the flags of commands.

    "(--chips 2)" becomes "(Chips or runs 2)".
    """

    def named(match):
        name = match[1].replace("-", "_")
        return Config.param[name].label if name in Config.knobs() else match[0]

    return re.sub(r"--([a-z][a-z-]*)", named, text)


def describe(config: Config) -> str:
    """The settings that differ from the defaults, in words."""
    usual = Config().values()
    turned = [name for name, value in config.values().items() if value != usual[name]]
    words = [
        f"{Config.param[name].label} {shown(name, getattr(config, name))} {unit(name)}".rstrip()
        for name in turned
    ]
    return f"Settings: {', '.join(words)}" if words else "Default settings"
