"""Picture files of any format, read as brightness or as ink.

All conversions between kinds of pictures are here: bit depths, palettes, colour spaces, opacity and
camera orientation. A few dozen bytes can declare a picture of gigabytes, so the declared size is
checked against a limit per format before decoding.
"""

import warnings
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError

from snnlab.data.images.brightness import WHITE, Levels, Scale, luma
from snnlab.errors import SnnlabError

MAX_BYTES = 2**27
"""Largest picture file, if the caller gives no other limit."""
MAX_PIXELS = {
    "JPEG": 64_000_000, "PNG": 16_000_000, "GIF": 16_000_000, "BMP": 16_000_000,
    "WEBP": 4_000_000, "AVIF": 4_000_000, "PPM": 16_000_000, "TIFF": 32_000_000,
}  # fmt: skip
"""By the memory needed to read them: a JPEG is shrunk line by line, WebP takes 15 bytes a pixel."""
FORMATS = tuple(MAX_PIXELS)
MAX_SCANNED_PIXELS = 16_000_000
"""Of a JPEG with several scans, which is decoded as a whole."""
MAX_SCANS = 30
"""Of a JPEG. Each scan is a pass over the picture but takes only a few bytes; ten are usual."""
KEPT_PIXELS = 400 * 400
"""Larger pictures are shrunk to this size by area averaging."""
CONTRAST = 16 / WHITE
"""Smallest difference, as a fraction of the range, that is not noise or compression artefact."""
DEEP_CONTRAST = 1 / 64
"""The same for more than 8 bits, as a fraction of the largest value: 16 bits may hold only 10."""

_DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_PLAIN = {"1": "L", "P": "RGB", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB",
          "CMYK": "RGB", "YCbCr": "RGB", "HSV": "RGB", "LAB": "RGB"}  # fmt: skip
_SEE_THROUGH = {"1": "LA", "P": "RGBA"}
"""Conversion of images with a transparent colour."""
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
"""Signatures of formats that are not read: offset, bytes, name."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture, in upright orientation.

    values : uint8[row, column, band], 0 black and 255 white, with 1 band (grey) or 3 (red, green,
    blue); float32 on the file's own scale for grey with more than 8 bits
    opacity : uint8[row, column], 0 transparent and 255 opaque
    """

    values: np.ndarray
    opacity: np.ndarray

    @cached_property
    def is_deep(self) -> bool:
        """Whether there are more than 8 bits per value."""
        return self.values.dtype != np.uint8

    @cached_property
    def is_opaque(self) -> bool:
        """Whether no pixel is transparent."""
        return bool((self.opacity == WHITE).all())

    @cached_property
    def shades(self) -> np.ndarray:
        """Values that tell the scale : float32[row, column] of a deep picture, on the file's own
        scale; otherwise brightness uint8[row, column] before the background of others is known.
        """
        if self.is_deep:
            return self.values[..., 0]
        return self._over(self._light(Scale()), self.ground)

    @property
    def levels(self) -> Levels:
        """Counts of its :attr:`shades`."""
        return Levels(self.shades)

    @cached_property
    def ground(self) -> int:
        """Background for transparent pixels : 0 if the visible part is bright, otherwise 255."""
        if self.is_opaque:
            return WHITE
        weight = self.opacity.astype(np.float64)
        mean = (self._light(Scale()) * weight).sum() / max(weight.sum(), 1.0)
        return 0 if mean > WHITE / 2 else WHITE

    def grey(self, scale: Scale | None = None, ground: int | None = None) -> np.ndarray:
        """Brightness : uint8[row, column], 0 black and 255 white.

        scale : of the data set; by default the picture's own depth settles what is white
        ground : brightness 0…255 behind transparent pixels; by default :attr:`ground`

        Give the same values for all pictures of a data set; otherwise each has its own scale.
        """
        scale = scale or Scale()
        if self.is_opaque and not self.is_deep and scale.gain == 1.0:
            return self.shades
        return self._over(self._light(scale), self.ground if ground is None else ground)

    def ink(self) -> np.ndarray:
        """Difference from the background in colour or opacity : float64[row, column], 0 to 1.

        The background is the colour of the border. All zero if nothing differs from it.
        """
        opaque = self.opacity > WHITE / 2
        if np.ptp(self.opacity) < WHITE * CONTRAST:
            return _distance(self._by_range())
        colours = self._by_range()
        seen = colours[opaque]
        if opaque.mean() > 0.5 and np.ptp(seen, axis=0).max() >= CONTRAST:
            # An opaque sheet with a transparent margin: the ink is on the sheet.
            ground = np.median(seen, axis=0)
            return _distance(ground + (colours - ground) * (self.opacity[..., None] / WHITE))
        return _distance(self.opacity[..., None] / WHITE)

    def _over(self, light, ground):
        """Brightness over a background : uint8[row, column]."""
        if not self.is_opaque:
            light = ground + (light - ground) * (self.opacity / WHITE)
        return np.rint(light).astype(np.uint8)

    def _light(self, scale):
        """Brightness : float[row, column] from 0 to 255, ignoring opacity."""
        if self.is_deep:
            if scale.white is None:
                own = self.levels.scale()
                scale = scale._replace(black=own.black, white=own.white)
            return scale.light(self.values[..., 0])
        if scale.gain == 1.0:
            return self._plain
        return Scale(0.0, WHITE, scale.gain).light(self._plain)

    @cached_property
    def _plain(self):
        """Brightness of 8 bits : float64[row, column], whole numbers unless it is transparent."""
        grey = luma(self.values) if self.values.shape[2] == 3 else self.values[..., 0].astype(float)
        return np.rint(grey) if self.is_opaque else grey

    def _by_range(self):
        """Colours : float64[row, column, band] from 0 to 1; more than 8 bits by their own range."""
        values = self.values.astype(np.float64)
        if self.values.dtype == np.uint8:
            return values / WHITE
        low, high = values.min(), values.max()
        if high - low <= DEEP_CONTRAST * max(abs(low), abs(high)):
            return np.zeros_like(values)
        return (values - low) / (high - low)


