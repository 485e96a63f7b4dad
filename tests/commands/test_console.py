"""Output that cannot be written does not stop a computation.

Each command runs in its own process, with streams as a shell, a service or pythonw provides them.
"""

import io
import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from recordings import flat

from snnlab.commands.main import main
from snnlab.recipes import recipes
from snnlab.text import console
from snnlab.text import progress as terminal
from snnlab.text.console import TO_ASCII, make_encodable, to_ascii

TRAIN = "train --dataset digits --epochs 1 --batch 500 --out"
FULL = "/dev/full"
posix = pytest.mark.skipif(os.name != "posix", reason="shells of POSIX and /dev/full")


def slowly(*cases):
    return [pytest.param(case, marks=pytest.mark.slow) for case in cases]


def finished(folder):
    return json.loads((folder / "config.json").read_text("utf-8"))["finished"]


def shell(line, folder, **environment):
    """Run a shell line in which ``snnlab`` is the command; output as bytes."""
    line = line.replace("snnlab ", f"{sys.executable} -m snnlab ")
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], cwd=folder, capture_output=True, timeout=300,
        env={**os.environ, **environment}, check=False,
    )  # fmt: skip


def narrow(letters):
    return {"PYTHONUTF8": "0", "PYTHONIOENCODING": letters}


# ── narrow code pages ──


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("2.50 µJ/image (2.39–2.89)", "2.50 uJ/image (2.39-2.89)"),
        ("28×28, σ_d ≤ 0.5 … τ_mem → 10 μs", "28x28, sigma_d <= 0.5 ... tau_mem -> 10 us"),
        ("ϑ_in Σ ς é ½ m² −3 ±1", "theta_in Sigma sigma e 1/2 m2 -3 +-1"),
        ("中 🙂 \udcff", r"\u4e2d \U0001f642 \udcff"),
        ("plain", "plain"),
    ],
)
def test_missing_characters_become_ascii(text, plain):
    assert to_ascii(text) == plain
    assert text.encode("ascii", TO_ASCII) == plain.encode()


@pytest.mark.parametrize("letters", ["gbk", "cp932", "cp949", "cp437", "cp1252", "cp037", "utf-8"])
def test_any_text_is_encodable_in_any_code_page(letters):
    text = "µ – × ϑ 中 é \udcff"
    stream = io.TextIOWrapper(io.BytesIO(), letters)
    assert make_encodable(text, stream).encode(letters).decode(letters) == make_encodable(
        text, stream
    )


def test_characters_in_the_code_page_are_kept():
    assert "µ – é".encode("cp1252", TO_ASCII).decode("cp1252") == "µ – é"
    assert "µ – é".encode("gbk", TO_ASCII).decode("gbk") == "u – é"


@pytest.mark.parametrize("letters", ["gbk", "ascii", *slowly("cp932", "cp949", "cp437")])
def test_training_works_under_a_narrow_code_page(tmp_path, letters):
    done = shell(f"snnlab {TRAIN} run > log.txt", tmp_path, **narrow(letters))
    assert (done.returncode, done.stderr) == (0, b"")
    log = (tmp_path / "log.txt").read_bytes().decode(letters)
    assert "epoch   1  test" in log
    assert ("µJ/image" if letters == "cp437" else "uJ/image") in log
    assert "run kept in run" in log
    assert finished(tmp_path / "run")


@pytest.mark.parametrize("letters", ["cp1252", "cp437", "ascii"])
@pytest.mark.parametrize("command", ["recipes", "train --help"])
def test_tables_and_help_are_printed_completely(tmp_path, letters, command):
    done = shell(f"snnlab {command}", tmp_path, **narrow(letters))
    assert (done.returncode, done.stderr) == (0, b"")
    wide = shell(f"snnlab {command}", tmp_path, PYTHONUTF8="1").stdout.decode("utf-8")
    assert done.stdout.decode(letters) == wide.encode(letters, TO_ASCII).decode(letters)
    assert len(wide.split()) > 5


