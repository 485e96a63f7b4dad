"""Processes that a server starts beside itself: fresh ones, which hear nothing of Ctrl-C."""

import signal
from contextlib import contextmanager
from multiprocessing import get_context, resource_tracker

spawn = get_context("spawn")


@contextmanager
def deaf_to_ctrl_c():
    """What starts here never hears Ctrl-C, not even while it starts: it is for the server."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # else the start would, and take the block off behind itself
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
