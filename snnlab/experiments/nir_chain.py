"""What the chip can run of NIR: a chain of weights and leaky neurons, read from a graph.

NIR's current-based neuron is

    tau_syn dI/dt = −I + w_in S        tau_mem dv/dt = (v_leak − v) + r I

so a spike of area A (the integral of S over time) through weight w brings the charge
∫ r I dt = r w_in w A, whatever tau_syn is. A neuron without synaptic current (LIF, LI) gets r w A
at once.
"""

from dataclasses import dataclass
from itertools import pairwise

import nir
import numpy as np

from snnlab.errors import SnnlabError

SUPPORTED = (
    "the chip runs one chain of Linear and CubaLIF or LIF nodes, the last neurons CubaLI or LI"
)


@dataclass(frozen=True)
class Layer:
    """A layer of a graph, in the graph's own units.

    source, name, kind : the node of its weights, the node of its neurons and that one's type
    weight : float64[input, neuron]
    tau_mem, tau_syn : float64[neuron]; tau_syn is None for neurons without synaptic current
    gain : float64[neuron], r w_in, or r without synaptic current
    gap : float64[neuron], threshold above leak; 1 in the last layer, which never fires
    """

    source: str
    name: str
    kind: str
    weight: np.ndarray
    tau_mem: np.ndarray
    tau_syn: np.ndarray | None
    gain: np.ndarray
    gap: np.ndarray

    @property
    def fires(self) -> bool:
        """Whether its neurons have a threshold in the graph."""
        return self.kind in ("CubaLIF", "LIF")


def chain(graph: nir.NIRGraph) -> list[Layer]:
    """The layers from input to output.

    Raises :class:`SnnlabError` for other nodes, for branches and recurrence, and for parameters
    that no chip setting has.
    """
    names = [name for name in _path(graph) if not isinstance(graph.nodes[name], nir.Flatten)]
    if not names or len(names) % 2:
        raise SnnlabError(
            f"NIR network of {len(names)} nodes between input and output: {SUPPORTED}"
        )
    pairs = list(zip(names[::2], names[1::2], strict=True))
    layers = [_layer(graph, *pair, pair == pairs[-1]) for pair in pairs]
    for before, after in pairwise(layers):
        if before.weight.shape[1] != after.weight.shape[0]:
            raise SnnlabError(
                f"NIR node {after.source!r} takes {after.weight.shape[0]} inputs,"
                f" {before.name!r} before it has {before.weight.shape[1]} neurons"
            )
    return layers


def _path(graph):
    """Names of the nodes between input and output, in order."""
    after, before = ({name: [] for name in graph.nodes} for _ in range(2))
    for source, target in graph.edges:
        if source not in after or target not in before:
            raise SnnlabError(f"NIR edge {source!r} to {target!r} has no such nodes")
        after[source].append(target)
        before[target].append(source)
    path = [name for name, node in graph.nodes.items() if isinstance(node, nir.Input)]
    if len(path) != 1 or before[path[0]]:
        raise SnnlabError(f"NIR network has {len(path)} inputs, or one that is fed: {SUPPORTED}")
    while not isinstance(graph.nodes[path[-1]], nir.Output):
        _one(graph, path[-1], "feeds", after[path[-1]])
        path.append(after[path[-1]][0])
        _one(graph, path[-1], "is fed by", before[path[-1]])
    aside = [name for name in graph.nodes if name not in path]
    if aside:
        raise SnnlabError(f"NIR node {aside[0]!r} is not between input and output: {SUPPORTED}")
    return path[1:-1]


def _one(graph, name, does, others):
    if len(others) != 1:
        kind = type(graph.nodes[name]).__name__
        listed = f" ({', '.join(map(repr, others))})" if others else ""
        raise SnnlabError(
            f"NIR node {name!r} ({kind}) {does} {len(others)} nodes{listed}: {SUPPORTED}"
        )


def _layer(graph, source, name, is_last):
    synapses, neurons = graph.nodes[source], graph.nodes[name]
    weight = _weight(source, synapses)
    kind, n = type(neurons).__name__, weight.shape[1]
    if kind not in ("CubaLIF", "LIF", *(("CubaLI", "LI") if is_last else ())):
        where = "at the end" if is_last else "between layers"
        raise SnnlabError(f"NIR node {name!r} is a {kind} {where}: {SUPPORTED}")

    def of(parameter):
        return _values(name, parameter, getattr(neurons, parameter), n)

    cuba = kind in ("CubaLIF", "CubaLI")
    return Layer(
        source, name, kind, weight,
        tau_mem=of("tau_mem" if cuba else "tau"),
        tau_syn=of("tau_syn") if cuba else None,
        gain=of("r") * of("w_in") if cuba else of("r"),
        gap=_label_gap(name, of) if is_last else _gap(name, of),
    )  # fmt: skip


def _weight(name, node):
    kind = type(node).__name__
    if kind not in ("Linear", "Affine"):
        raise SnnlabError(f"NIR node {name!r} is a {kind} in the place of weights: {SUPPORTED}")
    weight = _array(name, "weight", node.weight)
    if weight.ndim != 2 or 0 in weight.shape:
        raise SnnlabError(
            f"NIR node {name!r}: weight of shape {weight.shape}, expected two axes, none empty"
        )
    if kind == "Affine" and (bias := np.abs(_array(name, "bias", node.bias)).max(initial=0)):
        raise SnnlabError(
            f"NIR node {name!r} has a bias of up to {bias:g}: the chip has no constant input, train"
            " with bias=False"
        )
    return weight.T


def _gap(name, of):
    leak, reset, gap = of("v_leak"), of("v_reset"), of("v_threshold") - of("v_leak")
    if not (gap > 0).all():
        raise SnnlabError(f"NIR node {name!r}: v_threshold must lie above v_leak, by {gap.min():g}")
    off = np.abs(reset - leak) / gap
    if off.max() > 1e-6:
        raise SnnlabError(
            f"NIR node {name!r}: v_reset lies {off.max():.3g} thresholds from v_leak; the chip"
            " resets to its leak, train with both equal"
        )
    return gap


def _label_gap(name, of):
    """Labels are compared with one another, so they must start from the same potential."""
    leak = of("v_leak")
    if np.ptp(leak) > 0:
        raise SnnlabError(
            f"NIR node {name!r}: v_leak from {leak.min():g} to {leak.max():g}; the chip's label"
            " neurons share one, train with equal v_leak"
        )
    return np.ones(len(leak))


def _values(name, parameter, value, n):
    """A parameter of n neurons, given for each or once : float64[neuron]."""
    array = _array(name, parameter, value)
    if array.size not in (1, n):
        raise SnnlabError(
            f"NIR node {name!r}: {parameter} of shape {array.shape}, the weights before it lead to"
            f" {n} neurons"
        )
    if not np.isfinite(array).all():
        raise SnnlabError(f"NIR node {name!r}: {parameter} is NaN or infinite, train again")
    return np.broadcast_to(array.ravel(), (n,))


def _array(name, parameter, value):
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise SnnlabError(f"NIR node {name!r}: {parameter} is {array.dtype}, expected numbers")
    return array.astype(np.float64)
