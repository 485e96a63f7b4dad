"""User-supplied data in npz and zip files, damaged ones refused."""

import stat
import struct
import zipfile

import numpy as np
import pytest
from own_pictures import IMAGES, LABELS, NAMES, drawn, own, png, put, seen
from refusal import refused


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    monkeypatch.delenv("SNNLAB_DATA", raising=False)


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


def test_images_for_validation_are_the_test_if_there_is_no_other(tmp_path):
    arrays = NPZ["MedMNIST's"]()
    np.savez(tmp_path / "a.npz", **arrays)
    assert "the validation part (9 images) is not used" in own(tmp_path / "a.npz").own.notes
    kept = {name: array for name, array in arrays.items() if not name.startswith("test")}
    np.savez(tmp_path / "a.npz", **kept)
    data = own(tmp_path / "a.npz")
    np.testing.assert_array_equal(data.test_images, IMAGES[:9])
    assert data.own.notes[0] == "the validation part (9 images) is used for the test"


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


def test_files_named_train_and_test_are_the_parts(tmp_path):
    np.savez(tmp_path / "train.npz", images=IMAGES[:50], labels=LABELS[:50])
    np.savez(tmp_path / "my_test.npz", images=IMAGES[50:], labels=LABELS[50:])
    data = own(tmp_path)
    np.testing.assert_array_equal(data.train_images, IMAGES[:50])
    np.testing.assert_array_equal(data.test_labels, LABELS[50:])


@pytest.mark.parametrize("key", ["class_names", "target_names", "classes"])
def test_names_of_classes_in_an_npz(tmp_path, key):
    arrays = {"images": IMAGES, "labels": LABELS, "feature_names": np.array(["x", "y"])}
    np.savez(tmp_path / "a.npz", **arrays, **{key: np.array(NAMES)})
    assert own(tmp_path / "a.npz").classes == NAMES
    np.savez(tmp_path / "a.npz", **{**arrays, "labels": LABELS + 1}, **{key: np.array(NAMES)})
    assert own(tmp_path / "a.npz").classes == NAMES, "they may count from 1"
    np.savez(tmp_path / "a.npz", **{**arrays, "labels": LABELS + 2}, **{key: np.array(NAMES)})
    assert own(tmp_path / "a.npz").classes == ("2", "3", "4")
    gap = np.where(LABELS == 0, 2, LABELS)
    np.savez(tmp_path / "a.npz", **{**arrays, "labels": gap}, **{key: np.array(NAMES)})
    assert own(tmp_path / "a.npz").classes == NAMES[1:]


def test_a_compressed_npz_may_unpack_to_as_much_as_a_plain_one(tmp_path):
    images = np.zeros((12_000, 28, 28), np.float64)  # 75 MB, most of it empty
    images[:60] = IMAGES / 255
    labels = np.arange(len(images)) % 3
    np.savez_compressed(tmp_path / "a.npz", images=images, labels=labels)
    data = own(tmp_path / "a.npz", 16)
    assert len(data.train_images) + len(data.test_images) == len(images)
    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((44_000, 28, 28)), labels=labels)
    said = "would unpack to more than 268,435,456 bytes, the most allowed: save smaller types"
    refused(lambda: own(tmp_path / "a.npz"), said)


def test_only_arrays_that_are_needed_are_read(tmp_path):
    about = np.array([{"author": "me"}], object)
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=LABELS, about=about)
    assert own(tmp_path / "a.npz").classes == ("0", "1", "2")
    words = np.array([NAMES[k] for k in LABELS], object)
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=words)
    said = "labels holds Python objects, which are not read: save numbers, or text by labels.astype"
    refused(lambda: own(tmp_path / "a.npz"), said)


def test_words_colours_and_fractions_in_an_npz(tmp_path):
    words = np.array([NAMES[k] for k in LABELS])
    colours = np.repeat(IMAGES[..., None] / 255, 3, axis=3)
    np.savez(tmp_path / "a.npz", images=colours, labels=words)
    data = own(tmp_path / "a.npz")
    assert data.classes == NAMES
    assert "is scaled to 0 to 255" in data.own.notes[0]
    whole = np.concatenate([data.train_images, data.test_images])
    assert (whole.min(), whole.max()) == (0, 249)


BAD_ARRAYS = {
    "pickles": {"images": IMAGES, "labels": np.array([{}] * 60)},
    "no labels": {"images": IMAGES},
    "other names": {"first": IMAGES, "second": LABELS},
    "not a number": {"images": np.where(IMAGES > 200, np.nan, IMAGES), "labels": LABELS},
    "one line": {"images": IMAGES[0, 0], "labels": LABELS},
    "another number": {"images": IMAGES, "labels": LABELS[:9]},
    "empty": {"images": IMAGES[:0], "labels": LABELS[:0]},
}
MANY = (np.arange(60 * 14).reshape(60, 14) % 3 == 0).astype(int)
BAD_LABELS = {
    "several for an image": (MANY, "labels are (60, 14) but not one-hot: give one class per image"),
    "a class and a number": (np.stack([LABELS, np.arange(60)], 1), "e.g. labels[:, 0]"),
    "probabilities": (np.full((60, 2), 0.5), "not one-hot"),
    "words in two columns": (np.array([["ape", "bee"]] * 60), "not one-hot"),
    "NaN": (np.where(np.arange(60) == 7, np.nan, LABELS), "image 7 (from 0) has no label: remove"),
    "an empty word": (np.where(np.arange(60) == 7, "", "ape"), "image 7 (from 0) has no label"),
}


@pytest.mark.parametrize("kind", BAD_ARRAYS)
def test_other_arrays_are_refused(tmp_path, kind):
    path = tmp_path / "a.npz"
    np.savez(path, **BAD_ARRAYS[kind], allow_pickle=True)
    refused(lambda: own(path), "data set folder: ", str(path))


@pytest.mark.parametrize("kind", BAD_LABELS)
def test_labels_that_name_no_single_class_are_refused(tmp_path, kind):
    labels, said = BAD_LABELS[kind]
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=labels)
    refused(lambda: own(tmp_path / "a.npz"), "data set folder: ", said)


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
