"""Disks that are full or read-only, clocks that jump, damaged caches: one clear line, nothing lost,
nothing half-written."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from disks import FILLER, Disk

import snnlab
from snnlab.commands.main import main
from snnlab.config import Config
from snnlab.data import load
from snnlab.files import load_npz, npz, write_named
from snnlab.learn.trainer import Trainer
from snnlab.reproduce.cache import Cache
from snnlab.reproduce.job import Job
from snnlab.runs.recorder import Recorder
from snnlab.runs.run import Run, load_weights

QUICK = ["--dataset", "digits", "--hidden", "10", "--schedule", "constant"]
SWEEP = ["sweep", *QUICK, "--epochs", "1", "--vary", "beta=1:20", "--workers", "0"]


@pytest.fixture
def disk(tmp_path):
    disk = Disk(tmp_path / "disk")
    yield disk
    disk.close()


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A finished run of one epoch."""
    folder = tmp_path_factory.mktemp("kept") / "run"
    assert main(["train", *QUICK, "--epochs", "1", "--out", str(folder)]) == 0
    return folder


COMMANDS = {
    "train": ["train", *QUICK, "--epochs", "1", "--out", "D/new"],
    "note": ["runs", "note", "D/run", "a note"],
    "csv": ["runs", "export", "D/run", "--out", "D/table.csv"],
    "parquet": ["runs", "export", "D/run", "--what", "steps", "--out", "D/table.parquet"],
    "zip": ["runs", "export", "D/run", "--out", "D/run.zip"],
    "nir": ["export", "D/run", "D/network.nir"],
    "calibrate": ["calibrate", "--die-seed", "1", "--out", "D/calibration.npz"],
    "password": ["password", "D/passwords", "alice"],
    "sqlite": [*SWEEP, "--trials", "1", "--storage", "D/s.db"],
    "journal": [*SWEEP, "--trials", "1", "--storage", "D/s.journal"],
}
STATES = {"fill": errno.ENOSPC, "lock": errno.EROFS}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("command", COMMANDS)
def test_one_line_and_all_as_it_was(disk, kept, capsys, monkeypatch, state, command):
    shutil.copytree(kept, disk.folder / "run")
    monkeypatch.setattr("sys.stdin", StringIO("a good password\n" * 2))
    before = disk.content()
    getattr(disk, state)()
    arguments = [part.replace("D/", f"{disk.folder}/") for part in COMMANDS[command]]
    code = main(arguments)
    printed = capsys.readouterr()
    assert code == 2, printed
    assert re.fullmatch(r"snnlab: [^\n]+\n", printed.err), printed.err
    assert str(disk.folder) in printed.err
    told = [os.strerror(STATES[state]), "disk is full", "unable to open", "readonly", "I/O error"]
    assert any(words.lower() in printed.err.lower() for words in told), printed.err
    left = {name: data for name, data in disk.content().items() if data is not None}
    for empty in ("s.db", "s.journal"):  # an empty sweep is one
        assert left.pop(empty, b"") == b""
    assert left == {name: data for name, data in before.items() if data is not None}
    # and as soon as there is room it goes on
    disk.free()
    assert main(arguments) == 0, capsys.readouterr()


