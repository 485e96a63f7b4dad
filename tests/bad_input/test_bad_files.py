"""Invalid files are refused in one line, using no memory and touching no other files."""

import gzip
import json
import shutil
import tracemalloc
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
from refusal import refused

from snnlab.chip.capmem import Codes
from snnlab.chip.die import Die
from snnlab.chip.lab.calibration import QUANTITIES, Calibration
from snnlab.config import Config
from snnlab.data import load
from snnlab.data.idx import inflate, read_idx
from snnlab.learn.trainer import Trainer
from snnlab.nir.file import read_nir
from snnlab.runs.frames import Frames
from snnlab.runs.recorder import Recorder
from snnlab.runs.run import Run, load_weights
from snnlab.runs.tables import read_table, write_table
from snnlab.sweeps.plan import Plan

SETTINGS = Config(dataset="digits", hidden=[4], epochs=2, batch=1000, samples=4).values()
DIGITS = load("digits")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of two steps."""
    recorder = Recorder(
        tmp_path_factory.mktemp("made") / "run", Trainer(Config.checked(**SETTINGS), DIGITS)
    )
    for _ in range(2):
        recorder.advance()
    recorder.save()
    return recorder.folder


@pytest.fixture
def run(made, tmp_path):
    """A copy of the run, to be damaged."""
    return shutil.copytree(made, tmp_path / "run")


def record(folder, **changes):
    """Change entries of a run's ``config.json``, or remove those that are None."""
    path = folder / "config.json"
    changed = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({k: v for k, v in changed.items() if v is not None}))


def arrays(folder, name, **changes):
    """Change arrays of an ``npz`` file of a run, or remove those that are None."""
    with np.load(folder / name) as file:
        changed = {**file, **changes}
    np.savez(folder / name, **{k: v for k, v in changed.items() if v is not None})


def all_of(folder):
    """Read everything in a run."""
    run = Run.open(folder)
    run.row(), run.changes, run.epochs(), run.steps(), run.config
    return Recorder.resume(run, DIGITS)


def npz(**members):
    """Bytes of a compressed ``npz`` file of these members' bytes."""
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def npy(shape, descr="<f8", content=b""):
    """Bytes of an ``npy`` file whose header may differ from its content."""
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


CHANGE = {"step": 1, "knob": "beta", "before": 10.0, "after": 20.0}
EPOCH = {"epoch": 1, "loss": 1.0, "train_accuracy": 0.5, "train_spikes": 9.0,
         "test_accuracy": 0.5, "test_spikes": 9.0, "seconds": 2.0}  # fmt: skip

