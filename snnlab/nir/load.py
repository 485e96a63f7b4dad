"""Networks from other libraries, read from the Neuromorphic Intermediate Representation (NIR).

The conversion of spikes and weights into currents is described in :mod:`snnlab.nir.chain` and, for
the opposite direction, :mod:`snnlab.nir.export`.
"""

import warnings
from dataclasses import dataclass
from math import isclose, isfinite
from pathlib import Path

import nir
import numpy as np

from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.recording import Recording
from snnlab.chip.spec import BRAINSCALES2
from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.learn.gradient.model import CURRENT
from snnlab.learn.network import Network
from snnlab.nir.chain import Layer, chain, outer_axes
from snnlab.nir.file import read_nir

UNIFORM = 1e-3
"""Relative spread up to which time constants count as equal, given other libraries' rounding."""


@dataclass(frozen=True)
class ImportedNetwork:
    """An imported network, ready for the chip.

    network : weights in model units, with their scales and values in LSB
    mapping : their placement on the chip
    point   : its time constants
    clipped : number of weights of each layer that exceed ±63 LSB and are clipped
    notes   : differences between chip and graph, one line each
    readout : how it decides, by the metadata of a graph of snnlab's, otherwise by the maximum
    """

    network: Network
    mapping: Mapping
    point: OperatingPoint
    clipped: tuple[int, ...]
    notes: tuple[str, ...]
    readout: str = "maximum"

    def scores(self, recording: Recording) -> np.ndarray:
        """Scores of the labels by its readout : float32[image, label]."""
        return self.network.scores(recording, self.readout)

    def chip(self, die: Die | None = None) -> Chip:
        """A chip with this network mapped onto it; run it on ``network.weights_lsb()``."""
        return Chip(self.mapping, die, self.point)


def from_nir(
    source: nir.NIRGraph | str | Path,
    *,
    dt: float | None = None,
    speedup: float | None = None,
    label_gain: float = 1.0,
    chips: int = 1,
) -> ImportedNetwork:
    """A NIR network, fitted to the chip; hidden layers may be recurrent.

    dt : s, for graphs of libraries with fixed time steps, where a spike is an input of 1 during
    one step (snnTorch writes its graphs with 1e-4). By default spikes are Dirac pulses, as in the
    equations and the graphs of :func:`to_nir`.
    speedup : chip time relative to the graph's clock: 1000 for biological time, 1 by default.
    Graphs that :func:`to_nir` wrote for another library contain both.
    label_gain : factor on the label potentials. The CADC covers 0.8 thresholds below leak to 2.1
    above, while other libraries do not limit potentials: check ``recording.saturated(-1)``.
    chips : largest number of parts for a network too large for one chip.

    Differences between neurons are absorbed into their weights where that is exact: r, w_in,
    thresholds, and the leak of hidden neurons. Neurons without synaptic current get one of the
    same charge. NIR has neither refractory periods nor resets by subtraction: the chip takes its
    shortest period, unless the graph was written by snnlab, and resets to leak. Each further
    difference is a note and a warning. Raises :class:`SnnlabError` for a file or graph that the
    chip cannot run.
    """
    graph = source if isinstance(source, nir.NIRGraph) else read_nir(source)
    ours = graph.metadata if "snnlab" in graph.metadata else {}
    dt = _number({"step": 1.0, **ours}, "step") if dt is None else dt
    speedup = _number({"speedup": 1.0, **ours}, "speedup") if speedup is None else speedup
    for name, value in (("dt", dt), ("speedup", speedup), ("label_gain", label_gain)):
        if not (isfinite(value) and value > 0):
            raise SnnlabError(f"from_nir {name} = {value} is not allowed: a number above 0")
    layers = chain(graph)
    point = _point(layers, ours, speedup)
    weights = [_weight(layer, point, dt) for layer in layers]
    weights[-1] = weights[-1] * np.float32(label_gain)
    recurrent = tuple(k for k, layer in enumerate(layers) if layer.returning is not None)
    network = Network.of(weights, chips, recurrent)
    lsb = [np.abs(w) * s for w, s in zip(network.arrays(), network.scales(), strict=True)]
    clipped = tuple(int((np.rint(w) > BRAINSCALES2.weight_max_lsb).sum()) for w in lsb)
    notes = (
        *outer_axes(graph, layers),
        *_departures(layers, point, bool(ours)),
        *_saturation(layers, lsb, clipped),
    )
    for note in notes:
        warnings.warn(note, stacklevel=2)
    mapping = Mapping(network.sizes, chips, recurrent=recurrent)
    return ImportedNetwork(network, mapping, point, clipped, notes, _readout(ours))


