"""The command line: what it writes, prints and refuses."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from refusal import refused_command as refused

from snnlab.commands.main import main
from snnlab.config import Config
from snnlab.runs.run import Run

QUICK = ("train", "--dataset", "digits", "--epochs", "1")


def run(capsys, *arguments):
    code = main([str(a) for a in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_train_keeps_a_run_that_can_be_continued(capsys, tmp_path):
    code, out, _ = run(capsys, *QUICK, "--out", tmp_path / "run", "--beta", "20")
    assert code == 0
    assert "epoch   1  test" in out
    assert re.search(r"about \d\.\d\d µJ/image \(estimate, \d\.\d\d–\d\.\d\d\)", out)
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["settings"]["beta"] == 20.0
    assert config["network"] == "256-246-10"
    (epoch,) = Run.open(tmp_path / "run").epochs()
    assert 0 < epoch.test_accuracy <= 1
    weights = np.load(tmp_path / "run/weights.npz", allow_pickle=False)
    assert [weights[k].shape for k in ("layer_0", "layer_1")] == [(256, 246), (246, 10)]
    assert np.load(tmp_path / "run/die.npz")["tau_mem"].shape == (512,)
    assert not list((tmp_path / "run").glob(".*"))

    again = ("--out", tmp_path / "more", "--weights", tmp_path / "run", "--learning-rate", "0")
    assert run(capsys, *QUICK, *again)[0] == 0
    kept = np.load(tmp_path / "more/weights.npz")
    np.testing.assert_array_equal(kept["layer_0"], weights["layer_0"])


def test_ctrl_c_leaves_a_usable_run(tmp_path, capsys):
    command = [sys.executable, "-m", "snnlab", "train", "--dataset", "digits", "--epochs", "9999"]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path / "run")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not (tmp_path / "run/die.npz").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in error
    assert "run kept in" in out
    steps = json.loads((tmp_path / "run/config.json").read_text())["steps"]
    assert f"stopped after {steps} steps" in out
    code, _, _ = run(capsys, *QUICK, "--weights", tmp_path / "run", "--out", tmp_path / "next")
    assert code == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--dataset", "cifar"), "dataset = cifar is not allowed: one of mnist, fashion-mnist"),
        (("--mismatch", "-1"), "mismatch = -1.0 is not allowed: a number from 0 to 0.5"),
        (("--mismatch", "nan"), "mismatch = nan is not allowed: a number from 0 to 0.5"),
        (("--beta", "steep"), "beta = steep is not allowed: a number from 0.1 to 200"),
        (("--epochs", "0"), "epochs = 0 is not allowed: a whole number from 1 to 10000"),
        (("--epochs", "2.5"), "epochs = 2.5 is not allowed: a whole number from 1 to 10000"),
        (("--batch", "1e9"), "batch = 1e9 is not allowed: a whole number from 1 to 10000"),
        (("--hidden", "2x"), "hidden = 2x is not allowed: a list of whole numbers"),
        (("--hidden", "0"), "hidden = [0] is not allowed: a list of whole numbers from 1 to 8192"),
        (
            ("--hidden", "300"),
            "needs 630 neuron circuits, the chip has 512: use at most 246 hidden neurons,"
            " or partition it into 2 parts (--chips 2)",
        ),
        (("--chips", "0"), "chips = 0 is not allowed: a whole number from 1 to 64"),
        (("--side", "20"), "side = 20 is not allowed: one of 16, 28"),
        (("--side", "28"), "data set digits has no images of 28×28, only of 16×16: use side"),
        (("--hidden", "200-200"), "needs 820 neuron circuits, the chip has 512"),
        (("--threads", "0"), "threads = 0 is not allowed: this machine takes 1 to"),
        (("--threads", "two"), "argument --threads: invalid int value: 'two'"),
        (("--seed", "-3"), "seed = -3 is not allowed: a whole number from 0 to 4294967295"),
        (("--nonsense",), "unrecognized arguments: --nonsense"),
        (("--weights", "missing.npz"), "no run missing.npz here or in runs"),
    ],
)
def test_bad_flags_get_one_line(capsys, tmp_path, flags, said):
    error = refused(capsys, "train", "--dataset", "digits", "--out", tmp_path / "run", *flags)
    assert said in error
    assert not (tmp_path / "run").exists()


def test_a_folder_without_idx_files_is_named(capsys, tmp_path):
    error = refused(capsys, "train", "--data-dir", tmp_path, "--out", tmp_path / "run")
    assert str(tmp_path) in error
    assert "train-images-idx3-ubyte" in error


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_numbers_are_refused(capsys, tmp_path, value):
    first = np.zeros((256, 246), np.float32)
    first[3, 4] = value
    np.savez(tmp_path / "w.npz", layer_0=first, layer_1=np.zeros((246, 10), np.float32))
    error = refused(capsys, *QUICK, "--weights", tmp_path / "w.npz", "--out", tmp_path / "run")
    assert "weights of layer 0 hold 1 NaN or infinite values of 62976" in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not a zip file", "not an npz file"),
        (b"", "not an npz file"),
        (b"\x80\x04\x95 pickle", "not an npz file"),
    ],
)
def test_foreign_weight_files_are_refused(capsys, tmp_path, content, said):
    (tmp_path / "w.npz").write_bytes(content)
    assert said in refused(capsys, *QUICK, "--weights", tmp_path / "w.npz", "--out", tmp_path / "r")


def test_weights_of_another_shape_are_refused(capsys, tmp_path):
    np.savez(tmp_path / "w.npz", layer_0=np.zeros((256, 10)), layer_1=np.zeros((10, 10)))
    error = refused(capsys, *QUICK, "--weights", tmp_path / "w.npz", "--out", tmp_path / "r")
    assert "weights of layer 0 have shape (256, 10)" in error
    np.savez(tmp_path / "o.npz", layer_0=np.array([[object()]], dtype=object))
    refused(capsys, *QUICK, "--weights", tmp_path / "o.npz", "--out", tmp_path / "r")


def test_a_folder_that_cannot_be_written_is_named(capsys, tmp_path):
    (tmp_path / "file").write_text("in the way")
    error = refused(capsys, *QUICK, "--out", tmp_path / "file")
    assert f"run folder {tmp_path / 'file'} cannot be written" in error


def test_data_says_where_it_came_from(capsys):
    code, out, _ = run(capsys, "data", "digits")
    assert code == 0
    assert out == (
        "digits: 1438 training and 359 test images of 10 classes, from bundled with scikit-learn\n"
    )
    assert "no data set 'cifar'" in refused(capsys, "data", "cifar")


def test_map_says_where_a_network_sits(capsys):
    code, out, _ = run(capsys, "map", "--side", 28, "--hidden", 256, "--chips", 8)
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "network 784-256-10"
    assert "hidden 256 784 7 1792 401408 256 0–6" in lines
    assert "part 4 of 4: hidden 219–255, label 0–9; 279 circuits" in lines
    assert "needs 1742 neuron circuits" in refused(capsys, "map", "--side", 28)
    assert "has no images of 28×28" in refused(capsys, "map", "--side", 28, "--dataset", "digits")


def test_a_network_in_parts_trains(capsys, tmp_path):
    flags = ("--hidden", 300, "--chips", 2, "--out", tmp_path / "run")
    code, out, _ = run(capsys, *QUICK, *flags)
    assert code == 0
    assert "network 256-300-10 in 2 parts" in out
    assert json.loads((tmp_path / "run/config.json").read_text())["settings"]["chips"] == 2


def a_run(folder, settings, *shapes):
    """The part of a run folder that an export reads."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"settings": settings}))
    weights = [np.full(shape, 0.1, np.float32) for shape in shapes]
    np.savez(folder / "weights.npz", **{f"layer_{k}": w for k, w in enumerate(weights)})
    return folder


