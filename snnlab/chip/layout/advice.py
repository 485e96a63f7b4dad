"""What a network too large for its chips lacks, and what would cure it."""

from itertools import pairwise

from snnlab.chip.constants import N_CIRCUITS, N_LABELS
from snnlab.chip.layout.partition import MOST_PARTS, free_runs, joined, pack


def too_large(sizes: tuple[int, ...], chips: int, excluded: frozenset[int]) -> str:
    """One line that names the network, what it needs, what there is, and what would fit."""
    name = "-".join(map(str, sizes))
    return f"Network {name} {_shortage(sizes, chips, excluded)}: {_cure(sizes, chips, excluded)}"


def _shortage(sizes, chips, excluded):
    needed = sum(joined(fan_in) * n for fan_in, n in pairwise(sizes))
    labels, free = sum(map(joined, sizes[:-1])), N_CIRCUITS - len(excluded)
    if chips == 1 and labels > N_LABELS and needed <= free:
        return f"needs {labels} address labels, the chip has {N_LABELS}"
    have = "the chip has" if chips == 1 else f"{chips} chips have"
    text = f"needs {needed} neuron circuits, {have} {chips * free}"
    if excluded:
        text += f" left ({len(excluded)} excluded{' on each' if chips > 1 else ''})"
    if needed <= chips * free:
        text += f", too few of them side by side for neurons of {joined(max(sizes[:-1]))}"
    return text


def _cure(sizes, chips, excluded):
    gaps = free_runs(excluded)
    most = _largest(lambda n: pack(_with(sizes, n), gaps, chips), chips * N_CIRCUITS)
    where = {2: "neurons", 3: "hidden neurons"}.get(len(sizes), "neurons per hidden layer")
    cure = f"use at most {most} {where}" if most else "use fewer inputs or label neurons"
    enough = pack(sizes, gaps, MOST_PARTS)
    if enough:
        cure += f", or partition it into {len(enough)} parts (--chips {len(enough)})"
    return cure


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
