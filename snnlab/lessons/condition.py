"""Conditions on measured numbers, such as ``measured < before - 5 and spikes > 10``.

A sum of names and numbers is compared with another; ``and`` joins comparisons. Nothing is
evaluated but these.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import ge, gt, le, lt

from snnlab.errors import SnnlabError
from snnlab.text.spelling import did_you_mean

MAX_CHARACTERS = 200
COMPARISONS: dict[str, Callable[[float, float], bool]] = {"<": lt, ">": gt, "<=": le, ">=": ge}
EXAMPLE = "write for example: measured < before - 5"

_TERM = r"(?:\d+(?:\.\d+)?|[a-z][a-z_]*)"
_SUM = re.compile(rf"[+-]?\s*{_TERM}(?:\s*[+-]\s*{_TERM})*")
_SIGNED = re.compile(rf"([+-]?)\s*({_TERM})")

Sum = tuple[tuple[int, float | str], ...]


@dataclass(frozen=True)
class Condition:
    """Comparisons of two sums that must all hold; ``text`` is what was written."""

    text: str
    comparisons: tuple[tuple[Sum, str, Sum], ...]

    def holds(self, values: Mapping[str, float]) -> bool:
        """Whether it holds for these values by name; a value that is NaN fulfils nothing."""
        return all(
            COMPARISONS[sign](_value(left, values), _value(right, values))
            for left, sign, right in self.comparisons
        )


def parse(text: object, names: Iterable[str]) -> Condition:
    """The condition that a text describes, of these names.

    Raises :class:`SnnlabError` with the part that is not valid.
    """
    if not isinstance(text, str) or len(text) > MAX_CHARACTERS:
        raise SnnlabError(f"give a text of at most {MAX_CHARACTERS} characters: {EXAMPLE}")
    names = tuple(names)
    parts = re.split(r"\band\b", text)
    return Condition(text, tuple(_comparison(part.strip(), names) for part in parts))


def _comparison(part, names):
    pieces = re.split(r"(<=|>=|<|>)", part)
    if len(pieces) != 3:
        raise SnnlabError(f"{part!r} is not one comparison with <, >, <= or >=: {EXAMPLE}")
    return _sum(pieces[0].strip(), names), pieces[1], _sum(pieces[2].strip(), names)


def _sum(text, names) -> Sum:
    if not _SUM.fullmatch(text):
        raise SnnlabError(f"{text!r} is not a sum of names and numbers: {EXAMPLE}")
    found = []
    for sign, term in _SIGNED.findall(text):
        if term[0].isdigit():
            term = float(term)
        elif term not in names:
            known = ", ".join(names)
            raise SnnlabError(f"{term!r} is unknown: use {known}{did_you_mean(term, names)}")
        found.append((-1 if sign == "-" else 1, term))
    return tuple(found)


def _value(terms, values):
    return sum(
        sign * (values[term] if isinstance(term, str) else term) for sign, term in terms
    )  # fmt: skip
