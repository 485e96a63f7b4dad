"""Values of knobs as text, in the unit in which they are displayed."""

import param

from snnlab.config.knobs import Config
from snnlab.config.parameters import PhysicalNumber


def describe_value(name: str, value) -> str:
    """A knob's value with its unit: "30 %", "0.0005", "246-100", "measured"."""
    knob = Config.param[name]
    if isinstance(knob, PhysicalNumber):
        return f"{round(value * knob.factor, 9):.12g} {knob.shown}".rstrip()
    if isinstance(knob, param.List):
        return "-".join(map(str, value)) or "none"
    return str(value)
