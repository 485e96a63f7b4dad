"""Closed tabs say so, each by a word that only its browser knows.

They say it over HTTP: a browser delivers that when the page is already gone, while what the page
gave to its websocket may be lost with it.
"""

from collections.abc import Callable
from secrets import token_urlsafe

from tornado.web import RequestHandler

_EXPECTED: dict[str, Callable[[], None]] = {}


def expect(act: Callable[[], None]) -> str:
    """Do something when a tab is closed; returns the word for it."""
    _EXPECTED[word := token_urlsafe(24)] = act
    return word


def forget(word: str) -> None:
    """Nothing is to be done any more."""
    _EXPECTED.pop(word, None)


def said(word: str) -> None:
    """Somebody said so: what is to be done is done once; nothing for a word that nobody knows."""
    _EXPECTED.pop(word, lambda: None)()


class Left(RequestHandler):
    """Where the words go; all are answered alike."""

    def post(self):
        said(self.request.body[:64].decode("ascii", "replace"))
        self.set_status(204)
