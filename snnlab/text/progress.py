"""Progress on a terminal, and in a log."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from threading import Event, Thread
from time import monotonic

from tqdm import tqdm

from snnlab.text.console import make_encodable

LINE_EVERY = 10.0
"""Seconds between two lines on what goes on, where no terminal shows a bar."""


class _Spoken:
    """When the last line was said."""

    def __init__(self):
        self.note()

    def note(self):
        self._at = monotonic()

    def due(self):
        """Seconds until a line is due."""
        return max(0.0, self._at + LINE_EVERY - monotonic())


_SPOKEN = _Spoken()


class Bar:
    """A progress bar for stages of unknown or known length, gone when it is left.

    Where there is no terminal, a line every ten seconds.

    times : whether to show the time passed and the time left.
    """

    def __init__(self, *, times: bool = False):
        clock = " {elapsed}, {remaining} left" if times else ""
        self._format = "{desc} {bar} {percentage:3.0f} %" + clock
        self._told = "starting", None

    def __enter__(self):
        self._start = monotonic()
        _SPOKEN.note()
        with ExitStack() as stack:
            self._bar = bar(total=1.0, leave=False, bar_format=self._format)
            stack.callback(self._bar.close)
            stack.enter_context(reported(self._line))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def tell(self, message: str, fraction: float | None) -> None:
        """Show a stage and the fraction of it that is done, if known."""
        self._told = message, fraction
        self._bar.set_description_str(message, refresh=False)
        self._bar.n = fraction or 0.0
        self._bar.refresh()

    def _line(self):
        message, fraction = self._told
        share = "" if fraction is None else f" {fraction:.0%},"
        return f"{message}:{share} {passed(monotonic() - self._start)}"


def passed(seconds: float) -> str:
    """Time since a beginning, as people say it."""
    return f"{seconds / 60:.0f} min so far" if seconds >= 90 else f"{seconds:.0f} s so far"


def bar(**options) -> tqdm:
    """A bar, shown on terminals only."""
    shown = sys.stderr is not None and sys.stderr.isatty()
    return tqdm(dynamic_ncols=True, disable=not shown, **options)


def epoch_bar(epoch: int, epochs: int, images: int) -> tqdm:
    """Bar over the images of one epoch."""
    text = f"epoch {epoch + 1}/{epochs}"
    return bar(total=images, desc=text, unit=" images", leave=False, mininterval=0.2)


@contextmanager
def reported(line: Callable[[], str]) -> Iterator[None]:
    """Say ``line()`` after ten seconds of silence, unless output and bars are on a terminal."""
    if all(stream is not None and stream.isatty() for stream in (sys.stdout, sys.stderr)):
        yield
        return
    over = Event()

    def report():
        while not over.wait(_SPOKEN.due()):
            if not _SPOKEN.due():
                say(line())

    thread = Thread(target=report, name="snnlab-log", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def say(text: str) -> None:
    """A line that stays, above any bar; what cannot be shown ends nothing."""
    _SPOKEN.note()
    with suppress(OSError, ValueError):
        if sys.stdout is not None:
            tqdm.write(make_encodable(text, sys.stdout), file=sys.stdout)


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
def ignore_ctrl_c():
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
