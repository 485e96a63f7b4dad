"""Kinds of knobs: numbers with a physical unit, lists of whole numbers."""

from typing import ClassVar

import param


class PhysicalNumber(param.Number):
    """A number with a physical unit.

    unit : SI unit of the stored value; shown : displayed unit; factor : displayed / stored value;
    log : whether controls are logarithmic.
    """

    __slots__ = ["factor", "log", "shown", "unit"]
    _slot_defaults: ClassVar = {
        **param.Number._slot_defaults,
        "unit": "",
        "shown": "",
        "factor": 1.0,
        "log": False,
    }

    def __init__(self, default=param.Undefined, *, unit="", shown="", factor=1.0, log=False, **kw):
        super().__init__(default, **kw)
        self.unit, self.shown, self.factor, self.log = unit, shown or unit, factor, log


class Numbers(param.List):
    """A list of whole numbers, each ``within`` two bounds, both included."""

    __slots__ = ["within"]
    _slot_defaults: ClassVar = {**param.List._slot_defaults, "within": (0, 2**32 - 1)}

    def __init__(self, default=param.Undefined, *, within, **kw):
        self.within = within
        super().__init__(default, item_type=int, **kw)

    def _validate(self, val):
        super()._validate(val)
        low, high = self.within
        if any(isinstance(item, bool) or not low <= item <= high for item in val):
            raise ValueError(f"{val} goes beyond {low} to {high}")


def microseconds(default, low, high, label, doc):
    return PhysicalNumber(
        default, bounds=(low, high), unit="s", shown="µs", factor=1e6, label=label, doc=doc
    )


def percentage(default, high, label, doc):
    """A number from 0 to ``high``, displayed in %."""
    return PhysicalNumber(
        default, bounds=(0.0, high), shown="%", factor=100.0, label=label, doc=doc
    )


def strength(default, low, high, label, doc):
    """A number with logarithmic controls."""
    return PhysicalNumber(default, bounds=(low, high), log=True, label=label, doc=doc)
