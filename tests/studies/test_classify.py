"""A stored run decides on pictures as it did on its test images."""

import csv
import os
import sys
from io import BytesIO, StringIO, TextIOWrapper
from math import isnan

import numpy as np
import pytest
from conftest import real
from PIL import Image
from refusal import refused, refused_command

import snnlab
from snnlab.chip import power
from snnlab.chip.die import Die
from snnlab.commands.main import main
from snnlab.config import Config
from snnlab.data import load
from snnlab.learn.trainer import TEST_IDS, Trainer
from snnlab.runs.recorder import Recorder
from snnlab.runs.run import Run
from snnlab.studies.classifier import Classifier
from snnlab.studies.decision import decision_time

DIGITS = load("digits")
N = 120
"""Test images that are shown."""


def trained(folder, dataset=DIGITS, **settings):
    """A run that was trained, kept in a folder, and its trainer."""
    trainer = Trainer(Config.checked(dataset=dataset.name, **settings), dataset)
    recorder = Recorder(folder, trainer)
    while not trainer.finished:
        recorder.advance()
    recorder.save()
    return trainer


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "digits"
    return folder, trained(folder, hidden=[30], epochs=3, seed=3, mismatch=0.2)


def decided(trainer):
    """Labels that the run's own evaluation decides for, with all that it recorded."""
    recordings = [recording for _, recording in trainer.recordings()]
    return np.concatenate([trainer.scores(r).argmax(1) for r in recordings]), recordings


FILES = {
    "grey": ("png", lambda grey: Image.fromarray(grey)),
    "colour": ("bmp", lambda grey: Image.fromarray(grey).convert("RGB")),
    "opacity": ("png", lambda grey: Image.fromarray(grey).convert("RGBA")),
    "dark on bright": ("png", lambda grey: Image.fromarray(255 - grey)),
    "palette": ("gif", lambda grey: Image.fromarray(grey).convert("P")),
    "16 bits": ("png", lambda grey: Image.fromarray(grey.astype(np.uint16) * 257)),
    "pages": ("tiff", lambda grey: Image.fromarray(grey)),
    "white ink": ("png", lambda grey: _white_ink(grey)),
}  # fmt: skip


def _white_ink(opacity):
    image = Image.new("L", opacity.shape[::-1], 255)
    image.putalpha(Image.fromarray(opacity))
    return image