def _weight(layer, point, area):
    """Weights in model units : float32[source, neuron]."""
    weight = layer.weight
    if layer.returning is not None:
        weight = np.concatenate([weight, layer.returning])
    current = layer.gain * area / (layer.tau_mem * layer.gap * point.tau_syn)
    with np.errstate(over="ignore"):  # the network refuses infinite weights
        return (weight * (current / CURRENT)).astype(np.float32)


def _point(layers, ours, speedup):
    """Operating point: from snnlab's metadata, or for other graphs within the knobs' range."""
    shortest = {name: Config.param[name].bounds[0] for name in ("tau_syn", "tau_ref")}
    if not ours:
        limits = {name: Config.param[name].bounds for name in ("tau_mem", "tau_syn")}
        taus = _taus(layers, speedup, limits)
        return OperatingPoint(**{**shortest, **taus})
    tau_ref, dt = (_number(ours, name) / speedup for name in ("tau_ref", "dt"))
    taus = _taus(layers, speedup, OperatingPoint.LIMITS)
    shortest = OperatingPoint.LIMITS["tau_ref"][0]
    tau_ref = shortest if isclose(tau_ref, shortest) else tau_ref  # rounding by the other clock
    samples = _number({"samples": OperatingPoint().samples, **ours}, "samples")
    return OperatingPoint(**taus, tau_ref=tau_ref, samples=samples).with_dt(dt)


def _taus(layers, speedup, limits):
    """tau_mem and tau_syn, as far as the neurons have them."""
    taus = {name: _common(name, layers) for name in ("tau_mem", "tau_syn")}
    return {
        name: _within(name, tau / speedup, speedup, limits[name])
        for name, tau in taus.items()
        if tau is not None
    }


def _readout(metadata):
    readout, known = metadata.get("readout", "maximum"), Config.param.readout.objects
    if readout not in known:
        raise SnnlabError(f"NIR metadata readout = {readout!r} is not one of {', '.join(known)}")
    return readout


def _number(metadata, name):
    value = metadata.get(name)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise SnnlabError(f"NIR metadata {name} = {value!r} is not a number") from None


def _common(name: str, layers: list[Layer]) -> float | None:
    """The common time constant of all neurons that have it : s of the graph's clock."""
    given = [(v, layer.name) for layer in layers if (v := getattr(layer, name)) is not None]
    if not given:
        return None
    low, high = min((v.min(), node) for v, node in given), max((v.max(), node) for v, node in given)
    if high[0] - low[0] > UNIFORM * abs(high[0]):
        raise SnnlabError(
            f"NIR network has {name} from {low[0]:g} s (node {low[1]!r}) to {high[0]:g} s (node"
            f" {high[1]!r}): the chip has one for all neurons, train with equal time constants"
        )
    return (low[0] + high[0]) / 2


def _within(name, tau, speedup, limits):
    least, most = limits
    if not least * (1 - UNIFORM) <= tau <= most * (1 + UNIFORM):
        raise SnnlabError(
            f"NIR network has {name} = {tau:g} s at speedup {speedup:g}, the chip takes {least:g}"
            f" to {most:g} s: choose a speedup that brings it there, 1000 from biological time"
        )
    return float(np.clip(tau, least, most))


def _departures(layers, point, is_ours):
    for layer in layers:
        if layer.tau_syn is None:
            yield (
                f"NIR node {layer.name!r} ({layer.kind}) has no synaptic current: it gets one of"
                f" tau_syn = {point.tau_syn:g} s and the same charge per spike"
            )
        if layer.returning is not None and not is_ours:
            yield (
                f"NIR node {layer.name!r} ({layer.kind}) returns to itself: on the chip its spikes"
                f" arrive {BRAINSCALES2.loop_latency:g} s later"
            )
    if layers[-1].fires and not is_ours:
        yield (
            f"NIR node {layers[-1].name!r} ({layers[-1].kind}) is the last: as label neurons they"
            " never fire, their potentials are read"
        )


def _saturation(layers, lsb, clipped):
    for layer, weight, beyond in zip(layers, lsb, clipped, strict=True):
        largest = weight.max()
        if largest > 0 and not np.rint(largest):
            raise SnnlabError(
                f"NIR node {layer.source!r}: its largest weight is {largest:.2g} LSB, so all round"
                " to 0: check dt, or train with larger weights"
            )
        if beyond:
            yield (
                f"NIR node {layer.source!r}: {beyond} of {weight.size} weights exceed"
                f" {BRAINSCALES2.weight_max_lsb} LSB (largest {largest:.3g}) and are clipped"
            )
