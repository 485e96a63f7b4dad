"""Scaling of square images to 16×16 as in the paper, and of images of any shape to a square.

The paper's code crops MNIST by 2 pixels per side, then calls ``scipy.ndimage.zoom`` with cubic
splines on each 8-bit image. That zoom is linear and separable, so it is a matrix product
``M @ image @ M.T``. In float64 this gives the same 8-bit pixels for all 140 000 images of MNIST and
Fashion-MNIST, twenty times faster. In float32 it does not: in one image of a thousand, a pixel so
close to a half that it is rounded the other way.
"""

from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from snnlab.data.catalogue import SIDE, Tell

_CHUNK = 500  # images at a time, to fit into the processor's cache
_CHUNK_PIXELS = 2**22  # the same limit in pixels, for large images


@cache
def zoom_operator(side: int) -> np.ndarray:
    """Matrix of the cubic-spline zoom from ``side`` points to 16 : float64[16, side], read-only.

    It is that of ``scipy.ndimage.zoom`` (order 3), whose import took a fifth of the time in which
    ``snnlab train`` begins.
    """
    at_points = _splines(np.arange(side, dtype=float), side)
    operator = _splines(np.linspace(0.0, side - 1.0, SIDE), side) @ np.linalg.inv(at_points)
    operator.flags.writeable = False
    return operator


def _splines(places, side):
    """Values of the cubic B-splines of ``side`` points, mirrored at both ends : float64[place,
    point]."""
    values, rows = np.zeros((len(places), side)), np.arange(len(places))
    first = np.floor(places).astype(int) - 1
    for k in range(4):
        away = np.abs(places - (first + k))
        near, far = (4 - 6 * away**2 + 3 * away**3) / 6, np.maximum(2 - away, 0.0) ** 3 / 6
        point = np.abs(first + k)
        point = np.where(point < side, point, 2 * (side - 1) - point)
        np.add.at(values, (rows, point), np.where(away < 1, near, far))
    return values


def resize(images: np.ndarray, crop: int = 0, tell: Tell | None = None) -> np.ndarray:
    """Square images cropped by ``crop`` pixels per side and zoomed : uint8[image, 16, 16].

    images : uint8[image, side, side]
    tell : progress callback
    """
    side = images.shape[1] - 2 * crop
    inner = images[:, crop : crop + side, crop : crop + side]
    small = np.empty((len(images), SIDE, SIDE), np.uint8)
    for start in range(0, len(images), _CHUNK):
        end = min(start + _CHUNK, len(images))
        small[start:end] = _zoom(inner[start:end])
        if tell:
            tell(f"scaling {len(images)} images to {SIDE}×{SIDE}", end / len(images))
    return small


def _zoom(images: np.ndarray) -> np.ndarray:
    operator = zoom_operator(images.shape[1])
    smooth = operator @ images.astype(np.float64) @ operator.T
    # Splines overshoot at edges. Clip and round half up, as scipy does for 8 bits.
    return np.floor(np.clip(smooth, 0, 255) + 0.5).astype(np.uint8)


class Fitted(NamedTuple):
    """Images of any shape, centred in squares.

    pixels : uint8[image, side, side], 0 around an image that is not square
    sizes : uint8[image, 2], rows and columns of the image within its square
    """

    pixels: np.ndarray
    sizes: np.ndarray

    @property
    def inside(self) -> np.ndarray:
        """Pixels that belong to an image : bool[image, side, side]."""
        return self._mask(0)

    @property
    def border(self) -> np.ndarray:
        """The outermost pixels of each image : bool[image, side, side]."""
        return self._mask(0) & ~self._mask(1)

    def turned(self) -> "Fitted":
        """Images inverted (bright and dark swapped); the surroundings stay 0."""
        return self._replace(pixels=np.where(self.inside, 255 - self.pixels, 0).astype(np.uint8))

    def _mask(self, shrunk):
        side, sizes = self.pixels.shape[1], self.sizes.astype(int)[:, :, None]
        first = (side - sizes) // 2
        axis = np.arange(side)
        rows, columns = np.moveaxis(
            (axis >= first + shrunk) & (axis < first + sizes - shrunk), 1, 0
        )
        return rows[:, :, None] & columns[:, None, :]


def fit(images: np.ndarray, side: int) -> Fitted:
    """Images of one size, scaled so that the longer side has ``side`` pixels.

    images : uint8[image, row, column]. Each pixel is a mean over its neighbourhood, weighted by
    distance, so that fine structure of large images is averaged, not skipped.
    """
    n, *shape = images.shape
    rows, columns = (max(1, round(length * side / max(shape))) for length in shape)
    pixels = np.zeros((n, side, side), np.uint8)
    top, left = (side - rows) // 2, (side - columns) // 2
    down, across = _mean_operator(shape[0], rows), _mean_operator(shape[1], columns)
    chunk = max(1, min(_CHUNK, _CHUNK_PIXELS // (shape[0] * shape[1])))
    for start in range(0, n, chunk):
        part = images[start : start + chunk].astype(np.float32)
        small = np.rint(down @ part @ across.T).clip(0, 255)
        pixels[start : start + chunk, top : top + rows, left : left + columns] = small
    return Fitted(pixels, np.tile(np.array([rows, columns], np.uint8), (n, 1)))


@lru_cache(maxsize=32)
def _mean_operator(n: int, m: int) -> np.ndarray:
    """Means from ``n`` points to ``m``, weights falling linearly with distance : float32[m, n]."""
    width = max(n / m, 1.0)
    place = (np.arange(m) + 0.5) * n / m - 0.5
    weight = np.clip(1.0 - np.abs(np.arange(n) - place[:, None]) / width, 0.0, None)
    return (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
