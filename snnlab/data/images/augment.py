"""Augmentation: random warps of training images.

Every random number is a hash of a key and the image's id, so the warp of an image depends neither
on its batch nor on the number of threads.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from snnlab.chip.compiled import compiled
from snnlab.chip.kernels.arrays import FASTMATH
from snnlab.chip.threads import guarded

GRID = 4
"""Points per side of the grid on which bends are drawn; linear interpolation in between."""
PHASES = 64
"""Points per pixel at which interpolation weights are tabulated."""
PAD = 4
"""Width of the dark padding around an image : px."""


class Warp(NamedTuple):
    """Largest amplitudes of a random warp; each is drawn uniformly between minus and plus these.

    rotation : rad; shift : px along each axis; stretch : relative, each axis independently;
    bend : px along each axis, for each point of the grid; mirror : fraction of images mirrored.
    """

    rotation: float = 0.0
    shift: float = 0.0
    stretch: float = 0.0
    bend: float = 0.0
    mirror: float = 0.0

    def __bool__(self) -> bool:
        return any(self)


class _Draw(NamedTuple):
    """The warp of one image: cosine and sine of its angle, stretch factors, shifts : px, and
    bends : float32[axis, GRID, GRID], px."""

    cos: float
    sin: float
    tall: float
    wide: float
    down: float
    right: float
    bends: np.ndarray


def warp(images: np.ndarray, ids: np.ndarray, by: Warp, key: int) -> np.ndarray:
    """Images rotated, stretched, shifted, bent and mirrored at random : uint8, same shape.

    images : uint8[image, side, side]; ids : uint64[image], key the random numbers together with
    ``key``. Outside the image is dark. Pixels are interpolated by cubic convolution (Keys 1981),
    which keeps thin strokes sharp.
    """
    return _warp(images, ids, tuple(map(np.float32, by)), np.uint64(key), _CUBIC)


@njit(nogil=True)
def _uniform(key, k):
    """The k-th random number of a key, from -1 to 1, by splitmix64."""
    z = np.uint64(key) + np.uint64(k + 1) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.float32(np.int64(z >> np.uint64(40)) * (2.0 / (1 << 24)) - 1.0)


@njit(nogil=True)
def _draw(key, by):
    """Draw the warp of one image."""
    rotation, shift, stretch, bend, mirror = by
    angle = rotation * _uniform(key, 0)
    wide = np.float32(1.0) + stretch * _uniform(key, 2)
    if _uniform(key, 5) < 2 * mirror - 1:
        wide = -wide
    bends = np.empty((2, GRID, GRID), np.float32)
    for axis in range(2):
        for i in range(GRID):
            for j in range(GRID):
                bends[axis, i, j] = bend * _uniform(key, 6 + (axis * GRID + i) * GRID + j)
    return _Draw(
        np.float32(np.cos(angle)), np.float32(np.sin(angle)),
        np.float32(1.0) + stretch * _uniform(key, 1), wide,
        shift * _uniform(key, 3), shift * _uniform(key, 4), bends,
    )  # fmt: skip


@njit(nogil=True)
def _moved(grid, shift, side):
    """What shift, bend and padding add to the place a pixel comes from, along one axis :
    float32[side, side], px. The grid is interpolated linearly.

    In loops, as all of the warp: numba takes seconds to compile sums of whole arrays.
    """
    middle = np.float32(0.5 * (side - 1))
    rows, out = np.empty((side, GRID), np.float32), np.empty((side, side), np.float32)
    cell = np.float32((GRID - 1) / (side - 1))
    for i in range(side):
        k = min(int(i * cell), GRID - 2)
        share = np.float32(i * cell - k)
        for j in range(GRID):
            rows[i, j] = grid[k, j] + share * (grid[k + 1, j] - grid[k, j])
    for j in range(side):
        k = min(int(j * cell), GRID - 2)
        share = np.float32(j * cell - k)
        for i in range(side):
            bent = rows[i, k] + share * (rows[i, k + 1] - rows[i, k])
            out[i, j] = bent + shift + middle + np.float32(PAD)
    return out


@njit(nogil=True, fastmath=FASTMATH, inline="always")
def _along(flat, k, cubic, q):
    """Weighted sum of four neighbours in a row."""
    return (
        cubic[q] * flat[k]
        + cubic[q + np.uint32(1)] * flat[k + np.uint32(1)]
        + cubic[q + np.uint32(2)] * flat[k + np.uint32(2)]
        + cubic[q + np.uint32(3)] * flat[k + np.uint32(3)]
    )


@njit(nogil=True, fastmath=FASTMATH, inline="always")
def _pixel(flat, width, y, x, cubic):
    """Brightness at a point of the padded image; y, x : px.

    Unsigned indices into flat arrays are ten times faster than signed ones, which may be negative.
    """
    i, j = np.int32(y), np.int32(x)
    p = np.uint32(4) * np.uint32((y - np.float32(i)) * np.float32(PHASES) + np.float32(0.5))
    q = np.uint32(4) * np.uint32((x - np.float32(j)) * np.float32(PHASES) + np.float32(0.5))
    k, w = np.uint32((i - 1) * width + j - 1), np.uint32(width)
    total = np.float32(0.5) + cubic[p] * _along(flat, k, cubic, q)
    total += cubic[p + np.uint32(1)] * _along(flat, k + w, cubic, q)
    total += cubic[p + np.uint32(2)] * _along(flat, k + w + w, cubic, q)
    total += cubic[p + np.uint32(3)] * _along(flat, k + w + w + w, cubic, q)
    return np.uint8(min(max(total, np.float32(0.0)), np.float32(255.0)))


@njit(nogil=True, fastmath=FASTMATH)
def _warp_one(image, out, draw, cubic):
    """Look up the source position of every pixel of ``out``."""
    side = image.shape[0]
    padded = np.zeros((side + 2 * PAD, side + 2 * PAD), np.float32)
    for i in range(side):
        for j in range(side):
            padded[PAD + i, PAD + j] = image[i, j]
    flat, width = padded.reshape(padded.size), np.int32(padded.shape[1])
    middle, last = np.float32(0.5 * (side - 1)), np.float32(side + 2 * PAD - 3)
    down = _moved(draw.bends[0], draw.down, side)
    right = _moved(draw.bends[1], draw.right, side)
    for i in range(side):
        v = np.float32(i) - middle
        for j in range(side):
            u = np.float32(j) - middle
            y = draw.tall * (draw.cos * v - draw.sin * u) + down[i, j]
            x = draw.wide * (draw.sin * v + draw.cos * u) + right[i, j]
            y = min(max(y, np.float32(1.0)), last)
            x = min(max(x, np.float32(1.0)), last)
            out[i, j] = _pixel(flat, width, y, x, cubic)


@guarded
@compiled(parallel=True, nogil=True)
def _warp(images, ids, by, key, cubic):
    out = np.empty_like(images)
    for b in prange(images.shape[0]):
        own = key ^ np.uint64(ids[b] * np.uint64(0xD1B54A32D192ED03))
        _warp_one(images[b], out[b], _draw(own, by), cubic)
    return out


def _keys(t):
    """Weights of four pixels in a row at a point ``t`` pixels past the second : float[point, 4]."""
    near = lambda d: (1.5 * d - 2.5) * d * d + 1.0  # noqa: E731 - distance 0 to 1 px
    far = lambda d: ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0  # noqa: E731 - distance 1 to 2 px
    return np.stack([far(1 + t), near(t), near(1 - t), far(2 - t)], axis=-1)


_CUBIC = _keys(np.arange(PHASES + 1) / PHASES).astype(np.float32).ravel()
