"""Progress on a terminal."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from threading import Event

from tqdm import tqdm


class Bar:
    """A progress bar for stages of unknown or known length, gone when it is left.

    times : whether to show the time passed and the time left.
    """

    def __init__(self, *, times: bool = False):
        clock = " {elapsed}, {remaining} left" if times else ""
        self._format = "{desc} {bar} {percentage:3.0f} %" + clock

    def __enter__(self):
        self._bar = tqdm(total=1.0, leave=False, disable=None, bar_format=self._format)
        return self

    def __exit__(self, *_):
        self._bar.close()

    def tell(self, message: str, fraction: float | None) -> None:
        """Show a stage and the fraction of it that is done, if known."""
        self._bar.set_description_str(message, refresh=False)
        self._bar.n = fraction or 0.0
        self._bar.refresh()


def epoch_bar(epoch: int, epochs: int, images: int) -> tqdm:
    """Bar over the images of one epoch."""
    return tqdm(
        total=images, desc=f"epoch {epoch + 1}/{epochs}", unit=" images", leave=False,
        mininterval=0.2, dynamic_ncols=True, disable=None,
    )  # fmt: skip


def say(text: str) -> None:
    """A line that stays, above any bar."""
    tqdm.write(text, file=sys.stdout)


@contextmanager
def ctrl_c() -> Iterator[Event]:
    """An event that Ctrl-C sets, so that work ends between two steps and never inside a kernel.

    Pressed again it interrupts at once. For the main thread only.
    """
    pressed = Event()

    def note(number, frame):
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def deaf_to_ctrl_c():
    """What starts here never hears Ctrl-C, not even while it starts: that is for its parent."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # else the start would, and take the block off behind itself
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