def _distance(colours):
    """RMS difference over bands from the colour of the border; 0 everywhere if it is only noise."""
    sides = [colours[0], colours[-1], colours[:, 0], colours[:, -1]]
    away = colours - np.median(np.concatenate(sides), axis=0)
    ink = np.sqrt((away**2).mean(axis=-1))
    return ink if ink.max() >= CONTRAST else np.zeros_like(ink)


def extract_ink(grey: np.ndarray) -> np.ndarray:
    """As :meth:`Picture.ink`, for brightness uint8[row, column]."""
    return Picture(grey[..., None], np.full(grey.shape, WHITE, np.uint8)).ink()


def read_picture(
    source: str | Path | bytes,
    *,
    most_bytes: int = MAX_BYTES,
    formats: tuple[str, ...] = FORMATS,
) -> Picture:
    """Read a picture file, upright by its EXIF orientation, shrunk to at most 160 000 pixels.

    Of animations and multi-page files, the first picture is read.

    source : path, or the file's content
    most_bytes : largest file to read
    formats : formats to read, from :data:`FORMATS`; the file name does not matter

    Raises :class:`SnnlabError` for a file of another format, or one that is damaged or too large.
    """
    file, picture, data = _content(source, most_bytes)
    if len(data) > most_bytes:
        size = f"{len(data):,}" if isinstance(source, bytes) else f"more than {most_bytes:,}"
        raise SnnlabError(f"{picture} has {size} bytes: use one of at most {most_bytes:,}")
    Image.init()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about size, damaged EXIF, formats that are not built in
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
        except Exception:  # Pillow's readers raise a dozen types for damaged files
            why = _DAMAGED
    raise SnnlabError(f"{file} is not a readable picture: {why}")


def _content(source, most):
    """Names of the file and the picture for messages, and the bytes."""
    if isinstance(source, bytes):
        return "the file", "the picture", source
    try:
        with Path(source).open("rb") as file:
            return str(source), str(source), file.read(most + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise SnnlabError(f"picture {source} cannot be read: {why}") from None


def _kind(data):
    """Name of a file's format if it is a known one that is not read, else None."""
    start = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"<?xml", b"<!--", b"<!DOCTYPE")) and b"<svg" in start:
        return "an SVG"
    return next((kind for at, mark, kind in _KINDS if start[at:].startswith(mark)), None)


def _check(image, data, name):
    kind = "JPEG" if image.format == "MPO" else image.format  # phones put several in one file
    most = MAX_PIXELS[kind]
    if kind == "JPEG":
        scans = _scans(data)
        if scans > MAX_SCANS:
            raise SnnlabError(f"{name} has {scans:,} scans: save it as plain JPEG")
        if scans > 1 or "progressive" in image.info:
            most = MAX_SCANNED_PIXELS
    if (pixels := image.width * image.height) > most:
        raise SnnlabError(f"{name} has {pixels:,} pixels: use at most {most:,} in a {kind} file")


def _scans(data):
    """Number of scans of a JPEG; markers in appended data are counted, too."""
    at = 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda":
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return data.count(b"\xff\xda", at)


def _shrunk(image):
    """A picture shrunk band by band, which avoids a copy of all bands in Pillow."""
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
    """EXIF orientation, 1 to 8; upright (1) if the metadata is damaged."""
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # Pillow raises many types for damaged EXIF
        return 1


def _opaque(image, hidden):
    """Opacity of an L or RGB image with one transparent colour, or None if it has none."""
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
    """An image as floats, with NaN replaced by the median and infinity by the extremes."""
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
        # A narrow strip keeps at least one pixel across, and KEPT_PIXELS in total.
        across = max(1, round(share * min(band.size)))
        along = min(round(share * max(band.size)), KEPT_PIXELS // across)
        size = (along, across) if band.width >= band.height else (across, along)
        band = band.resize(size, Image.Resampling.BOX)
    if turn != 1:
        band.getexif()[_ORIENTATION] = turn
        band = ImageOps.exif_transpose(band)
    return np.asarray(band)
