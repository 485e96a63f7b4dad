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


def choice(default, options, label, doc, **acts):
    """One of ``options``."""
    return _declared(param.Selector, default, label, doc, acts, objects=options)


def whole(default, low, high, label, doc, **acts):
    """A whole number from ``low`` to ``high``."""
    return _declared(param.Integer, default, label, doc, acts, bounds=(low, high))


def numbers(default, within, length, label, doc, *, example, **acts):
    """A list of whole numbers; an error on it quotes ``example``."""
    acts["example"] = example
    return _declared(Numbers, default, label, doc, acts, within=within, bounds=length)


def number(
    default, low, high, label, doc, *, unit="", shown="", factor=1.0, log=False, **acts
):  # fmt: skip
    """A number, displayed in the unit ``shown``, which is ``factor`` times the stored value."""
    kind = {"unit": unit, "shown": shown, "factor": factor, "log": log}
    return _declared(PhysicalNumber, default, label, doc, acts, bounds=(low, high), **kind)


def microseconds(default, low, high, label, doc, **acts):
    return number(default, low, high, label, doc, unit="s", shown="µs", factor=1e6, **acts)


def percentage(default, high, label, doc, **acts):
    """A number from 0 to ``high``, displayed in %."""
    return number(default, 0.0, high, label, doc, shown="%", factor=100.0, **acts)


def strength(default, low, high, label, doc, **acts):
    """A number with logarithmic controls."""
    return number(default, low, high, label, doc, log=True, **acts)


def _declared(kind, default, label, doc, acts, **kw):
    """A knob; ``acts`` says when and on what it acts, and how it is written: ``live``, ``ideal``,
    ``of``, ``example``, ``symbol``."""
    if symbol := acts.get("symbol"):
        doc = f"{doc} Symbol: {symbol}."
    return kind(default=default, label=label, doc=doc, metadata=acts, **kw)
