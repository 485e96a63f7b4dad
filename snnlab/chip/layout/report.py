"""Resources that a mapping uses and leaves, and the cost of partitioning."""

from dataclasses import dataclass, replace

from snnlab.chip.constants import INFERENCE_PERIOD, INPUTS_PER_CIRCUIT, SYNAPSES_PER_CIRCUIT
from snnlab.chip.layout.partition import Part
from snnlab.chip.power.estimation import PARTS, WORKING_POINT, PowerEstimate

PUBLISHED = PowerEstimate.of(WORKING_POINT, INFERENCE_PERIOD)
"""The paper's working point: 200 mW, one image in 11.8 µs."""


def sequential(estimate: PowerEstimate, parts: int) -> PowerEstimate:
    """The parts one after the other on one chip: same power, ``parts`` times the latency.

    An upper limit: every part receives its input again and converts all columns; only synaptic
    events, a few percent, are divided among the parts.
    """
    if parts == 1:
        return estimate
    return replace(
        estimate,
        latency=parts * estimate.latency,
        spreads={**estimate.spreads, **_times(parts, estimate, ("energy",))},
    )


def parallel(estimate: PowerEstimate, parts: int) -> PowerEstimate:
    """The parts at once on as many chips: same rate, ``parts`` times the power."""
    powers = (*PARTS, "activity", "power", "energy")
    return replace(
        estimate,
        **{name: parts * getattr(estimate, name) for name in PARTS},
        spreads={**estimate.spreads, **_times(parts, estimate, powers)},
    )


def _times(parts, estimate, names):
    return {name: tuple(parts * side for side in estimate.spreads[name]) for name in names}


_COLUMNS = {
    "neurons": 8, "fan-in": 8, "circuits each": 15, "circuits": 10, "synapses": 10, "rows": 6,
    "addresses": 11,
}  # fmt: skip


@dataclass(frozen=True)
class LayerReport:
    """One layer of neurons on the chip; labels : address labels of its inputs, first and last."""

    name: str
    neurons: int
    fan_in: int
    circuits_per_neuron: int
    circuits: int
    synapses: int
    rows: int
    labels: tuple[int, int]


@dataclass(frozen=True)
class Report:
    """A network on the chip; ``circuits_free`` counts circuits before it was placed, all parts."""

    network: str
    layers: tuple[LayerReport, ...]
    parts: tuple[Part, ...]
    circuits_free: int

    @property
    def circuits_used(self) -> int:
        """Neuron circuits of all parts."""
        return sum(layer.circuits for layer in self.layers)

    @property
    def circuits_left(self) -> int:
        """Neuron circuits still free, on all parts."""
        return self.circuits_free - self.circuits_used

    @property
    def synapses_used(self) -> int:
        """Two for each signed weight."""
        return sum(layer.synapses for layer in self.layers)

    @property
    def synapses_left(self) -> int:
        """Synapses still free, on all parts."""
        return self.circuits_free * SYNAPSES_PER_CIRCUIT - self.synapses_used

    def placement(self) -> str:
        """Layers, totals and parts as text."""
        return "\n".join((*self._table(), self._total(), *self._parts()))

    def __str__(self) -> str:
        """Placement, and what an image costs."""
        return "\n".join((self.placement(), *self._cost()))

    def _table(self):
        yield "layer     " + "".join(f"{head:>{width}}" for head, width in _COLUMNS.items())
        for layer in self.layers:
            cells = (
                layer.neurons, layer.fan_in, layer.circuits_per_neuron, layer.circuits,
                layer.synapses, layer.rows, "{}–{}".format(*layer.labels),
            )  # fmt: skip
            row = zip(cells, _COLUMNS.values(), strict=True)
            yield f"{layer.name:10}" + "".join(f"{cell:>{width}}" for cell, width in row)

    def _total(self):
        return (
            f"{self.circuits_used} circuits and {self.synapses_used} synapses used,"
            f" {self.circuits_left} and {self.synapses_left} left"
        )

    def _parts(self):
        n = len(self.parts)
        for k, part in enumerate(self.parts, 1):
            blocks = ", ".join(map(self._block, part.blocks))
            yield f"part {k} of {n}: {blocks}; {part.circuits_used} circuits"

    def _block(self, block):
        return f"{self.layers[block.layer].name} {block.neurons[0]}–{block.neurons[-1]}"

    def _cost(self):
        n = len(self.parts)
        yield "estimates, where one chip draws 200 mW and runs 11.8 µs as in the paper:"
        if n == 1:
            yield f"on one chip {_rate(PUBLISHED)}"
        else:
            yield f"{n} runs in turn on one chip {_rate(sequential(PUBLISHED, n))}"
            yield f"{n} chips at once {_rate(parallel(PUBLISHED, n))}"


def layer_report(mapping, layer: int) -> LayerReport:
    """How one layer of a :class:`~snnlab.chip.layout.mapping.Mapping` is placed."""
    n_in, n = mapping.shapes[layer]
    hidden = len(mapping.sizes) - 2
    name = "label" if layer == hidden else "hidden" if hidden == 1 else f"hidden {layer + 1}"
    labels = mapping.labels(layer)
    return LayerReport(
        name=name,
        neurons=n,
        fan_in=n_in,
        circuits_per_neuron=mapping.circuits_per_neuron[layer],
        circuits=mapping.circuits[layer].size,
        synapses=2 * n_in * n,
        rows=2 * min(n_in, INPUTS_PER_CIRCUIT),
        labels=(int(labels[0]), int(labels[-1])),
    )


def _rate(estimate):
    return (
        f"{estimate.rate:,.0f} images/s, {1e3 * estimate.power:.0f} mW,"
        f" {1e6 * estimate.energy:.1f} µJ an image"
    )
