"""User-supplied data in folders, CSV, npz and zip files: equal pictures give equal images."""

import io
import json
import os
import stat
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image
from refusal import refused, refused_command

from snnlab.commands.main import main
from snnlab.config import Config
from snnlab.data import load
from snnlab.data.images.pictures import read_picture
from snnlab.data.images.preprocess import fit
from snnlab.data.own.labelled import MAX_CLASSES, MIN_TEST_IMAGES
from snnlab.runs.run import Run
from snnlab.runs.training import resume, train

SIDE = 28
RNG = np.random.default_rng(5)


def drawn(label, k, side=SIDE):
    """A bright bar at a position given by the label, with some noise: easy to learn."""
    image = np.random.default_rng([label, k]).integers(0, 30, (side, side), np.uint8)
    image[3 + 5 * label : 7 + 5 * label, 4:-4] = 200 + k % 50
    return image


LABELS = np.arange(60) % 3
IMAGES = np.stack([drawn(label, k) for k, label in enumerate(LABELS)])
NAMES = ("ape", "bee", "cat")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    monkeypatch.delenv("SNNLAB_DATA", raising=False)


def png(image, form="PNG", **options):
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
        file, form, **options
    )
    return file.getvalue()


def put(folder, images=IMAGES, labels=LABELS, names=NAMES, form="PNG", suffix="png"):
    for k, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / names[label] / f"{k}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(image, form))
    return folder


def own(place, side=SIDE, name="folder"):
    return load(name, side, data_dir=place)


def seen(data):
    """All pairs of class and image in a data set, sorted."""
    parts = ((data.train_images, data.train_labels), (data.test_images, data.test_labels))
    return sorted(
        (data.classes[label], image.tobytes())
        for images, labels in parts
        for image, label in zip(images, labels, strict=True)
    )


# Pictures in folders


def test_a_sub_folder_for_each_class(tmp_path):
    data = own(put(tmp_path))
    assert data.classes == NAMES
    assert np.bincount(data.train_labels).tolist() == [16, 16, 16]
    assert np.bincount(data.test_labels).tolist() == [4, 4, 4]
    expected = sorted((NAMES[k], i.tobytes()) for i, k in zip(IMAGES, LABELS, strict=True))
    assert seen(data) == expected
    assert data.origin == f"folder {tmp_path}"
    assert (data.own.place, data.own.look.turned) == (str(tmp_path), False)
    assert "a fifth of each class" in data.own.notes[0]


def test_the_split_is_always_the_same_and_has_no_overlap(tmp_path):
    one, other = own(put(tmp_path / "a")), own(put(tmp_path / "b"))
    np.testing.assert_array_equal(one.train_images, other.train_images)
    np.testing.assert_array_equal(one.test_labels, other.test_labels)
    sides = [{i.tobytes() for i in part} for part in (one.train_images, one.test_images)]
    assert not sides[0] & sides[1]


@pytest.mark.parametrize(
    "folders", [("train", "test"), ("Training", "Testing"), ("my data/train", "my data/test")]
)
def test_folders_for_training_and_test_are_used_unchanged(tmp_path, folders):
    put(tmp_path / folders[0], IMAGES[:40], LABELS[:40])
    put(tmp_path / folders[1], IMAGES[40:], LABELS[40:])
    data = own(tmp_path)
    assert (len(data.train_labels), len(data.test_labels)) == (40, 20)
    assert data.classes == NAMES
    assert not any("a fifth" in note for note in data.own.notes)


def test_an_enclosing_folder_does_not_matter(tmp_path):
    assert seen(own(put(tmp_path / "x" / "my pictures"))) == seen(own(tmp_path / "x"))


def test_a_test_folder_without_classes_is_not_used(tmp_path):
    """In Kaggle's competitions the labels of the test are secret."""
    put(tmp_path / "train")
    (tmp_path / "test").mkdir()
    for k in range(5):
        (tmp_path / "test" / f"{k}.png").write_bytes(png(IMAGES[k]))
    data = own(tmp_path)
    assert len(data.train_labels) + len(data.test_labels) == len(LABELS)
    assert "5 files not in a class, not used" in data.own.notes