def test_errors_are_printed_in_ascii_too(tmp_path):
    done = shell("snnlab train --mismatch 0–2", tmp_path, **narrow("ascii"), LC_ALL="C.UTF-8")
    assert done.returncode == 2
    assert done.stderr.startswith(b"snnlab: mismatch = 0")
    assert b"Traceback" not in done.stderr


# ── streams that are closed or full ──


@posix
@pytest.mark.parametrize(
    "streams",
    [">&- 2>&-", f">{FULL}", "2>&1 | true", *slowly(
        ">&-", "2>&-", "<&- >&- 2>&-", f"2>{FULL}", f">{FULL} 2>{FULL}", "| true", "| head -1",
    )],
)  # fmt: skip
def test_training_does_not_need_its_output(tmp_path, streams):
    done = shell(f"snnlab {TRAIN} run {streams}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert finished(tmp_path / "run")
    assert b"Traceback" not in done.stderr + done.stdout
    assert b"Exception ignored" not in done.stderr + done.stdout
    said = done.stderr.decode().splitlines()
    lost = "snnlab: output cannot be written (No space left on device): continuing without it"
    assert said == ([lost] if streams == f">{FULL}" else [])


@posix
@pytest.mark.parametrize("command", ["recipes", "runs list", "nonsense"])
@pytest.mark.parametrize("streams", [">&- 2>&-", f">{FULL} 2>{FULL}", "2>&1 | true"])
def test_a_command_that_only_prints_ends_quietly(tmp_path, command, streams):
    done = shell(f"snnlab {command} {streams}", tmp_path)
    lost = 1 if FULL in streams else 0
    assert done.returncode == (2 if command == "nonsense" else lost)
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@posix
@pytest.mark.parametrize("command", ["doctor", "runs list", "map --dataset digits", "--version"])
def test_a_command_that_only_prints_fails_if_its_output_is_lost(tmp_path, command):
    done = shell(f"snnlab {command} >{FULL}", tmp_path)
    assert done.returncode == 1
    lost = "snnlab: output cannot be written (No space left on device): continuing without it"
    assert done.stderr.decode().splitlines() == [lost]


@posix
@pytest.mark.slow
@pytest.mark.parametrize("streams", [">&- 2>&-", f">{FULL} 2>{FULL}", "| true"])
def test_a_sweep_on_other_processes_does_not_need_its_output(tmp_path, streams):
    flags = "--dataset digits --epochs 1 --vary beta=10,20 --sampler grid --workers 2"
    done = shell(f"snnlab sweep {flags} --export all.csv {streams}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 3


@posix
def test_no_file_gets_the_descriptor_of_a_closed_stream(tmp_path):
    """Native code would print into it."""
    (tmp_path / "prints.py").write_text(
        "import os; from snnlab.text import console; console.make_tolerant()\n"
        "file = open('kept.txt', 'w'); os.system('echo words; echo words >&2'); print('more')\n"
        "file.write(str([os.path.realpath(f'/dev/fd/{n}') for n in range(3)]))\n"
    )
    done = shell(f"{sys.executable} prints.py <&- >&- 2>&-", tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "kept.txt").read_text() == str(["/dev/null"] * 3)


def test_streams_that_are_none_are_replaced_by_the_null_device(monkeypatch, tmp_path):
    """pythonw sets them to None."""
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert main(["recipes"]) == 0
    sys.stderr.write("nobody")
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.close()


class Full(io.BytesIO):
    def write(self, data):
        raise OSError(28, "No space left on device")


class Failing(io.RawIOBase):
    """A stream on which every write raises ``error``."""

    def __init__(self, error):
        self.error, self.tries = error, 0

    def writable(self):
        return True

    def write(self, data):
        self.tries += 1
        raise self.error


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), OSError(5, "Input/output error"), BrokenPipeError(),
     OSError(22, "Invalid argument"), ValueError("I/O operation on closed file")],
)  # fmt: skip
def test_a_failing_stream_is_tried_again_with_one_warning(monkeypatch, capsys, error):
    raw = Failing(error)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(raw), "utf-8"))
    console.make_tolerant()
    console.make_tolerant()
    sys.stdout.write("one\n")
    sys.stdout.write("two\n")
    assert raw.tries == 2, "there may be space again"
    said = capsys.readouterr().err
    assert said.count("\n") == (0 if isinstance(error, BrokenPipeError) else 1)
    assert said == "" or said.startswith("snnlab: output cannot be written (")


