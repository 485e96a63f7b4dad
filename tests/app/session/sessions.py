"""Trainings for tests: opened, ready, and closed in the end, here or in another process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from conftest import until

from snnlab.config import Config
from snnlab_app.session.control import TrainingControl

READY = "Ready · scikit-learn digits, 1\u202f438 images"
"""Message of a session that has loaded them."""
ENDLESS = Config.checked(dataset="digits", epochs=10_000, schedule="constant").values()


@contextmanager
def visiting(
    begin: Callable[..., TrainingControl], **usual
) -> Iterator[Callable[..., TrainingControl]]:
    """A function that opens a session once it has loaded.

    begin : ``(config, *arguments)`` to a session; usual : settings unless others are given.
    """
    sessions = []

    def visit(*arguments, **settings):
        session = begin(Config.checked(**usual | settings), *arguments)
        sessions.append(session)
        until(lambda: session.state != "loading")
        return session

    yield visit
    for session in sessions:
        session.close()