def test_export_says_which_layers_are_recurrent(capsys, tmp_path):
    settings = Config(recurrent="trained").values()
    run_folder = a_run(tmp_path / "run", settings, (20 + 5, 5), (5, 3))
    code, out, _ = run(capsys, "export", run_folder, tmp_path / "n.nir")
    assert (code, out) == (0, f"{tmp_path / 'n.nir'}: network 20-5R-3\n")


def test_export_writes_the_network_of_a_run(capsys, tmp_path):
    from snnlab.nir.load import from_nir

    settings = Config(tau_mem=8e-6, tau_ref=3e-6, substeps=8).values()
    run_folder = a_run(tmp_path / "run", settings, (20, 5), (5, 3))
    code, out, _ = run(capsys, "export", run_folder, tmp_path / "n.nir")
    assert (code, out) == (0, f"{tmp_path / 'n.nir'}: network 20-5-3\n")
    read = from_nir(tmp_path / "n.nir")
    assert read.network.sizes == (20, 5, 3)
    assert (read.network.arrays()[0] == np.float32(0.1)).all()
    assert (read.point.tau_mem, read.point.tau_ref, read.point.substeps) == (8e-6, 3e-6, 8)


@pytest.mark.parametrize("library", ["norse", "snnTorch"])
def test_export_for_a_library_says_what_changes(capsys, tmp_path, library):
    from snnlab.nir.load import from_nir

    run_folder = a_run(tmp_path / "run", Config(tau_ref=3e-6).values(), (20, 5), (5, 3))
    code, out, _ = run(capsys, "export", run_folder, tmp_path / "n.nir", "--for", library)
    assert code == 0
    assert out.splitlines() == [
        f"{tmp_path / 'n.nir'}: network 20-5-3",
        f"for {library.lower()}: spikes are 1 for a step of dt=0.0001 s that stands for"
        " 0.425 µs, weights are times 0.33, label neurons CubaLIF that never fire; no refractory"
        " period (the chip's is 3 µs)",
    ]
    assert from_nir(tmp_path / "n.nir").point.tau_ref == pytest.approx(3e-6)