def exported(folder, images, kind="grey"):
    """Picture files of images, in order."""
    suffix, make = FILES[kind]
    folder.mkdir()
    paths = [folder / f"{k}.{suffix}" for k in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        make(image).save(path)
    return paths


@pytest.mark.parametrize("kind", FILES)
def test_a_run_decides_on_picture_files_as_on_its_test_images(kept, kind, tmp_path):
    folder, trainer = kept
    images = DIGITS.test_images[:N]
    classifier = Classifier(Run.open(folder))
    read = [classifier.image(path) for path in exported(tmp_path / "a", images, kind)]
    np.testing.assert_array_equal(read, images)
    found = list(classifier.decide(read, np.arange(TEST_IDS, TEST_IDS + N, dtype=np.uint64)))
    labels, (recording, *_) = decided(trainer)
    assert [d.label for d in found] == [DIGITS.classes[k] for k in labels[:N]]
    peaks = recording.traces(-1).max(axis=1)[:N]  # of the membranes, in thresholds
    assert trainer.settings.readout == "maximum"
    np.testing.assert_allclose([list(d.potentials.values()) for d in found], peaks, rtol=1e-5)
    np.testing.assert_allclose([d.ranking[0][1] for d in found], peaks.max(axis=1), rtol=1e-5)
    times = decision_time(recording, trainer.settings.readout)[:N]
    np.testing.assert_array_equal([d.time for d in found], times)


def test_parts_of_a_network_decide_one_after_the_other(tmp_path):
    trainer = trained(tmp_path / "run", hidden=[400], chips=2, epochs=1)
    classifier = Classifier(Run.open(tmp_path / "run"))
    ids = np.arange(TEST_IDS, TEST_IDS + 8, dtype=np.uint64)
    found = list(classifier.decide(DIGITS.test_images[:8], ids))
    _, recording = next(trainer.recordings())
    first = power.estimate(recording.take(np.arange(8))).latency
    in_the_last = decision_time(recording, trainer.settings.readout)[:8]
    np.testing.assert_allclose([d.time for d in found], first + in_the_last)


def test_a_run_on_a_die_of_its_own_decides_on_that_die(tmp_path):
    own = Die.draw("uncalibrated", seed=77)
    trainer = Trainer(Config(dataset="digits", hidden=[30], epochs=1), DIGITS, die=own)
    recorder = Recorder(tmp_path / "run", trainer)
    while not trainer.finished:
        recorder.advance()
    recorder.save()
    ids = np.arange(TEST_IDS, TEST_IDS + N, dtype=np.uint64)
    found = Classifier(Run.open(tmp_path / "run")).decide(DIGITS.test_images[:N], ids)
    labels, _ = decided(trainer)
    assert [decision.label for decision in found] == [DIGITS.classes[k] for k in labels[:N]]


def test_spikes_and_energy_of_single_pictures_are_those_of_all_on_average(kept):
    folder, trainer = kept
    ids = np.arange(TEST_IDS, TEST_IDS + len(DIGITS.test_images), dtype=np.uint64)
    found = list(Classifier(Run.open(folder)).decide(DIGITS.test_images, ids))
    _, (recording,) = decided(trainer)
    assert np.mean([d.spikes for d in found]) == pytest.approx(recording.spikes_per_sample())
    whole = power.estimate(recording, "inference")
    assert np.mean([d.energy for d in found]) == pytest.approx(whole.energy)
    assert all(d.energy_range[0] < d.energy < d.energy_range[1] for d in found)
    assert len({d.energy for d in found}) > 50


def test_a_picture_is_decided_on_alike_whichever_others_are_with_it(kept, tmp_path):
    folder, _ = kept
    paths = exported(tmp_path / "a", DIGITS.test_images[:9])
    together = snnlab.classify(folder, paths)
    assert len(together) == 9
    for path, decision in zip(paths, together, strict=True):
        assert snnlab.classify(Run.open(folder), path) == [decision]
    assert snnlab.classify(str(folder), paths[3].read_bytes()) == [together[3]]
    assert snnlab.classify(folder, DIGITS.test_images[3]) == [together[3]]
    assert snnlab.classify(folder, DIGITS.test_images[:9]) == together


def test_a_photographed_digit_is_boxed_and_upright(kept, tmp_path):
    """A page of a notebook, held sideways: as the same digit drawn in place."""
    folder, _ = kept
    digit = Image.fromarray(255 - DIGITS.test_images[0]).resize((320, 320))
    page = Image.new("RGB", (900, 700), (235, 230, 220))
    page.paste(Image.eval(digit, lambda v: v * 230 // 255), (400, 100))
    page.save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    page.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "held.jpg", exif=exif, quality=95)
    classifier = Classifier(Run.open(folder))
    shown = [classifier.image(tmp_path / name).astype(int) for name in ("upright.png", "held.jpg")]
    assert np.abs(shown[0] - shown[1]).mean() < 3
    alike = np.corrcoef(shown[0].ravel(), DIGITS.test_images[0].ravel())[0, 1]
    assert alike > 0.9


def rows(text):
    return list(csv.DictReader(StringIO(text)))


def test_the_command_goes_on_after_what_it_cannot_read(kept, tmp_path, capsys, monkeypatch):
    folder, _ = kept
    monkeypatch.chdir(tmp_path)
    exported(tmp_path / "a", DIGITS.test_images[:12])
    (tmp_path / "a/12.png").write_bytes(b"no picture")
    (tmp_path / "a/13.svg").write_bytes(b"<svg/>")
    (tmp_path / "a/notes.txt").write_text("not called a picture")
    assert main(["classify", str(folder), "a", "gone.png", "b/*.png"]) == 2
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split()[:4] == ["picture", "class", "potential", "second"]
    names = [os.path.join("a", f"{k}.png") for k in range(12)]
    assert [line.split()[0] for line in lines[1:]] == names, "2 before 10"
    decisions = snnlab.classify(folder, names)
    assert [line.split()[1] for line in lines[1:]] == [d.label for d in decisions]
    assert [line.split()[-2] for line in lines[1:]] == [str(d.spikes) for d in decisions]
    complaints = err.splitlines()
    assert len(complaints) == 4
    assert all(line.startswith("snnlab: ") for line in complaints)
    assert "there are no pictures in b/*.png" in complaints[0]
    assert "12.png is not a readable picture" in complaints[1]
    assert "13.svg is not a readable picture: it is an SVG" in complaints[2]
    assert "gone.png cannot be read: No such file" in complaints[3]


def test_the_table_as_csv(kept, tmp_path, capsys, monkeypatch):
    folder, _ = kept
    monkeypatch.chdir(tmp_path)
    exported(tmp_path / "a", DIGITS.test_images[:3])
    Image.new("L", (16, 16), 0).save(tmp_path / "=black.png")
    assert main(["classify", str(folder), "a/*.png", "=black.png", "--csv", "-"]) == 0
    printed = capsys.readouterr().out
    assert main(["classify", str(folder), "a", "=black.png", "--csv", "t.csv"]) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "t.csv").read_text("utf-8") == printed
    found = rows(printed)
    assert len(found) == 4
    decisions = snnlab.classify(folder, [*sorted((tmp_path / "a").iterdir()), "=black.png"])
    for row, decision in zip(found, decisions, strict=True):
        assert row["class"] == decision.label
        assert float(row["potential"]) == pytest.approx(decision.ranking[0][1], abs=1e-4)
        assert row["second class"] == decision.ranking[1][0]
        assert int(row["hidden_spikes"]) == decision.spikes
        assert float(row["energy_uJ"]) == pytest.approx(1e6 * decision.energy, abs=1e-4)
        for name, potential in decision.potentials.items():
            assert float(row[f"potential {name}"]) == pytest.approx(potential, abs=1e-4)
    assert float(found[0]["time_us"]) == pytest.approx(1e6 * decisions[0].time, abs=1e-3)
    assert isnan(decisions[3].time)
    assert (found[3]["picture"], found[3]["time_us"]) == ("'=black.png", "")


def test_a_picture_through_a_pipe(kept, tmp_path, capsys, monkeypatch):
    folder, _ = kept
    (path,) = exported(tmp_path / "a", DIGITS.test_images[:1])
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(path.read_bytes())))
    assert main(["classify", str(folder), "-", "--csv", "-"]) == 0
    (row,) = rows(capsys.readouterr().out)
    assert (row["picture"], row["class"]) == (
        "standard input",
        snnlab.classify(folder, path)[0].label,
    )


