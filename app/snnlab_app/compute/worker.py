"""A computing process: hosts sessions of the visitors of a server.

Orders come in through a pipe, what has changed goes out through it. A page that is slow to listen
holds up the reports only, which then continue with the newest; training waits for nobody.
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

REPORT_EVERY = 0.03
"""Seconds between two looks at the sessions: the page looks three times less often."""


def run(
    pipe: Connection,
    settings: dict | None,
    data_dir: str | None = None,
    processes: int = 1,
    minutes: float = inf,
) -> None:
    """Obey the orders of ``pipe`` until nobody is at its other end, for whatever reason.

    What comes in is ``(number, order)``, the number being that of the session; what goes out is
    ``(number, changes)``. With ``settings``, one session is begun before anybody asks for it.
    processes : that share the cores; minutes : a training is paused after them.
    """
    import torch  # not before snnlab.learn, which tells OpenMP how to wait

    torch.set_num_threads(1)
    host = _Host(settings, data_dir=data_dir, threads=kernel_threads(processes), minutes=minutes)
    Thread(target=host.report, args=(pipe,), name="snnlab-reports", daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            host.obey(*pipe.recv())
    os._exit(0)  # sessions may be in the middle of a step


class _Host:
    """All sessions by number, and one in waiting for the first visitor; they compute in turns."""

    def __init__(self, settings: dict | None, **shared):
        self._shared = {"line": Line(), **shared}
        self._visits: dict[int, _Visit] = {}
        self._waiting = settings, self._begin(Open(settings)) if settings else None

    def _begin(self, order):
        config = Config.checked(**order.settings)
        folder = order.folder and Path(order.folder)
        return Session(config, folder=folder, given=order.given, **self._shared).start()

    def obey(self, number: int, order: Order) -> None:
        """Begin or end a session; it sees to all other orders itself."""
        if isinstance(order, Open):
            self._visits[number] = _Visit(self._prepared(order) or self._begin(order))
        elif number not in self._visits:  # it was of a process before this one
            return
        elif isinstance(order, Close):
            self._visits.pop(number).session.close(timeout=0)
        else:
            self._visits[number].obey(order)

    def _prepared(self, order):
        """The session in waiting, if it is the one that is wanted."""
        settings, session = self._waiting
        folder = order.folder and Path(order.folder)
        if settings != order.settings or session is None or order.given:
            return None
        if folder and folder.exists():
            return None
        self._waiting = None, None
        session.keep_in(folder)
        return session

    def report(self, pipe: Connection) -> None:
        """Send what has changed, until nobody listens."""
        with suppress(OSError):
            while True:
                sleep(REPORT_EVERY)
                for news in self._news():
                    pipe.send(news)

    def _news(self):
        for number, visit in tuple(self._visits.items()):
            if news := visit.news():
                yield number, news


class _Visit:
    """A session, and what its page knows of it."""

    def __init__(self, session: Session):
        self.session, self._obeyed = session, 0
        self._known = dict.fromkeys((*Session.REPORTED, "settings"))
        self._settings = None, None

    def obey(self, order):
        self.session.order(order)
        self._obeyed += 1

    def news(self):
        """What has changed since last asked; settings go with the count of orders they heed."""
        session = self.session
        now = {name: getattr(session, name) for name in Session.REPORTED}
        now["settings"] = self._obeyed, self._values()
        news = {name: value for name, value in now.items() if value != self._known[name]}
        self._known = now
        return news

    def _values(self):
        """Settings; they change with an order, or when the session has loaded something else."""
        as_of = self._obeyed, self.session.state, self.session.config
        if self._settings[0] != as_of:
            self._settings = as_of, self.session.config.values()
        return self._settings[1]
