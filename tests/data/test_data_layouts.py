"""Idx files in the layouts of torchvision, Kaggle and Keras, and idx files of other data sets."""

import gzip
import struct
import zipfile
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from refusal import refused, refused_command

from snnlab.commands.main import main
from snnlab.data import load
from snnlab.data.catalogue import CATALOGUE, Entry, IdxFile
from snnlab.data.idx import idx_header, read_idx
from snnlab.errors import SnnlabError

RNG = np.random.default_rng(3)
ARRAYS = {
    "train-images-idx3-ubyte": RNG.integers(0, 256, (40, 28, 28), np.uint8),
    "train-labels-idx1-ubyte": np.arange(40, dtype=np.uint8) % 4,
    "t10k-images-idx3-ubyte": RNG.integers(0, 256, (8, 28, 28), np.uint8),
    "t10k-labels-idx1-ubyte": np.arange(8, dtype=np.uint8) % 4,
}
KERAS = dict(zip(("x_train", "y_train", "x_test", "y_test"), ARRAYS.values(), strict=True))


def content(array):
    return idx_header(array.shape) + array.tobytes()


@pytest.fixture(autouse=True)
def clothes(monkeypatch, tmp_path):
    """A data set of the catalogue with these arrays, and no other source of it."""
    monkeypatch.delenv("SNNLAB_DATA", raising=False)
    monkeypatch.setenv("SNNLAB_CACHE", str(tmp_path / "cache"))
    files = tuple(
        IdxFile(name, array.shape, sha256(content(array)).hexdigest())
        for name, array in ARRAYS.items()
    )
    entry = Entry("fine-clothes", tuple("abcd"), files=files)
    monkeypatch.setitem(CATALOGUE, entry.name, entry)
    return entry


def put(folder, rename=str, pack=bytes, arrays=ARRAYS):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        path = folder / rename(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pack(content(array)))
    return folder


