"""Picture files, of whatever kind, as brightness or as ink.

All that is lossy in turning one kind of picture into another is dealt with here: depths other than
8 bits, palettes, colour spaces, opacity, and cameras held sideways. A few dozen bytes can claim to
be a picture of gigabytes, so what a file claims is looked at before any of it is unpacked, and held
against what its format costs.
"""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from math import ceil, log2
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError

from snnlab.errors import SnnlabError

MOST_BYTES = 2**27
"""Of a picture file that is one's own."""
MOST_PIXELS = {
    "JPEG": 64_000_000, "PNG": 16_000_000, "GIF": 16_000_000, "BMP": 16_000_000,
    "WEBP": 4_000_000, "AVIF": 4_000_000, "PPM": 16_000_000, "TIFF": 32_000_000,
}  # fmt: skip
"""By what it takes to read one: a JPEG is shrunk line by line, WebP wants 15 bytes a pixel."""
FORMATS = tuple(MOST_PIXELS)
SCANNED = 16_000_000
"""Pixels of a JPEG in several scans, which is held in memory whole."""
MOST_SCANS = 30
"""Of a JPEG: each is a pass over the picture, and costs a file a few bytes; usual are ten."""
KEPT_PIXELS = 400 * 400
"""What a larger picture is shrunk to, by averaging over areas."""
WHITE = 255
CONTRAST = 16 / WHITE
"""Least difference, as share of the range, that is no noise or artefact of compression."""
DEEP_CONTRAST = 1 / 64
"""The same for more than 8 bits, as share of the largest value: 10 bits may lie in 16."""

_DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_PLAIN = {"1": "L", "P": "RGB", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB",
          "CMYK": "RGB", "YCbCr": "RGB", "HSV": "RGB", "LAB": "RGB"}  # fmt: skip
_SEE_THROUGH = {"1": "LA", "P": "RGBA"}
"""Where the file names a transparent colour."""
_ORIENTATION = 0x0112
_DAMAGED = "it is cut off or damaged"
_KINDS = (
    (0, b"%PDF", "a PDF"), (0, b"<svg", "an SVG"), (0, b"%!PS", "PostScript"),
    (4, b"ftypheic", "HEIC"), (4, b"ftypheix", "HEIC"), (4, b"ftyphevc", "HEIC"),
    (4, b"ftypmif1", "HEIF"), (4, b"ftypmsf1", "HEIF"), (4, b"ftypavif", "AVIF"),
    (0, b"II*\0", "TIFF"), (0, b"MM\0*", "TIFF"), (0, b"II+\0", "TIFF"), (0, b"MM\0+", "TIFF"),
    (0, b"8BPS", "a Photoshop file"), (0, b"\xff\x0a", "JPEG XL"), (4, b"JXL ", "JPEG XL"),
    (4, b"jP  ", "JPEG 2000"), (0, b"\0\0\1\0", "an icon"),
)  # fmt: skip
"""Pictures of kinds that are not read, by what stands where in the file."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture, upright.

    values : uint8[row, column, band], 0 black and 255 white, of 1 band (grey) or 3 (red, green,
    blue); float32 on the file's own scale if it is grey of more than 8 bits
    opacity : uint8[row, column], 0 transparent and 255 opaque
    """

    values: np.ndarray
    opacity: np.ndarray

    @property
    def peak(self) -> float:
        """Largest value of a picture of more than 8 bits a value; 0 for all others."""
        return float(self.values.max()) if self.values.dtype != np.uint8 else 0.0

    @property
    def ground(self) -> int:
        """What to put behind transparent pixels : 0 if what is visible is bright, else 255."""
        weight = self.opacity.astype(np.float64)
        mean = (self._scaled(white_of([self.peak])) * weight).sum() / max(weight.sum(), 1.0)
        return 0 if mean > WHITE / 2 else WHITE

    def grey(self, white: float | None = None, ground: int | None = None) -> np.ndarray:
        """Brightness : uint8[row, column], 0 black and 255 white.

        Give both to every picture of a data set alike, else each has a scale of its own.

        white : what becomes 255 in a picture of more than 8 bits; see :func:`white_of`
        ground : brightness 0…255 behind transparent pixels; :attr:`ground` unless given
        """
        light = self._scaled(white_of([self.peak]) if white is None else white)
        if (self.opacity < WHITE).any():
            behind = self.ground if ground is None else ground
            light = behind + (light - behind) * (self.opacity / WHITE)
        return np.rint(light).astype(np.uint8)

    def ink(self) -> np.ndarray:
        """What stands out from the ground, by colour or by opacity : float64[row, column] in 0…1.

        The ground is what the border shows. All zero if nothing stands out.
        """
        opaque = self.opacity > WHITE / 2
        if np.ptp(self.opacity) < WHITE * CONTRAST:
            return _distance(self._by_range())
        colours = self._by_range()
        seen = colours[opaque]
        if opaque.mean() > 0.5 and np.ptp(seen, axis=0).max() >= CONTRAST:
            # A sheet with a see-through margin: on it is what was written.
            ground = np.median(seen, axis=0)
            return _distance(ground + (colours - ground) * (self.opacity[..., None] / WHITE))
        return _distance(self.opacity[..., None] / WHITE)

    def _scaled(self, white):
        """Brightness : float64[row, column] in 0…255, whatever is transparent."""
        if self.values.dtype == np.uint8:
            grey = self.values.astype(np.float64)
            return grey[..., 0] if grey.shape[2] == 1 else grey @ (0.299, 0.587, 0.114)
        return np.clip(self.values[..., 0] * (WHITE / white), 0, WHITE).astype(np.float64)

    def _by_range(self):
        """Colours : float64[row, column, band] in 0…1; deep ones from their least to their most."""
        values = self.values.astype(np.float64)
        if self.values.dtype == np.uint8:
            return values / WHITE
        low, high = values.min(), values.max()
        if high - low <= DEEP_CONTRAST * max(abs(low), abs(high)):
            return np.zeros_like(values)
        return (values - low) / (high - low)


