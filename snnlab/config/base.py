"""Common behaviour of all knobs: parsing, validation, one-line errors."""

import re
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import ClassVar, Self

import numpy as np
import param

from snnlab.chip.die import Die
from snnlab.errors import SnnlabError
from snnlab.text.numerals import number, suggest
from snnlab.text.spelling import did_you_mean

MAX_SHOWN = 100
"""Largest number of characters of a value that an error quotes."""


class Knobs(param.Parameterized):
    """Parameters that refuse an invalid value with a one-line error.

    Numbers of NumPy become Python's own, and an array or tuple a list; :class:`SnnlabError` is
    raised for a value that is not allowed.
    """

    GROUPS: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Names of all knobs, by displayed group: the class that declares them."""
    LIVE: ClassVar[frozenset[str]] = frozenset()
    """Knobs that may change between two training steps; the others require a new training."""
    OF_IMAGES: ClassVar[frozenset[str]] = frozenset()
    """Knobs without effect on recordings, as those of the group Recordings have none on images."""
    IDEAL: ClassVar[Mapping] = MappingProxyType({})
    """Knobs of the ideal twin of every chip: no mismatch, no faults, no noise."""
    turned = 0
    """How often knobs were set: who has copied them sees by it whether one may have changed."""

    def __init__(self, **values):
        for name in values:
            self._knob(name)
        super().__init__(**values)

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        groups = {group.__name__: _declared(group) for group in cls.__mro__}
        knobs = {name: knob.metadata for group in groups.values() for name, knob in group.items()}
        cls.GROUPS = {title: tuple(group) for title, group in groups.items() if group}
        cls.LIVE = frozenset(name for name, acts in knobs.items() if acts.get("live"))
        cls.OF_IMAGES = frozenset(name for name, acts in knobs.items() if "of" in acts)
        ideal = {name: acts["ideal"] for name, acts in knobs.items() if "ideal" in acts}
        cls.IDEAL = MappingProxyType(ideal)

    @classmethod
    def checked(cls, **values) -> Self:
        """A configuration, or a :class:`SnnlabError` that names knob, value and limits."""
        config = cls()
        for name, value in values.items():
            config.set(name, value)
        return config

    def set(self, name: str, value) -> None:
        """Turn one knob; raises :class:`SnnlabError` when the value is not allowed."""
        self._knob(name)
        setattr(self, name, value)

    def __setattr__(self, name, value):
        if name not in self.knobs():
            if not (name.startswith("_") or hasattr(type(self), name)):
                self._knob(name)  # a knob misspelt
            super().__setattr__(name, value)
            return
        try:
            super().__setattr__(name, _plain(self.param[name], value))
            self.turned += 1  # after the value, so that another thread never misses it
        except (ValueError, TypeError):
            if isinstance(value, Die):
                raise SnnlabError(
                    f"{name} = a Die is not allowed: {self.allowed(name)}; for one of your own"
                    " write Trainer(config, data, die=…)"
                ) from None
            meant = self.meant(name, value) or self._typed(name, value)
            raise _refused(name, value, self.allowed(name) + meant) from None

    def _typed(self, name, value):
        """End of the error on a text whose number would be accepted."""
        if isinstance(value, str) and not isinstance(self.param[name], param.Selector):
            with suppress(SnnlabError):
                return f"; give {self.read(name, value)}, not text"
        return ""

    @classmethod
    def _knob(cls, name):
        if name not in cls.knobs():
            known = cls.knobs()
            meant = did_you_mean(name, known)
            raise SnnlabError(f"{name!r} is not a knob: there are {', '.join(known)}{meant}")
        return cls.param[name]

    @classmethod
    def read(cls, name: str, text: str):
        """Parse a text to the knob's type; raises :class:`SnnlabError` for an invalid text.

        The bounds are checked by :meth:`set`.
        """
        knob = cls._knob(name)
        try:
            if isinstance(knob, param.Selector):
                return {str(choice): choice for choice in knob.objects}.get(text, text)
            if isinstance(knob, param.List):
                return [number(part, int) for part in text.split("-")] if text else []
            return number(text, int if isinstance(knob, param.Integer) else float)
        except ValueError:
            raise _refused(name, text, cls.allowed(name) + cls.meant(name, text)) from None

    @classmethod
    def knobs(cls) -> tuple[str, ...]:
        """Names of all knobs, in the order of their groups."""
        return tuple(name for group in cls.GROUPS.values() for name in group)

    @classmethod
    def allowed(cls, name: str) -> str:
        """Description of the values that a knob accepts."""
        knob = cls.param[name]
        if isinstance(knob, param.Selector):
            return "one of " + ", ".join(map(str, knob.objects))
        if isinstance(knob, param.List):
            (low, high), (_, most) = knob.within, knob.bounds
            kind = f"a list of whole numbers from {low} to {high}, {most} at most"
            return f"{kind}, such as {knob.metadata['example']}"
        low, high = knob.bounds
        kind = "a whole number" if isinstance(knob, param.Integer) else "a number"
        unit = f" {knob.unit}" if getattr(knob, "unit", "") else ""
        return f"{kind} from {low:.10g} to {high:.10g}{unit}"

    @classmethod
    def describe(cls, name: str, value) -> str:
        """A knob's value with the unit shown: "30 %", "0.0005", "246-100", "measured"."""
        knob = cls.param[name]
        if isinstance(knob, param.List):
            return "-".join(map(str, value)) or "none"
        if hasattr(knob, "factor"):
            return f"{round(value * knob.factor, 9):.12g} {knob.shown}".rstrip()
        return str(value)

    @classmethod
    def meant(cls, name: str, value) -> str:
        """Suggestion for a value that is not allowed, as the end of an error."""
        knob = cls.param[name]
        if not isinstance(value, str):
            return ""
        if isinstance(knob, param.List):
            is_list = re.fullmatch(r"[\s\d,;x×()\[\]]*\d[\s\d,;x×()\[\]]*", value)
            return f"; write {'-'.join(re.findall(r'[0-9]+', value))}" if is_list else ""
        if isinstance(knob, param.Selector):
            return did_you_mean(value, knob.objects)
        kind = int if isinstance(knob, param.Integer) else float
        percent = 1.0 / knob.factor if getattr(knob, "shown", "") == "%" else None
        return suggest(value, kind, knob.bounds, percent)

    def values(self) -> dict:
        """All settings by name, plain numbers, strings and lists."""
        return {name: getattr(self, name) for name in self.knobs()}