def test_what_the_command_refuses(kept, tmp_path, capsys, monkeypatch):
    folder, _ = kept
    monkeypatch.chdir(tmp_path)
    Image.new("L", (30, 40), 9).save("plain.png")
    (tmp_path / "empty").mkdir()
    refuse = [str(folder), "plain.png"]
    for arguments, said in (
        ((*refuse,), ("plain.png", "of one colour")),
        ((*refuse, "--as-is"), ("plain.png", "not of 16×16 or 8×8 pixels")),
        ((str(folder), "empty"), ("no pictures in empty",)),
        ((str(folder), "a\x1b]b.png"), (r"a\x1b]b.png", "cannot be read")),
        (("nowhere", "plain.png"), ("no run nowhere",)),
        ((*refuse, "--csv", "none/t.csv"), ("table none/t.csv cannot be written",)),
        ((*refuse, "--csv", "t.csv"), ("of one colour",)),
        ((str(folder),), ("FILE",)),
    ):
        refused_command(capsys, "classify", *arguments, said=said, folder=tmp_path)


def test_what_the_function_refuses(kept, tmp_path):
    folder, _ = kept
    refused(lambda: snnlab.classify(folder, [np.zeros((28, 28), np.uint8)]), "give uint8(16, 16)")
    refused(lambda: snnlab.classify(folder, np.zeros((16, 16))), "float64(16, 16)")
    refused(lambda: snnlab.classify(tmp_path / "no", "a.png"), "no run")
    refused(lambda: snnlab.classify(folder, "a.png"), "a.png cannot be read")
    assert snnlab.classify(folder, []) == []


def test_a_run_on_pictures_of_ones_own_treats_others_as_those(tmp_path):
    """Dark on bright, of 12 bits, not square: as the training had them."""
    for k, (image, label) in enumerate(zip(DIGITS.train_images, DIGITS.train_labels, strict=True)):
        if label < 2:
            (tmp_path / "own" / f"n{label}").mkdir(parents=True, exist_ok=True)
            tall = np.repeat((255 - image).astype(np.uint16) * 16, 2, axis=0)
            Image.fromarray(tall).save(tmp_path / "own" / f"n{label}" / f"{k}.png")
    dataset = load("folder", data_dir=tmp_path / "own")
    trained(tmp_path / "run", dataset, hidden=[20], epochs=8, batch=10)
    run = Run.open(tmp_path / "run")
    assert run.look.turned
    classifier = Classifier(run)
    assert classifier.classes == ("n0", "n1")
    every = {image.tobytes() for image in (*dataset.train_images, *dataset.test_images)}
    paths = sorted((tmp_path / "own").rglob("*.png"))
    assert {classifier.image(path).tobytes() for path in paths} == every
    labels = [decision.label for decision in snnlab.classify(run, paths)]
    right = [label == path.parent.name for label, path in zip(labels, paths, strict=True)]
    assert np.mean(right) > 0.9


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("name", "side"), [("mnist", 16), ("mnist", 28), ("fashion-mnist", 16)])
def test_published_images_as_files_are_decided_as_in_the_evaluation(name, side, tmp_path):
    dataset, published = real(name, side), real(name, 28).test_images[:N]
    chips = 4 if side == 28 else 1
    trainer = trained(tmp_path / "run", dataset, side=side, epochs=1, chips=chips, seed=1)
    classifier = Classifier(Run.open(tmp_path / "run"))
    labels, _ = decided(trainer)
    for number, kind in enumerate(FILES):
        paths = exported(tmp_path / str(number), published, kind)
        images = [classifier.image(path) for path in paths]
        np.testing.assert_array_equal(images, dataset.test_images[:N])
        ids = np.arange(TEST_IDS, TEST_IDS + N, dtype=np.uint64)
        found = [d.label for d in classifier.decide(images, ids)]
        assert found == [dataset.classes[k] for k in labels[:N]]
        drawn_otherwise = [d.label for d in snnlab.classify(tmp_path / "run", paths)]
        assert np.mean([a == b for a, b in zip(found, drawn_otherwise, strict=True)]) > 0.9
    if name == "mnist":
        boxed = [classifier.image(path, as_is=False) for path in paths]
        found = [dataset.classes.index(d.label) for d in classifier.decide(boxed)]
        wanted = dataset.test_labels[:N]
        assert np.mean(found == wanted) > np.mean(labels[:N] == wanted) - 0.1
