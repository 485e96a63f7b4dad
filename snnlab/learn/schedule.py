"""How the learning rate falls."""

from math import cos, pi

EXPONENTIAL_DECAY = 0.97
"""Per epoch (Cramer et al. 2022)."""


def scheduled(kind: str, highest: float, done: float, epochs: int) -> float:
    """Learning rate after ``done`` of ``epochs``, a fraction of one included, from ``highest``.

    kind : "cosine" falls to zero at the last epoch and stays there, "exponential" by 3 % an epoch,
    "constant" not at all.
    """
    if kind == "cosine":
        return highest * 0.5 * (1.0 + cos(pi * min(done / epochs, 1.0)))
    return highest * (EXPONENTIAL_DECAY ** int(done) if kind == "exponential" else 1)
