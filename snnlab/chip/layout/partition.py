"""Which neurons sit on which circuits, and in which run: packing a network onto chips.

Circuits are numbered along the chip's first row of 256 and back along the second, so consecutive
ones are neighbours and their membranes can be joined: sideways, or downwards at the turn.
"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import numpy as np

from snnlab.chip.constants import INPUTS_PER_CIRCUIT, N_ADDRESSES, N_CIRCUITS
from snnlab.model.topology import find_shapes, name_network

MAX_PARTS = 64
"""Largest number of parts of a network: a limit of computing time, not of the chip."""

Gaps = list[tuple[int, int]]
"""Runs of free circuits, first and one past the last."""


@dataclass(frozen=True, eq=False)
class Block:
    """Neighbouring neurons of one layer on one chip; circuits : int64[neuron, joined]."""

    layer: int
    neurons: range
    circuits: np.ndarray


@dataclass(frozen=True)
class Part:
    """Blocks that run on one chip at one time, in order of their layers.

    Spikes of neurons that ran in earlier parts are replayed into it at their recorded times.
    """

    blocks: tuple[Block, ...]

    @property
    def circuits_used(self) -> int:
        """Circuits that this part takes, of 512."""
        return sum(block.circuits.size for block in self.blocks)


def joined(places: range) -> int:
    """Circuits that a neuron with sources in these places joins: each has 128 pairs of synapses."""
    return ceil(places.stop / INPUTS_PER_CIRCUIT) - places.start // INPUTS_PER_CIRCUIT


def free_runs(excluded: frozenset[int]) -> Gaps:
    """The runs of circuits that are not excluded."""
    walls = [-1, *sorted(excluded), N_CIRCUITS]
    return [(left + 1, right) for left, right in pairwise(walls) if right > left + 1]


def place_sources(sizes: tuple[int, ...], recurrent: Collection[int] = ()) -> tuple[range, ...]:
    """Places of the sources of every layer; a circuit receives 128 of them.

    A neuron sends one event to all its targets, so neurons of a recurrent layer have the same
    places as sources of the next layer as they have in their own.
    """
    places, first = [], 0
    for layer, (fan_in, _) in enumerate(find_shapes(sizes, recurrent)):
        places.append(range(first, first + fan_in))
        first = first + sizes[layer] if layer in recurrent else 0
    return tuple(places)


def pack(
    sizes: tuple[int, ...], gaps: Gaps, most: int, recurrent: Collection[int] = ()
) -> tuple[Part, ...] | None:
    """Fill part after part, in order of layers; None when ``most`` parts do not suffice.

    A layer may continue on the next part, so no layer comes before its sources. A recurrent one may
    not, as its neurons exchange spikes while they run.
    """
    parts, chip = [], _Chip(gaps)
    for layer, places in enumerate(place_sources(sizes, recurrent)):
        n = sizes[layer + 1]
        chip.add_sources(places)
        if layer in recurrent and chip.blocks and chip.room() < n and len(parts) + 1 < most:
            parts.append(Part(tuple(chip.blocks)))
            chip = _Chip(gaps)
            chip.add_sources(places)
        first = 0
        while first < n:
            first = chip.place(layer, range(first, n))
            if first == n:
                break
            if not chip.blocks or len(parts) + 1 >= most or layer in recurrent:
                return None
            parts.append(Part(tuple(chip.blocks)))
            chip = _Chip(gaps)
            chip.add_sources(places)
    return (*parts, Part(tuple(chip.blocks)))


class _Chip:
    """A chip being filled."""

    def __init__(self, gaps):
        self.blocks, self._gaps, self._labels, self._joined = [], list(gaps), 0, 1

    def add_sources(self, places):
        """Register the sources of the next layer, which take one label for each 128."""
        self._joined = joined(places)
        self._labels += self._joined

    def room(self):
        """Neurons of the next layer that there is room for."""
        if self._labels > N_ADDRESSES:
            return 0
        return sum((stop - start) // self._joined for start, stop in self._gaps)

    def place(self, layer, neurons):
        """As many of the neurons as there is room for, first fit; the first left over."""
        if self._labels > N_ADDRESSES:
            return neurons.start
        k, rows, missing = self._joined, [], len(neurons)
        for place, (start, stop) in enumerate(self._gaps):
            fits = min((stop - start) // k, missing)
            rows.append(start + np.arange(fits * k).reshape(fits, k))
            self._gaps[place] = start + fits * k, stop
            missing -= fits
        placed = range(neurons.start, neurons.stop - missing)
        if placed:
            self.blocks.append(Block(layer, placed, np.concatenate(rows)))
        return placed.stop


def too_large(
    sizes: tuple[int, ...],
    chips: int,
    excluded: frozenset[int],
    recurrent: Collection[int] = (),
) -> str:
    """Error on a network that does not fit: required and available circuits, and what would fit."""
    name, what = name_network(sizes, recurrent), (sizes, chips, excluded, recurrent)
    return f"Network {name} {_shortage(*what)}: {_advise(*what)}"


def _shortage(sizes, chips, excluded, recurrent):
    each = [joined(places) for places in place_sources(sizes, recurrent)]
    needed = sum(k * n for k, n in zip(each, sizes[1:], strict=True))
    labels, free = sum(each), N_CIRCUITS - len(excluded)
    if chips == 1 and labels > N_ADDRESSES and needed <= free:
        return f"needs {labels} address labels, the chip has {N_ADDRESSES}"
    have = "the chip has" if chips == 1 else f"{chips} chips have"
    text = f"needs {needed} neuron circuits, {have} {chips * free}"
    if excluded:
        text += f" left ({len(excluded)} excluded{' on each' if chips > 1 else ''})"
    alone = [each[k] * sizes[k + 1] for k in recurrent]
    if recurrent and max(alone) > free:
        k = recurrent[int(np.argmax(alone))]
        text += (
            f" ({max(alone)} for recurrent layer {k}, which must fit one chip: a neuron with"
            f" {sizes[k]} + {sizes[k + 1]} sources joins {each[k]})"
        )
    elif needed <= chips * free:
        text += f", too few of them side by side for neurons of {max(each)}"
    return text


def _advise(sizes, chips, excluded, recurrent):
    gaps = free_runs(excluded)

    def fits(n):
        return pack(_with(sizes, n), gaps, chips, recurrent)

    most = _largest(fits, chips * N_CIRCUITS)
    where = {2: "neurons", 3: "hidden neurons"}.get(len(sizes), "neurons per hidden layer")
    advice = f"use at most {most} {where}" if most else "use fewer inputs or label neurons"
    enough = pack(sizes, gaps, MAX_PARTS, recurrent)
    if enough:
        advice += f", or partition it into {len(enough)} parts (--chips {len(enough)})"
    return advice


def _with(sizes, n):
    """The sizes with n neurons in each layer whose size one may choose."""
    first, *hidden, last = sizes
    return (first, *[n] * len(hidden), last) if hidden else (first, n)


def _largest(fits, limit):
    """Largest whole number from 1 to ``limit`` that fits, by halving; 0 if none does."""
    low, high = 0, limit + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
