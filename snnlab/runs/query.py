"""Which runs a list shows, in what order, and how their results are written."""

import re

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.text.numerals import cure, number
from snnlab.text.spelling import did_you_mean

RESULTS = {
    "best_accuracy": ("best", 100, "{:.2f} %"),
    "test_accuracy": ("last", 100, "{:.2f} %"),
    "test_spikes": ("spikes", 1, "{:.1f}"),
    "energy": ("energy, estimate", 1e6, "{:.2f} µJ"),
    "seconds": ("time", 1, "{:,.0f} s"),
}
"""Results in tables: heading, factor, format."""
NAMES = ("run", "state", "created", "tags", "note", *RESULTS, "power", "latency")
_CONDITION = re.compile(r"(\w+)(<=|>=|!=|=|<|>)(.*)")
_TESTS = {
    "<": lambda a, b: a < b, ">": lambda a, b: a > b, "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b, "=": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip


def chosen(rows: list[dict], conditions: list[str], order: str | None = None) -> list[dict]:
    """The rows of :meth:`Run.row` that fulfil all conditions, such as ``beta>=10``, ``tags=good``.

    order : a result or knob to sort by, best last. Raises :class:`SnnlabError` for a condition that
    is none, or a column that there is not.
    """
    known = {*Config.knobs(), *NAMES, *(key for row in rows for key in row)}
    tests = [_test(condition, known) for condition in conditions]
    found = [row for row in rows if all(test(row) for test in tests)]
    if order:
        _check(order, known)
        found.sort(key=lambda row: _sortable(row.get(order)))
    return found


def told(name: str, row: dict) -> str:
    """A result or knob of a row as text; nothing where it is not known."""
    value = row.get(name)
    if value is None:
        return ""
    _, factor, form = RESULTS.get(name, ("", 1, ""))
    return form.format(factor * value) if form else str(value)


def _test(condition, known):
    match = _CONDITION.fullmatch(condition)
    if not match:
        raise SnnlabError(f"condition {condition}: give NAME=VALUE, or <, >, <=, >=, != for =")
    name, sign, text = match.groups()
    _check(name, known)
    return lambda row: _holds(row.get(name), name, sign, text, condition)


def _holds(value, name, sign, text, condition):
    if name == "tags":
        return (text in value.split()) == (sign == "=")
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return _TESTS[sign](value, number(text, float))
        except ValueError:
            raise SnnlabError(
                f"condition {condition}: {text} is no number{cure(text, float)}"
            ) from None
    shown = "-".join(map(str, value)) if isinstance(value, list) else str(value)
    return value is not None and _TESTS[sign](shown, text)


def _check(name, known):
    if name not in known:
        meant = did_you_mean(name, known)
        raise SnnlabError(f"no column {name!r}: there are {', '.join(NAMES)} and all knobs{meant}")


def _sortable(value):
    return (value is not None, *((0, value) if isinstance(value, int | float) else (1, str(value))))
