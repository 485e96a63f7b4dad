"""The process of a sweep started from a page: one core, one trial after the other.

Results are sent through a pipe. The process ends as soon as the other end is closed.
"""

import os
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from threading import Thread

from snnlab.errors import SnnlabError
from snnlab.process import freeze_imports
from snnlab.sweeps.cluster import on_one_core

NICENESS = 10
"""Added to the niceness of the process: interactive trainings have priority."""
MAX_IMPORTANCE_SHARE = 0.1
"""Largest share of the time spent on the importance of knobs."""


def run(pipe: Connection, plan: dict, storage: str, data_dir: str | None = None) -> None:
    """Carry out a plan, as plain values, in a storage; messages are changes of a
    :class:`~snnlab_app.compute.sweeps.Sweep` by name."""
    Thread(target=_end_with, args=(pipe,), daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    with freeze_imports():
        from snnlab.sweeps.plan import Plan
        from snnlab.sweeps.search import sweep

        on_one_core()
    try:
        reporter = _Reporter(pipe, Plan.checked(**plan), storage)
        sweep(reporter.plan, storage, workers=0, data_dir=data_dir, tell=reporter.tell)
        reporter.say(state="finished", message="", importance=reporter.importance())
    except SnnlabError as error:
        _say(pipe, state="failed", message=str(error))
    os._exit(0)


def _end_with(pipe):
    """Wait until the other end is closed, then exit."""
    with suppress(EOFError, OSError):
        while True:
            pipe.recv()
    os._exit(0)


def _say(pipe, **news):
    with suppress(OSError):
        pipe.send(news)


class _Reporter:
    """Reports every finished trial."""

    def __init__(self, pipe, plan, storage):
        self.plan, self._pipe, self._storage = plan, pipe, storage
        self._study, self._due = None, 0.0

    def say(self, **news):
        _say(self._pipe, **news)

    def tell(self, message, fraction):
        from snnlab.sweeps.outcome import best_of, row_of

        study, news = self.study, {}
        if time.monotonic() >= self._due:
            news["importance"] = self.importance()
        ended = [trial for trial in study.trials if trial.state.is_finished()]
        rows = sorted((row_of(self.plan, t) for t in ended), key=lambda row: row["trial"])
        best = [trial.number for trial in best_of(self.plan, study)]
        self.say(trials=rows, best=best, fraction=fraction, message=message, **news)

    def importance(self):
        from snnlab.sweeps.outcome import importance

        start = time.monotonic()
        found = importance(self.plan, self.study)
        now = time.monotonic()
        self._due = now + (now - start) / MAX_IMPORTANCE_SHARE
        return found

    @property
    def study(self):
        if self._study is None:
            from snnlab.sweeps.storage import load_study

            self._study = load_study(self.plan.name, self._storage)
        return self._study
