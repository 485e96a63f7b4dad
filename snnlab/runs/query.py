"""Selecting and sorting runs for a list, and the text of its cells."""

import re

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.quantities import RUN_LIST, SUMMARY, quantities
from snnlab.text.numerals import number, suggest
from snnlab.text.spelling import did_you_mean

ATTRIBUTES = ("run", "state", "created", "tags", "note")
"""Columns that are neither results nor knobs."""
_CONDITION = re.compile(r"(\w+)(<=|>=|!=|=|<|>)(.*)")
_TESTS = {
    "<": lambda a, b: a < b, ">": lambda a, b: a > b, "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b, "=": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip


def select_rows(rows: list[dict], conditions: list[str], order: str | None = None) -> list[dict]:
    """The rows of :meth:`Run.row` that fulfil all conditions, such as ``beta>=10``, ``tags=good``.

    order : a result to sort by, best last, or a knob, highest last; rows without it come first.
    Raises :class:`SnnlabError` for an invalid condition or an unknown column.
    """
    known = {*Config.knobs(), *ATTRIBUTES, *_results(), *(key for row in rows for key in row)}
    tests = [_test(condition, known) for condition in conditions]
    found = [row for row in rows if all(test(row) for test in tests)]
    if order:
        _check(order, known)
        quantity = _results().get(order)
        falling = quantity is not None and quantity.better == "down"
        found.sort(key=lambda row: _sortable(row.get(order)), reverse=falling)
        found.sort(key=lambda row: row.get(order) is not None)
    return found


def format_cell(name: str, row: dict) -> str:
    """A result or knob of a row as text; empty where it is unknown."""
    quantity, value = _results().get(name), row.get(name)
    if quantity:
        return quantity.format(value)
    return "" if value is None else str(value)


def _results():
    return quantities(RUN_LIST, SUMMARY)


def _test(condition, known):
    match = _CONDITION.fullmatch(condition)
    if not match:
        raise SnnlabError(f"condition {condition}: give NAME=VALUE, or <, >, <=, >=, != for =")
    name, sign, text = match.groups()
    _check(name, known)
    return lambda row: _holds(row.get(name), name, sign, text, condition)


def _holds(value, name, sign, text, condition):
    if name == "tags":
        if sign not in ("=", "!="):
            raise SnnlabError(f"condition {condition}: a run has a tag or not: give = or !=")
        return (text in value.split()) == (sign == "=")
    if _is_number(value):
        return _TESTS[sign](value, _number(text, condition))
    if isinstance(value, list) and value and all(map(_is_number, value)):
        return _TESTS[sign](value, [_number(part, condition) for part in text.split("-")])
    shown = "-".join(map(str, value)) if isinstance(value, list) else str(value)
    return value is not None and _TESTS[sign](shown, text)


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(text, condition):
    try:
        return number(text, float)
    except ValueError:
        meant = suggest(text, float)
        raise SnnlabError(f"condition {condition}: {text} is not a number{meant}") from None


def _check(name, known):
    if name not in known:
        meant = did_you_mean(name, known)
        there = ", ".join((*ATTRIBUTES, *_results()))
        raise SnnlabError(f"no column {name!r}: there are {there} and all knobs{meant}")


def _sortable(value):
    """A key by which numbers, lists of them and texts are sorted, each kind apart."""
    if isinstance(value, int | float):
        return 0, value
    if isinstance(value, list) and all(map(_is_number, value)):
        return 1, value
    return 2, str(value)
