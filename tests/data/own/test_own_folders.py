"""User-supplied pictures in folders: equal pictures give equal images."""

import os

import numpy as np
import pytest
from own_pictures import IMAGES, LABELS, NAMES, SIDE, drawn, own, png, put, seen
from PIL import Image
from refusal import refused

from snnlab.data import load
from snnlab.data.images.pictures import read_picture
from snnlab.data.images.preprocess import fit
from snnlab.data.own.labelled import MIN_TEST_IMAGES

RNG = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    monkeypatch.delenv("SNNLAB_DATA", raising=False)


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


@pytest.mark.parametrize("name", ["val", "Valid", "validation"])
def test_images_for_validation_are_the_test_if_there_is_no_other(tmp_path, name):
    put(tmp_path / "train", IMAGES[:40], LABELS[:40])
    put(tmp_path / name, IMAGES[40:], LABELS[40:])
    (tmp_path / name / "list.txt").write_text("20 pictures\n")
    data = own(tmp_path)
    assert (len(data.train_labels), len(data.test_labels)) == (40, 20)
    said = (
        "1 file not in a class, not used",
        "the validation part (20 images) is used for the test",
    )
    assert data.own.notes[:2] == said
    put(tmp_path / "test", IMAGES[45:], LABELS[45:])
    data = own(tmp_path)
    assert (len(data.train_labels), len(data.test_labels)) == (40, 15)
    assert "the validation part (20 images) is not used" in data.own.notes


def test_other_files_do_not_matter_for_the_folders(tmp_path):
    """As in an archive from GitHub: repo-main/README.md beside repo-main/images/ape/0.png."""
    top = tmp_path / "repo-main"
    put(top / "images")
    (top / "README.md").write_text("Apes and others\n")
    data = own(tmp_path)
    assert seen(data) == seen(own(top / "images"))
    assert data.own.notes[0] == "1 file not in a class, not used"
    put(tmp_path / "ds" / "my" / "train")
    put(tmp_path / "ds" / "my" / "test")
    (tmp_path / "ds" / "labels.txt").write_text("ape bee cat\n")
    data = own(tmp_path / "ds")
    assert data.classes == NAMES
    assert len(data.test_labels) == 60


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
