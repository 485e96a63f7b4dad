"""Progress bars on a terminal, progress lines in a log."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Event, Thread
from time import monotonic

from tqdm import tqdm

from snnlab.text.console import make_encodable

LINE_EVERY = 10.0
"""Seconds between two progress lines if there is no terminal for a bar."""


class _LastLine:
    """Time of the last printed line."""

    def __init__(self):
        self.note()

    def note(self):
        self._at = monotonic()

    def due(self):
        """Seconds until the next line is due."""
        return max(0.0, self._at + LINE_EVERY - monotonic())


_LAST_LINE = _LastLine()


class Bar:
    """A progress bar for stages of known or unknown length, removed at the end of the context.

    Without a terminal it prints a line every ten seconds.

    times : whether to show elapsed and remaining time.
    """

    def __init__(self, *, times: bool = False):
        clock = " {elapsed}, {remaining} left" if times else ""
        self._format = "{desc} {bar} {percentage:3.0f} %" + clock
        self._shown = "starting", None

    def __enter__(self):
        self._start = monotonic()
        _LAST_LINE.note()
        with ExitStack() as stack:
            self._bar = bar(total=1.0, leave=False, bar_format=self._format)
            stack.callback(self._bar.close)
            stack.enter_context(reported(self._line))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def tell(self, message: str, fraction: float | None) -> None:
        """Show a stage and, if known, the fraction of it that is done."""
        self._shown = message, fraction
        self._bar.set_description_str(message, refresh=False)
        self._bar.n = fraction or 0.0
        self._bar.refresh()

    def _line(self):
        message, fraction = self._shown
        share = "" if fraction is None else f" {fraction:.0%},"
        return f"{message}:{share} {passed(monotonic() - self._start)}"


def passed(seconds: float) -> str:
    """Elapsed time in words."""
    return f"{seconds / 60:.0f} min so far" if seconds >= 90 else f"{seconds:.0f} s so far"


def bar(**options) -> tqdm:
    """A tqdm bar, shown on terminals only."""
    shown = sys.stderr is not None and sys.stderr.isatty()
    return tqdm(dynamic_ncols=True, disable=not shown, **options)


def epoch_bar(epoch: int, epochs: int, inputs: int, one: str) -> tqdm:
    """A bar over the inputs of one epoch; ``one`` of them is an "image" or a "recording"."""
    text = f"epoch {epoch + 1}/{epochs}"
    return bar(total=inputs, desc=text, unit=f" {one}s", leave=False, mininterval=0.2)


@contextmanager
def reported(line: Callable[[], str]) -> Iterator[None]:
    """Print ``line()`` every ten seconds without output, unless a terminal shows bars."""
    if all(stream is not None and stream.isatty() for stream in (sys.stdout, sys.stderr)):
        yield
        return
    over = Event()

    def report():
        while not over.wait(_LAST_LINE.due()):
            if not _LAST_LINE.due():
                say(line())

    thread = Thread(target=report, name="snnlab-log", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def say(text: str) -> None:
    """Print a line above any bar; never raises if it cannot be printed."""
    _LAST_LINE.note()
    with suppress(OSError, ValueError):
        if sys.stdout is not None:
            tqdm.write(make_encodable(text, sys.stdout), file=sys.stdout)


@contextmanager
def ctrl_c() -> Iterator[Event]:
    """An event that Ctrl-C sets, so that work can stop between two steps, not inside a kernel.

    A second Ctrl-C raises KeyboardInterrupt at once. For the main thread only.
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