def test_an_export_for_a_library_that_is_not_known_leaves_nothing(capsys, tmp_path):
    run_folder = a_run(tmp_path / "run", {}, (4, 2))
    error = refused(capsys, "export", run_folder, tmp_path / "n.nir", "--for", "lava")
    assert "NIR for 'lava' is not known: norse, snntorch, or none of them" in error
    assert not (tmp_path / "n.nir").exists()


@pytest.mark.parametrize(
    ("settings", "shapes", "said"),
    [
        ([[1, 2]], [(4, 2)], "config.json holds no settings (list)"),
        (None, [(4, 2)], "config.json holds no settings (NoneType)"),
        ({"tau_mem": 1.0}, [(4, 2)], "tau_mem = 1.0 is not allowed: a number from 1e-06 to 2e-05"),
        ({}, [(4, 2), (3, 2)], "weights of layer 1 have shape (3, 2), network 4-2-2 takes"),
        ({}, [(400, 300)], "needs 1200 neuron circuits, the chip has 512"),
        ({}, [], "every layer needs at least one neuron"),
    ],
)
def test_a_run_that_cannot_be_exported_is_said(capsys, tmp_path, settings, shapes, said):
    run_folder = a_run(tmp_path / "run", settings, *shapes)
    assert said in refused(capsys, "export", run_folder, tmp_path / "n.nir")
    assert not (tmp_path / "n.nir").exists()


def test_an_export_needs_a_run_a_place_and_nir(capsys, tmp_path, monkeypatch):
    error = refused(capsys, "export", tmp_path / "none", tmp_path / "n.nir")
    assert f"no run {tmp_path / 'none'} here or in runs: see snnlab runs list" in error
    run_folder = a_run(tmp_path / "run", {}, (4, 2))
    error = refused(capsys, "export", run_folder, tmp_path / "none/n.nir")
    assert f"NIR file {tmp_path / 'none/n.nir'} cannot be written: No such file" in error
    (run_folder / "config.json").write_text("{")
    error = refused(capsys, "export", run_folder, tmp_path / "n.nir")
    assert "config.json holds no settings (JSONDecodeError)" in error
    monkeypatch.setitem(sys.modules, "nir", None)
    error = refused(capsys, "export", run_folder, tmp_path / "n.nir")
    assert error == 'snnlab: NIR is not installed: pip install -e ".[nir]"\n'


def test_every_knob_is_a_flag_with_its_doc(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name in Config.knobs():
        assert f"--{name.replace('_', '-')} X" in text
        assert Config.param[name].doc.replace("%%", "%") in text


def test_a_port_in_use_is_said(capsys, tmp_path):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        process = subprocess.run(
            [sys.executable, "-m", "snnlab", "app", "--no-browser", "--port", port],
            capture_output=True, text=True, timeout=120, env=os.environ, check=False,
        )  # fmt: skip
    assert process.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in process.stderr
    assert "Traceback" not in process.stderr
