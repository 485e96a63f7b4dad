"""Drawn strokes or picture files, converted to images like those of a data set.

MNIST's digits were scaled to fit 20×20 pixels and placed in 28×28 by their centre of mass (LeCun et
al. 1998); Fashion-MNIST's clothes were scaled to fit 28×28 (Xiao et al. 2017), and scikit-learn's
digits fill their image. Drawings and pictures are placed likewise, then preprocessed as the data
set's own images are.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from snnlab.data.catalogue import CATALOGUE, SIDE
from snnlab.data.images.brightness import Scale
from snnlab.data.images.pictures import Picture, extract_ink
from snnlab.data.images.preprocess import resize
from snnlab.errors import SnnlabError

FULL, BOX = 28, 20
PEN = 1.1
"""Half the width of a drawn line, in pixels of a 28×28 image."""
FINE = 4
"""Points per pixel and axis when lines are drawn."""
MAX_POINTS, MAX_COORDINATE = 20_000, 1e100

Strokes = list[np.ndarray]
"""Each float[point, 2]: x to the right, y down, on any scale."""


class Placing(NamedTuple):
    """Placement of the object in a data set's images of 28×28 pixels; by default MNIST's.

    crop : pixels cropped from each side before scaling to 16×16; box : side of the square that the
    object fits; centred : whether its centre of mass is in the middle, else its bounding box.
    """

    crop: int = 2
    box: int = BOX
    centred: bool = True


_PLACED = {
    "mnist": Placing(),
    "fashion-mnist": Placing(0, FULL, centred=False),
    "digits": Placing(4, BOX, centred=False),
}


def placing(dataset: str) -> Placing:
    """Placement of the object in the images of a data set, by its name in the catalogue."""
    return _PLACED.get(dataset, Placing(0))


def from_strokes(
    strokes: Strokes, side: int, crop: int = 2, box: int = BOX, centred: bool = True
) -> np.ndarray:
    """A drawing as an image : uint8[side, side], side 16 or 28.

    crop, box, centred : see :class:`Placing`.
    Raises :class:`SnnlabError` for no points, too many, or coordinates that are not finite.
    """
    points = np.concatenate([np.empty((0, 2)), *strokes])
    if not (np.abs(points) < MAX_COORDINATE).all():
        raise SnnlabError(
            f"drawing has coordinates that are not finite or over {MAX_COORDINATE:g}: redraw it"
        )
    if not 0 < len(points) <= MAX_POINTS:
        raise SnnlabError(f"drawing of {len(points)} points: draw 1 to {MAX_POINTS} points")
    low, high = points.min(axis=0), points.max(axis=0)
    room = box - 2 * PEN
    scale = room / max((high - low).max(), 1e-9)
    middle = (low + high) / 2
    placed = [(stroke - middle) * scale + FULL / 2 for stroke in strokes]
    image = _lines(placed)
    return _finished(_centred(image) if centred else image, side, crop)


def from_picture(
    picture: Picture | np.ndarray,
    side: int,
    crop: int = 2,
    box: int = BOX,
    centred: bool = True,
) -> np.ndarray:
    """The object in a photograph or scan as an image : uint8[side, side].

    picture : from :func:`~snnlab.data.images.pictures.read_picture`, or brightness
    uint8[row, column]. The object ("ink") is what differs from the background, whether dark on
    bright or bright on dark. crop, box, centred : see :class:`Placing`.
    Raises :class:`SnnlabError` if nothing differs from the background.
    """
    if not isinstance(picture, Picture) and (picture.ndim != 2 or 0 in picture.shape):
        raise SnnlabError(f"picture of shape {picture.shape}: give brightness uint8[row, column]")
    ink = picture.ink() if isinstance(picture, Picture) else extract_ink(picture)
    if not ink.any():
        raise SnnlabError("the picture is of one colour: use a digit on a plain background")
    ink[ink < 0.25 * ink.max()] = 0.0
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    boxed = _scaled(ink / ink.max(), box / max(ink.shape))
    image = np.zeros((FULL, FULL))
    top, left = ((FULL - n) // 2 for n in boxed.shape)
    image[top : top + boxed.shape[0], left : left + boxed.shape[1]] = boxed
    return _finished(_centred(image) if centred else image, side, crop)


def image_like(dataset: str, picture: Picture, side: int, as_is: bool | None = None) -> np.ndarray:
    """A picture as an image like those of a data set of the catalogue : uint8[side, side].

    as_is : True uses the pixels unchanged, bright on dark, of size ``side`` or as published; False
    finds the object and places it. By default the size decides, dark on bright is inverted, and a
    picture that is nearly black is amplified.

    Raises :class:`SnnlabError` for another size, or if nothing differs from the background.
    """
    entry, (rows, columns) = CATALOGUE[dataset], picture.opacity.shape
    sides = dict.fromkeys((side, entry.published))
    fits = rows == columns and rows in sides
    if as_is is False or (as_is is None and not fits and dataset != "yin-yang"):
        return from_picture(picture, side, *placing(dataset))
    if not fits:
        wanted = " or ".join(f"{n}×{n}" for n in sides)
        raise SnnlabError(
            f"the picture is not of {wanted} pixels, the size of {dataset} images: resize it"
        )
    scale = Scale() if as_is else Scale().suited(picture.levels)
    grey = picture.grey(scale)
    if as_is is None and _on_bright(grey):
        grey = 255 - grey
    return grey if rows == side else resize(grey[None], entry.crop)[0]


def _on_bright(grey):
    """Whether the border is bright on average; objects may touch it in places."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return border.mean() > 255 / 2


