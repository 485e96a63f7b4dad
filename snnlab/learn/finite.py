"""NaN and infinity, noticed in the step in which they appear."""

from collections.abc import Iterable
from math import isfinite
from typing import NamedTuple

import torch
from torch import Tensor

KNOBS = {
    "cross-entropy": "logit_gain", "burst penalty": "rho_burst", "silence penalty": "rho_silent",
    "weight penalty": "rho_weight", "readout penalty": "rho_readout",
}  # fmt: skip
"""Terms of the loss, and the knob that scales each."""
WEIGHTS = "weight matrix"
FIRST = "learning_rate"
"""The likeliest knob: the chip bounds all that it measures, label weights grow without end."""


class Trouble(NamedTuple):
    """What holds NaN or infinity, in words, and knobs to lower, the likeliest first."""

    what: str
    knobs: tuple[str, ...]


def of_loss(loss: Tensor, terms: dict[str, Tensor], weights: Iterable[Tensor]) -> Trouble | None:
    """Whether the loss is no number, and what is to blame: weights, else some of its terms."""
    if isfinite(value := loss.item()):
        return None
    bad = [name for name, term in terms.items() if not isfinite(term.item())]
    what = f"loss became {value} ({', '.join(bad) or 'the sum of its terms'})"
    knobs = (FIRST, *(KNOBS[name] for name in bad))
    return of_layers(WEIGHTS, weights) or Trouble(what, knobs)


def of_layers(what: str, tensors: Iterable[Tensor]) -> Trouble | None:
    """The first layer whose tensor holds NaN or infinity.

    Neither disappears in a sum, so a sound tensor costs one sum.
    """
    for layer, tensor in enumerate(tensors):
        if not isfinite(float(tensor.detach().sum())):
            bad = int((~torch.isfinite(tensor)).sum())
            if bad:  # else its values are finite and only their sum is not
                found = f"{what} of layer {layer} holds {bad} NaN or infinite values"
                return Trouble(f"{found} of {tensor.numel()}", (FIRST,))
    return None
