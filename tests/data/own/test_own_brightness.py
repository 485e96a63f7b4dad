"""Brightness of user-supplied images: one rule for all formats, settled by the training images."""

import json
from dataclasses import replace

import numpy as np
import pytest
from own_pictures import IMAGES, LABELS, NAMES, own, png, put, seen
from PIL import Image
from refusal import refused

from snnlab.config import Config
from snnlab.data.idx import idx_header
from snnlab.data.images.brightness import Levels
from snnlab.data.images.drawing import image_like
from snnlab.data.images.pictures import read_picture
from snnlab.data.own.labelled import Look
from snnlab.learn.trainer import Trainer

INK = np.where(IMAGES > 99, IMAGES, 0)
DEEP = INK.astype(np.uint16)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    monkeypatch.delenv("SNNLAB_DATA", raising=False)


def as_pictures(folder, images):
    form = "PNG" if images.dtype in (np.uint8, np.uint16) else "TIFF"
    return put(folder, [Image.fromarray(image) for image in images], form=form)


def as_npz(folder, images):
    folder.mkdir()
    np.savez(folder / "a.npz", images=images, labels=np.array(NAMES)[LABELS])
    return folder


def as_table(folder, images):
    folder.mkdir()
    pixels = images.reshape(len(images), -1)
    rows = [[NAMES[k], *row] for k, row in zip(LABELS, pixels.tolist(), strict=True)]
    (folder / "a.csv").write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n")
    return folder


def as_idx(folder, images):
    folder.mkdir()
    for kind, array in (("images-idx3", images), ("labels-idx1", LABELS.astype(np.uint8))):
        path = folder / f"train-{kind}-ubyte"
        path.write_bytes(idx_header(array.shape) + array.tobytes())
    return folder


def pixels(data):
    """All images of a data set, whatever order and parts its format leads to."""
    return sorted(image for _, image in seen(data))


