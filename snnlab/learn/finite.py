"""Detection of NaN and infinity in the step in which they appear."""

from collections.abc import Iterable
from math import isfinite
from typing import NamedTuple

import numpy as np

from snnlab.learn.loss import TERM_KNOBS, Loss

WEIGHTS = "weight matrix"
LIKELIEST_KNOB = "learning_rate"
"""The chip bounds everything it measures; label weights can grow without bound."""


class NonFinite(NamedTuple):
    """What holds NaN or infinity, in words, and knobs to lower, the likeliest first."""

    what: str
    knobs: tuple[str, ...]


def check_loss(loss: Loss, weights: Iterable[np.ndarray]) -> NonFinite | None:
    """The source of a loss that is not finite, weights before terms; None if it is finite."""
    if isfinite(value := loss.value):
        return None
    bad = [name for name, term in loss.terms.items() if not isfinite(term)]
    what = f"loss became {value} ({', '.join(bad) or 'the sum of its terms'})"
    knobs = (LIKELIEST_KNOB, *(TERM_KNOBS[name] for name in bad))
    return check_layers(WEIGHTS, weights) or NonFinite(what, knobs)


def check_layers(what: str, layers: Iterable[np.ndarray]) -> NonFinite | None:
    """The first layer whose array holds NaN or infinity; None if all are finite.

    Neither disappears in a sum of squares, so a finite array costs one.
    """
    for layer, values in enumerate(layers):
        if not isfinite(np.vdot(values, values)):
            bad = int((~np.isfinite(values)).sum())
            if bad:  # else its values are finite and only the sum overflows
                found = f"{what} of layer {layer} holds {bad} NaN or infinite values"
                return NonFinite(f"{found} of {values.size}", (LIKELIEST_KNOB,))
    return None
