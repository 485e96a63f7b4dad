"""A computing process: hosts sessions of the visitors of a server.

Orders are received and changes are sent through a pipe. A slow page delays only the reports, which
then continue with the latest state; training never waits.
"""

import os
from contextlib import suppress
from math import inf
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from time import sleep

from snnlab.config import Config
from snnlab_app.session.control import Close, Open, Order
from snnlab_app.session.local import Session, kernel_threads
from snnlab_app.session.turns import Line

REPORT_SECONDS = 0.03
"""Seconds between two reports: the page polls three times less often."""


def run(
    pipe: Connection,
    settings: dict | None,
    data_dir: str | None = None,
    processes: int = 1,
    minutes: float = inf,
) -> None:
    """Carry out the orders of ``pipe`` until its other end is closed.

    Orders are ``(number, order)``, the number being that of the session; reports are
    ``(number, changes)``. With ``settings``, one session is prepared in advance.
    processes : number that share the cores; minutes : time after which a training is paused.
    """
    host = _Host(settings, data_dir=data_dir, threads=kernel_threads(processes), minutes=minutes)
    Thread(target=host.report, args=(pipe,), name="snnlab-reports", daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            host.obey(*pipe.recv())
    os._exit(0)  # sessions may be in the middle of a step


class _Host:
    """All sessions by number, and a prepared one for the first visitor; they compute in turns."""

    def __init__(self, settings: dict | None, **shared):
        self._shared = {"line": Line(), **shared}
        self._visits: dict[int, _Visit] = {}
        self._waiting = settings, self._begin(Open(settings)) if settings else None

    def _begin(self, order):
        config = Config.checked(**order.settings)
        folder = order.folder and Path(order.folder)
        own = {"given": order.given, "taught": order.taught}
        return Session(config, folder=folder, **own, **self._shared).start()

    def obey(self, number: int, order: Order) -> None:
        """Begin or end a session, or pass an order on to it."""
        if isinstance(order, Open):
            self._visits[number] = _Visit(self._prepared(order) or self._begin(order))
        elif number not in self._visits:  # it belonged to an earlier process
            return
        elif isinstance(order, Close):
            self._visits.pop(number).session.close(timeout=0)
        else:
            self._visits[number].obey(order)

    def _prepared(self, order):
        """The prepared session, if it matches the request."""
        settings, session = self._waiting
        folder = order.folder and Path(order.folder)
        if settings != order.settings or session is None or order.given or order.taught:
            return None
        if folder and folder.exists():
            return None
        self._waiting = None, None
        session.keep_in(folder)
        return session

    def report(self, pipe: Connection) -> None:
        """Send changes until the pipe is closed."""
        with suppress(OSError):
            while True:
                sleep(REPORT_SECONDS)
                for news in self._news():
                    pipe.send(news)

    def _news(self):
        for number, visit in tuple(self._visits.items()):
            if news := visit.news():
                yield number, news


class _Visit:
    """A session, and the state that its page has received."""

    def __init__(self, session: Session):
        self.session, self._obeyed = session, 0
        self._known = dict.fromkeys((*Session.REPORTED, "settings"))
        self._settings = None, None

    def obey(self, order):
        self.session.order(order)
        self._obeyed += 1

    def news(self):
        """Changes since the last call; settings come with the number of orders they reflect."""
        session = self.session
        now = {name: getattr(session, name) for name in Session.REPORTED}
        now["settings"] = self._obeyed, self._values()
        news = {name: value for name, value in now.items() if value != self._known[name]}
        self._known = now
        return news

    def _values(self):
        """Current settings; they change with an order, or when the session has loaded."""
        as_of = self._obeyed, self.session.state, self.session.config
        if self._settings[0] != as_of:
            self._settings = as_of, self.session.config.values()
        return self._settings[1]
