"""From any square picture to 16×16, as the paper did it, and from any other picture to a square.

The paper's code crops MNIST by 2 pixels a side, then calls ``scipy.ndimage.zoom`` with cubic
splines on each 8-bit picture. That zoom is linear and works on rows and columns apart, so it is a
matrix: ``M @ picture @ M.T``. In float64 this gives the same 8-bit pixels for all 140 000 pictures
of MNIST and Fashion-MNIST, twenty times faster. In float32 it does not: one picture in a thousand
has a pixel close enough to a half to be rounded the other way.
"""

from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from snnlab.data.catalogue import SIDE, Tell

_CHUNK = 500  # pictures at a time: what a processor's cache holds
_MOST_AT_ONCE = 2**22  # pixels of them, where they are large


@cache
def zoom_operator(side: int) -> np.ndarray:
    """The cubic-spline zoom from ``side`` points to 16 : float64[16, side], read-only.

    Column j is the zoomed j-th unit vector; linearity does the rest.
    """
    from scipy.ndimage import zoom  # takes as long to import as all else here: not in every process

    operator = np.stack([zoom(unit, SIDE / side, order=3) for unit in np.eye(side)], axis=1)
    operator.flags.writeable = False
    return operator


def resize(images: np.ndarray, crop: int = 0, tell: Tell | None = None) -> np.ndarray:
    """Square pictures cropped by ``crop`` pixels a side and zoomed : uint8[image, 16, 16].

    images : uint8[image, side, side]
    tell : told the fraction done
    """
    side = images.shape[1] - 2 * crop
    inner = images[:, crop : crop + side, crop : crop + side]
    small = np.empty((len(images), SIDE, SIDE), np.uint8)
    for start in range(0, len(images), _CHUNK):
        end = min(start + _CHUNK, len(images))
        small[start:end] = _zoom(inner[start:end])
        if tell:
            tell(f"scaling {len(images)} pictures to {SIDE}×{SIDE}", end / len(images))
    return small


def _zoom(images: np.ndarray) -> np.ndarray:
    operator = zoom_operator(images.shape[1])
    smooth = operator @ images.astype(np.float64) @ operator.T
    # Splines overshoot beside edges. Clamp and round half up, as scipy does for 8 bits.
    return np.floor(np.clip(smooth, 0, 255) + 0.5).astype(np.uint8)


class Fitted(NamedTuple):
    """Pictures of any size in squares.

    pixels : uint8[image, side, side], 0 around a picture that is not square
    sizes : uint8[image, 2], rows and columns that a picture takes, in the middle of its square
    """

    pixels: np.ndarray
    sizes: np.ndarray

    @property
    def inside(self) -> np.ndarray:
        """Pixels that belong to pictures : bool[image, side, side]."""
        return self._mask(0)

    @property
    def border(self) -> np.ndarray:
        """The outermost pixels of pictures : bool[image, side, side]."""
        return self._mask(0) & ~self._mask(1)

    def turned(self) -> "Fitted":
        """Bright and dark swapped, but for what is around pictures."""
        return self._replace(pixels=np.where(self.inside, 255 - self.pixels, 0).astype(np.uint8))

    def _mask(self, shrunk):
        side, sizes = self.pixels.shape[1], self.sizes.astype(int)[:, :, None]
        first = (side - sizes) // 2
        axis = np.arange(side)
        rows, columns = np.moveaxis(
            (axis >= first + shrunk) & (axis < first + sizes - shrunk), 1, 0
        )
        return rows[:, :, None] & columns[:, None, :]


def fit(images: np.ndarray, side: int, *, offset: float = 0.0, scale: float = 1.0) -> Fitted:
    """Pictures of one size, scaled so that the longer side has ``side`` pixels.

    images : numbers[image, row, column]; less ``offset`` and times ``scale`` from 0 to 255. A pixel
    is the mean of what lies around its place, weighted by nearness, so that nothing is lost of a
    large picture.
    """
    n, *shape = images.shape
    rows, columns = (max(1, round(length * side / max(shape))) for length in shape)
    pixels = np.zeros((n, side, side), np.uint8)
    top, left = (side - rows) // 2, (side - columns) // 2
    down, across = _mean_operator(shape[0], rows), _mean_operator(shape[1], columns)
    chunk = max(1, min(_CHUNK, _MOST_AT_ONCE // (shape[0] * shape[1])))
    for start in range(0, n, chunk):
        part = (images[start : start + chunk].astype(np.float32) - offset) * scale
        small = np.rint(down @ part @ across.T).clip(0, 255)
        pixels[start : start + chunk, top : top + rows, left : left + columns] = small
    return Fitted(pixels, np.tile(np.array([rows, columns], np.uint8), (n, 1)))


@lru_cache(maxsize=32)
def _mean_operator(n: int, m: int) -> np.ndarray:
    """From ``n`` points to ``m``, by weights that fall linearly with distance : float32[m, n]."""
    width = max(n / m, 1.0)
    place = (np.arange(m) + 0.5) * n / m - 0.5
    weight = np.clip(1.0 - np.abs(np.arange(n) - place[:, None]) / width, 0.0, None)
    return (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
