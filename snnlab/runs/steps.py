"""The table of all weight updates, a row each; it grows during training."""

from array import array
from math import nan
from pathlib import Path

import numpy as np

from snnlab.errors import SnnlabError
from snnlab.quantities import STEP, quantities

COUNTS = ("step", "epoch", "samples")
"""Columns of whole numbers; the others are the quantities of STEP, means over a batch."""
ALWAYS_KEPT = (*COUNTS, "loss", "accuracy", "spikes", "seconds")
"""Columns of every kept table; later ones are NaN where an older run has none."""


def column_types() -> dict[str, str]:
    """Columns by name, with their ``array`` types."""
    return dict.fromkeys(COUNTS, "q") | dict.fromkeys(quantities(STEP), "d")


class Steps:
    """A row per weight update, 8 bytes a column."""

    def __init__(self):
        self._columns = {name: array(kind) for name, kind in column_types().items()}

    @classmethod
    def of(cls, columns: dict[str, list], folder: Path) -> "Steps":
        """The steps of a kept run; columns that an older snnlab did not write are NaN.

        Raises :class:`SnnlabError` for a table of something else.
        """
        self = cls()
        if not columns:  # an older run has no table of steps
            return self
        if missing := set(ALWAYS_KEPT) - set(columns):
            raise SnnlabError(f"run {folder}: its steps have no {', '.join(sorted(missing))}")
        unknown = [nan] * len(columns["step"])
        try:
            for name, column in self._columns.items():
                column.extend(columns.get(name, unknown))
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
        """Drop all rows after the first ``length``."""
        for column in self._columns.values():
            del column[length:]

    def columns(self, first: int = 0) -> dict[str, np.ndarray]:
        """Columns by name, from row ``first``; a negative one counts from the end."""
        return {
            name: np.array(memoryview(column)[first:]) for name, column in self._columns.items()
        }
