"""Detection of NaN and infinity in the step in which they appear."""

from collections.abc import Iterable
from math import isfinite
from typing import NamedTuple

import torch
from torch import Tensor

from snnlab.learn.loss import TERM_KNOBS

WEIGHTS = "weight matrix"
LIKELIEST_KNOB = "learning_rate"
"""The chip bounds everything it measures; label weights can grow without bound."""


class NonFinite(NamedTuple):
    """What holds NaN or infinity, in words, and knobs to lower, the likeliest first."""

    what: str
    knobs: tuple[str, ...]


def check_loss(
    loss: Tensor, terms: dict[str, Tensor], weights: Iterable[Tensor]
) -> NonFinite | None:
    """The source of a loss that is not finite, weights before terms; None if it is finite."""
    if isfinite(value := loss.item()):
        return None
    bad = [name for name, term in terms.items() if not isfinite(term.item())]
    what = f"loss became {value} ({', '.join(bad) or 'the sum of its terms'})"
    knobs = (LIKELIEST_KNOB, *(TERM_KNOBS[name] for name in bad))
    return check_layers(WEIGHTS, weights) or NonFinite(what, knobs)


def check_layers(what: str, tensors: Iterable[Tensor]) -> NonFinite | None:
    """The first layer whose tensor holds NaN or infinity; None if all are finite.

    Neither disappears in a sum, so a finite tensor costs one sum.
    """
    for layer, tensor in enumerate(tensors):
        if not isfinite(float(tensor.detach().sum())):
            bad = int((~torch.isfinite(tensor)).sum())
            if bad:  # else its values are finite and only their sum overflows
                found = f"{what} of layer {layer} holds {bad} NaN or infinite values"
                return NonFinite(f"{found} of {tensor.numel()}", (LIKELIEST_KNOB,))
    return None