def _distance(colours):
    """From the border's colour, root mean square over bands, or 0 throughout if it is noise."""
    sides = [colours[0], colours[-1], colours[:, 0], colours[:, -1]]
    away = colours - np.median(np.concatenate(sides), axis=0)
    ink = np.sqrt((away**2).mean(axis=-1))
    return ink if ink.max() >= CONTRAST else np.zeros_like(ink)


def ink_of(grey: np.ndarray) -> np.ndarray:
    """As :meth:`Picture.ink`, for brightness uint8[row, column]."""
    return Picture(grey[..., None], np.full(grey.shape, WHITE, np.uint8)).ink()


def white_of(peaks: Iterable[float]) -> float:
    """What is white in pictures of more than 8 bits, given the :attr:`Picture.peak` of each.

    The smallest depth that holds them all: 4095 for 12 bits in a file of 16, 65535 if one has more
    than 14; 1.0 for fractions. One rule for a whole data set, so that its pictures stay comparable.
    """
    peak = max(peaks, default=0.0)
    if peak <= 1.0:
        return 1.0
    return 2.0 ** max(8, 2 * ceil(log2(peak + 1) / 2)) - 1


def read_picture(
    source: str | Path | bytes,
    *,
    most_bytes: int = MOST_BYTES,
    formats: tuple[str, ...] = FORMATS,
) -> Picture:
    """A picture file, upright; shrunk to 160 000 pixels if it has more.

    Of a moving or paged one the first picture. The camera's orientation is obeyed.

    source : path, or the file's content
    formats : kinds of files to read, of :data:`FORMATS`; never by what the file is called

    Raises :class:`SnnlabError` for what is no picture, too large a one, or one cut off.
    """
    file, picture, data = _content(source, most_bytes)
    if len(data) > most_bytes:
        size = f"{len(data):,}" if isinstance(source, bytes) else f"more than {most_bytes:,}"
        raise SnnlabError(f"{picture} has {size} bytes: use one of {most_bytes:,} at most")
    Image.init()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of bombs, of damaged EXIF, of kinds that are not built in
        try:
            known = [name for name in formats if name in Image.OPEN]
            with Image.open(BytesIO(data), formats=known) as image:
                _check(image, data, picture)
                return _shrunk(image)
        except SnnlabError:
            raise
        except UnidentifiedImageError:
            kind = _kind(data)
            why = _DAMAGED if kind in known else f"it is {kind}, save it as PNG"
            why = why if kind else "use PNG or JPEG"
        except Exception:  # Pillow's readers raise a dozen kinds for damaged files
            why = _DAMAGED
    raise SnnlabError(f"{file} is no picture that can be read: {why}")


