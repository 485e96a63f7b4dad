"""Surrogate derivatives: what stands in for the derivative of a spike."""

import numpy as np

from snnlab.chip.constants import GAP_LSB

THRESHOLD = 1.0


def superspike(v, beta):
    """SuperSpike, ``1 / (beta |v - threshold| + 1)^2`` (Zenke and Ganguli 2018).

    v : array or tensor of potentials in model units; beta : steepness. Same shape as v.
    """
    return 1.0 / (beta * abs(v - THRESHOLD) + 1.0) ** 2


def surrogate_table(beta: float) -> np.ndarray:
    """The derivative at every value an 8-bit trace can take : float32[511].

    Entry ``d + 255`` belongs to a sample d LSB above the first of its trace.
    """
    return superspike(np.arange(-255, 256) / GAP_LSB, beta).astype(np.float32)
