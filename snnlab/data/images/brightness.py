"""Which values of images are black and white: one rule, whatever file format they came in.

Numbers from arrays, tables and pictures of more than 8 bits are on any scale. The training images
of a data set settle one :class:`Scale` for all of its images and for those that are classified with
it.
"""

from math import ceil, log2
from typing import NamedTuple

import numpy as np

WHITE = 255
"""Brightness of white in pictures of 8 bits."""
HOT_SHARE = 1e-4
"""Share of the highest and of the lowest values that are taken for faulty pixels."""
MAX_FRACTION = 1.25
"""Largest value of images whose white is 1; fractions may overshoot where they were resized."""
DIM = 0.5
"""Images whose brightest pixel is at most this fraction of white are amplified."""
NEARLY_BLACK = 16 / WHITE
"""The same for a picture that is not of the data set, such as a mask of 0 and 1."""
_CHUNK = 2**22  # values at a time


class Scale(NamedTuple):
    """Values of black and white, the same for all images of a data set.

    black, white : values that become 0 and 255 in images of more than 8 bits; white is None if the
    training images had 8 bits, and each image is then read by its own depth
    gain : factor by which brightness is multiplied, above 1 if the training images were dim
    """

    black: float = 0.0
    white: float | None = None
    gain: float = 1.0

    def light(self, values: np.ndarray) -> np.ndarray:
        """Brightness of values on this scale : float64[...] from 0 to 255, white not None."""
        factor = self.gain * WHITE / (self.white - self.black)
        with np.errstate(over="ignore"):
            above = values.astype(np.float32) - self.black  # as pictures hold them
        return np.clip(above * np.float64(factor), 0, WHITE)

    def to_bytes(self, images: np.ndarray) -> np.ndarray:
        """Brightness of arrays of any numbers : uint8[image, row, column]; white None is 255."""
        if self.white is None:
            return self._replace(white=float(WHITE)).to_bytes(images)
        if images.dtype == np.uint8 and self == (0.0, WHITE, 1.0):
            return images
        grey = np.empty(images.shape, np.uint8)
        step = max(1, _CHUNK // max(1, images[0].size))
        for start in range(0, len(images), step):
            part = slice(start, start + step)
            grey[part] = np.rint(self.light(images[part]))
        return grey

    def suited(self, levels: "Levels") -> "Scale":
        """This scale for one more image, which may come from elsewhere.

        An image beyond twice the white of the data set is read by its own depth. A bright one among
        dim ones is not amplified, one that would be nearly black is by its own brightest pixel.
        """
        own, scale = levels.scale(), self
        if scale.white is None or levels.brightest(scale) > 2.0:
            scale = scale._replace(black=own.black, white=own.white)
        brightest = levels.brightest(scale)
        gain = self.gain if brightest <= DIM else 1.0
        if 0.0 < gain * brightest <= NEARLY_BLACK:
            gain = 1.0 / brightest
        return scale._replace(gain=gain)

    def describe(self) -> list[str]:
        """A remark for the user if brightness is changed."""
        white = WHITE if self.white is None else self.white
        if self.gain != 1.0:
            return [
                f"images are dim (at most {white / self.gain:g}, white is {white:g}): brightness is"
                f" multiplied by {self.gain:.3g}"
            ]
        if (self.black, white) != (0.0, WHITE):
            return [f"brightness from {self.black:g} to {white:g} is scaled to 0 to {WHITE}"]
        return []


class Levels:
    """Counts of the values of images, which are added one after the other.

    Values of 8 bits and deeper ones are counted apart: white is 255 in the former. Deeper ones are
    counted to three digits (as bfloat16), in a fixed amount of memory.
    """

    def __init__(self, *images: np.ndarray):
        self._counted: dict[bool, _Counted] = {}
        for values in images:
            self.add(values)

    def add(self, values: np.ndarray, deep: bool | None = None) -> None:
        """Count the values of one image or several : uint8[...] or finite numbers[...].

        deep : whether they are on a scale of more than 8 bits, by default unless they are uint8
        """
        deep = values.dtype != np.uint8 if deep is None else deep
        if values.size:
            self._counted.setdefault(deep, _Counted()).add(values.reshape(-1))

    @property
    def flat(self) -> float | None:
        """The value of all pixels if they are alike, otherwise None."""
        ends = {end for counted in self._counted.values() for end in (counted.low, counted.high)}
        return ends.pop() if len(ends) == 1 else None

    @property
    def reach(self) -> dict[bool, tuple[float, float]]:
        """Lowest and highest value without faulty pixels, by whether there are more than 8 bits."""
        return {deep: counted.reach() for deep, counted in self._counted.items()}

    def scale(self) -> Scale:
        """The scale that suits these images.

        If there are values below 0, the range is that of the values. Otherwise black is 0, and
        white is 1 for fractions or else the largest value of the smallest even bit depth that holds
        all values. Images that do not reach more than half of white are amplified.
        """
        scale = Scale()
        if True in self._counted:
            low, high = self._counted[True].reach()
            if low < 0.0:
                return Scale(low, high if high > low else 0.0)
            scale = Scale(white=white_of(high))
        brightest = self.brightest(scale)
        return scale._replace(gain=1.0 / brightest if 0.0 < brightest <= DIM else 1.0)

    def brightest(self, scale: Scale) -> float:
        """The highest value without faulty pixels, as a fraction of white before the gain."""
        found = [0.0]
        for deep, (_, high) in self.reach.items():
            black, white = (scale.black, scale.white) if deep else (0.0, WHITE)
            found.append((high - black) / (white - black))
        return max(found)


class _Counted:
    """Counts of values by their first 16 bits as float32, in the order of the values."""

    def __init__(self):
        self.counts = np.zeros(2**16, np.int64)
        self.low, self.high = np.inf, -np.inf

    def add(self, values):
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))
        for start in range(0, len(values), _CHUNK):
            part = values[start : start + _CHUNK]
            if part.dtype == np.uint8:
                self.counts[_BYTE_KEYS] += np.bincount(part, minlength=256)
            else:
                self.counts += np.bincount(_keys(part), minlength=2**16)

    def reach(self):
        """Lowest and highest value, apart from as many as can be faulty."""
        up_to = np.cumsum(self.counts)
        faulty = int(HOT_SHARE * up_to[-1])
        last = int(np.argmax(up_to[-1] - up_to <= faulty))
        first = len(up_to) - 1 - int(np.argmax((up_to - self.counts <= faulty)[::-1]))
        ends = np.array([self.low, self.high])
        low, high = np.where(_keys(ends) == (first, last), ends, (_value(first), _value(last)))
        return (float(low), float(high)) if low < high else (self.low, self.high)


def _keys(values):
    """First 16 bits of values as float32, numbered in their order : int64[value]."""
    with np.errstate(over="ignore"):
        bits = values.astype(np.float32).view(np.uint32).astype(np.int64) >> 16
    return np.where(bits < 0x8000, bits + 0x8000, 0xFFFF - bits)


def _value(key):
    """The number nearest to 0 of those with this key."""
    bits = key - 0x8000 if key >= 0x8000 else 0xFFFF - key
    return float(np.array(bits << 16, np.uint32).view(np.float32))


_BYTE_KEYS = _keys(np.arange(256))


def white_of(highest: float) -> float:
    """The value of white in images of more than 8 bits, by their highest value.

    This is the largest value of the smallest even bit depth that holds it, e.g. 4095 for 12 bits
    stored in 16, or 1.0 for fractions.
    """
    if highest <= MAX_FRACTION:
        return 1.0
    return 2.0 ** max(8, 2 * ceil(log2(highest + 1) / 2)) - 1


def luma(colours: np.ndarray) -> np.ndarray:
    """Brightness of red, green and blue : float64[...] from numbers[..., 3]."""
    return colours.astype(np.float64) @ (0.299, 0.587, 0.114)