def _content(source, most):
    """What to call file and picture in a message, and the bytes."""
    if isinstance(source, bytes):
        return "the file", "the picture", source
    try:
        with Path(source).open("rb") as file:
            return str(source), str(source), file.read(most + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise SnnlabError(f"picture {source} cannot be read: {why}") from None


def _kind(data):
    """A word for what a file is that is not read, or nothing."""
    start = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"<?xml", b"<!--", b"<!DOCTYPE")) and b"<svg" in start:
        return "an SVG"
    return next((kind for at, mark, kind in _KINDS if start[at:].startswith(mark)), None)


def _check(image, data, name):
    kind = "JPEG" if image.format == "MPO" else image.format  # phones put several in one file
    most = MOST_PIXELS[kind]
    if kind == "JPEG":
        scans = _scans(data)
        if scans > MOST_SCANS:
            raise SnnlabError(f"{name} has {scans:,} scans: save it as plain JPEG")
        if scans > 1 or "progressive" in image.info:
            most = SCANNED
    if (pixels := image.width * image.height) > most:
        raise SnnlabError(f"{name} has {pixels:,} pixels: use one of {most:,} at most, as {kind}")


def _scans(data):
    """Scans of a JPEG, or a few more: what is appended to it is counted too."""
    at = 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda":
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return data.count(b"\xff\xda", at)


def _shrunk(image):
    """Band by band: together Pillow would copy all of it once more."""
    side = int(KEPT_PIXELS**0.5)
    image.draft("RGB", (2 * side, 2 * side))
    image.load()
    turn, hidden = _orientation(image), image.info.get("transparency")
    if image.mode in _DEEP:
        opaque = None
        if hidden is not None:
            opaque = Image.fromarray(np.asarray(image) != hidden).convert("L")
        bands = [_fitted(_floats(image), turn)]
    else:
        to = _SEE_THROUGH if hidden is not None and image.mode in _SEE_THROUGH else _PLAIN
        image = image.convert(to[image.mode]) if image.mode in to else image
        colours = image.getbands()[: 1 if image.mode in ("L", "LA") else 3]
        bands = [_fitted(image.getchannel(name), turn) for name in colours]
        opaque = image.getchannel("A") if "A" in image.getbands() else _opaque(image, hidden)
    values = np.stack(bands, axis=-1)
    if opaque is None:
        return Picture(values, np.full(values.shape[:2], WHITE, np.uint8))
    return Picture(values, _fitted(opaque, turn))


def _orientation(image):
    """How the camera was held, 1 to 8; what it wrote about itself may be damaged."""
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # of a dozen kinds, and no reason to refuse the picture
        return 1


def _opaque(image, hidden):
    """All but one colour of an image that is L or RGB, or None if no colour is transparent."""
    hidden = (hidden,) if isinstance(hidden, int) else hidden
    if not isinstance(hidden, tuple) or len(hidden) != len(image.getbands()):
        return None
    mask = None
    for k, value in enumerate(hidden):
        eight = value >> 8 if value > WHITE else value  # of 16 bits a colour, Pillow keeps 8
        other = image.getchannel(k).point([WHITE * (v != eight) for v in range(WHITE + 1)])
        mask = other if mask is None else ImageChops.lighter(mask, other)
    return mask


def _floats(image):
    """An image as one of floats; what is no number as most of the others, infinity as the ends."""
    if image.mode != "F":
        return image.convert("F")
    values = np.asarray(image)
    known = values[np.isfinite(values)]
    if not len(known):
        raise ValueError("no finite value")
    middle, low, high = np.median(known), known.min(), known.max()
    return Image.fromarray(np.nan_to_num(values, nan=middle, neginf=low, posinf=high))


def _fitted(band, turn):
    """One band as an array, shrunk and upright."""
    if (pixels := band.width * band.height) > KEPT_PIXELS:
        share = (KEPT_PIXELS / pixels) ** 0.5
        # A strip keeps a pixel across, and as many along as all may have.
        across = max(1, round(share * min(band.size)))
        along = min(round(share * max(band.size)), KEPT_PIXELS // across)
        size = (along, across) if band.width >= band.height else (across, along)
        band = band.resize(size, Image.Resampling.BOX)
    if turn != 1:
        band.getexif()[_ORIENTATION] = turn
        band = ImageOps.exif_transpose(band)
    return np.asarray(band)