def test_printing_never_raises_in_a_script_either(monkeypatch):
    """The library prints to the streams of the calling script."""
    few = io.BytesIO()
    full = io.TextIOWrapper(Full(), "utf-8", write_through=True)
    for stream in (full, io.TextIOWrapper(few, "gbk", write_through=True), None):
        monkeypatch.setattr(sys, "stdout", stream)
        terminal.say("2.50 µJ – 3")
    assert few.getvalue() == "2.50 uJ – 3\n".encode("gbk")


def test_all_recipes_are_printed_to_a_slow_pipe(tmp_path):
    done = shell("snnlab recipes | (sleep 0; cat)", tmp_path)
    assert len(done.stdout.splitlines()) == len(recipes())


# ── progress lines without a terminal ──


def test_training_without_a_terminal_prints_progress_lines(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(terminal, "LINE_EVERY", 0.02)
    flags = ["train", "--dataset", "digits", "--epochs", "2", "--batch", "10"]
    assert main([*flags, "--out", str(tmp_path / "run")]) == 0
    lines = capsys.readouterr().out.splitlines()
    within = [line for line in lines if line.startswith("epoch 1/2")]
    assert len(within) > 3
    for part in ("%", "  step ", "  train ", "  loss ", " spikes/image", " images/s"):
        assert part in within[-1]


def test_recordings_are_called_recordings(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(terminal, "LINE_EVERY", 0.02)
    file, out = tmp_path / "own.npz", tmp_path / "run"
    np.savez(file, **flat(100, channels=70))
    train = ["train", "--dataset", "spikes", "--data-dir", str(file), "--epochs", "1"]
    assert main([*train, "--batch", "2", "--out", str(out)]) == 0
    assert main(["runs", "show", str(out)]) == 0
    printed = capsys.readouterr().out
    for part in (" spikes/recording  ", " recordings/s", "hidden spikes / recording in training"):
        assert part in printed
    assert "image" not in printed.split("  rotation =")[0]


def test_a_long_stage_without_updates_is_still_reported(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "LINE_EVERY", 0.001)
    said, enough = [], threading.Event()

    def say(text):
        if text.startswith("downloading"):  # earlier lines may show the previous stage
            said.append(text)
        if len(said) > 2:
            enough.set()

    monkeypatch.setattr(terminal, "say", say)
    with terminal.Bar() as bar:
        bar.tell("downloading", 0.25)
        assert enough.wait(60)
    assert said[-1].startswith("downloading: 25%, ")
    assert said[-1].endswith(" s so far")
    count = len(said)
    assert not any(thread.name == "snnlab-log" for thread in threading.enumerate())
    assert len(said) == count


def test_a_short_stage_prints_nothing(monkeypatch, capsys):
    with terminal.Bar() as bar:
        bar.tell("short", None)
    assert capsys.readouterr().out == ""


def test_on_a_terminal_only_the_bar_is_shown(monkeypatch):
    class Screen(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdout", Screen())
    monkeypatch.setattr(sys, "stderr", Screen())
    monkeypatch.setattr(terminal, "LINE_EVERY", 0.0)
    with terminal.Bar() as bar:
        bar.tell("a stage", 0.5)
        assert not any(thread.name == "snnlab-log" for thread in threading.enumerate())
    assert sys.stdout.getvalue() == ""
    assert "a stage" in sys.stderr.getvalue()
