"""Picture files of every format give the same image: depth, colour, opacity, orientation."""

from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw, features
from refusal import refused

from snnlab.data import load
from snnlab.data.images.brightness import Levels, Scale, white_of
from snnlab.data.images.drawing import from_picture, image_like
from snnlab.data.images.pictures import Picture, read_picture
from snnlab.data.published.digits import _table
from snnlab.errors import SnnlabError

SIZE = (60, 80)
INK = Image.new("L", SIZE, 0)
"""An L, which no rotation or reflection leaves unchanged; bright on dark."""
ImageDraw.Draw(INK).line((20, 10, 20, 70, 45, 70), fill=255, width=8)
PAPER = Image.eval(INK, lambda v: 255 - v)
GREY = np.asarray(PAPER)


def saved(image, kind="PNG", **options):
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def digit(data):
    return from_picture(read_picture(data), 28).astype(int)


EXPECTED = digit(saved(PAPER))


def deep(low, high, dtype=np.uint16):
    return Image.fromarray((low + (high - low) * (GREY / 255.0)).astype(dtype))


def on(ground, ink):
    """Ink of one colour on a background of another."""
    image = Image.new("RGB", SIZE, ground)
    image.paste(ink, mask=INK)
    return image


def seen_through(colour, mask=INK, mode="RGBA"):
    """One colour, opaque only where the ink is."""
    image = Image.new("RGB", SIZE, colour).convert(mode)
    image.putalpha(mask)
    return image


def palette(**options):
    image = Image.new("P", SIZE, 0)
    image.putpalette([255, 255, 255] * 2)
    image.paste(1, mask=INK)
    return saved(image, transparency=0, **options)


def several(kind):
    other = Image.new("RGB", SIZE, "red")
    return saved(PAPER.convert("RGB"), kind, save_all=True, append_images=[other])


def card():
    """A white card with round corners on a transparent background."""
    image = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    ImageDraw.Draw(image).rounded_rectangle((1, 1, 58, 78), 9, fill="white")
    image.paste("black", mask=INK)
    return saved(image)


def lab():
    even = Image.new("L", SIZE, 128)
    return saved(Image.merge("LAB", (PAPER, even, even)), "TIFF")


def rainbow():
    rng = np.random.default_rng(1)
    colours = [Image.fromarray(rng.integers(0, 255, GREY.shape, np.uint8)) for _ in range(3)]
    return saved(Image.merge("RGBA", [*colours, INK]))


KINDS = {
    "16 bits of a scanner": lambda: saved(deep(5000, 60_000)),
    "16 bits, bright on dark": lambda: saved(deep(60_000, 5000)),
    "12 bits in 16": lambda: saved(deep(0, 4095)),
    "10 bits in 16, lifted": lambda: saved(deep(300, 1023)),
    "16 bits, most significant first": lambda: saved(deep(5000, 60_000, ">u2"), "TIFF"),
    "32 bits": lambda: saved(deep(-9, 2_000_000, np.int32), "TIFF"),
    "fractions": lambda: saved(deep(0.1, 0.9, np.float32), "TIFF"),
    "fractions with holes": lambda: saved(
        Image.fromarray(np.where(np.indices(GREY.shape)[1] == 0, np.nan, GREY).astype(np.float32)),
        "TIFF",
    ),
    "16 bits PGM": lambda: saved(deep(0, 65535), "PPM"),
    "16 bits with a transparent value": lambda: saved(deep(900, 60_000), transparency=60_000),
    "1 bit": lambda: saved(PAPER.convert("1")),
    "1 bit with a transparent value": lambda: saved(PAPER.convert("1"), transparency=1),
    "grey with a transparent value": lambda: saved(PAPER, transparency=255),
    "palette": lambda: saved(PAPER.convert("P")),
    "white palette ink on transparent": palette,
    "white palette ink in a GIF": lambda: palette(kind="GIF"),
    "palette and opacity": lambda: saved(PAPER.convert("RGB").convert("PA"), "TIFF"),
    "colour": lambda: saved(PAPER.convert("RGB")),
    "colour with a transparent one": lambda: saved(
        on("white", "red"), transparency=(255, 255, 255)
    ),
    "CMYK": lambda: saved(PAPER.convert("CMYK"), "JPEG"),
    "CMYK TIFF": lambda: saved(PAPER.convert("CMYK"), "TIFF"),
    "YCbCr": lambda: saved(PAPER.convert("RGB"), "JPEG"),
    "LAB": lab,
    "white ink on transparent": lambda: saved(seen_through("white")),
    "black ink on transparent": lambda: saved(seen_through("black")),
    "grey ink on transparent": lambda: saved(seen_through("white", mode="L")),
    "cut out of white": lambda: saved(seen_through("white", PAPER)),
    "a rainbow on transparent": rainbow,
    "a card on transparent": card,
    "all of it opaque": lambda: saved(PAPER.convert("RGBA")),
    "red on equally bright green": lambda: saved(on((0, 130, 0), (255, 0, 0))),
    "blue on black": lambda: saved(on("black", "blue")),
    "yellow on white": lambda: saved(on("white", "yellow")),
    "BMP": lambda: saved(PAPER, "BMP"),
    "WebP": lambda: saved(seen_through("white"), "WEBP", lossless=True),
    "first of a GIF": lambda: several("GIF"),
    "first of a WebP": lambda: several("WEBP"),
    "first of an APNG": lambda: several("PNG"),
    "first page of a TIFF": lambda: several("TIFF"),
    "first of a phone's JPEG": lambda: several("MPO"),
}
if features.check("avif"):
    KINDS["AVIF"] = lambda: saved(seen_through("white"), "AVIF")
    KINDS["first of an AVIF"] = lambda: several("AVIF")


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_a_digit_is_the_same_in_every_format(make):
    assert np.abs(digit(make()) - EXPECTED).mean() < 5