RUNS = {
    "no settings": (lambda f: record(f, settings=None), "holds no settings (NoneType)"),
    "settings that are a list": (lambda f: record(f, settings=[1]), "holds no settings (list)"),
    "an unknown knob": (lambda f: record(f, settings={"bate": 1}), "'bate' is not a knob"),
    "a knob beyond its range": (
        lambda f: record(f, settings={**SETTINGS, "beta": 1e9}), "beta = 1000000000.0 is not",
    ),
    "no JSON": (lambda f: (f / "config.json").write_text("{"), "(JSONDecodeError)"),
    "JSON without end": (lambda f: (f / "config.json").write_text("[" * 99_999), "config.json"),
    "bytes": (lambda f: (f / "config.json").write_bytes(bytes(99)), "config.json holds no"),
    "a folder for a file": (
        lambda f: ((f / "config.json").unlink(), (f / "config.json").mkdir()),
        "IsADirectoryError",
    ),
    "of a newer snnlab": (lambda f: record(f, schema=99), "kept by a newer snnlab (schema 99"),
    "of no schema": (lambda f: record(f, schema="2"), "schema '2' is invalid"),
    "of half a schema": (lambda f: record(f, schema=True), "schema True is invalid"),
    "steps as a word": (lambda f: record(f, steps="two"), "steps = two in config.json is no whole"),
    "finished maybe": (lambda f: record(f, finished="maybe"), "finished = maybe", "true or false"),
    "versions as a list": (lambda f: record(f, versions=[1]), "versions = [1]", "no table"),
    "created as a number": (lambda f: record(f, created=3), "created = 3", "no text"),
    "a summary of words": (
        lambda f: record(f, summary={"test_accuracy": "good"}), "test_accuracy in its summary",
    ),
    "changes as a number": (lambda f: record(f, changes=3), "changes = 3", "no list"),
    "changes of something else": (lambda f: record(f, changes=[{"a": 1}]), "changes in config"),
    "changes at a word": (
        lambda f: record(f, changes=[{**CHANGE, "step": "x"}]), "changes in config.json need",
    ),
    "a change of no knob": (
        lambda f: record(f, changes=[{**CHANGE, "knob": "bate"}]), "changes in config.json need",
    ),
    "a change from an invalid value": (
        lambda f: record(f, changes=[{**CHANGE, "step": 9, "before": "x"}]), "beta = x is not",
    ),
    "other data": (lambda f: record(f, data_crc32=1), "was trained on other images than digits"),
    "notes that are a list": (
        lambda f: (f / "notes.json").write_text("[]"), "notes.json holds no tags and note",
    ),
    "tags that are numbers": (
        lambda f: (f / "notes.json").write_text('{"tags": [1], "note": ""}'), "notes.json holds no",
    ),
    "epochs cut in half": (
        lambda f: (f / "metrics.parquet").write_bytes(b"PAR1" + bytes(9)), "metrics.parquet: not a",
    ),
    "epochs of other columns": (
        lambda f: write_table(f / "metrics.parquet", {"a": [1]}), "holds no epochs",
    ),
    "epochs of words": (
        lambda f: write_table(f / "metrics.parquet", {k: ["x"] for k in EPOCH}), "other than num",
    ),
    "steps that are text": (
        lambda f: (f / "steps.parquet").write_text("step\n1\n"), "steps.parquet: not a Parquet",
    ),
    "no frames": (lambda f: (f / "frames.npz").unlink(), "frames.npz: no such file"),
    "frames without images": (lambda f: arrays(f, "frames.npz", image=None), "no frames in it"),
    "frames of another length": (
        lambda f: arrays(f, "frames.npz", step=np.zeros(3, int)), "no frames in it",
    ),
    "frames of words": (lambda f: arrays(f, "frames.npz", scale=np.full(10, "x")), "non-numeric"),
    "frames of no scale": (lambda f: arrays(f, "frames.npz", scale=np.zeros(10)), "no frames in"),
    "frames without spikes": (lambda f: arrays(f, "frames.npz", tick_1=None), "no frames in it"),
    "frames of other samples": (
        lambda f: arrays(f, "frames.npz", cadc_0=np.zeros((10, 9, 4), np.uint8)), "no frames in it",
    ),
    "no checkpoint": (lambda f: (f / "checkpoint.npz").unlink(), "kept without a checkpoint"),
    "a checkpoint without a step": (
        lambda f: arrays(f, "checkpoint.npz", step=None), "not an npz file of step",
    ),
    "a checkpoint before the start": (
        lambda f: arrays(f, "checkpoint.npz", step=np.array(-1)), "step -1",
    ),
    "a checkpoint at half a step": (
        lambda f: arrays(f, "checkpoint.npz", step=np.array(1.5)), "step 1.5",
    ),
    "a checkpoint of NaN": (
        lambda f: arrays(f, "checkpoint.npz", parameters_0=np.full((256, 4), np.nan)),
        "parameters_0 holds NaN",
    ),
    "a checkpoint of another network": (
        lambda f: arrays(f, "checkpoint.npz", means_0=np.zeros((3, 3))), "means_0 has shape (3, 3)",
    ),
    "a checkpoint of pickles": (
        lambda f: np.savez(f / "checkpoint.npz", step=np.array([{}])), "step has shape (1,)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "said"), [(v[0], v[1:]) for v in RUNS.values()], ids=RUNS)
def test_a_damaged_run_is_refused(run, spoil, said):
    spoil(run)
    refused(lambda: all_of(run), *said, folder=run)


def die(**changes):
    file = BytesIO()
    arrays = {**Die.ideal().arrays(), "truncated": 0, **changes}
    np.savez(file, **{k: v for k, v in arrays.items() if v is not None})
    return file.getvalue()


def calibration(**changes):
    table = np.zeros((len(QUANTITIES), 512))
    arrays = {"codes": Codes.nominal().values, "correction": np.zeros(512), "before": table,
              "after": table, **changes}  # fmt: skip
    file = BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def bomb(member):
    """What makes an ``npz`` file of one member that would unpack to 128 MiB."""
    return lambda: npz(**{member: npy((2**27,), "|u1", bytes(2**27))})


FILES = {
    "a die that is empty": (Die.load, b"", "die", "not an npz file of tau_mem"),
    "a die that is text": (Die.load, b"a die", "not an npz file", "save the die again"),
    "a die of half a size": (Die.load, die(gain=np.ones((2, 256))), "gain has shape (2, 256)"),
    "a die that lacks gains": (Die.load, die(gain=None), "(KeyError)"),
    "a die of complex gains": (Die.load, die(gain=np.ones((2, 512), complex)), "non-numeric"),
    "a die of float32": (Die.load, die(tau_mem=np.ones(512, np.float32)), "is float32, expected"),
    "a die of half a truncation": (Die.load, die(truncated=0.5), "truncated"),
    "a die of a negative truncation": (Die.load, die(truncated=-1), "truncated"),
    "a die of pickles": (Die.load, die(gain=np.array({})), "gain has shape ()"),
    "a die that claims a terabyte": (
        Die.load, npz(tau_mem=npy((10**11,))), "tau_mem has shape (100000000000,)",
    ),
    "a die that is a bomb": (Die.load, bomb("tau_mem"), "tau_mem has shape (134217728,)"),
    "a die of negative size": (Die.load, npz(tau_mem=npy((-1,))), "not an npz file of tau_mem"),
    "a calibration of float codes": (
        Calibration.load, calibration(codes=np.full((8, 512), 400.0)), "codes: float64",
    ),
    "a calibration of codes too large": (
        Calibration.load, calibration(codes=np.full((8, 512), 4000)), "code 4000 for leak",
    ),
    "a calibration that corrects by NaN": (
        Calibration.load, calibration(correction=np.full(512, np.nan)), "correction holds NaN",
    ),
    "a calibration that corrects too much": (
        Calibration.load, calibration(correction=np.full(512, 999.0)), "correction of CADC channel",
    ),
    "a calibration of half a table": (
        Calibration.load, calibration(before=np.zeros((2, 512))), "before has shape (2, 512)",
    ),
    "weights without layer 0": (load_weights, npz(layer_1=npy((0,))), "it holds layer_1"),
    "weights of one axis": (
        load_weights, npz(layer_0=npy((3,), content=bytes(24))), "layer_0 is float64 of shape (3,)",
    ),
    "weights of whole numbers": (
        load_weights, npz(layer_0=npy((1, 3), "<i8", bytes(24))), "layer_0 is int64",
    ),
    "weights that claim too much": (load_weights, npz(layer_0=npy((10**6, 10**6))), "would unpack"),
    "weights that are a bomb": (load_weights, bomb("layer_0"), "would unpack to"),
    "weights of no zip": (load_weights, npy((2, 2), content=bytes(32)), "not an npz file"),
    "weights with something else": (
        load_weights, npz(layer_0=npy((0, 0)), evil=npy((0,))), "it holds evil, layer_0",
    ),
    "frames that are a bomb": (Frames.load, bomb("step"), "would unpack to"),
    "a table that is text": (read_table, b"a,b\n1,2\n", "not a Parquet file"),
    "a table of nothing": (read_table, b"", "not a Parquet file"),
    "a table without an end": (read_table, b"PAR1" + bytes(50), "not a Parquet file"),
    "NIR of nothing": (read_nir, b"", "not a readable HDF5 file"),
    "NIR of text": (read_nir, b"a graph", "not a readable HDF5 file"),
    "NIR of a beginning": (read_nir, b"\x89HDF\r\n\x1a\n" + bytes(99), "not a readable HDF5"),
    "idx of nothing": (lambda p: idx(p), b"", "found an empty file"),
    "idx of another kind": (lambda p: idx(p), b"\0\0\x0d\x01\0\0\0\0", "found 00 00 0d 01"),
    "idx of four axes": (lambda p: idx(p), b"\0\0\x08\x04" + bytes(16), "1 to 3 dimensions"),
    "idx that claims an exabyte": (
        lambda p: idx(p), b"\0\0\x08\x03" + b"\xff" * 12, "found 0",
    ),
    "idx of nothing within": (lambda p: idx(p), b"\0\0\x08\x01" + bytes(4), "empty shape"),
    "idx cut in half": (lambda p: idx(p), b"\0\0\x08\x01\0\0\0\x09abc", "9 values, found 3"),
    "gzip cut in half": (lambda p: idx(p), gzip.compress(bytes(99))[:-9], "damaged gzip data"),
    "gzip that is a bomb": (
        lambda p: idx(p), lambda: gzip.compress(bytes(2**26)), "found more",
    ),
    "a sweep of nothing": (Plan.read, b"", "nothing is varied"),
    "a sweep that is binary": (Plan.read, b"\xff\xfe", "is not valid TOML"),
    "a sweep of one word": (Plan.read, b"beta", "is not valid TOML"),
    "a sweep written twice": (Plan.read, b"trials = 1\ntrials = 2", "is not valid TOML"),
    "a sweep over a date": (Plan.read, b"[vary]\nbeta = 1979-05-27", "beta = datetime.date"),
    "a sweep over tables": (Plan.read, b"[vary]\nbeta = {low = 1}", "holds no values"),
    "a sweep over lists": (Plan.read, b"[vary]\nbeta = [[1, 2]]", "beta = 1-2 is not allowed"),
    "a sweep for a table": (
        Plan.read, b"objectives = [{}]\n[vary]\nbeta = '1:2'", "objective {} is unknown",
    ),
    "a sweep by a list": (Plan.read, b"sampler = []\n[vary]\nbeta = '1:2'", "must be a text"),
    "a sweep named like a path": (Plan.read, b"name = '../x'\n[vary]\nbeta = '1:2'", "name ="),
    "a sweep of many points": (
        Plan.read,
        b"sampler = 'grid'\n[vary]\nbeta = '1:2:9999'\nmismatch = '0:0.5:9999'\nstretch='0:0.1:99'",
        "the grid has", "points, at most 100000: use fewer",
    ),
    "a sweep that ends nowhere": (
        Plan.read, b"[limits]\npower = inf\n[vary]\nbeta = '1:2'", "power = inf is not a number",
    ),
    "a sweep of a number of dies": (
        Plan.read, b"repeats = 1e9\n[vary]\nbeta = '1:2'", "repeats = 1000000000.0 is not allowed",
    ),
    "a sweep with unknown settings": (
        Plan.read, b"[settings]\nbate = 1\n[vary]\nbeta = '1:2'", "'bate' is not a knob",
    ),
}  # fmt: skip


READERS = (Die.load, Calibration.load, load_weights, Frames.load, read_table)


def idx(path):
    return read_idx(inflate(path.read_bytes(), 10_000, str(path)), str(path))


@pytest.mark.parametrize(
    ("read", "content", "said"), [(v[0], v[1], v[2:]) for v in FILES.values()], ids=FILES
)
def test_an_invalid_file_is_refused(tmp_path, read, content, said):
    path = tmp_path / "outside.npz"
    content = content() if callable(content) else content  # bombs are made when they are needed
    path.write_bytes(content)
    tracemalloc.start()
    try:
        refused(lambda: read(path), *said, folder=None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000, "declared sizes are not allocated"
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == content


@pytest.mark.parametrize("read", READERS)
def test_a_missing_file_is_refused(tmp_path, read):
    refused(lambda: read(tmp_path / "nowhere"), "no such file", folder=tmp_path)
    (tmp_path / "folder").mkdir()
    refused(lambda: read(tmp_path / "folder"), "folder", folder=tmp_path)
    refused(lambda: read(tmp_path / ("x" * 300)), "x" * 300, folder=tmp_path)