@pytest.mark.parametrize("state", STATES)
def test_a_run_on_a_full_disk_goes_on_when_there_is_room(disk, kept, tmp_path, capsys, state):
    shutil.copytree(kept, disk.folder / "run")
    shutil.copytree(kept, tmp_path / "whole")
    assert main(["runs", "resume", str(tmp_path / "whole"), "--epochs", "3"]) == 0
    getattr(disk, state)()
    capsys.readouterr()
    assert main(["runs", "resume", str(disk.folder / "run"), "--epochs", "3"]) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(r"snnlab: run folder [^\n]+; its former content is kept\n", error), error
    assert Run.open(disk.folder / "run").state == "finished"
    assert len(load_weights(disk.folder / "run")) == 2
    disk.free()
    assert main(["runs", "resume", str(disk.folder / "run"), "--epochs", "3"]) == 0
    for a, b in zip(
        load_weights(disk.folder / "run"), load_weights(tmp_path / "whole"), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    assert not list((disk.folder / "run").glob(".*"))


@pytest.mark.parametrize("file", ["s.db", "s.journal"])
@pytest.mark.parametrize("state", STATES)
def test_a_sweep_keeps_its_finished_trials(disk, capsys, state, file):
    command = [*SWEEP, "--storage", str(disk.folder / file), "--trials"]
    assert main([*command, "1"]) == 0
    first = capsys.readouterr().out
    getattr(disk, state)()
    assert main([*command, "2"]) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(r"snnlab: sweep storage [^\n]+; its former content is kept\n", error), error
    disk.free()
    assert main([*command, "1"]) == 0
    assert _numbers(first) <= _numbers(capsys.readouterr().out), "kept, and not trained again"
    assert main([*command, "2"]) == 0


def _numbers(text):
    return {line for line in text.splitlines() if "beta" in line}


@pytest.mark.slow
@pytest.mark.parametrize(("which", "state"), [("cache", "fill"), ("out", "lock")])
def test_a_reproduction_keeps_its_finished_trainings(disk, tmp_path, capsys, which, state):
    """The folder of finished trainings, or the one of the results, cannot be written."""
    places = {"cache": tmp_path / "cache", "out": tmp_path / "out", which: disk.folder / which}
    command = ["reproduce", "latency", "--quick", "--seeds", "1", "--workers", "1"]
    command += [word for name, place in places.items() for word in (f"--{name}", str(place))]
    getattr(disk, state)()
    assert main(command) == 2
    error = capsys.readouterr().err
    assert re.search(rf"^snnlab: (cache|results) {disk.folder}[^\n]+\n\Z", error, re.M), error
    assert "Traceback" not in error
    assert not [path for path in places[which].rglob("*") if path.is_file() and path.name != FILLER]
    done = len(list(places["cache"].glob("*.json"))) if which == "out" else 0
    disk.free()
    assert main(command) == 0
    assert f", {done} of them done before" in capsys.readouterr().out or not done
    assert (places["out"] / "results.md").exists()


# ── links, pipes and standard output ──


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege, and there are no pipes")
def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "shelf").mkdir()
    for name, target in (("link", "shelf/table"), ("link of link", "link")):
        (tmp_path / name).symlink_to(target)
        for content in (b"a longer old text", b"new"):
            write_named(tmp_path / name, lambda file, content=content: file.write(content))
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "shelf" / "table").read_bytes() == b"new"
    assert len(list(tmp_path.rglob("*"))) == 4, "nothing is left over"


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege, and there are no pipes")
def test_a_pipe_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    held = os.open(tmp_path / "pipe", os.O_RDWR)  # else to open it waits for the other end
    write_named(tmp_path / "pipe", npz({"a": np.arange(3)}))
    assert (tmp_path / "pipe").is_fifo()
    (tmp_path / "copy").write_bytes(os.read(held, 10_000))
    os.close(held)
    assert load_npz(tmp_path / "copy", "arrays", "a")["a"].tolist() == [0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        write_named(tmp_path / "pipe", lambda file: file.write(b"half") and 1 / 0)


@pytest.mark.skipif(os.name == "nt", reason="has no /dev")
def test_a_table_goes_to_standard_output_and_replaces_nothing_there(kept, tmp_path):
    (tmp_path / "out.csv").symlink_to("/dev/stdout")
    (tmp_path / "all.csv").write_text("from before\n")
    command = [sys.executable, "-m", "snnlab", "runs", "export", kept, "--out"]
    with (tmp_path / "all.csv").open("ab") as file:
        subprocess.run([*command, tmp_path / "out.csv"], stdout=file, check=True, timeout=120)
    piped = subprocess.run([*command, tmp_path / "out.csv"], stdout=subprocess.PIPE, check=True)
    assert main([*map(str, command[3:]), str(tmp_path / "table.csv")]) == 0
    table = (tmp_path / "table.csv").read_bytes()
    assert (tmp_path / "out.csv").is_symlink()
    assert table in piped.stdout
    first, rest = (tmp_path / "all.csv").read_bytes().split(b"\n", 1)
    assert first == b"from before"
    assert table in rest


# ── caches ──


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"\xff", b'{"settings": 3}', b"null", b"{}" * 9]
)
def test_a_damaged_record_of_a_reproduction_counts_as_not_done(tmp_path, damage):
    job = Job("snn", Config(dataset="digits").values(), (), "a job")
    cache = Cache(tmp_path)
    cache.put(job, {"result": {"accuracy": 0.5}, "seconds": 1.0})
    assert cache.get(job)["result"] == {"accuracy": 0.5}
    (record,) = tmp_path.glob("*.json")
    record.write_bytes(damage)
    assert cache.get(job) is None
    cache.put(job, {"result": {"accuracy": 0.6}, "seconds": 1.0})
    assert cache.get(job)["result"] == {"accuracy": 0.6}
    assert [path.name for path in tmp_path.iterdir()] == [record.name]


KERNEL = """
import logging
from snnlab.chip.compiled import compiled

@compiled(nogil=True)
def twice(x):
    return 2 * x

assert twice(21) == 42
print(twice.stats.cache_hits and "from the cache" or "compiled")
"""


