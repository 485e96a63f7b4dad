"""The Yin-Yang data set: a small problem that no linear classifier solves, made by formula.

L. Kriener, J. Göltz, M. A. Petrovici, "The Yin-Yang dataset", NICE 2022. A point (x, y) is drawn
from a disc and belongs to yin, to yang or to one of the two dots. A network sees it as
(x, y, 1−x, 1−y), so that early spikes are as many as late ones.

Here a point is drawn as a picture, so that the same 256 input lines and the same latency code
serve it: five squares of 4×4 equal pixels on black,

    x  ·  1−x
    · bias ·
    y  ·  1−y

of brightness 0.25 + 0.75·value, the bias at 1. A quarter is above the latency code's threshold of
0.2, so every square spikes: with the paper's constants after 12.9 µs for value 0 and 1.8 µs for
value 1. The bias is the reference against which a spike is early or late. Sixteen pixels a value
give the chip's 6-bit weights the drive that five single input lines would lack.
"""

import numpy as np

from snnlab.data.catalogue import SIDE
from snnlab.seeding import stream

RADIUS = 0.5
DOT_RADIUS = 0.1
TRAIN_SIZE, TEST_SIZE = 5000, 1000

YIN, YANG, DOT = range(3)
_OUTSIDE = 3

_BLOCK = 4
_CORNERS = ((1, 1), (1, 11), (11, 1), (11, 11), (6, 6))  # of x, 1−x, y, 1−y and the bias


def generate() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Train images, train labels, test images, test labels : uint8[image, 16, 16], uint8[image].

    5000 and 1000 points as published, always the same, as many of each class.
    """
    train, train_labels = sample_points(stream(0, "yin-yang", "train"), TRAIN_SIZE)
    test, test_labels = sample_points(stream(0, "yin-yang", "test"), TEST_SIZE)
    return draw(train), train_labels, draw(test), test_labels


def sample_points(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Points uniform within each class and their labels : float64[point, 2], uint8[point]."""
    labels = rng.permutation(np.arange(size) % 3).astype(np.uint8)
    points = np.empty((size, 2))
    for label in (YIN, YANG, DOT):
        members = labels == label
        points[members] = _sample_class(rng, label, np.count_nonzero(members))
    return points, labels


def classify(points: np.ndarray) -> np.ndarray:
    """Label of each point of the unit square, 3 outside the disc : uint8[point].

    points : float64[point, 2]
    """
    x, y = points.T
    left = np.hypot(x - 0.5 * RADIUS, y - RADIUS)  # distances to the dots
    right = np.hypot(x - 1.5 * RADIUS, y - RADIUS)
    # Yang is the upper half disc, with the head around the left dot and without the right one's.
    yang = (left <= RADIUS / 2) | ((y > RADIUS) & (right > RADIUS / 2))
    dot = np.minimum(left, right) < DOT_RADIUS
    outside = np.hypot(x - RADIUS, y - RADIUS) > RADIUS
    return np.select([outside, dot, yang], [_OUTSIDE, DOT, YANG], YIN).astype(np.uint8)


def draw(points: np.ndarray) -> np.ndarray:
    """Points of the unit square as pictures : uint8[point, 16, 16]."""
    x, y = points.T
    images = np.zeros((len(points), SIDE, SIDE), np.uint8)
    values = (x, 1 - x, y, 1 - y, np.ones_like(x))
    for (row, column), value in zip(_CORNERS, values, strict=True):
        brightness = np.rint(255 * (0.25 + 0.75 * value)).astype(np.uint8)
        images[:, row : row + _BLOCK, column : column + _BLOCK] = brightness[:, None, None]
    return images


def _sample_class(rng: np.random.Generator, label: int, size: int) -> np.ndarray:
    """By rejection: throw at the square and keep what falls into the class : float64[point, 2]."""
    kept = np.empty((0, 2))
    while len(kept) < size:
        thrown = rng.random((8 * size, 2))
        kept = np.concatenate([kept, thrown[classify(thrown) == label]])
    return kept[:size]
