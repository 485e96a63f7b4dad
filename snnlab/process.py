"""Processes: children, deferred signals and faster imports, whether another process runs."""

import ctypes
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context, resource_tracker

spawn = get_context("spawn")
"""Starts child processes that take over neither threads nor locks."""


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


@contextmanager
def ignore_ctrl_c() -> Iterator[None]:
    """Processes started in this context ignore Ctrl-C from the beginning; the parent handles it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # starting it later would unblock the signal
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


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


def is_running(process: int) -> bool:
    """Whether a process of this machine, by its number, has not ended."""
    if os.name == "nt":
        return _is_running_on_windows(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        pass
    return True


_SYNCHRONIZE, _WAIT_TIMEOUT, _ACCESS_DENIED = 0x100000, 0x102, 5


def _is_running_on_windows(process):
    """There, signal 0 is Ctrl-C: ``os.kill`` would interrupt what it should only look at."""
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    handle = kernel.OpenProcess(_SYNCHRONIZE, False, process)
    if not handle:
        return ctypes.get_last_error() == _ACCESS_DENIED
    try:
        return kernel.WaitForSingleObject(handle, 0) == _WAIT_TIMEOUT
    finally:
        kernel.CloseHandle(handle)


@contextmanager
def freeze_imports() -> Iterator[None]:
    """Import modules without garbage collection, and exclude their objects from later ones."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