@pytest.fixture
def kernel(disk):
    """Runs a script with a kernel of its own, of which numba keeps what it compiled."""
    home = disk.folder / "home"
    home.mkdir()
    (disk.folder / "kernel.py").write_text(KERNEL)

    def run(**environment):
        clean = {
            k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
        }
        done = subprocess.run(
            [sys.executable, str(disk.folder / "kernel.py")], text=True, capture_output=True,
            env={**clean, "HOME": str(home), "PYTHONPATH": str(Path(snnlab.__path__[0]).parent),
                 "PYTHONDONTWRITEBYTECODE": "1", **environment},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip(), done.stderr

    return run


@pytest.mark.slow
def test_kernels_need_no_folder_to_be_kept_in(disk, kernel, tmp_path):
    assert kernel() == ("compiled", "")
    assert kernel() == ("from the cache", "")
    blocked = tmp_path / "no folder"
    blocked.touch()
    shutil.rmtree(disk.folder / "__pycache__")
    (disk.folder / "__pycache__").touch()  # where not even root can make a folder
    said, error = kernel(HOME=str(blocked), NUMBA_CACHE_DIR=str(blocked / "x"))
    assert said == "compiled"
    assert re.fullmatch(
        r"kernels are compiled again[^\n]*; NUMBA_CACHE_DIR names another folder\n", error
    )


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_a_damaged_cache_of_kernels_is_replaced(disk, kernel, ending):
    assert kernel() == ("compiled", "")
    for damage in (b"", b"short", os.urandom(300)):
        (file,) = (disk.folder / "__pycache__").glob(f"*.{ending}")
        file.write_bytes(damage)
        said, error = kernel()
        assert said == "compiled", damage
        assert re.fullmatch(r"kernels are compiled again[^\n]* is damaged [^\n]*\n", error), error
        assert kernel() == ("from the cache", ""), damage


def test_a_full_disk_costs_the_kernels_their_cache_only(disk, kernel):
    if disk.real:
        disk.fill()
        said, error = kernel()
        assert "No space left" in error
    else:
        limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))"
        (disk.folder / "kernel.py").write_text(limit + KERNEL)
        said, error = kernel()
        assert "File too large" in error
        (disk.folder / "kernel.py").write_text(KERNEL)
    assert said == "compiled"
    assert error.count("\n") == 1
    disk.free()
    kernel()
    assert kernel() == ("from the cache", "")


# ── clocks ──


class Clock:
    """A clock of the wall that jumps back and forth by years."""

    def __init__(self, monkeypatch):
        self.true, self.calls = time.time, 0
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").startswith("snnlab") and hasattr(module, "time"):
                found = module.time
                if found is self.true:
                    monkeypatch.setattr(module, "time", self)
        monkeypatch.setattr(time, "time", self)

    def __call__(self):
        self.calls += 1
        return self.true() + (-1) ** self.calls * 3e8


def test_a_clock_that_jumps_changes_nothing_but_dates(tmp_path, monkeypatch, kept):
    Clock(monkeypatch)
    trainer = Trainer(Config.checked(dataset="digits", hidden=[10], schedule="constant", epochs=1),
                      load("digits"))  # fmt: skip
    recorder = Recorder(tmp_path / "run", trainer, every=1e9)
    saved = []
    monkeypatch.setattr(recorder, "_write", lambda: saved.append(trainer.step))
    while not trainer.finished:
        recorder.advance()
    monkeypatch.undo()
    assert saved == [trainer.step], "a jump is no reason to write"
    recorder.save()
    for a, b in zip(load_weights(kept), trainer.network.arrays(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert all(0 < seconds < 60 for seconds in recorder.steps.columns()["seconds"])
    assert 0 < recorder.epochs[0].seconds < 60


def test_a_sweep_does_not_take_over_a_trial_because_the_clock_jumped(tmp_path, monkeypatch):
    command = [*SWEEP, "--storage", str(tmp_path / "s.db"), "--trials", "2"]
    Clock(monkeypatch)
    assert main(command) == 0
    monkeypatch.undo()
    import sqlite3

    with sqlite3.connect(tmp_path / "s.db") as database:
        states = [state for (state,) in database.execute("select state from trials")]
    database.close()
    assert states == ["COMPLETE", "COMPLETE"]


def test_no_duration_is_taken_from_the_clock_on_the_wall():
    """But for the lease of a trial and the age of a file, which other machines must understand."""
    allowed = {"snnlab/sweeps/trials.py", "app/snnlab_app/compute/store.py"}
    root = Path(snnlab.__path__[0]).parent
    found = {
        str(path.relative_to(root))
        for folder in ("snnlab", "app")
        for path in (root / folder).rglob("*.py")
        if re.search(r"\btime\.time\(|from time import .*\btime\b", path.read_text("utf-8"))
    }
    assert found == allowed


def test_dates_of_a_run_may_go_backwards(kept, tmp_path, capsys):
    shutil.copytree(kept, tmp_path / "run")
    record = json.loads((tmp_path / "run/config.json").read_text())
    record |= {"created": "2099-01-01T00:00:00+00:00", "updated": "1970-01-01T00:00:00+00:00"}
    (tmp_path / "run/config.json").write_text(json.dumps(record))
    assert main(["runs", "--root", str(tmp_path), "list", "--sort", "created"]) == 0
    assert main(["runs", "resume", str(tmp_path / "run"), "--epochs", "2"]) == 0
    assert "2099" in json.dumps(Run.open(tmp_path / "run").record["created"])
