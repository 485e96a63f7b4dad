"""A computing process: hosts sessions of the visitors of a server.

Orders come in through a pipe, what has changed goes out through it. A page that is slow to listen
holds up the telling only, which then goes on with the newest; training waits for nobody.
"""

import os
from contextlib import suppress
from math import inf
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from time import sleep

from snnlab.config import Config
from snnlab_app.session.local import Session, kernel_threads
from snnlab_app.session.turns import Line

TELL_EVERY = 0.03
"""Seconds between two looks at the sessions: the page looks three times less often."""
TOLD = ("state", "message", "fraction", "notice", "snapshot")
"""What a page hears of its session; the state is read before the snapshot published with it."""


def run(
    pipe: Connection,
    settings: dict | None,
    data_dir: str | None = None,
    processes: int = 1,
    minutes: float = inf,
) -> None:
    """Obey the orders of ``pipe`` until nobody is at its other end, for whatever reason.

    An order is ``(number, name, *arguments)``, the number being that of the session; news are
    ``(number, changes)``. With ``settings``, one session is begun before anybody asks for it;
    so many ``processes`` share the cores, and for so many ``minutes`` a training goes on.
    """
    import torch  # not before snnlab.learn, which tells OpenMP how to wait

    torch.set_num_threads(1)
    host = _Host(settings, data_dir=data_dir, threads=kernel_threads(processes), minutes=minutes)
    Thread(target=host.tell, args=(pipe,), name="snnlab-telling", daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            host.obey(*pipe.recv())
    os._exit(0)  # sessions may be in the middle of a step


class _Host:
    """All sessions by number, and one in waiting for the first visitor; they compute in turns."""

    def __init__(self, settings: dict | None, **shared):
        self._shared = {"line": Line(), **shared}
        self._visits: dict[int, _Visit] = {}
        self._waiting = settings, self._begin(settings) if settings else None

    def _begin(self, settings, folder=None, given=None):
        config = Config.checked(**settings)
        folder = folder and Path(folder)
        return Session(config, folder=folder, given=given, **self._shared).start()

    def obey(self, number, order, *arguments):
        if order == "open":
            self._visits[number] = _Visit(self._taken(*arguments) or self._begin(*arguments))
        elif order == "close" and number in self._visits:
            self._visits.pop(number).session.close(timeout=0)
        elif number in self._visits:  # else it was of a process before this one
            self._visits[number].obey(order, *arguments)

    def _taken(self, wanted, folder=None, given=None):
        """The session in waiting, if it is the one that is wanted."""
        settings, session = self._waiting
        if settings != wanted or session is None or (folder and Path(folder).exists()) or given:
            return None
        self._waiting = None, None
        session.keep_in(folder and Path(folder))
        return session

    def tell(self, pipe):
        with suppress(OSError):
            while True:
                sleep(TELL_EVERY)
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
        self._known = dict.fromkeys((*TOLD, "settings"))
        self._settings = None, None

    def obey(self, order, *arguments):
        getattr(self.session, order)(*arguments)
        self._obeyed += 1

    def news(self):
        """What has changed since last asked; settings go with the count of orders they heed."""
        session = self.session
        now = {name: getattr(session, name) for name in TOLD}
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
