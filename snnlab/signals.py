"""Ctrl-C, a notebook's stop button and other signals, between what must not be torn apart."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_back() -> Iterator[None]:
    """SIGINT is heard after what is in here, not within it.

    For a few lines that are quick: nobody can stop them. Other threads than the main one are never
    interrupted.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    heard = []
    signal.signal(signal.SIGINT, lambda *signalled: heard.append(signalled))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if heard:
            handler(*heard[0])


def raised_within(error: SystemError) -> BaseException:
    """What a signal's handler raised within compiled code, or the error itself.

    Python code that such code calls back, e.g. numba's to wrap a result, is where pending signals
    are heard. A caller in C that does not look for exceptions goes on, and Python then complains,
    maybe several times over, of a result "with an exception set".
    """
    cause: BaseException | None = error
    while isinstance(cause, SystemError):
        cause = cause.__cause__
    return error if cause is None else cause.with_traceback(None)
