"""The subset of NIR that the chip can run: a chain of weights and leaky neurons, which may return
to themselves through weights.

NIR's current-based neuron is

    tau_syn dI/dt = −I + w_in S        tau_mem dv/dt = (v_leak − v) + r I

so a spike of area A (the integral of S over time) through weight w delivers the charge
∫ r I dt = r w_in w A, whatever tau_syn is. A neuron without synaptic current (LIF, LI) gets r w A
at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import nir
import numpy as np

from snnlab.errors import SnnlabError
from snnlab.nir.path import SUPPORTED, path_of

WEIGHTS = ("Linear", "Affine")
SPIKING = ("CubaLIF", "LIF")
LABELS = ("CubaLI", "LI")
"""Neuron types without threshold, allowed in the last layer only."""

MAX_AXES = 8


@dataclass(frozen=True)
class Layer:
    """A layer of a graph, in the graph's own units.

    source, name, kind : last node of its weights, node of its neurons, and the latter's type
    weight : float64[input, neuron]
    tau_mem, tau_syn : float64[neuron]; tau_syn is None for neurons without synaptic current
    gain : float64[neuron], r w_in, or r without synaptic current
    gap : float64[neuron], threshold − leak; 1 in the last layer, which never fires
    returning : float64[neuron, neuron], weights of its own spikes, source first; None without
    """

    source: str
    name: str
    kind: str
    weight: np.ndarray
    tau_mem: np.ndarray
    tau_syn: np.ndarray | None
    gain: np.ndarray
    gap: np.ndarray
    returning: np.ndarray | None = None

    @property
    def fires(self) -> bool:
        """Whether its neurons have a threshold in the graph."""
        return self.kind in SPIKING


def chain(graph: nir.NIRGraph) -> list[Layer]:
    """The layers from input to output; Linear and Scale nodes in a row are one matrix.

    Raises :class:`SnnlabError` for other nodes, branches, recurrence of more than one layer, and
    parameters that the chip cannot have.
    """
    path = [step for step in path_of(graph) if not _is_empty(step.name, step.node)]
    layers, linear = [], []
    for k, (name, node, returning) in enumerate(path):
        kind, is_last = type(node).__name__, k == len(path) - 1
        if kind in (*WEIGHTS, "Scale"):
            linear.append((name, node))
            continue
        has_weights = any(type(node).__name__ in WEIGHTS for _, node in linear)
        if not has_weights or kind not in (*SPIKING, *(LABELS if is_last else ())):
            place = "at the end" if is_last else "between layers"
            place = place if has_weights else "in the place of weights"
            raise SnnlabError(f"NIR node {name!r} of kind {kind} stands {place}: {SUPPORTED}")
        if is_last and returning:
            raise SnnlabError(
                f"NIR node {name!r} ({kind}) is the last and returns to itself: label neurons do"
                " not fire, leave that connection out"
            )
        layers.append(_layer(linear, name, node, is_last, returning))
        linear = []
    if linear or not layers:
        raise SnnlabError(
            f"NIR network of {len(path)} nodes between input and output ends without neurons:"
            f" {SUPPORTED}"
        )
    for before, after in pairwise(layers):
        _check_fits(after.source, after.weight, before.name, before.weight.shape[1])
    return layers


def outer_axes(graph: nir.NIRGraph, layers: list[Layer]) -> Iterator[str]:
    """Notes on each end of the graph that declares more axes than its neurons have.

    Other libraries include axes of batch and time. Raises :class:`SnnlabError` for a shape of
    another size.
    """
    for name, node in graph.nodes.items():
        kind = type(node).__name__
        shape = _shape(name, kind, node) if kind in ("Input", "Output") else ()
        if not shape:
            continue
        n = layers[0].weight.shape[0] if kind == "Input" else layers[-1].weight.shape[1]
        starts = [k for k in range(len(shape)) if prod(shape[k:]) == n]
        if not starts and prod(shape) != 1:  # a scalar holds for all neurons
            what = "inputs" if kind == "Input" else "neurons"
            raise SnnlabError(
                f"NIR node {str(name)!r} ({kind}) declares shape {shape}, the weights beside it"
                f" have {n} {what}"
            )
        # An input may be an image with one channel; labels have one axis.
        if starts and (outer := shape[: starts[0 if kind == "Input" else -1]]):
            yield (
                f"NIR node {str(name)!r} ({kind}) declares shape {shape}: read as {n}, without the"
                f" axes {outer} of batch or time"
            )


def _shape(name, kind, node):
    """Shape that an Input or Output declares, () if it declares no shape."""
    declared = next(iter((node.input_type or {}).values()), None)
    shape = np.asarray(() if declared is None else declared).ravel()
    if shape.size and (shape.dtype.kind not in "iu" or shape.size > MAX_AXES):
        raise SnnlabError(
            f"NIR node {str(name)!r} ({kind}): its shape is {shape.dtype}[{shape.size}], expected"
            f" 1 to {MAX_AXES} whole numbers"
        )
    return tuple(shape.tolist())


def _check_fits(name, weight, before, n):
    if len(weight) != n:
        raise SnnlabError(
            f"NIR node {name!r} takes {len(weight)} inputs, {before!r} before it has {n} neurons"
        )


def _is_empty(name, node):
    """Whether a node is the identity; raises :class:`SnnlabError` for a non-zero delay."""
    if not isinstance(node, nir.Delay):
        return isinstance(node, nir.Input | nir.Output | nir.Flatten)
    delays = _array(name, "delay", node.delay)
    if delays.any():
        raise SnnlabError(
            f"NIR node {name!r} (Delay) delays by up to {np.abs(delays).max():g} s: the chip has no"
            " delays, train without"
        )
    return True


def _layer(linear, name, neurons, is_last, returning):
    source, weight = _matrix(linear)
    kind, n = type(neurons).__name__, weight.shape[1]

    def of(parameter):
        return _values(name, parameter, getattr(neurons, parameter), n)

    cuba = kind in ("CubaLIF", "CubaLI")
    return Layer(
        source, name, kind, weight,
        tau_mem=of("tau_mem" if cuba else "tau"),
        tau_syn=of("tau_syn") if cuba else None,
        gain=of("r") * of("w_in") if cuba else of("r"),
        gap=_label_gap(name, of) if is_last else _gap(name, of),
        returning=_returning(returning, name, n),
    )  # fmt: skip


def _returning(loop, name, n):
    """Weights through which n neurons return to themselves : float64[neuron, neuron]."""
    nodes = [(inner, node) for inner, node in loop if not _is_empty(inner, node)]
    if not loop:
        return None
    for inner, node in nodes:
        if type(node).__name__ not in (*WEIGHTS, "Scale"):
            raise SnnlabError(
                f"NIR node {inner!r} of kind {type(node).__name__} stands where neurons return to"
                f" themselves: {SUPPORTED}"
            )
    source, weight = _matrix(nodes)
    if source is None or weight.shape != (n, n):
        raise SnnlabError(
            f"NIR node {loop[-1][0]!r}: neurons {name!r} return to themselves through weights of"
            f" shape {weight.shape}, expected {(n, n)}"
        )
    return weight


def _matrix(linear):
    """Name of the last weights among these nodes, and their product : float64[input, neuron]."""
    source, matrix = None, np.ones((1, 1))  # a row of factors until the first weights
    for name, node in linear:
        if isinstance(node, nir.Scale):
            n = matrix.shape[1] if source or matrix.size > 1 else np.size(node.scale)
            matrix = matrix * _values(name, "scale", node.scale, n)
            continue
        weight = _weight(name, node)
        if source or matrix.size > 1:
            _check_fits(name, weight, source or linear[0][0], matrix.shape[1])
        matrix = matrix @ weight if source else matrix.T * weight
        source = name
    return source, matrix


def _weight(name, node):
    weight = _array(name, "weight", node.weight)
    while weight.ndim > 2 and len(weight) == 1:  # a batch axis
        weight = weight[0]
    if weight.ndim != 2 or 0 in weight.shape:
        raise SnnlabError(
            f"NIR node {name!r}: weight of shape {weight.shape}, expected two axes, none empty"
        )
    if isinstance(node, nir.Affine) and (
        bias := np.abs(_array(name, "bias", node.bias)).max(initial=0)
    ):
        raise SnnlabError(
            f"NIR node {name!r} has a bias of up to {bias:g}: the chip has no constant input, train"
            " with bias=False"
        )
    return weight.T


def _gap(name, of):
    leak, reset, threshold = of("v_leak"), of("v_reset"), of("v_threshold")
    gap = threshold - leak
    if not (gap > 0).all():
        j = np.argmin(gap)
        raise SnnlabError(
            f"NIR node {name!r}: v_threshold = {threshold[j]:g} is not above v_leak = {leak[j]:g},"
            " so it fires without input; the chip's neurons rest below threshold, train with"
            " v_threshold above v_leak"
        )
    off = np.abs(reset - leak) / gap
    if off.max() > 1e-6:
        raise SnnlabError(
            f"NIR node {name!r}: v_reset lies {off.max():.3g} thresholds from v_leak; the chip"
            " resets to its leak, train with both equal"
        )
    return gap


def _label_gap(name, of):
    """Threshold − leak of label neurons, which are compared and so must share one leak."""
    leak = of("v_leak")
    if np.ptp(leak) > 0:
        raise SnnlabError(
            f"NIR node {name!r}: v_leak from {leak.min():g} to {leak.max():g}; the chip's label"
            " neurons share one, train with equal v_leak"
        )
    return np.ones(len(leak))


def _values(name, parameter, value, n):
    """A parameter of n neurons, given per neuron or as a scalar : float64[neuron]."""
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