def _declared(group):
    """Knobs that a class declares itself, by name."""
    kinds = param.Number, param.Selector, param.List
    return {name: knob for name, knob in vars(group).items() if isinstance(knob, kinds)}


def _refused(name, value, allowed):
    with suppress(ValueError):  # a whole number with more digits than Python converts
        value = str(value)
    shown = value if isinstance(value, str) else "a number of thousands of digits"
    cut = shown if len(shown) <= MAX_SHOWN else shown[:MAX_SHOWN] + "…"
    return SnnlabError(f"{name} = {cut} is not allowed: {allowed}")


def _plain(knob, value):
    """A value as a plain Python type, as in records and links; raises TypeError for others.

    A choice becomes the option that it equals; a bool is not a number.
    """
    if isinstance(knob, param.List):
        return _listed(value)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a scalar of numpy, torch
        value = value.item()
    if isinstance(knob, param.Selector):
        return next((choice for choice in knob.objects if choice == value), value)
    if isinstance(knob, param.Number) and type(value) not in (int, float):
        raise TypeError(value)
    return value


def _listed(value):
    """A list of a list, tuple, range, array, tensor or single whole number."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if type(value) is int:
        return [value]
    if not isinstance(value, list | tuple | range):
        raise TypeError(value)
    return [item.item() if isinstance(item, np.generic) else item for item in value]
