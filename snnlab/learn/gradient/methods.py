"""The gradient seam: what every gradient method does, and the table of methods.

To add one, write a class with ``backward`` in a file of its own and enter it in ``GRADIENTS``;
``tests/learn/gradient/test_gradient_methods.py`` then holds it to the contract.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.recording import Recording
from snnlab.learn.gradient.eventprop import EventProp
from snnlab.learn.gradient.model import IdealModel
from snnlab.learn.gradient.surrogate import Surrogate
from snnlab.learn.gradient.surrogate_gradient import SurrogateGradient


class Gradient(Protocol):
    """Gradients of a loss with respect to weights, given a recording of the chip."""

    def backward(
        self,
        recording: Recording,
        weights: list[np.ndarray],
        d_traces: np.ndarray,
        d_counts: list[np.ndarray],
        silent: tuple[np.ndarray, ...] = (),
    ) -> list[np.ndarray]:
        """Gradient of each layer's weights, summed over the batch : float32[input, neuron].

        recording : a run of the chip with hidden membranes digitised, which only surrogates need;
        weights : float32[input, neuron] of each layer, as rounded on the chip, in model units;
        d_traces : float32[image, step, label], gradient with respect to the label traces;
        d_counts : float32[image, neuron] of each hidden layer, with respect to spike counts;
        silent : bool[neuron] of each hidden layer, neurons kept from firing: gradient neither
        reaches them nor passes them; empty if all may fire.

        Linear in ``d_traces`` and ``d_counts``; changes none of its arguments; the same arguments
        give the same bits.
        """


def _reference(*of):
    from snnlab.learn.gradient.reference import ReferenceGradient  # torch, which no training needs

    return ReferenceGradient(*of)


GRADIENTS: dict[str, Callable[[Surrogate, IdealModel, OperatingPoint], Gradient]] = {
    "surrogate": SurrogateGradient,
    "eventprop": EventProp,
    "reference": _reference,
}
"""Methods by name: from surrogate, ideal model and operating point to a gradient.

The knob ``gradient`` offers all but the reference."""
