"""Training on user-supplied pictures: runs record them, commands take them."""

import json
import subprocess
import sys

import numpy as np
import pytest
from own_pictures import IMAGES, LABELS, NAMES, put
from refusal import refused, refused_command

from snnlab.commands.main import main
from snnlab.config import Config
from snnlab.runs.run import Run
from snnlab.runs.training import resume, train

RNG = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    monkeypatch.delenv("SNNLAB_DATA", raising=False)


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
    put(
        tmp_path, np.concatenate([IMAGES] * 5), np.arange(300) % 10, [f"{k}" * 3 for k in range(10)]
    )
    run = Run.open(trained / "run")
    run.settings["hidden"] = [250]  # as many as leave no room for other classes
    refused(lambda: resume(run, str(tmp_path), epochs=16), "trained on other images")


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
