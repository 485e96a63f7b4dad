"""From a person's strokes or picture to an image like those of a data set.

MNIST's digits were scaled to fit 20×20 and put into 28×28 with their centre of mass in the middle
(LeCun et al. 1998); Fashion-MNIST's clothes were scaled to fit 28×28 (Xiao et al. 2017), and the
small digits fill their image. What is drawn here is treated likewise, then as the data set's own
images are.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from snnlab.data.catalogue import CATALOGUE, SIDE
from snnlab.data.images.pictures import Picture, ink_of
from snnlab.data.images.preprocess import resize
from snnlab.errors import SnnlabError

FULL, BOX = 28, 20
PEN = 1.1
"""Half the width of a pen's line, in pixels of 28."""
FINE = 4
"""Points per pixel when lines are drawn or pictures scaled."""
MOST_POINTS, FARTHEST = 20_000, 1e100

Strokes = list[np.ndarray]
"""Each float[point, 2]: x to the right, y downwards, on any scale."""


class Placing(NamedTuple):
    """Where things are in a data set's images of 28 pixels, MNIST's by default.

    crop : pixels cut from each side before an image is scaled to 16; box : pixels that a thing may
    fill; centred : whether its centre of mass is in the middle, else that of its box.
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
    """Where things are in the images of a data set of the catalogue."""
    return _PLACED.get(dataset, Placing(0))


def from_strokes(
    strokes: Strokes, side: int, crop: int = 2, box: int = BOX, centred: bool = True
) -> np.ndarray:
    """A drawing as an image : uint8[side, side], of 16 or 28 pixels.

    crop, box, centred : see :class:`Placing`.
    Raises :class:`SnnlabError` if nothing, or far too much, is drawn.
    """
    points = np.concatenate([np.empty((0, 2)), *strokes])
    if not (np.abs(points) < FARTHEST).all():
        raise SnnlabError("drawing has a point that is no number, or endlessly far: draw it anew")
    if not 0 < len(points) <= MOST_POINTS:
        raise SnnlabError(
            f"drawing of {len(points)} points: draw at least one and at most {MOST_POINTS}"
        )
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
    """A photographed or saved digit as an image : uint8[side, side].

    picture : as :func:`~snnlab.data.images.pictures.read_picture` reads it, or brightness
    uint8[row, column]. Ink is what stands out from the ground, dark on bright or bright on dark.
    crop, box, centred : see :class:`Placing`.
    Raises :class:`SnnlabError` for a picture in which nothing stands out.
    """
    if not isinstance(picture, Picture) and (picture.ndim != 2 or 0 in picture.shape):
        raise SnnlabError(f"picture of shape {picture.shape}: give brightness in rows and columns")
    ink = picture.ink() if isinstance(picture, Picture) else ink_of(picture)
    if not ink.any():
        raise SnnlabError("the picture is of one colour: use one with a digit on plain ground")
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

    as_is : True takes it as an image of the data set, of ``side`` pixels or of as many as were
    published, bright on dark; False finds what is on it and puts that in place. By default its size
    decides, and dark on bright is turned.

    Raises :class:`SnnlabError` for a picture of another size, or in which nothing stands out.
    """
    entry, (rows, columns) = CATALOGUE[dataset], picture.opacity.shape
    sides = dict.fromkeys((side, entry.published))
    fits = rows == columns and rows in sides
    if as_is is False or (as_is is None and not fits and dataset != "yin-yang"):
        return from_picture(picture, side, *placing(dataset))
    if not fits:
        wanted = " or ".join(f"{n}×{n}" for n in sides)
        raise SnnlabError(f"the picture is not of {wanted} pixels, as images of {dataset} are")
    grey = picture.grey()
    if as_is is None and _on_bright(grey):
        grey = 255 - grey
    return grey if rows == side else resize(grey[None], entry.crop)[0]


def _on_bright(grey):
    """Whether the border is bright on average: clothes and digits reach it here and there."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return border.mean() > 255 / 2


def _lines(strokes):
    """Lines of the pen, smooth at the edges : float[28, 28] in 0…1."""
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
    """Where on an axis a segment's line may reach."""
    return slice(*np.searchsorted(axis, [min(a, b) - PEN, max(a, b) + PEN]))


def _distance(x, y, a, b):
    """From every point of a grid to the segment a…b : float[y, x]."""
    along = b - a
    to = np.stack(np.broadcast_arrays(x[None, :] - a[0], y[:, None] - a[1]), axis=-1)
    where = np.clip(to @ along / max(along @ along, 1e-12), 0.0, 1.0)
    return np.linalg.norm(to - where[..., None] * along, axis=-1)


def _scaled(ink, factor):
    """A picture averaged over areas : at least one pixel each way."""
    rows, columns = (max(1, round(n * factor)) for n in ink.shape)
    return _averaging(ink.shape[0], rows) @ ink @ _averaging(ink.shape[1], columns).T


def _averaging(n, m):
    """Means over m equal shares of n points : float[m, n]."""
    fine = np.arange(n * m) // m
    operator = np.zeros((m, n))
    np.add.at(operator, (np.arange(n * m) // n, fine), 1.0 / n)
    return operator


def _centred(image):
    """Moved by whole pixels until the centre of mass is in the middle."""
    mass, axis = max(image.sum(), 1e-12), np.arange(FULL)
    for k in (0, 1):
        centre = (image.sum(axis=1 - k) * axis).sum() / mass
        image = np.roll(image, round((FULL - 1) / 2 - centre), axis=k)
    return image


def _finished(image, side, crop):
    full = np.rint(255 * image).astype(np.uint8)
    return full if side == FULL else resize(full[None], crop)[0][:SIDE]
