"""Fair timing on a shared machine: contenders run in turn, and ratios are medians over rounds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import NamedTuple

import numpy as np


class Seconds(NamedTuple):
    """Duration of one run: wall time and CPU time of all cores : s."""

    wall: float
    cpu: float


Contender = Callable[[], Seconds]
"""Does its work once and returns the time it took."""


def timed(work: Callable[[], object], repeats: int = 1) -> Contender:
    """A contender in this process; times are means over ``repeats`` runs in a row."""

    def contender():
        wall, cpu = perf_counter(), process_time()
        for _ in range(repeats):
            work()
        return Seconds((perf_counter() - wall) / repeats, (process_time() - cpu) / repeats)

    return contender


@dataclass(frozen=True)
class Times:
    """Times of all rounds : s, float64[round]."""

    wall: np.ndarray
    cpu: np.ndarray


def interleaved(
    contenders: dict[str, Contender], *, seconds: float = 8.0, least: int = 5, most: int = 50
) -> dict[str, Times]:
    """Times of contenders that run in turn.

    Each round runs every contender once, starting with a different one, so that disturbances affect
    all alike. There are ``least`` to ``most`` rounds, within ``seconds`` if possible, after one
    warm-up round.
    """
    names, rounds = list(contenders), []
    for name in names:
        contenders[name]()
    end = perf_counter() + seconds
    while len(rounds) < least or (perf_counter() < end and len(rounds) < most):
        first = len(rounds) % len(names)
        took = {name: contenders[name]() for name in names[first:] + names[:first]}
        rounds.append([took[name] for name in names])
    by_name = np.array(rounds).transpose(1, 2, 0)
    return {name: Times(*both) for name, both in zip(names, by_name, strict=True)}


@dataclass(frozen=True)
class Spread:
    """Median and quartiles over the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values) -> "Spread":
        low, median, high = np.percentile(values, (25, 50, 75)).tolist()
        return cls(median, low, high)


@dataclass(frozen=True)
class Row:
    """One row of the table.

    key : its name in files; ratio : None if it could not be measured (``figures`` gives the
    reason); target : lower limit of the ratio, or upper limit if ``at_most``; figures : the two
    absolute figures as text; notes : further lines; details : numbers for the JSON file.
    """

    key: str
    what: str
    ratio: Spread | None
    target: float
    figures: str
    at_most: bool = False
    notes: tuple[str, ...] = ()
    details: dict = field(default_factory=dict)

    @property
    def met(self) -> bool:
        """Whether the median meets the target."""
        if self.ratio is None:
            return False
        median = self.ratio.median
        return median <= self.target if self.at_most else median >= self.target
