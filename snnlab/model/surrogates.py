"""Shapes of the surrogate derivative, a smooth stand-in for the derivative of a spike.

A shape is a function ``f(v, beta)``: potentials in model units (leak 0, threshold 1) and steepness
to derivatives, 1 at the threshold and even about it. It takes a float, a NumPy array or a torch
tensor and returns the same. To add one, write it here and enter it in ``SHAPES``.
"""

from collections.abc import Callable, Mapping
from math import e, pi
from types import MappingProxyType

THRESHOLD = 1.0
"""Firing threshold in model units."""


def superspike(v, beta):
    """Derivative of a fast sigmoid, ``1 / (beta |v - 1| + 1)^2`` (Zenke and Ganguli 2018)."""
    return 1.0 / (beta * abs(v - THRESHOLD) + 1.0) ** 2


def sigmoid(v, beta):
    """Derivative of a sigmoid, ``4 s (1 - s)``, ``s = 1 / (1 + exp(-beta (v - 1)))``.

    Zenke and Vogels (2021), times 4 to be 1 at the threshold.
    """
    tail = e ** (-beta * abs(v - THRESHOLD))  # the sigmoid is symmetric: no overflow on this side
    return 4.0 * tail / (1.0 + tail) ** 2


def triangle(v, beta):
    """Piecewise linear, ``max(0, 1 - beta |v - 1|)`` (Esser et al. 2016; Bellec et al. 2018)."""
    height = 1.0 - beta * abs(v - THRESHOLD)
    return (height + abs(height)) / 2.0


def arctan(v, beta):
    """Derivative of an arctangent, ``1 / (1 + (pi/2 beta (v - 1))^2)`` (Fang et al. 2021)."""
    return 1.0 / (1.0 + (pi / 2.0 * beta * (v - THRESHOLD)) ** 2)


SHAPES: Mapping[str, Callable] = MappingProxyType(
    {shape.__name__: shape for shape in (superspike, sigmoid, triangle, arctan)}
)
"""Values of the knob ``surrogate``."""
