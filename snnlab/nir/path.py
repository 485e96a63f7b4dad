"""The nodes of a NIR graph as one chain, independent of their order and nesting."""

from collections.abc import Iterator
from typing import NamedTuple

import nir

from snnlab.errors import SnnlabError

SUPPORTED = (
    "the chip runs one chain without branches, of Linear (or Affine without bias) and CubaLIF or"
    " LIF nodes, which may return to themselves through Linear nodes, the last neurons CubaLI or LI"
    " too; Scale, Flatten, Delay of 0 and nested graphs are followed"
)
NEURONS = ("CubaLIF", "LIF")
"""Types of nodes that may return to themselves."""


class Step(NamedTuple):
    """A node of the path, and the nodes through which what it sends returns to it, in order."""

    name: str
    node: nir.NIRNode
    returning: tuple[tuple[str, nir.NIRNode], ...] = ()


def path_of(graph: nir.NIRGraph, within: str = "") -> Iterator[Step]:
    """The nodes from input to output, in order; nested graphs are expanded in place.

    within : prefix of the names. Raises :class:`SnnlabError` for branches, recurrence but of a node
    of neurons on its own, unconnected nodes and edges to missing nodes.
    """
    nodes = {str(name): node for name, node in graph.nodes.items()}
    after, before = ({name: [] for name in nodes} for _ in range(2))
    for source, target in dict.fromkeys((str(a), str(b)) for a, b in graph.edges):
        if source not in after or target not in before:
            raise SnnlabError(
                f"NIR edge {within + source!r} to {within + target!r} has no such nodes, there are"
                f" {', '.join(repr(within + name) for name in sorted(nodes))}"
            )
        after[source].append(target)
        before[target].append(source)
    returning = {name: _take_loop(name, nodes, after, before) for name in nodes}
    starts, ends = _ends(nodes, nir.Input, before), _ends(nodes, nir.Output, after)
    if len(starts) != 1 or before[starts[0]]:
        found = f"{len(starts)} inputs, or one that receives spikes"
        raise SnnlabError(f"NIR network has {found}: {SUPPORTED}")
    path = starts[:1]
    while path[-1] not in ends:
        _check_one(within, nodes, path[-1], "feeds", after[path[-1]])
        path.append(after[path[-1]][0])
        _check_one(within, nodes, path[-1], "is fed by", before[path[-1]])
    back = {name for loop in returning.values() for name in loop}
    aside = [name for name in nodes if name not in path and name not in back]
    if aside:
        raise SnnlabError(
            f"NIR node {within + aside[0]!r} is not between input and output: {SUPPORTED}"
        )
    for name in path:
        if isinstance(nodes[name], nir.NIRGraph):
            yield from path_of(nodes[name], f"{within}{name}.")
        else:
            loop = tuple((within + inner, nodes[inner]) for inner in returning[name])
            yield Step(within + name, nodes[name], loop)


def _take_loop(name, nodes, after, before):
    """Names of the nodes through which neurons return to themselves; their edges are taken out."""
    if type(nodes[name]).__name__ not in NEURONS:
        return ()
    for first in after[name]:
        loop = [first]
        while loop[-1] != name and len(after[loop[-1]]) == len(before[loop[-1]]) == 1:
            loop += after[loop[-1]]
        if loop[-1] == name and len(loop) > 1:
            after[name].remove(first)
            before[name].remove(loop[-2])
            return tuple(loop[:-1])
    return ()


def _ends(nodes, kind, beyond):
    """Names of the Input or Output nodes; nir allows nested graphs to omit them."""
    named = [name for name, node in nodes.items() if isinstance(node, kind)]
    return named or [name for name in nodes if not beyond[name]]


def _check_one(within, nodes, name, does, others):
    if len(others) != 1:
        kind = type(nodes[name]).__name__
        listed = f" ({', '.join(repr(within + other) for other in others)})" if others else ""
        raise SnnlabError(
            f"NIR node {within + name!r} ({kind}) {does} {len(others)} nodes{listed}: {SUPPORTED}"
        )
