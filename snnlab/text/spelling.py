"""Suggestions for misspelt names."""

from collections.abc import Iterable
from difflib import get_close_matches

CLOSE = 0.65
"""Smallest difflib ratio for which a name is suggested."""


def did_you_mean(word: object, known: Iterable[object]) -> str:
    """Suffix of the error on an unknown name: "; did you mean 'mnist'?", or "".

    Ignores case and the difference between - and _.
    """
    names = {_folded(name): str(name) for name in known}
    close = get_close_matches(_folded(word), names, n=1, cutoff=CLOSE)
    return f"; did you mean {names[close[0]]!r}?" if close else ""


def _folded(name):
    return str(name).casefold().replace("_", "-").lstrip("-")
