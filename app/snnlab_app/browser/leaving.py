"""Closed tabs say so, each by a word that only its browser knows.

They say it over HTTP: a browser delivers that when the page is already gone, while what the page
gave to its websocket may be lost with it. A tab says that it is about to be closed, and then that
it was: Chromium gives a busy page half a second for the second.
"""

from secrets import token_urlsafe
from typing import Protocol

from tornado.web import RequestHandler


class Visit(Protocol):
    """What hears of the tab."""

    def leaves(self) -> None:
        """The tab is about to be closed, or to show another page."""

    def stays(self) -> None:
        """The browser keeps the page after all: one may go back to it."""

    def left(self) -> None:
        """The tab was closed; said once."""


_EXPECTED: dict[str, Visit] = {}


def expect(visit: Visit) -> str:
    """Tell a visit when its tab is closed; returns the word for it."""
    _EXPECTED[word := token_urlsafe(24)] = visit
    return word


def forget(word: str) -> None:
    """The visit hears nothing more."""
    _EXPECTED.pop(word, None)


def said(what: str, word: str) -> None:
    """Somebody said so; nothing happens for a word that nobody knows."""
    visit = _EXPECTED.get(word)
    match what:
        case "leaves" if visit:
            visit.leaves()
        case "stays" if visit:
            visit.stays()
        case "left" if visit:
            forget(word)
            visit.left()


class Left(RequestHandler):
    """Where the words go; all are answered alike."""

    def post(self):
        what, _, word = self.request.body[:64].decode("ascii", "replace").partition(" ")
        said(what, word)
        self.set_status(204)