@pytest.mark.parametrize("form", ["PNG", "GIF", "BMP", "TIFF", "PPM"])
def test_every_lossless_format_gives_the_same_images(tmp_path, form):
    assert seen(own(put(tmp_path / "a", form=form, suffix=form.lower()))) == seen(
        own(put(tmp_path / "b"))
    )


def test_the_suffix_does_not_matter(tmp_path):
    assert seen(own(put(tmp_path / "a", form="JPEG", suffix="png"))) == seen(
        own(put(tmp_path / "b", form="JPEG", suffix=""))
    )


def test_numbers_as_names_are_sorted_as_numbers(tmp_path):
    names = ("2", "10", "1")
    assert own(put(tmp_path, names=names)).classes == ("1", "2", "10")


def test_dark_on_bright_is_inverted_with_a_note(tmp_path):
    data = own(put(tmp_path / "a", 255 - IMAGES))
    assert seen(data) == seen(own(put(tmp_path / "b")))
    assert data.own.look.turned
    assert "dark on bright" in data.own.notes[0]


def test_the_majority_of_pictures_decides_whether_the_set_is_inverted(tmp_path):
    """A few pictures of the other kind do not invert the set, and are not inverted alone."""
    images = IMAGES.copy()
    images[:9] = 255 - images[:9]
    data = own(put(tmp_path, images))
    assert not data.own.look.turned
    assert sorted(i.tobytes() for i in images) == [image for _, image in sorted(
        seen(data), key=lambda pair: pair[1])]  # fmt: skip


def test_pictures_of_any_shape_are_padded_dark(tmp_path):
    for turned in (False, True):
        images = [np.full((10, 40), 250, np.uint8), np.full((40, 10), 250, np.uint8)] * 5
        for image in images:
            image[:2] = image[-2:] = image[:, :2] = image[:, -2:] = 5
        images = [255 - image if turned else image for image in images]
        put(tmp_path / str(turned), images, [k % 2 for k in range(10)])
        data = own(tmp_path / str(turned), 16)
        wide = data.train_images[data.train_labels == 0][0]
        assert data.own.look.turned == turned
        assert not wide[:6].any()
        assert not wide[10:].any()
        assert wide[6:10].max() > 150
        tall = data.train_images[data.train_labels == 1][0]
        np.testing.assert_array_equal(tall, wide.T)


