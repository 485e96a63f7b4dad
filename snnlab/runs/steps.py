"""The table of all weight updates, which grows for as long as somebody trains."""

from array import array
from pathlib import Path

import numpy as np

from snnlab.errors import SnnlabError

KINDS = {
    "step": "q", "epoch": "q", "loss": "d", "accuracy": "d", "spikes": "d", "samples": "q",
    "seconds": "d",
}  # fmt: skip
"""Columns: whole numbers or not. Means over a batch; spikes per image; seconds of work."""


class Steps:
    """A row per weight update, of 56 bytes."""

    def __init__(self):
        self._columns = {name: array(kind) for name, kind in KINDS.items()}

    @classmethod
    def of(cls, columns: dict[str, list], folder: Path) -> "Steps":
        """Those that a run has kept; raises :class:`SnnlabError` for a table of something else."""
        self = cls()
        if not columns:  # an older run has kept none
            return self
        if missing := set(KINDS) - set(columns):
            raise SnnlabError(f"run {folder}: its steps have no {', '.join(sorted(missing))}")
        try:
            for name, column in self._columns.items():
                column.extend(columns[name])
        except (TypeError, OverflowError):
            raise SnnlabError(f"run {folder}: its steps are not all numbers") from None
        return self

    def __len__(self) -> int:
        return len(self._columns["step"])

    def add(self, **row) -> None:
        """One more weight update: a number for each column."""
        for name, column in self._columns.items():
            column.append(row[name])

    def cut(self, length: int) -> None:
        """Forget all after so many."""
        for column in self._columns.values():
            del column[length:]

    def columns(self, first: int = 0) -> dict[str, np.ndarray]:
        """All from ``first`` on, which may count from the end."""
        return {
            name: np.array(memoryview(column)[first:]) for name, column in self._columns.items()
        }
