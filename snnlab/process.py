"""What is asked of the Python process itself: signals between two steps, faster imports."""

import gc
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial


@contextmanager
def held_back() -> Iterator[None]:
    """SIGINT is heard after what is in here, not within it.

    For a few quick lines: nobody can stop them. Only the main thread is ever interrupted.
    """
    heard = []
    try:
        with _handled_by(lambda handler, *signalled: heard.append((handler, signalled))):
            yield
    finally:
        for handler, signalled in heard[:1]:
            handler(*signalled)


@contextmanager
def not_lost() -> Iterator[None]:
    """What SIGINT raises within ends what is in here, even where something ignores it.

    ctypes prints and forgets what is raised in a callback; LLVM calls back when it has compiled.
    """
    raised = []

    def note(handler, *signalled):
        try:
            handler(*signalled)
        except BaseException as error:
            raised.append(error)
            raise

    try:
        with _handled_by(note):
            yield
    finally:
        if raised and sys.exc_info()[1] is not raised[-1]:
            raise raised[-1]


@contextmanager
def _handled_by(note):
    """Calls of a Python handler of SIGINT are calls of ``note(handler, …)`` instead."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    signal.signal(signal.SIGINT, partial(note, handler))
    try:
        yield
    finally:
        try:
            signal.signal(signal.SIGINT, handler)
        except BaseException:  # of a signal heard right here
            signal.signal(signal.SIGINT, handler)
            raise


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


@contextmanager
def uncollected() -> Iterator[None]:
    """Import here what stays: Python does not look for garbage in it, neither now nor later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