LAYOUTS = {
    "torchvision's root": ("FineClothes/raw", str, "."),
    "torchvision's folder": ("FineClothes/raw", str, "FineClothes"),
    "torchvision's raw": ("FineClothes/raw", str, "FineClothes/raw"),
    "raw alone": ("raw", str, "."),
    "dots": (".", lambda name: name.replace("-idx", ".idx"), "."),
    "dots, gzipped": (".", lambda name: name.replace("-idx", ".idx") + ".gz", "."),
    "large letters": (".", lambda name: name.upper() + ".GZ", "."),
    "underscores in the folder": ("Fine_Clothes", str, "."),
    "Kaggle's, a folder for each": (".", lambda name: f"{name}/{name}", "."),
    "Kaggle's, with dots": (".", lambda n: f"{n}/{n}".replace("-idx", ".idx"), "."),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_common_layouts_are_read(tmp_path, layout):
    where, rename, given = LAYOUTS[layout]
    put(tmp_path / where, rename, gzip.compress if "gz" in rename("x").lower() else bytes)
    data = load("fine-clothes", 28, data_dir=tmp_path / given)
    np.testing.assert_array_equal(data.train_images, ARRAYS["train-images-idx3-ubyte"])
    np.testing.assert_array_equal(data.test_labels, ARRAYS["t10k-labels-idx1-ubyte"])


def test_a_torchvision_root_of_many_sets_gives_the_requested_one(tmp_path):
    other = {name: array[::-1].copy() for name, array in ARRAYS.items()}
    put(tmp_path / "MNIST/raw", arrays=other)
    put(tmp_path / "FineClothes/raw")
    data = load("fine-clothes", data_dir=tmp_path)
    assert data.train_labels.tolist() == ARRAYS["train-labels-idx1-ubyte"].tolist()


@pytest.mark.parametrize("given", [".", "fine-clothes.npz"])
def test_the_npz_file_of_keras_is_read(tmp_path, given):
    np.savez_compressed(tmp_path / "fine-clothes.npz", **KERAS)
    data = load("fine-clothes", 28, data_dir=tmp_path / given)
    np.testing.assert_array_equal(data.train_images, KERAS["x_train"])
    np.testing.assert_array_equal(data.test_labels, KERAS["y_test"])


def test_an_npz_of_other_images_is_refused_and_pickles_are_not_read(tmp_path):
    path = tmp_path / "fine-clothes.npz"
    np.savez(path, **{**KERAS, "x_train": KERAS["x_train"][::-1]})
    refused(
        lambda: load("fine-clothes", data_dir=path), "x_train: expected SHA-256", "--dataset idx"
    )
    np.savez(path, **{**KERAS, "y_test": np.array([None] * 8)}, allow_pickle=True)
    refused(lambda: load("fine-clothes", data_dir=path), str(path), "y_test")


def test_another_set_under_a_known_name_is_refused_but_loads_as_idx(tmp_path):
    """KMNIST's files have the same names as MNIST's."""
    other = {name: array[::-1].copy() for name, array in ARRAYS.items()}
    put(tmp_path / "KMNIST/raw", arrays=other)
    folder = tmp_path / "KMNIST/raw"
    refused(
        lambda: load("fine-clothes", data_dir=folder),
        "expected SHA-256", "to train on these files as they are, give --dataset idx",
    )  # fmt: skip
    for given in (folder, tmp_path / "KMNIST", tmp_path, folder / "train-images-idx3-ubyte"):
        data = load("idx", 28, data_dir=given)
        np.testing.assert_array_equal(data.train_images, other["train-images-idx3-ubyte"])
        assert data.test_labels.tolist() == other["t10k-labels-idx1-ubyte"].tolist()
        assert data.classes == ("0", "1", "2", "3")
        assert data.own.notes == ("only 8 test images: each is 12% of the accuracy",)


def test_files_of_another_known_set_are_named(tmp_path, monkeypatch, clothes):
    files = tuple(replace(file, sha256="0" * 64) for file in clothes.files)
    monkeypatch.setitem(CATALOGUE, "twin", replace(clothes, name="twin", files=files))
    put(tmp_path)
    refused(
        lambda: load("twin", data_dir=tmp_path), "this is fine-clothes, use --dataset fine-clothes"
    )


def test_other_files_in_the_folder_of_mnist_are_refused_with_the_cure(tmp_path, capsys):
    put(tmp_path)
    refused_command(
        capsys, "data", "mnist", "--data-dir", tmp_path,
        said=("expected shape (60000, 28, 28)", "--dataset idx"),
    )  # fmt: skip


def test_emnist_is_transposed_and_its_letters_are_class_names(tmp_path):
    upright = RNG.integers(0, 256, (52, 28, 28), np.uint8)
    labels = np.arange(52, dtype=np.uint8) % 26 + 1
    for part in ("train", "test"):
        put(
            tmp_path / "EMNIST/raw",
            arrays={
                f"emnist-letters-{part}-images-idx3-ubyte": upright.swapaxes(1, 2).copy(),
                f"emnist-letters-{part}-labels-idx1-ubyte": labels,
                f"emnist-digits-{part}-images-idx3-ubyte": upright,
                f"emnist-digits-{part}-labels-idx1-ubyte": labels % 10,
            },
        )
    lines = "".join(f"{k} {64 + k} {96 + k}\n" for k in range(1, 27))
    (tmp_path / "EMNIST/raw/emnist-letters-mapping.txt").write_text(lines)
    refused(lambda: load("idx", data_dir=tmp_path), "2 data sets", "emnist-letters", "choose one")
    data = load("idx", 28, data_dir=tmp_path / "EMNIST/raw/emnist-letters")
    np.testing.assert_array_equal(data.train_images, upright)
    assert (data.classes[0], data.classes[-1], len(data.classes)) == ("Aa", "Zz", 26)
    assert data.train_labels.tolist() == (labels - 1).tolist()
    assert "set upright" in data.own.notes[0]


@pytest.mark.parametrize("code", [10**20, 0x110000, 0xD800, -1])
def test_codes_of_no_character_name_no_classes(tmp_path, code):
    names = ("images-idx3-ubyte", "labels-idx1-ubyte")
    put(tmp_path, arrays={f"emnist-letters-train-{n}": ARRAYS[f"train-{n}"] for n in names})
    (tmp_path / "emnist-letters-mapping.txt").write_text(f"0 65\n1 {code}\n")
    assert load("idx", data_dir=tmp_path).classes == ("0", "1", "2", "3")


def test_the_first_number_of_a_qmnist_label_is_the_class(tmp_path):
    images = ARRAYS["train-images-idx3-ubyte"]
    about = np.stack([np.arange(40) % 10, np.full(40, 300), np.arange(40)], axis=1)
    put(tmp_path, arrays={"qmnist-train-images-idx3-ubyte": images})
    header = b"\0\0\x0c\x02" + struct.pack(">II", *about.shape)
    packed = gzip.compress(header + about.astype(">i4").tobytes())
    (tmp_path / "qmnist-train-labels-idx2-int.gz").write_bytes(packed)
    data = load("idx", data_dir=tmp_path)
    together = np.concatenate([data.train_labels, data.test_labels])
    assert np.bincount(together).tolist() == [4] * 10
    assert len(data.test_labels) == 10, "no files to test on: a fifth, one of each class"


def test_idx_files_in_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "kmnist.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in ARRAYS.items():
            archive.writestr(f"gzip/{name}.gz", gzip.compress(content(array)))
    data = load("idx", 28, data_dir=tmp_path / "kmnist.zip")
    np.testing.assert_array_equal(data.train_images, ARRAYS["train-images-idx3-ubyte"])


@pytest.mark.parametrize(
    ("array", "kind", "size"),
    [(np.arange(6) - 3, ">i2", 11), (np.arange(6) / 4, ">f4", 13), (np.arange(6) / 4, ">f8", 14)],
)
def test_other_number_types_are_read_only_on_request(array, kind, size):
    data = bytes([0, 0, size, 1]) + struct.pack(">I", 6) + array.astype(kind).tobytes()
    assert read_idx(data, "numbers", any_kind=True).tolist() == array.tolist()
    for wrong in (data[:-1], data + b"\0"):
        with pytest.raises(SnnlabError, match="numbers: expected 6 = 6 values"):
            read_idx(wrong, "numbers", any_kind=True)
    with pytest.raises(SnnlabError, match="magic 00 00 08"):
        read_idx(data, "numbers")


BAD = {
    "labels of another number": {"train-labels-idx1-ubyte": np.zeros(39, np.uint8)},
    "images in two dimensions": {"train-images-idx3-ubyte": np.zeros((40, 784), np.uint8)},
    "all of one class": {"train-labels-idx1-ubyte": np.zeros(40, np.uint8)},
    "all black": {"train-images-idx3-ubyte": np.zeros((40, 28, 28), np.uint8)},
}
SAID = {
    "labels of another number": "40 images and 39 labels",
    "images in two dimensions": "images of shape (40, 784)",
    "all of one class": "one class only, 0",
    "all black": "all pixels are 0",
}


@pytest.mark.parametrize("fault", BAD)
def test_idx_files_that_cannot_be_trained_on_are_refused(tmp_path, fault):
    only = {name: ARRAYS[name] for name in list(ARRAYS)[:2]}
    put(tmp_path, arrays={**only, **BAD[fault]})
    refused(lambda: load("idx", data_dir=tmp_path), f"data set idx: {tmp_path}", SAID[fault])


def test_a_gzip_bomb_among_idx_files_is_not_unpacked(tmp_path):
    put(tmp_path)
    bomb = gzip.compress(bytes(300 * 2**20), 1)
    (tmp_path / "train-images-idx3-ubyte").unlink()
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(bomb)
    refused(lambda: load("idx", data_dir=tmp_path), "found more")


def test_a_folder_without_idx_files_is_named(tmp_path, monkeypatch):
    refused(lambda: load("idx", data_dir=tmp_path), str(tmp_path), "no idx files")
    refused(lambda: load("idx", data_dir=tmp_path / "none"), "none: no such file or folder")
    refused(lambda: load("idx"), "--data-dir", "a folder of idx files")
    assert load("idx", data_dir=put(tmp_path / "data")).origin == f"folder {tmp_path / 'data'}"
    monkeypatch.setenv("SNNLAB_DATA", str(tmp_path / "data"))  # of the published sets
    refused(lambda: load("idx"), "--data-dir", "a folder of idx files")


@pytest.mark.parametrize("kind", ["images", "labels"])
def test_missing_images_or_labels_are_named(tmp_path, kind):
    other = {"images": "labels", "labels": "images"}[kind]
    (name,) = (name for name in ARRAYS if name.startswith(f"train-{kind}"))
    for pack, end in ((bytes, ""), (gzip.compress, ".gz")):
        folder = put(tmp_path / f"x{end}", f"{{}}{end}".format, pack, {name: ARRAYS[name]})
        refused(lambda at=folder: load("idx", data_dir=at), f"no {other} for {name}{end}")
    test = {name: array for name, array in ARRAYS.items() if name.startswith("t10k")}
    folder = put(tmp_path / "test", arrays=test)
    refused(lambda: load("idx", data_dir=folder), "no training files for t10k-images")


def test_user_data_under_a_known_name_is_refused_with_the_cure(tmp_path):
    cure = "to use your own images, give --dataset folder"
    png = tmp_path / "plain" / "0" / "a.png"
    png.parent.mkdir(parents=True)
    png.touch()
    for name in ("a.csv", "a.npz", "a.zip"):
        (tmp_path / name[2:]).mkdir()
        (tmp_path / name[2:] / name).touch()
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        archive.write(png, "0/a.png")
    for place in ("plain", "csv", "npz", "zip", "csv/a.csv", "whole.zip"):
        refused(
            lambda at=tmp_path / place: load("fine-clothes", data_dir=at),
            "expected train-images-idx3-ubyte", str(tmp_path / place), cure,
        )  # fmt: skip
    put(tmp_path / "root/KMNIST/raw")
    refused(lambda: load("fine-clothes", data_dir=tmp_path / "root"), "--dataset idx")
    (tmp_path / "empty").mkdir()
    assert cure not in refused(lambda: load("fine-clothes", data_dir=tmp_path / "empty"), "nothing")


@pytest.mark.parametrize("name", ["digits", "yin-yang"])
def test_bundled_data_take_no_folder_but_that_of_the_environment(
    tmp_path, capsys, monkeypatch, name
):
    said = (f"data set {name} is bundled and takes no --data-dir", "--dataset folder")
    flags = "--data-dir", tmp_path
    refused_command(capsys, "data", name, *flags, said=said, folder=tmp_path)
    out = "--out", tmp_path / "run"
    refused_command(capsys, "train", "--dataset", name, *flags, *out, said=said, folder=tmp_path)
    monkeypatch.setenv("SNNLAB_DATA", str(tmp_path))
    assert main(["data", name]) == 0
    assert load(name, data_dir=tmp_path).name == name, "a visitor may choose another set later"
