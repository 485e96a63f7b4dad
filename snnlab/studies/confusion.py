"""Confusion matrix, and margins of decisions."""

import numpy as np

UNKNOWN = -1
"""Decision on an image that has not been classified yet."""


def confusion(labels: np.ndarray, decided: np.ndarray, classes: int) -> np.ndarray:
    """Images by what they show and what was decided : int64[label, decision].

    labels, decided : int[image]; images whose decision is UNKNOWN are not counted.
    """
    known = decided != UNKNOWN
    flat = labels[known].astype(np.int64) * classes + decided[known]
    return np.bincount(flat, minlength=classes**2).reshape(classes, classes)


def margins(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Score of the right label less the best of the others : float[image], negative if wrong.

    scores : float[image, label], what is read out of each label neuron.
    """
    row = np.arange(len(labels))
    others = scores.astype(np.float64)
    others[row, labels] = -np.inf
    return scores[row, labels] - others.max(axis=1)


def images_of(
    cell: tuple[int, int] | None, labels: np.ndarray, decided: np.ndarray, margin: np.ndarray
) -> np.ndarray:
    """Images in a cell (label, decision) of the matrix, or all wrong ones; the worst first."""
    known = decided != UNKNOWN
    if cell is None:
        wanted = known & (labels != decided)
    else:
        wanted = known & (labels == cell[0]) & (decided == cell[1])
    found = np.flatnonzero(wanted)
    return found[np.argsort(margin[found], kind="stable")]
