"""Control of the Python process: deferred signals, faster imports."""

import gc
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial


@contextmanager
def defer_sigint() -> Iterator[None]:
    """Handle SIGINT after the block instead of within it.

    The block cannot be interrupted, so keep it short. Only the main thread receives signals.
    """
    heard = []
    try:
        with _handled_by(lambda handler, *signalled: heard.append((handler, signalled))):
            yield
    finally:
        for handler, signalled in heard[:1]:
            handler(*signalled)


@contextmanager
def reraise_sigint() -> Iterator[None]:
    """Raise what the SIGINT handler raised within the block, even if other code swallowed it.

    ctypes prints and discards exceptions raised in a callback, and LLVM calls back after compiling.
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
    """Replace the Python handler of SIGINT by ``note(handler, …)`` within the block."""
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
        except BaseException:  # a signal arrived within this very call
            signal.signal(signal.SIGINT, handler)
            raise


def find_raised(error: SystemError) -> BaseException:
    """The exception that a signal handler raised within compiled code, or ``error`` itself.

    Pending signals are handled when compiled code calls back into Python, e.g. when numba wraps a
    result. If the C caller does not check for exceptions, Python raises SystemError ("returned a
    result with an exception set"), possibly several times, chained by ``__cause__``.
    """
    cause: BaseException | None = error
    while isinstance(cause, SystemError):
        cause = cause.__cause__
    return error if cause is None else cause.with_traceback(None)


@contextmanager
def freeze_imports() -> Iterator[None]:
    """Import modules without garbage collection, and exclude their objects from later ones."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