SCALES = {
    "8 bits": (lambda: IMAGES, (0, None, 1.0)),
    "a mask": (lambda: (IMAGES > 99).astype(np.uint8), (0, None, 255.0)),
    "4 bits": (lambda: IMAGES // 17, (0, None, 255 / 14)),
    "a third": (lambda: IMAGES // 3, (0, None, 255 / 83)),
    "fractions": (lambda: (IMAGES / 255).astype(np.float32), (0, 1.0, 1.0)),
    "some fractions": (lambda: (IMAGES / 512 + 0.1).astype(np.float32), (0, 1.0, 1.0)),
    "small fractions": (lambda: (IMAGES / 1024).astype(np.float32), (0, 1.0, 1024 / 249)),
    "fractions up to 16": (lambda: (IMAGES / 16).astype(np.float32), (0, 255.0, 255 * 16 / 249)),
    "signed fractions": (lambda: (INK / 128 - 1).astype(np.float32), (-1, 121 / 128, 1.0)),
    "below 0": (lambda: INK.astype(np.int32) - 1000, (-1000, -751, 1.0)),
    "hardly any": (lambda: (INK / 249e40).astype(np.float32), (0, 1.0, pytest.approx(1e40, 1e-3))),
    "12 bits": (lambda: DEEP * 16, (0, 4095.0, 1.0)),
    "9 bits": (lambda: IMAGES.astype(np.uint16) + 57, (0, 1023.0, 1023 / 306)),
}


@pytest.mark.parametrize("kind", SCALES)
def test_equal_images_give_equal_results_in_all_formats(tmp_path, kind):
    make, (black, white, gain) = SCALES[kind]
    images = make()
    forms = (as_pictures, as_npz, as_table, as_idx)[: 4 if images.dtype == np.uint8 else 3]
    found = [own(form(tmp_path / form.__name__, images), 16) for form in forms]
    assert all(pixels(data) == pixels(found[0]) for data in found)
    for data in found:
        assert (data.own.look.black, data.own.look.white) == (black, white)
        assert data.own.look.gain == pytest.approx(gain)
        assert data.train_images.max() > 110, "not nearly black"


@pytest.mark.parametrize("form", [as_pictures, as_npz, as_table, as_idx])
def test_brightness_of_ordinary_pictures_is_unchanged_without_a_remark(tmp_path, form):
    data = own(form(tmp_path / "a", IMAGES))
    assert pixels(data) == sorted(image.tobytes() for image in IMAGES)
    assert data.own.look == Look()
    assert not any("bright" in note for note in data.own.notes)


def test_dim_images_are_amplified_with_a_note(tmp_path):
    data = own(as_pictures(tmp_path / "a", IMAGES // 3))
    said = "images are dim (at most 83, white is 255): brightness is multiplied by 3.07"
    assert data.own.notes[0] == said


@pytest.mark.parametrize("form", [as_pictures, as_npz])
def test_a_faulty_pixel_does_not_settle_the_scale(tmp_path, form):
    images = (INK / 16).astype(np.float32)
    images[7, 3, 3], images[8, 3, 3] = 1e5, -1e5
    data = own(form(tmp_path / "a", images))
    assert (data.own.look.black, data.own.look.white) == (0, 255)
    assert np.median(data.train_images.max(axis=(1, 2))) > 200
    assert Levels(images).reach == {True: (0.0, 15.5625)}


def test_a_fraction_above_1_does_not_darken_the_others(tmp_path):
    images = (INK / 240).astype(np.float32)
    assert images.max() > 1
    data = own(as_pictures(tmp_path, images))
    assert data.own.look.white == 1.0
    assert np.median(data.train_images.max(axis=(1, 2))) > 200


def test_test_images_on_another_scale_are_refused(tmp_path):
    def saved(train, test):
        np.savez(tmp_path / "a.npz", x_train=train[:40], y_train=LABELS[:40],
                 x_test=test[40:], y_test=LABELS[40:])  # fmt: skip
        return lambda: own(tmp_path / "a.npz")

    said = "test images reach 0.976471, training images 239: give both on one scale"
    refused(saved(IMAGES, IMAGES / 255), said)
    refused(saved(IMAGES / 255, IMAGES), "give both on one scale")
    refused(saved(DEEP * 257, DEEP), "give both on one scale")
    assert len(saved(IMAGES, IMAGES // 4)().test_images) == 20
    for part, factor in (("train", 16), ("test", 1)):
        put(tmp_path / "b" / part, [Image.fromarray(image * np.uint16(factor)) for image in DEEP])
    refused(lambda: own(tmp_path / "b"), "give both on one scale")


def test_deep_test_pictures_have_one_scale_after_a_training_on_8_bits(tmp_path):
    put(tmp_path / "train")
    pale = [Image.fromarray((image * (4 if k else 1)).astype(np.uint16) * 16)
            for k, image in enumerate(DEEP)]  # fmt: skip
    put(tmp_path / "test", pale)
    data = own(tmp_path)
    assert data.own.look.white is None
    found = sorted(image.max() for image in data.test_images)
    assert found[0] < 70, "the first is a quarter as bright as the others"
    assert found[1] > 190


@pytest.mark.parametrize("form", [as_pictures, as_npz])
def test_images_without_contrast_are_refused(tmp_path, form):
    refused(lambda: own(form(tmp_path / "a", np.full_like(IMAGES, 9))), "all pixels are 9")


def test_a_run_on_dim_images_takes_dim_and_ordinary_pictures(tmp_path):
    look = own(as_npz(tmp_path / "a", IMAGES / 16)).own.look
    assert look.prepare(read_picture(png(IMAGES[3] // 16)), 28).max() > 190
    np.testing.assert_array_equal(look.prepare(read_picture(png(IMAGES[3])), 28), IMAGES[3])


@pytest.mark.parametrize("learned", [IMAGES, IMAGES / 255, DEEP * 4, IMAGES / 128 - 1])
def test_a_picture_of_another_depth_is_classified_by_its_own(tmp_path, learned):
    look = own(as_npz(tmp_path / "a", learned)).own.look
    picture = read_picture(png(Image.fromarray(DEEP[3] * 257)))
    np.testing.assert_array_equal(look.prepare(picture, 28), INK[3])


def test_a_picture_that_is_nearly_black_is_classified_by_its_own_brightness():
    digit = np.zeros((16, 16), np.uint8)
    digit[2:14, 7:9] = 255
    for highest in (1, 16):
        black = read_picture(png(digit // 255 * np.uint8(highest)))
        np.testing.assert_array_equal(image_like("digits", black, 16), digit)
        np.testing.assert_array_equal(Look().prepare(black, 16), digit)
        assert image_like("digits", black, 16, as_is=True).max() == highest
    dim = read_picture(png(digit // 5))
    assert image_like("digits", dim, 16).max() == 51, "Fashion-MNIST has images as dim as this"


def test_older_runs_say_how_their_pictures_were_prepared():
    for kept, white in ((255.0, None), (4095.0, 4095.0)):
        look = Look.of_record({"turned": True, "white": kept, "ground": 0})
        assert look == Look(True, white, 0)
    new = Look(False, None, 255, 0.0, 3.0)
    assert Look.of_record(json.loads(json.dumps(new._asdict()))) == new
    for change in (
        {"gain": 0.0},
        {"gain": float("nan")},
        {"gain": "1"},
        {"white": 1},
        {"white": 0.0},
        {"black": None},
    ):
        with pytest.raises((TypeError, ValueError)):
            Look.of_record(new._asdict() | change)


def test_images_that_are_too_dark_to_send_spikes_are_refused(tmp_path):
    data = own(as_pictures(tmp_path / "a", IMAGES), 16)
    dark = replace(data, train_images=data.train_images // 10)
    config = Config.checked(dataset="folder", hidden=[8], theta_in=0.1)
    refused(
        lambda: Trainer(config, dark),
        "only 0 pixels of 48 training images send a spike: their brightest pixel is",
        "theta_in = 0.1 asks for 26 of 255: give brighter images, or lower theta_in",
    )
    assert Trainer(config, data).source
    assert Trainer(Config.checked(dataset="folder", hidden=[8], theta_in=0.02), dark).source
