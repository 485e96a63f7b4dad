"""Where a network sits on the chip: layers to neuron circuits and synapse rows."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np

from snnlab.chip.constants import INPUTS_PER_CIRCUIT, N_CIRCUITS
from snnlab.errors import SnnlabError


@dataclass(frozen=True)
class Mapping:
    """A feed-forward network on one chip.

    ``sizes`` counts inputs, hidden layers and label neurons, e.g. ``(256, 246, 10)``. A circuit has
    256 synapses, two per signed weight, so a neuron with N inputs joins ``ceil(N / 128)`` circuits
    (released code of Cramer et al. 2022). Raises :class:`SnnlabError` when the chip is too small.
    """

    sizes: tuple[int, ...]

    def __post_init__(self):
        if len(self.sizes) < 2 or min(self.sizes) < 1:
            raise SnnlabError(f"Network {self}: every layer needs at least one neuron")
        if self.circuits_used > N_CIRCUITS:
            raise SnnlabError(
                f"Network {self} needs {self.circuits_used} neuron circuits, the chip has"
                f" {N_CIRCUITS}: {self._cure()}"
            )

    def __str__(self) -> str:
        return "-".join(map(str, self.sizes))

    def _cure(self) -> str:
        labels = self.sizes[-1]
        fits = (
            hidden
            for hidden in range(N_CIRCUITS, 0, -1)
            if hidden * ceil(self.sizes[0] / INPUTS_PER_CIRCUIT)
            + labels * ceil(hidden / INPUTS_PER_CIRCUIT)
            <= N_CIRCUITS
        )
        most = next(fits, 0)
        if not most:
            return f"use fewer than {self.sizes[0]} inputs"
        return f"use at most {most} hidden neurons" + (
            ", or fewer per layer" if len(self.sizes) > 3 else ""
        )

    @property
    def circuits_per_neuron(self) -> tuple[int, ...]:
        """Joined circuits of one neuron, for each layer."""
        return tuple(ceil(n / INPUTS_PER_CIRCUIT) for n in self.sizes[:-1])

    @property
    def circuits_used(self) -> int:
        """Circuits that the whole network takes, of 512."""
        return sum(n * k for n, k in zip(self.sizes[1:], self.circuits_per_neuron, strict=True))

    @cached_property
    def circuits(self) -> tuple[np.ndarray, ...]:
        """Circuits of every neuron, for each layer : int64[neuron, joined]."""
        first, blocks = 0, []
        for n, k in zip(self.sizes[1:], self.circuits_per_neuron, strict=True):
            blocks.append(first + np.arange(n * k).reshape(n, k))
            first += n * k
        return tuple(blocks)

    def synapses(self, layer: int) -> tuple[np.ndarray, np.ndarray]:
        """Pair of rows and column of each signed weight : int64[input, neuron], both.

        The excitatory synapse sits in row ``2 * pair``, the inhibitory one below it.
        """
        inputs = np.arange(self.sizes[layer])
        column = self.circuits[layer][:, inputs // INPUTS_PER_CIRCUIT].T
        pair = np.broadcast_to((inputs % INPUTS_PER_CIRCUIT)[:, None], column.shape)
        return pair, column
