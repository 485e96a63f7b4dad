"""Memory of a batch: what the arrays of a run and of its gradient take, and how much is allowed."""

from snnlab.chip.operating_point import OperatingPoint
from snnlab.errors import SnnlabError
from snnlab.model.topology import Topology

MAX_BATCH_BYTES = 2**32
"""Largest memory of a training batch."""
EVALUATION_BATCH = 500
"""Largest number of test inputs that run together."""
EVALUATION_BYTES = 2**28
"""Memory of a batch of test inputs, unless a single one takes more."""


def count_bytes(topology: Topology, point: OperatingPoint, learning: bool = True) -> int:
    """Bytes that one input of a batch takes while it runs, and while its gradient is computed.

    The kernel has room for the most spikes that every hidden neuron can fire, tick and channel of
    16 bits each; membranes are read with 8 bits. For learning, two float32 for every membrane, an
    upper limit: the surrogate gradient keeps one, of hidden layers above the first only. And four
    copies of the label traces.
    """
    total, samples = 0, point.samples
    for layer in topology.layers:
        if layer.spiking:
            total += layer.size * point.most_spikes * 4
        if layer.spiking and not learning:
            continue
        total += layer.size * samples * (1 + 8 * learning)
        if not layer.spiking:
            total += layer.size * samples * 16
    return total


def check_batch(topology: Topology, point: OperatingPoint, batch: int) -> None:
    """Raises :class:`SnnlabError` if a training batch takes more than ``MAX_BATCH_BYTES``."""
    total = batch * count_bytes(topology, point)
    if total > MAX_BATCH_BYTES:
        most = MAX_BATCH_BYTES // count_bytes(topology, point)
        raise SnnlabError(
            f"batch = {batch} inputs of {point.samples} CADC samples in network {topology} takes"
            f" about {total / 2**30:.1f} GB, at most {MAX_BATCH_BYTES / 2**30:g} GB are used: lower"
            f" batch to {most}, or let inputs last shorter"
        )


def choose_evaluation_batch(topology: Topology, point: OperatingPoint) -> int:
    """Number of test inputs that run together, for ``EVALUATION_BYTES``."""
    fits = EVALUATION_BYTES // count_bytes(topology, point, learning=False)
    return max(1, min(EVALUATION_BATCH, fits))
