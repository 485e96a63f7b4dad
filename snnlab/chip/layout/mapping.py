"""Where a network sits on the chip: layers to neuron circuits, synapse rows, signs and labels."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from operator import index

import numpy as np

from snnlab.chip.constants import INPUTS_PER_CIRCUIT, N_ADDRESSES, N_CIRCUITS
from snnlab.chip.layout.partition import (
    MAX_PARTS,
    Part,
    free_runs,
    joined,
    pack,
    place_sources,
    too_large,
)
from snnlab.chip.layout.report import Report, layer_report
from snnlab.errors import SnnlabError
from snnlab.model.topology import find_shapes, name_network

MAX_INPUTS = N_ADDRESSES * INPUTS_PER_CIRCUIT
"""Largest number of sources that 64 labels distinguish on 128 pairs of rows."""


@dataclass(frozen=True)
class Mapping:
    """A network on one chip, or cut into parts for several chips or runs.

    ``sizes`` counts inputs, hidden layers and label neurons, e.g. ``(256, 246, 10)``. A circuit has
    256 synapses, two per signed weight, so a neuron with N sources joins ``ceil(N / 128)`` circuits
    (released code of Cramer et al. 2022). ``recurrent`` numbers the hidden layers whose neurons are
    sources of their own layer, too, 0 the first one. They must fit one part.

    ``chips`` is how many parts the network may be cut into if it needs them: executed one after the
    other on one chip, spikes replayed from part to part (arXiv 2401.16840), or at once on as many
    chips. The emulator runs all parts on one die. ``excluded`` lists circuits that must not be used
    in any part.

    Raises :class:`SnnlabError` when the network does not fit, with a suggestion.
    """

    sizes: tuple[int, ...]
    chips: int = 1
    excluded: Iterable[int] = frozenset()
    recurrent: tuple[int, ...] = ()

    def __post_init__(self):
        try:
            object.__setattr__(self, "sizes", tuple(map(index, self.sizes)))
        except TypeError:
            raise SnnlabError(
                f"Network of {self.sizes}: layers have whole numbers of neurons"
            ) from None
        try:
            object.__setattr__(self, "excluded", frozenset(map(index, self.excluded)))
        except TypeError:
            raise SnnlabError(f"excluded circuits {self.excluded}: give whole numbers") from None
        object.__setattr__(self, "recurrent", tuple(sorted(self.recurrent)))
        self._check()
        _ = self.parts

    def __str__(self) -> str:
        return name_network(self.sizes, self.recurrent)

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Sources and neurons of every layer: the shape of its weights."""
        return find_shapes(self.sizes, self.recurrent)

    @property
    def circuits_per_neuron(self) -> tuple[int, ...]:
        """Joined circuits of one neuron, for each layer."""
        return tuple(map(joined, self._places))

    @cached_property
    def _places(self):
        return place_sources(self.sizes, self.recurrent)

    @property
    def circuits_used(self) -> int:
        """Circuits that the whole network takes; 512 on each chip less the excluded ones."""
        return sum(n * k for n, k in zip(self.sizes[1:], self.circuits_per_neuron, strict=True))

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The network cut into parts in the order of execution; one if it fits one chip."""
        parts = pack(self.sizes, free_runs(self.excluded), self.chips, self.recurrent)
        if parts is None:
            raise SnnlabError(too_large(self.sizes, self.chips, self.excluded, self.recurrent))
        return parts

    @property
    def n_parts(self) -> int:
        """Chips, or runs one after the other, that the network takes."""
        return len(self.parts)

    @cached_property
    def circuits(self) -> tuple[np.ndarray, ...]:
        """Circuits of every neuron, for each layer : int64[neuron, joined].

        Neurons of different parts may have the same.
        """
        blocks = [block for part in self.parts for block in part.blocks]
        return tuple(
            np.concatenate([block.circuits for block in blocks if block.layer == layer])
            for layer in range(len(self.sizes) - 1)
        )

    def synapses(self, layer: int) -> tuple[np.ndarray, np.ndarray]:
        """Pair of rows and column of each signed weight : int64[source, neuron], both.

        The excitatory synapse sits in row ``2 * pair``, the inhibitory one below it.
        """
        place = np.array(self._places[layer])
        which = place // INPUTS_PER_CIRCUIT  # of the joined circuits, after the first
        column = self.circuits[layer][:, which - which[0]].T
        pair = np.broadcast_to((place % INPUTS_PER_CIRCUIT)[:, None], column.shape)
        return pair, column

    def labels(self, layer: int) -> np.ndarray:
        """Address label of each source of a layer, 0 to 63 : int64[source].

        Sources that share a pair of rows send different labels, and each synapse accepts one.
        Numbers continue from layer to layer, modulo 64: the layers of one part take at most 64, so
        they are unique within a part. A neuron of a recurrent layer sends the same label to its own
        and to the next layer.
        """
        place, since = np.array(self._places[layer]), layer
        while since - 1 in self.recurrent:
            since -= 1
        first = sum(self.circuits_per_neuron[:since])
        return (first + place // INPUTS_PER_CIRCUIT) % N_ADDRESSES

    def report(self) -> Report:
        """What the network uses, what is left, and what its parts cost; prints as a table."""
        layers = tuple(layer_report(self, layer) for layer in range(len(self.sizes) - 1))
        free = self.n_parts * (N_CIRCUITS - len(self.excluded))
        return Report(str(self), layers, self.parts, free)

    def _check(self):
        if len(self.sizes) < 2 or min(self.sizes) < 1:
            raise SnnlabError(f"Network {self}: every layer needs at least one neuron")
        if self.chips not in range(1, MAX_PARTS + 1):
            raise SnnlabError(
                f"chips = {self.chips} is not allowed: a whole number from 1 to {MAX_PARTS}"
            )
        for circuit in self.excluded - set(range(N_CIRCUITS)):
            raise SnnlabError(
                f"excluded circuit {circuit} does not exist: the chip has 0 to {N_CIRCUITS - 1}"
            )
        hidden = range(len(self.sizes) - 2)
        for layer in self.recurrent:
            if layer not in hidden:
                raise SnnlabError(
                    f"Network {self}: layer {layer!r} cannot be recurrent, hidden layers are"
                    f" {list(hidden)}"
                )
        widest = max(places.stop for places in self._places)
        if widest > MAX_INPUTS:
            raise SnnlabError(
                f"Network {self}: a layer has {widest} inputs, {N_ADDRESSES} address labels tell"
                f" {MAX_INPUTS} apart: use at most {MAX_INPUTS}"
            )