def _lines(strokes):
    """Strokes as anti-aliased lines : float[28, 28] from 0 to 1."""
    axis = (np.arange(FULL * FINE) + 0.5) / FINE
    ink = np.zeros((FULL * FINE, FULL * FINE))
    for stroke in strokes:
        ends = stroke if len(stroke) > 1 else np.repeat(stroke, 2, axis=0)
        for a, b in pairwise(ends):
            x, y = (_near(axis, a[k], b[k]) for k in (0, 1))
            near = _distance(axis[x], axis[y], a, b) <= PEN
            ink[y, x] = np.maximum(ink[y, x], near)
    return ink.reshape(FULL, FINE, FULL, FINE).mean(axis=(1, 3))


def _near(axis, a, b):
    """Range of an axis that the line of a segment can cover."""
    return slice(*np.searchsorted(axis, [min(a, b) - PEN, max(a, b) + PEN]))


def _distance(x, y, a, b):
    """Distance of every grid point to the segment from a to b : float[y, x]."""
    along = b - a
    to = np.stack(np.broadcast_arrays(x[None, :] - a[0], y[:, None] - a[1]), axis=-1)
    where = np.clip(to @ along / max(along @ along, 1e-12), 0.0, 1.0)
    return np.linalg.norm(to - where[..., None] * along, axis=-1)


def _scaled(ink, factor):
    """An image scaled by area averaging, to at least one pixel per axis."""
    rows, columns = (max(1, round(n * factor)) for n in ink.shape)
    return _averaging(ink.shape[0], rows) @ ink @ _averaging(ink.shape[1], columns).T


def _averaging(n, m):
    """Matrix of means over m equal parts of n points : float[m, n]."""
    fine = np.arange(n * m) // m
    operator = np.zeros((m, n))
    np.add.at(operator, (np.arange(n * m) // n, fine), 1.0 / n)
    return operator


def _centred(image):
    """Shifted by whole pixels so that the centre of mass is in the middle."""
    mass, axis = max(image.sum(), 1e-12), np.arange(FULL)
    for k in (0, 1):
        centre = (image.sum(axis=1 - k) * axis).sum() / mass
        image = np.roll(image, round((FULL - 1) / 2 - centre), axis=k)
    return image


def _finished(image, side, crop):
    full = np.rint(255 * image).astype(np.uint8)
    return full if side == FULL else resize(full[None], crop)[0][:SIDE]