def test_depth_and_transparency_are_handled_alike_in_the_whole_set(tmp_path):
    """A pale picture is not stretched to its own range."""
    deep = [(image.astype(np.uint16) * 16).astype(np.uint16) for image in IMAGES]
    deep[0] = (deep[0] // 4).astype(np.uint16)
    data = own(put(tmp_path / "deep", [Image.fromarray(image) for image in deep]))
    assert data.own.look.white == 4095
    brightest = sorted(image.max() for image in (*data.train_images, *data.test_images))
    assert brightest[0] < 70
    assert brightest[1] > 190
    see_through = []
    for image in IMAGES:
        ink = np.zeros((SIDE, SIDE, 4), np.uint8)
        ink[..., 3] = image  # black, and only as opaque as the bar is bright
        see_through.append(ink)
    data = own(put(tmp_path / "clear", see_through))
    assert (data.own.look.turned, data.own.look.ground) == (True, 255)
    assert seen(data) == seen(own(put(tmp_path / "plain")))


def test_exif_orientation_is_applied(tmp_path):
    """Upright, on its side and upside down: the same picture."""
    upright = Image.fromarray(drawn(0, 0, 40))
    for orientation, turn in ((1, None), (3, Image.ROTATE_180), (6, Image.ROTATE_90)):
        stored = upright.transpose(turn) if turn is not None else upright
        about = Image.Exif()
        about[0x0112] = orientation
        for name in ("up", "other"):
            path = tmp_path / name / f"{orientation}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(png(stored, exif=about))
    data = own(tmp_path)
    pictures = {image.tobytes() for image in (*data.train_images, *data.test_images)}
    assert len(pictures) == 1


def test_links_are_followed_but_not_in_cycles(tmp_path):
    put(tmp_path / "elsewhere")
    there = tmp_path / "here"
    there.mkdir()
    for name in NAMES:
        (there / name).symlink_to(tmp_path / "elsewhere" / name)
    (tmp_path / "elsewhere" / "ape" / "again").symlink_to(tmp_path / "elsewhere" / "ape")
    assert seen(own(there)) == seen(own(tmp_path / "elsewhere"))


# Warnings


def test_unreadable_files_are_skipped_with_a_note(tmp_path):
    put(tmp_path)
    (tmp_path / "ape" / "notes.txt").write_text("apes\n")
    (tmp_path / "bee" / "half.png").write_bytes(png(IMAGES[1])[:60])
    for litter in ("Thumbs.db", ".DS_Store", "._1.png"):
        (tmp_path / "cat" / litter).write_bytes(b"litter")
    data = own(tmp_path)
    assert len(seen(data)) == len(LABELS)
    assert data.own.notes[0].startswith("2 files skipped (ape/notes.txt: is not a readable picture")


def test_a_class_of_one_picture_is_for_training_with_a_note(tmp_path):
    put(tmp_path, IMAGES[:31], [*([0] * 30), 1])
    data = own(tmp_path)
    assert (data.train_labels == 1).sum() == 1
    assert "no image of bee is used for the test" in data.own.notes
    assert "classes are unbalanced: 1 of bee, 24 of ape" in data.own.notes
    assert f"only 6 test images: each is {1 / 6:.0%} of the accuracy" in data.own.notes


def test_one_picture_per_class_is_used_for_training_and_test(tmp_path):
    data = own(put(tmp_path, IMAGES[:3], LABELS[:3]))
    np.testing.assert_array_equal(data.test_images, data.train_images)
    assert "one image per class: training images are also used for the test" in data.own.notes


def test_many_balanced_pictures_give_no_warning(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.tile(IMAGES, (10, 1, 1)), labels=np.tile(LABELS, 10))
    assert 10 * len(LABELS) / 5 > MIN_TEST_IMAGES
    assert len(own(tmp_path / "a.npz").own.notes) == 1


def test_a_class_only_in_the_test_gives_a_warning(tmp_path):
    put(tmp_path / "train", IMAGES[LABELS < 2], LABELS[LABELS < 2])
    put(tmp_path / "test")
    data = own(tmp_path)
    assert data.classes == NAMES
    assert "no image of cat is used for training" in data.own.notes


def test_class_names_are_short_printable_and_different(tmp_path):
    long = "x" * 60
    names = (long + "1", long + "2", "red\nblue")
    classes = own(put(tmp_path, names=names)).classes
    assert len(set(classes)) == 3
    assert all(name.isprintable() and len(name) <= 42 for name in classes)


# CSV


def rows(labels=LABELS, images=IMAGES):
    return [[str(k), *map(str, image.ravel())] for k, image in zip(labels, images, strict=True)]


def write(path, table, header=None, delimiter=",", end="\n"):
    lines = [*([header] if header else []), *table]
    path.write_text("".join(delimiter.join(line) + end for line in lines))
    return path


PIXELS = [f"pixel{k}" for k in range(SIDE**2)]
TABLES = {
    "Kaggle's": lambda p: write(p, rows(), ["label", *PIXELS]),
    "without a header": lambda p: write(p, rows()),
    "pandas', without names": lambda p: write(p, rows(), [str(k) for k in range(SIDE**2 + 1)]),
    "label last": lambda p: write(p, [r[1:] + r[:1] for r in rows()], [*PIXELS, "Class"]),
    "with an index": lambda p: write(
        p, [[str(k), *r] for k, r in enumerate(rows())], ["", "label", *PIXELS]
    ),
    "semicolons": lambda p: write(p, rows(), ["label", *PIXELS], ";", "\r\n"),
    "tabs": lambda p: write(p, rows(), None, "\t"),
    "byte order mark": lambda p: write(p, rows(), ["\ufefflabel", *PIXELS]),
    "in quotes": lambda p: write(p, rows(), [f'"{name}"' for name in ("label", *PIXELS)]),
    "labels as floats": lambda p: write(p, rows(LABELS.astype(float)), ["label", *PIXELS]),
    "MNIST's in CSV": lambda p: write(
        p, rows(), ["label", *(f"{r}x{c}" for r in range(28) for c in range(28))]
    ),
}


@pytest.mark.parametrize("kind", TABLES)
def test_common_csv_files(tmp_path, kind):
    data = own(TABLES[kind](tmp_path / "a.csv"))
    assert data.classes == ("0", "1", "2")
    expected = sorted((str(k), i.tobytes()) for i, k in zip(IMAGES, LABELS, strict=True))
    assert seen(data) == expected


LAST = [row[1:] + row[:1] for row in rows()]
CORNER = [["0", *row[2:], row[0]] for row in rows()]
WORDS_LAST = [[*row[1:], NAMES[int(row[0])]] for row in rows()]
UNKNOWN_NAMES = {
    "digit last": (LAST, [*PIXELS, "digit"], "a fifth of each"),
    "an unknown name last": (LAST, [*PIXELS, "Was es ist"], "“Was es ist”"),
    "an unknown name in the middle": (
        [[*row[1:9], row[0], *row[9:]] for row in rows()], [*PIXELS[:8], "glyph", *PIXELS[8:]],
        "“glyph”",
    ),
    "rows and columns": (
        LAST, [*(f"{r}x{c}" for r in range(28) for c in range(28)), "glyph"], "“glyph”"
    ),
    "letters and numbers": (
        LAST, [*(f"{chr(65 + r)}{c}" for r in range(28) for c in range(28)), "glyph"], "“glyph”"
    ),
    "numbered pixels, from 0": (LAST, [*map(str, range(784)), "glyph"], "“glyph”"),
    "numbered pixels, from 1": (LAST, [*map(str, range(1, 785)), "glyph"], "“glyph”"),
    "numbered pixels after the label": (rows(), ["glyph", *map(str, range(784))], "“glyph”"),
    "no header": (rows(), None, "the first is taken"),
    "no header, last, a corner that is always dark": (CORNER, None, "the last is taken"),
    "pandas' numbers, last": (CORNER, [*map(str, range(785))], "the last is taken"),
    "no header, words last": (WORDS_LAST, None, "the last is taken"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNKNOWN_NAMES)
def test_the_label_column_is_found_without_a_known_name(tmp_path, kind):
    table, header, said = UNKNOWN_NAMES[kind]
    data = own(write(tmp_path / "a.csv", table, header))
    images = IMAGES.copy()
    if table is CORNER:
        images[:, 0, 0] = 0
    names = NAMES if table is WORDS_LAST else ("0", "1", "2")
    assert data.classes == names
    expected = sorted((names[k], i.tobytes()) for k, i in zip(LABELS, images, strict=True))
    assert seen(data) == expected
    assert said in data.own.notes[0]


def test_a_test_file_has_its_label_where_the_training_file_has(tmp_path):
    """Its few lines alone would be ambiguous."""
    write(tmp_path / "train.csv", CORNER)
    few = [[str(k), *row[1:-1], "1"] for k, row in enumerate(CORNER[:3])]
    write(tmp_path / "test.csv", few)
    data = own(tmp_path)
    assert data.test_labels.tolist() == [1, 1, 1]
    assert data.test_images[:, 0, 0].tolist() == [0, 1, 2]


def test_words_as_labels(tmp_path):
    data = own(write(tmp_path / "a.csv", rows([NAMES[k] for k in LABELS])))
    assert data.classes == NAMES


def test_train_and_test_csv_in_a_folder_or_a_zip(tmp_path):
    write(tmp_path / "fashion_train.csv", rows(), ["label", *PIXELS])
    write(tmp_path / "fashion_test.csv", rows(LABELS[:6], IMAGES[:6]), ["label", *PIXELS])
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    data = own(tmp_path)
    assert (len(data.train_labels), len(data.test_labels)) == (60, 6)
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in tmp_path.glob("*.csv"):
            archive.write(path, path.name)
    assert seen(own(tmp_path / "all.zip")) == seen(data)


def test_a_test_csv_without_labels_is_not_used(tmp_path):
    write(tmp_path / "train.csv", rows(), ["label", *PIXELS])
    write(tmp_path / "test.csv", [row[1:] for row in rows()], PIXELS)
    data = own(tmp_path)
    assert "test.csv has no labels and is not used" in data.own.notes
    assert len(data.train_labels) == 48


BAD_TABLES = {
    "words as pixels": (
        lambda p: write(p, [["1", *["dark"] * 16], *rows()[:1]]), "Expected 17 columns"
    ),
    "a word among pixels": (
        lambda p: write(p, [*rows(), [*rows()[0][:-1], "dark"]]), "give numbers"
    ),
    "a line too short": (lambda p: write(p, [*rows(), rows()[0][:-1]]), "Expected 785 columns"),
    "no labels": (lambda p: write(p, [row[1:] for row in rows()], PIXELS), "no column of labels"),
    "no square": (lambda p: write(p, [["1", "2", "3", "4", "5", "6"]] * 5), "5 pixels in a line"),
    "an empty pixel": (lambda p: write(p, [*rows(), [*rows()[0][:-1], ""]]), "a pixel is empty"),
    "names that are all of pixels": (
        lambda p: write(p, rows(), [f"p{k}" for k in range(785)]), "name the label's column “label”"
    ),
    "two names that are no pixels'": (
        lambda p: write(p, LAST, [*PIXELS[:-1], "who", "what"]), "name the label's column “label”"
    ),
    "fractions before the label": (
        lambda p: write(p, [[str(k / 7), *row[2:], row[0]] for k, row in enumerate(rows())]),
        "put the label first",
    ),
    "numbers of lines before the label": (
        lambda p: write(
            p, [[str(k), *["0"] * 15, str(k % 3)] for k in range(MAX_CLASSES + 1)]
        ),
        "put the label first",
    ),
    "nothing but a header": (lambda p: write(p, [], ["label", *PIXELS]), "no images: give"),
    "nothing": (lambda p: p.write_bytes(b"") * 0 or p, "not a CSV file"),
    "bytes": (lambda p: p.write_bytes(bytes(range(256))) * 0 or p, "not a CSV file"),
    "as many classes as lines": (
        lambda p: write(p, [[str(k), *["0", "9"] * 8] for k in range(MAX_CLASSES + 1)]),
        f"{MAX_CLASSES + 1} classes, the chip has 512 neuron circuits",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_TABLES)
def test_other_tables_are_refused(tmp_path, kind):
    make, said = BAD_TABLES[kind]
    path = make(tmp_path / "a.csv")
    refused(lambda: own(path), "data set folder: ", str(path), said)


# Npz

NPZ = {
    "Keras's": lambda: {"x_train": IMAGES[:50], "y_train": LABELS[:50],
                        "x_test": IMAGES[50:], "y_test": LABELS[50:]},
    "MedMNIST's": lambda: {
        **{f"{p}_images": IMAGES[s] for p, s in PARTS.items()},
        **{f"{p}_labels": LABELS[s][:, None] for p, s in PARTS.items()},
    },
    "flat": lambda: {"x_train": IMAGES[:50].reshape(50, -1), "y_train": LABELS[:50],
                     "x_test": IMAGES[50:].reshape(10, -1), "y_test": LABELS[50:]},
    "with a channel": lambda: {"x_train": IMAGES[:50, ..., None], "y_train": LABELS[:50],
                               "x_test": IMAGES[50:, None], "y_test": LABELS[50:]},
    "one of each": lambda: {"train_X": IMAGES[:50], "train_y": np.eye(3)[LABELS[:50]],
                            "test_X": IMAGES[50:], "test_y": np.eye(3)[LABELS[50:]]},
}  # fmt: skip
PARTS = {"train": slice(50), "val": slice(0, 9), "test": slice(50, 60)}


@pytest.mark.parametrize("kind", NPZ)
def test_common_npz_files(tmp_path, kind):
    np.savez(tmp_path / "a.npz", **NPZ[kind]())
    data = own(tmp_path / "a.npz")
    np.testing.assert_array_equal(data.train_images, IMAGES[:50])
    np.testing.assert_array_equal(data.test_labels, LABELS[50:])


@pytest.mark.parametrize("names", [("images", "labels"), ("X", "y"), ("data", "target"),
                                   ("arr_0", "arr_1")])  # fmt: skip
def test_images_and_labels_under_usual_names(tmp_path, names):
    np.savez(tmp_path / "a.npz", **dict(zip(names, (IMAGES, LABELS), strict=True)))
    assert len(seen(own(tmp_path / "a.npz"))) == 60


def test_the_four_npz_files_of_kmnist(tmp_path):
    arrays = {
        "train-imgs": IMAGES[:50], "train-labels": LABELS[:50],
        "test-imgs": IMAGES[50:], "test-labels": LABELS[50:],
    }  # fmt: skip
    for name, array in arrays.items():
        np.savez(tmp_path / f"kmnist-{name}.npz", array)
    data = own(tmp_path)
    np.testing.assert_array_equal(data.train_images, IMAGES[:50])
    np.testing.assert_array_equal(data.test_labels, LABELS[50:])


def test_words_colours_and_fractions_in_an_npz(tmp_path):
    words = np.array([NAMES[k] for k in LABELS])
    colours = np.repeat(IMAGES[..., None] / 255, 3, axis=3)
    np.savez(tmp_path / "a.npz", images=colours, labels=words)
    data = own(tmp_path / "a.npz")
    assert data.classes == NAMES
    assert "is scaled to 0 to 255" in data.own.notes[0]
    whole = np.concatenate([data.train_images, data.test_images])
    assert (whole.min(), whole.max()) == (0, 255)


BAD_ARRAYS = {
    "pickles": {"images": IMAGES, "labels": np.array([{}] * 60)},
    "no labels": {"images": IMAGES},
    "other names": {"first": IMAGES, "second": LABELS},
    "not a number": {"images": np.where(IMAGES > 200, np.nan, IMAGES), "labels": LABELS},
    "one line": {"images": IMAGES[0, 0], "labels": LABELS},
    "another number": {"images": IMAGES, "labels": LABELS[:9]},
    "empty": {"images": IMAGES[:0], "labels": LABELS[:0]},
}


@pytest.mark.parametrize("kind", BAD_ARRAYS)
def test_other_arrays_are_refused(tmp_path, kind):
    path = tmp_path / "a.npz"
    np.savez(path, **BAD_ARRAYS[kind], allow_pickle=True)
    refused(lambda: own(path), "data set folder: ", str(path))


# Zip


def zipped(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def pictures(prefix=""):
    return {f"{prefix}{NAMES[k]}/{n}.png": png(i)
            for n, (i, k) in enumerate(zip(IMAGES, LABELS, strict=True))}  # fmt: skip


def test_a_zip_is_read_like_a_folder(tmp_path):
    folder = own(put(tmp_path / "a"))
    path = zipped(tmp_path / "a.zip", pictures("my pictures/") | {"__MACOSX/ape/._0.png": b"x"})
    data = own(path)
    np.testing.assert_array_equal(data.train_images, folder.train_images)
    np.testing.assert_array_equal(data.test_labels, folder.test_labels)


def link(name, to):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, to


def test_a_zip_is_never_unpacked_to_the_disk(tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(png(drawn(1, 99)))
    path = tmp_path / "in" / "a.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in pictures().items():
            archive.writestr(name, content)
        archive.writestr("../ape/outside.png", png(IMAGES[0]))
        archive.writestr("bee/../../outside.png", png(IMAGES[0]))
        archive.writestr("/ape/root.png", png(IMAGES[0]))
        archive.writestr("cat\\windows.png", png(IMAGES[2]))
        archive.writestr(*link("bee/link.png", str(secret)))
        archive.writestr("bee/nested.zip", zipped(tmp_path / "b.zip", pictures()).read_bytes())
    before = sorted(tmp_path.rglob("*"))
    data = own(path)
    assert sorted(tmp_path.rglob("*")) == before
    assert len(seen(data)) == 62, "root.png and windows.png belong to classes"
    assert not any(image == drawn(1, 99).tobytes() for _, image in seen(data))
    assert data.own.notes[0].startswith("2 files skipped (bee/link.png")


def test_bombs_and_damaged_zips_are_refused(tmp_path):
    zeros = zipped(tmp_path / "zeros.zip", {"ape/0.png": bytes(2**28), "bee/0.png": bytes(2**20)},
                   compression=zipfile.ZIP_DEFLATED)  # fmt: skip
    refused(lambda: own(zeros), str(zeros), "unpacks to", "give it unpacked")
    whole = zipped(tmp_path / "whole.zip", pictures(), compression=zipfile.ZIP_DEFLATED)
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])
    refused(lambda: own(whole), str(whole))
    odd = zipped(tmp_path / "odd.zip", pictures(), compression=zipfile.ZIP_LZMA)
    refused(lambda: own(odd), "unsupported compression method")
    refused(lambda: own(zipped(tmp_path / "none.zip", {})), "is empty")
    locked = bytearray(zipped(tmp_path / "locked.zip", pictures()).read_bytes())
    for mark, at in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        start = 0
        while (start := locked.find(mark, start)) >= 0:
            locked[start + at] |= 1
            start += 4
    (tmp_path / "locked.zip").write_bytes(locked)
    refused(lambda: own(tmp_path / "locked.zip"), "no readable picture", "password")


def test_a_zip_with_a_huge_table_of_contents_is_refused_unread(tmp_path):
    path = zipped(tmp_path / "a.zip", pictures())
    content = bytearray(path.read_bytes())
    end = content.rfind(b"PK\5\6")
    content[end + 12 : end + 16] = struct.pack("<I", 2**31)
    path.write_bytes(content)
    refused(lambda: own(path), "more than 500,000 files")


# Places


def test_places_without_data_are_refused(tmp_path):
    refused(lambda: load("folder"), "data set folder is your own", "--data-dir")
    refused(lambda: own(tmp_path), str(tmp_path), "is empty")
    refused(lambda: own(tmp_path / "none"), f"{tmp_path / 'none'}: no such file or folder")
    refused(lambda: own(tmp_path / "x\0y"), "cannot be read")
    (tmp_path / "flat.png").write_bytes(png(IMAGES[0]))
    refused(lambda: own(tmp_path), "no sub-folder with pictures")
    refused(lambda: own(tmp_path / "flat.png"), "no sub-folder with pictures")
    (tmp_path / "ape").mkdir()
    (tmp_path / "ape" / "0.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(90))
    refused(lambda: own(tmp_path), "it is HEIC, save it as PNG")
    put(tmp_path / "one", IMAGES[LABELS == 0], LABELS[LABELS == 0])
    refused(lambda: own(tmp_path / "one"), "one class only, ape")


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    put(tmp_path)
    scan = os.scandir

    def shut(folder):
        if str(folder).endswith("bee"):
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", shut)
    refused(lambda: own(tmp_path), f"{tmp_path / 'bee'}: cannot be read (Permission denied)")


def test_progress_is_reported_and_its_callback_can_stop_loading(tmp_path):
    put(tmp_path)
    heard = []
    load("folder", data_dir=tmp_path, progress=lambda *reported: heard.append(reported))
    fractions = [fraction for message, fraction in heard if message == "reading 60 pictures"]
    assert fractions == sorted(fractions)
    assert len(fractions) == 3

    class HaltError(Exception):
        pass

    def halt(message, fraction):
        raise HaltError

    with pytest.raises(HaltError):
        load("folder", data_dir=tmp_path, progress=halt)


# Pixels


def test_fitting_preserves_mean_and_positions():
    large = RNG.integers(0, 256, (3, 160, 160)).astype(np.uint8)
    small = fit(large, 16)
    assert abs(small.pixels.mean() - large.mean()) < 1
    np.testing.assert_array_equal(fit(large[:, ::-1], 16).pixels, small.pixels[:, ::-1])
    np.testing.assert_array_equal(fit(IMAGES, SIDE).pixels, IMAGES)
    assert (fit(np.full((1, 7, 7), 77, np.uint8), 16).pixels == 77).all()


def test_border_of_fitted_images():
    fitted = fit(np.full((2, 10, 40), 9, np.uint8), 16)
    assert fitted.sizes.tolist() == [[4, 16]] * 2
    assert fitted.inside.sum() == 2 * 64
    assert fitted.border.sum() == 2 * (64 - 28)
    assert set(np.unique(fitted.turned().pixels)) == {0, 246}


def test_a_look_prepares_new_pictures_like_those_of_the_set(tmp_path):
    images = 255 - IMAGES
    put(tmp_path, images)
    data = own(tmp_path, 16)
    picture = read_picture(png(images[7]))
    prepared = data.own.look.prepare(picture, 16)
    assert prepared.tobytes() in {image for _, image in seen(data)}


# Training


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a run and the pictures it was trained on."""
    folder = tmp_path_factory.mktemp("own")
    put(folder / "pictures", 255 - IMAGES)
    config = Config.checked(dataset="folder", hidden=[40], epochs=12, batch=8, learning_rate=0.01)
    assert train(config, folder / "run", str(folder / "pictures"))
    return folder


def test_a_run_on_user_data_learns_and_records_them(trained, capsys):
    run = Run.open(trained / "run")
    assert run.epochs()[-1].test_accuracy > 0.9
    assert run.record["classes"] == list(NAMES)
    assert run.place == str(trained / "pictures")
    assert run.look.turned
    assert run.settings["dataset"] == "folder"
    assert main(["runs", "--root", str(trained), "show", "run"]) == 0
    out = capsys.readouterr().out
    assert f"data folder {trained / 'pictures'}" in out
    assert "classes ape, bee, cat" in out


def test_a_run_resumes_with_its_pictures(trained, tmp_path):
    run = Run.open(trained / "run")
    assert resume(run, epochs=13)
    moved = (trained / "pictures").rename(trained / "moved")
    try:
        refused(lambda: resume(Run.open(trained / "run"), epochs=14), str(trained / "pictures"))
        assert resume(Run.open(trained / "run"), str(moved), epochs=14)
        flags = ["runs", "--root", str(trained), "resume", "run", "--data-dir", str(moved)]
        assert main([*flags, "--epochs", "15"]) == 0
        assert Run.open(trained / "run").epochs()[-1].epoch == 15
    finally:
        moved.rename(trained / "pictures")
    put(tmp_path, IMAGES[:30], LABELS[:30])
    refused(
        lambda: resume(Run.open(trained / "run"), str(tmp_path), epochs=16),
        "trained on other images",
    )


def test_training_prints_the_notes_in_one_line(trained, tmp_path, capsys):
    flags = (
        "--dataset",
        "folder",
        "--data-dir",
        trained / "pictures",
        "--epochs",
        1,
        "--hidden",
        9,
    )
    assert main(["train", *map(str, flags), "--out", str(tmp_path / "run")]) == 0
    (note,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("note: "))
    assert "dark on bright" in note
    assert "a fifth of each class" in note


def test_a_damaged_look_is_refused(trained, tmp_path):
    record = json.loads((trained / "run" / "config.json").read_text())
    for look in ({}, {"turned": 1, "white": 255.0, "ground": 255}, {"up": True}, 7, None):
        record["own"] = {"look": look}
        (tmp_path / "config.json").write_text(json.dumps(record))
        refused(lambda: Run.open(tmp_path).look, str(tmp_path), "look in config.json")


def test_the_commands_data_and_map_take_user_data(trained, capsys):
    flags = ["folder", "--data-dir", str(trained / "pictures")]
    assert main(["data", *flags]) == 0
    out = capsys.readouterr().out
    assert "48 training and 12 test images of 3 classes" in out
    assert "  bee  16 training  4 test" in out.splitlines()
    assert "note: the images are dark on bright" in out
    assert main(["map", "--dataset", *flags]) == 0
    assert "network 256-246-3" in capsys.readouterr().out
    refused_command(capsys, "map", "--dataset", "folder", said=("--data-dir",))


def test_more_classes_than_circuits_are_refused(tmp_path, capsys):
    labels = np.arange(120) % 40
    np.savez(tmp_path / "a.npz", images=RNG.integers(0, 256, (120, 9, 9), np.uint8), labels=labels)
    refused_command(
        capsys, "train", "--dataset", "folder", "--data-dir", tmp_path / "a.npz",
        "--out", tmp_path / "run", said=("needs 572 neuron circuits, the chip has 512",),
    )  # fmt: skip


def test_ctrl_c_while_reading_leaves_nothing(tmp_path):
    put(tmp_path / "pictures")
    script = (
        "import os, signal, sys\n"
        "from snnlab.commands.main import main\n"
        "from snnlab.data.own import class_folders\n"
        "read = class_folders.read_picture\n"
        "def interrupted(*given, **options):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    return read(*given, **options)\n"
        "class_folders.read_picture = interrupted\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    flags = ["train", "--dataset", "folder", "--data-dir", "pictures", "--out", "run"]
    done = subprocess.run([sys.executable, "-c", script, *flags], cwd=tmp_path,
                          capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (130, "snnlab: stopped\n")
    assert not (tmp_path / "run").exists()
