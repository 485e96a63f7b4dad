"""Which knobs a sweep turns, and between which values."""

from dataclasses import dataclass

import numpy as np
import param

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.text.numerals import number, suggest
from snnlab.text.spelling import did_you_mean

MAX_POINTS = 10_000
FORM = "write low:high, low:high:log, low:high:log:points, or choices a,b,c"


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``; ``points`` of them in a grid."""

    name: str
    low: float
    high: float
    log: bool = False
    points: int | None = None

    @property
    def whole(self) -> bool:
        """Whether the knob takes whole numbers only."""
        return isinstance(Config.param[self.name], param.Integer)

    def size(self) -> int:
        """How many points a grid has; raises :class:`SnnlabError` if that is not given."""
        return self._points() if not self.whole else len(self.grid())

    def _points(self):
        if self.points is None:
            scale = ":log" if self.log else ":linear"
            raise SnnlabError(
                f"vary {self.name}: a grid needs points, write"
                f" {self.low:g}:{self.high:g}{scale}:5 for five"
            )
        return self.points

    def grid(self) -> list:
        """Its points; raises :class:`SnnlabError` if their number is not given."""
        points = self._points()
        spaced = np.geomspace if self.log else np.linspace
        values = np.clip(spaced(self.low, self.high, points), self.low, self.high)
        if self.whole:
            return list(dict.fromkeys(int(v) for v in np.rint(values)))
        return [float(v) for v in values]

    def suggest(self, trial):
        """A value from an Optuna trial."""
        if self.whole:
            return trial.suggest_int(self.name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Choice:
    """One of these, as text."""

    name: str
    texts: tuple[str, ...]

    def size(self) -> int:
        """How many there are."""
        return len(self.texts)

    def grid(self) -> list:
        """All of them."""
        return list(self.texts)

    def suggest(self, trial):
        """A text from an Optuna trial."""
        return trial.suggest_categorical(self.name, self.texts)


def read_space(vary: dict) -> list[Range | Choice]:
    """What is varied, by knob: ``"1:200:log"``, ``"1,10,100"`` or a list of choices.

    Raises :class:`SnnlabError` for unknown knobs, empty ranges, values that are not allowed.
    """
    if not vary:
        raise SnnlabError(
            "nothing is varied: give at least one knob, such as --vary beta=1:200:log"
        )
    return [_read(name, given) for name, given in vary.items()]


def _read(name, given):
    if name not in Config.knobs():
        known = Config.knobs()
        meant = did_you_mean(name, known)
        raise SnnlabError(f"vary {name}: no such knob, there are {', '.join(known)}{meant}")
    if isinstance(given, str) and ":" in given:
        return _range(name, given)
    texts = given.split(",") if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or "" in texts:
        raise SnnlabError(f"vary {name} = {given!r} holds no values: {FORM}")
    texts = tuple(map(_text, texts))
    if len(set(texts)) < len(texts):
        raise SnnlabError(f"vary {name} = {given!r} holds a value twice: {FORM}")
    for text in texts:
        try:
            Config().set(name, Config.read(name, text))
        except SnnlabError as error:
            raise SnnlabError(f"{error}{_one_number(name, given)}") from None
    return Choice(name, texts)


def _text(value):
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)


def _part_of(name, text, part, kind, meant):
    """A number of a range."""
    try:
        return number(part, kind)
    except ValueError:
        meant = f"{meant} for {part}" if meant else ""
        raise SnnlabError(f"vary {name} = {text} is not a range: {FORM}{meant}") from None


def _one_number(name, given):
    """What choices were meant to be if their comma is that of one number."""
    return Config.meant(name, given) if isinstance(Config.param[name], param.Number) else ""


def _range(name, text):
    low, high, *rest = text.split(":")
    log = bool(rest) and rest[0] == "log"
    given = points = rest[1:] if rest and rest[0] in ("log", "linear") else rest
    if len(points) > 1:
        raise SnnlabError(f"vary {name} = {text} is not a range: {FORM}")
    low, high = (_part_of(name, text, end, float, Config.meant(name, end)) for end in (low, high))
    each = points[0] if points else "2"
    points = _part_of(name, text, each, int, suggest(each, int))
    if not 2 <= points <= MAX_POINTS:
        raise SnnlabError(f"vary {name} = {text}: give 2 to {MAX_POINTS} points")
    found = Range(name, low, high, log, points if given else None)
    if isinstance(Config.param[name], param.Selector | param.List):
        raise SnnlabError(f"vary {name} = {text}: {Config.allowed(name)}, as choices a,b,c")
    if low != low or high != high:
        raise SnnlabError(f"vary {name} = {text}: nan is not a number")
    if not low < high:
        raise SnnlabError(f"vary {name} = {text} is empty: the first number must be the lower")
    if log and low <= 0:
        raise SnnlabError(f"vary {name} = {text}: a logarithmic range must begin above 0")
    for end in (low, high):
        if found.whole and end != int(end):
            raise SnnlabError(f"vary {name} = {text}: {Config.allowed(name)}")
        Config().set(name, int(end) if found.whole else end)
    return found
