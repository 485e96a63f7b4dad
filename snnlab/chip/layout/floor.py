"""The chip seen from above: two rows of 256 circuits, their synapses above and below.

Circuits are numbered along the first row and back along the second, so circuit 511 lies under
circuit 0. Each has a column of 256 synapses, 128 signed weights, on its side of the chip.
"""

import numpy as np

from snnlab.chip.constants import INPUTS_PER_CIRCUIT, N_CIRCUITS
from snnlab.chip.layout.mapping import Mapping
from snnlab.errors import SnnlabError

COLUMNS = N_CIRCUITS // 2
NOTHING = -128
"""Weight of a synapse that no network uses."""


def laid_out(values: np.ndarray) -> np.ndarray:
    """One value per circuit, as on the floor plan : [..., 512] becomes [..., row, column]."""
    first, second = values[..., :COLUMNS], values[..., COLUMNS:]
    return np.stack([first, second[..., ::-1]], axis=-2)


def circuit_at(row: int, column: int) -> int:
    """Number of the circuit at a place; raises :class:`SnnlabError` beside the chip."""
    if row not in (0, 1) or not 0 <= column < COLUMNS:
        raise SnnlabError(f"no circuit at row {row}, column {column}: rows 0, 1 of {COLUMNS}")
    return column if row == 0 else N_CIRCUITS - 1 - column


def weights_in_place(mapping: Mapping, weights_lsb: list[np.ndarray], part: int = 0) -> np.ndarray:
    """Signed weights at the place of their synapses : int8[row of circuits, pair of rows, column].

    part : which of the parts that a larger network is cut into; NOTHING where it has no weight.
    """
    placed = np.full((INPUTS_PER_CIRCUIT, N_CIRCUITS), NOTHING, np.int8)
    for block in mapping.parts[part].blocks:
        pair, column = mapping.synapses(block.layer)
        mine = slice(block.neurons.start, block.neurons.stop)
        placed[pair[:, mine], column[:, mine]] = weights_lsb[block.layer][:, mine]
    return np.moveaxis(laid_out(placed), 1, 0)


def users(mapping: Mapping, part: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Layer and neuron that each circuit works for, −1 for none : int64[circuit], both."""
    layer, neuron = np.full((2, N_CIRCUITS), -1)
    for block in mapping.parts[part].blocks:
        layer[block.circuits] = block.layer
        neuron[block.circuits] = np.array(block.neurons)[:, None]
    return layer, neuron