TURNS = (
    None, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180,
    Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_90,
    Image.Transpose.TRANSVERSE, Image.Transpose.ROTATE_270,
)  # fmt: skip
"""Transposition of the stored picture for each EXIF orientation 1 to 8."""


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("large", [1, 12])
def test_exif_orientation_is_applied(orientation, kind, large):
    turn = TURNS[orientation - 1]
    image = PAPER if turn is None else PAPER.transpose(turn)
    image = image.resize((large * image.width, large * image.height))
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.abs(digit(saved(image, kind, exif=exif)) - EXPECTED).mean() < 6


def test_damaged_exif_is_ignored():
    for exif in (b"Exif\0\0MM\0*\0\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + bytes(40)):
        assert np.abs(digit(saved(PAPER, "JPEG", exif=exif)) - EXPECTED).mean() < 6


def test_brightness_is_unchanged():
    image = np.random.default_rng(2).integers(0, 256, (28, 28), np.uint8)
    for kind in ("PNG", "BMP", "TIFF", "PPM"):
        for mode in ("L", "RGB"):
            data = saved(Image.fromarray(image).convert(mode), kind)
            np.testing.assert_array_equal(read_picture(data).grey(), image)
    data = saved(Image.fromarray(image).convert("RGBA"), "WEBP", lossless=True)
    np.testing.assert_array_equal(read_picture(data).grey(), image)


def test_one_scale_for_all_pictures_of_a_data_set():
    bright, dark = (read_picture(saved(deep(0, high))) for high in (4000, 1000))
    scale = Levels(bright.shades, dark.shades).scale()
    assert scale == Scale(white=4095.0)
    assert bright.grey(scale).max() == 249  # 4000 of 4095
    assert dark.grey(scale).max() == 62
    assert [white_of(peak) for peak in (0.5, 1, 1.1, 200, 256, 1023, 1024, 5000, 60_000)] == [
        1, 1, 1, 255, 1023, 1023, 4095, 16383, 65535,
    ]  # fmt: skip
    assert not read_picture(saved(PAPER)).is_deep
    assert read_picture(saved(deep(0, 1, np.float32), "TIFF")).grey().max() == 255


@pytest.mark.parametrize(("colour", "ground"), [("white", 0), ("black", 255)])
def test_the_background_of_transparent_pixels_contrasts_with_the_ink(colour, ground):
    picture = read_picture(saved(seen_through(colour)))
    assert picture.ground == ground
    grey = picture.grey()
    assert (grey[0, 0], grey[70, 30]) == (ground, 255 - ground)
    assert picture.grey(ground=100)[0, 0] == 100


def test_noise_is_not_ink():
    noise = np.random.default_rng(3).integers(30_000, 30_006, GREY.shape, np.uint16)
    refused(lambda: digit(saved(Image.fromarray(noise))), "of one colour")
    refused(lambda: digit(saved(Image.new("RGBA", SIZE, (0, 0, 0, 0)))), "of one colour")
    refused(lambda: digit(saved(Image.new("I;16", (1, 1), 7))), "of one colour")


@pytest.mark.parametrize("turn", [None, Image.Transpose.TRANSPOSE])
def test_a_digit_on_a_long_strip_is_not_averaged_away(turn):
    strip = Image.new("L", (16_000, 100), 255)
    strip.paste(PAPER, (9000, 10))
    shown = digit(saved(strip if turn is None else strip.transpose(turn)))
    expected = EXPECTED if turn is None else EXPECTED.T
    assert np.abs(shown - expected).mean() < 12


UNREAD = {
    "PDF": (lambda: saved(PAPER, "PDF"), "it is a PDF, save it as PNG"),
    "SVG": (lambda: b"<?xml version='1.0'?>\n<!-- A -->\n<svg/>", "it is an SVG, save it as PNG"),
    "HEIC": (lambda: b"\0\0\0\x18ftypheic\0\0\0\0" + bytes(99), "it is HEIC, save it as PNG"),
    "JPEG 2000": (lambda: saved(PAPER, "JPEG2000"), "it is JPEG 2000, save it as PNG"),
    "icon": (lambda: saved(PAPER, "ICO"), "it is an icon, save it as PNG"),
    "Photoshop": (lambda: b"8BPS\0\1" + bytes(99), "it is a Photoshop file, save it as PNG"),
    "text": (lambda: b"a digit", "use PNG or JPEG"),
    "nothing": (lambda: b"", "use PNG or JPEG"),
    "half a JPEG": (lambda: saved(PAPER.resize((600, 800)), "JPEG")[:3000], "cut off or damaged"),
    "half a TIFF": (lambda: saved(PAPER, "TIFF")[:3000], "cut off or damaged"),
    "half a WebP": (lambda: saved(PAPER, "WEBP")[:-60], "cut off or damaged"),
    "no number at all": (
        lambda: saved(Image.fromarray(np.full((9, 9), np.nan, np.float32)), "TIFF"),
        "cut off or damaged",
    ),
}


@pytest.mark.parametrize(("make", "said"), UNREAD.values(), ids=UNREAD)
def test_unreadable_formats_are_named_with_a_cure(make, said):
    refused(lambda: read_picture(make()), "the file is not a readable picture", said)


def test_errors_name_the_file(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no")
    refused(
        lambda: read_picture(tmp_path / "a.png"), f"{tmp_path / 'a.png'} is not a readable picture"
    )
    refused(lambda: read_picture(tmp_path / "b.png"), "b.png cannot be read: No such file")
    refused(lambda: read_picture(str(tmp_path)), str(tmp_path), "cannot be read: Is a directory")
    refused(lambda: read_picture("a\0b"), "cannot be read")
    (tmp_path / "c.png").write_bytes(saved(PAPER))
    most = len(saved(PAPER)) - 1
    refused(lambda: read_picture(tmp_path / "c.png", most_bytes=most), f"one of at most {most}")


def test_corrupted_files_raise_nothing_but_snnlab_errors():
    rng = np.random.default_rng(4)
    whole = [make() for make in KINDS.values()]
    read = 0
    for _ in range(1500):
        data = bytearray(whole[rng.integers(len(whole))])
        for _ in range(rng.integers(1, 5)):
            data[rng.integers(min(len(data), 400))] = rng.integers(256)
        with suppress(SnnlabError):
            picture = read_picture(bytes(data))
            assert picture.ink().shape == picture.grey().shape
            read += 1
    assert 0 < read < 1500


def plain(image):
    """An image, saved and read as a picture file."""
    return read_picture(saved(Image.fromarray(image)))


def test_an_image_of_the_data_set_is_unchanged():
    images = load("digits").test_images[:20]
    for image in images:
        np.testing.assert_array_equal(image_like("digits", plain(image), 16), image)
        np.testing.assert_array_equal(image_like("digits", plain(255 - image), 16), image)
    boxed = image_like("digits", plain(images[0]), 16, as_is=False)
    assert (boxed != images[0]).any()
    raw = np.rint(_table()[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    every = np.concatenate([load("digits").train_images, load("digits").test_images])
    shown = image_like("digits", plain(raw[0]), 16)
    assert (every == shown).all(axis=(1, 2)).any()


def test_clothes_fill_the_image_and_digits_do_not():
    coat = Image.new("RGB", (300, 400), "white")
    ImageDraw.Draw(coat).rectangle((100, 50, 250, 349), fill=(90, 60, 60))
    picture = read_picture(saved(coat))
    filled = np.argwhere(image_like("fashion-mnist", picture, 28))
    assert (filled.min(axis=0).tolist(), filled.max(axis=0).tolist()) == ([0, 7], [27, 20])
    boxed = np.argwhere(image_like("mnist", picture, 28))
    assert boxed.max(axis=0).tolist() == [23, 18]


def test_pictures_of_another_size_than_the_data_set_are_refused():
    picture = read_picture(saved(PAPER))
    refused(lambda: image_like("digits", picture, 16, as_is=True), "not of 16×16 or 8×8 pixels")
    refused(lambda: image_like("mnist", picture, 28, as_is=True), "not of 28×28 pixels")
    refused(lambda: image_like("yin-yang", picture, 16), "not of 16×16 pixels")


def test_ink_of_a_picture_made_by_hand():
    values = np.full((20, 20, 1), 40, np.uint8)
    values[5:15, 9:12] = 140
    ink = Picture(values, np.full((20, 20), 255, np.uint8)).ink()
    np.testing.assert_allclose(ink[5:15, 9:12], 100 / 255)
    assert not ink[:5].any()
