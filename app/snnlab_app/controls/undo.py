"""Settings that can be taken back, several at a time where one click turned several."""

from collections.abc import Callable
from time import monotonic

MAX_UNDO = 200
SAME_DRAG_SECONDS = 3.0
"""Seconds within which turns of the same knob by its slider are one."""


class Turns:
    """Turns knobs through ``turn(name, value)`` and remembers what they were."""

    def __init__(self, turn: Callable[[str, object], None], value: Callable[[str], object]):
        self._turn, self._value = turn, value
        self._done: list[dict[str, tuple]] = []
        self._undone: list[dict[str, tuple]] = []
        self._dragged: tuple[str | None, float, dict | None] = None, 0.0, None

    def drag(self, name: str, value: object) -> None:
        """Turn a knob by its slider: all that it passes on the way is taken back as one."""
        last, when, entry = self._dragged
        goes_on = last == name and monotonic() < when + SAME_DRAG_SECONDS
        before = self._done[-1] if self._done else None
        self.turn({name: value})
        made = self._done[-1] if self._done else None
        if made is before:  # nothing was turned
            made = entry if goes_on else None
        elif goes_on and entry is not None and before is entry:
            old = entry[name][0]
            del self._done[-2:]
            made = {name: (old, value)} if old != value else None
            self._done += [made] * (made is not None)
        self._dragged = name, monotonic(), made

    def turn(self, settings: dict) -> None:
        """Turn these knobs as one; raises what ``turn`` raises for a value that is not allowed."""
        self._dragged = None, 0.0, None
        changes = {
            name: (_copy(self._value(name)), value)
            for name, value in settings.items()
            if value != self._value(name)
        }
        for name, (_, value) in changes.items():
            self._turn(name, value)
        if changes:
            self._done, self._undone = [*self._done, changes][-MAX_UNDO:], []

    def undo(self) -> bool:
        """Take the last turn back; whether there was one."""
        return self._move(self._done, self._undone, 0)

    def redo(self) -> bool:
        """Do again what was taken back last; whether there was anything."""
        return self._move(self._undone, self._done, 1)

    def _move(self, source, target, which):
        if not source:
            return False
        self._dragged = None, 0.0, None
        changes = source.pop()
        for name, values in changes.items():
            self._turn(name, _copy(values[which]))
        target.append(changes)
        return True


def _copy(value):
    return list(value) if isinstance(value, list) else value
