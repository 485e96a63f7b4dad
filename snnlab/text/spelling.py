"""What was probably meant by a name that does not exist."""

from collections.abc import Iterable
from difflib import get_close_matches

CLOSE = 0.65
"""Of difflib's ratio, from which on a name is suggested."""


def did_you_mean(word: object, known: Iterable[object]) -> str:
    """The end of a message on an unknown name: "; did you mean 'mnist'?", or nothing.

    Capitals do not count, nor whether words are joined by - or _.
    """
    names = {_folded(name): str(name) for name in known}
    close = get_close_matches(_folded(word), names, n=1, cutoff=CLOSE)
    return f"; did you mean {names[close[0]]!r}?" if close else ""


def _folded(name):
    return str(name).casefold().replace("_", "-").lstrip("-")
