"""Fuzzing targets: every reader of user input, with the conditions that accepted input must meet.

Each target reads a case, raises :class:`SnnlabError` to refuse it, and otherwise asserts that the
result is valid. Any other error is a fault.
"""

import gzip
import json
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from snnlab import files, lessons, recipes
from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.lab.calibration import Calibration
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.config import Config
from snnlab.data import load
from snnlab.data.idx import idx_header, inflate, read_idx
from snnlab.data.images.drawing import from_picture, from_strokes
from snnlab.errors import SnnlabError
from snnlab.events import Events
from snnlab.learn.network import Network
from snnlab.learn.state import capture
from snnlab.learn.trainer import Trainer
from snnlab.lessons.measures import NAMES
from snnlab.lessons.reading import MEASURED
from snnlab.model.topology import Topology
from snnlab.runs.recorder import Recorder
from snnlab.runs.run import Run, load_weights, tidy_epochs
from snnlab.sweeps.plan import MAX_TRIALS, Plan
from snnlab_bench.fuzz import words as words
from snnlab_bench.fuzz.damage import damaged, npz_like
from snnlab_bench.fuzz.sounds import SOUNDS

IDX = b"\0\0\x08\x03\0\0\0\x02\0\0\0\x03\0\0\0\x04" + bytes(range(24))
VIEWS, LESSONS = ("live", "chip"), ("too-steep",)
SMALL = {"dataset": "digits", "hidden": [4], "epochs": 3, "batch": 1000, "samples": 4}
SMALL["recurrent"] = "trained"
TABLES, JSONS = ("metrics.parquet", "steps.parquet"), ("config.json", "notes.json")
ARRAYS = ("frames.npz", "checkpoint.npz", "weights.npz", "die.npz")


@dataclass(frozen=True)
class Target:
    """cases : strategy, created on first use; read : reads one case; share : relative share."""

    cases: Callable[[], SearchStrategy]
    read: Callable
    share: float = 1.0


@cache
def folder() -> Path:
    """Temporary folder of this process."""
    made = tempfile.TemporaryDirectory(prefix="snnlab-fuzz-")
    folder.kept = made  # until the process ends
    return Path(made.name)


def at(name, data):
    """Path of a file with this content."""
    path = folder() / name
    path.write_bytes(data)
    return path


# Text


def link(text):
    link = import_module(
        "snnlab_app.controls.link"
    )  # by name: benchmarks do not import the dashboard
    state = link.read(text, VIEWS, LESSONS)
    config = Config.checked(**state.settings)
    again = link.read(link.query(config, "live"), VIEWS, LESSONS)
    assert again.ignored == ()
    assert again.settings == config.values()
    assert {k: again.settings[k] for k in state.settings} == state.settings
    assert len(state.ignored) <= link.MAX_CHARACTERS
    assert all(text.isprintable() for text in state.ignored), "one line each"
    if state.ignored and not state.settings:
        raise SnnlabError(state.ignored[0])


def settings(values):
    config = Config.checked(**values)
    assert Config.checked(**json.loads(json.dumps(config.values()))).values() == config.values()
    for name, value in config.values().items():
        assert Config.checked(**{name: value}).values()[name] == value


def flags(arguments):
    from contextlib import redirect_stderr, redirect_stdout
    from io import StringIO

    from snnlab.commands.flags import config
    from snnlab.commands.main import _parser

    said, code, found = StringIO(), 0, None
    try:
        with redirect_stderr(said), redirect_stdout(StringIO()):
            found = _parser().parse_args(["train", *arguments])
    except SystemExit as left:
        code = left.code
    if code:
        assert code == 2
        assert said.getvalue().count("\n") == 1, said.getvalue()
        raise SnnlabError(said.getvalue())
    if found:  # otherwise --help
        settings(config(found).values())


def recipe(text):
    for found in recipes.read(text).values():
        settings(found.settings)


def lesson(text):
    found = lessons.read(text, "fuzz")
    settings(found.settings | found.change)
    values = dict.fromkeys((*NAMES, *MEASURED, "guess"), 50.0)
    assert found.explain(values)


def plan(text):
    plan = Plan.read(at("plan.toml", text.encode("utf-8", "replace")))
    assert 1 <= plan.trials <= MAX_TRIALS
    assert Plan.checked(**json.loads(json.dumps(plan.values()))) == plan
    if plan.sampler == "grid":
        for point in islice(plan.grid(), 3):
            plan.config(point)


# Data and pictures


def idx(data):
    content = inflate(data, 1000, "fuzz")
    array = read_idx(content, "fuzz")
    assert idx_header(array.shape) + array.tobytes() == content
    assert len(content) <= 1000 or content is data


@cache
def _pictures():
    from PIL import Image

    ink = np.full((20, 24), 255, np.uint8)
    ink[4:16, 10:13] = 0
    found = []
    for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP"):
        file = BytesIO()
        Image.fromarray(ink).save(file, kind)
        found.append(file.getvalue())
    return found


def picture(data):
    image = from_picture(import_module("snnlab_app.controls.upload").read_upload(data), 16)
    assert (image.shape, image.dtype) == ((16, 16), np.uint8)


def strokes(points):
    image = from_strokes([np.array(stroke, float).reshape(-1, 2) for stroke in points], 16)
    assert (image.shape, image.dtype) == ((16, 16), np.uint8)


# Dies and networks


@cache
def _die():
    die = Die.draw("calibrated", sigma=0.2, seed=3).with_random_faults(dead=0.01, stuck=0.01)
    return {**die.arrays(), "truncated": np.array(die.truncated)}


def die(data):
    found = Die.load(at("die.npz", data))
    recording = Chip(Mapping((3, 2)), found).run(
        Events.from_ticks(np.array([[1, 2, 3]]), 100), [np.full((3, 2), 9, np.int8)]
    )
    assert recording.cadc[0].shape == (1, 20, 2)


@cache
def _calibration():
    from snnlab.chip.capmem import Codes
    from snnlab.chip.lab.calibration import QUANTITIES

    measured = np.zeros((len(QUANTITIES), 512))
    return {"codes": Codes.nominal().values, "correction": np.zeros(512), "before": measured,
            "after": measured}  # fmt: skip


def calibration(data):
    found = Calibration.load(at("calibration.npz", data))
    Chip(Mapping((3, 2)), Die.ideal(), codes=found.codes, correction=found.correction)
    assert len(found.excluded) <= 512


@cache
def _weights():
    return {f"layer_{k}": w for k, w in enumerate(Network((12, 5, 3)).arrays())}


def weights(data):
    network = Network((12, 5, 3))
    network.load_weights(load_weights(at("weights.npz", data)))
    assert all(np.isfinite(w).all() for w in network.arrays())
    assert all(np.abs(w.astype(int)).max() <= 63 for w in network.weights_lsb())


@cache
def _run():
    """The files of a run of three epochs after three steps, and the shapes of its checkpoint."""
    recorder = Recorder(folder() / "whole", Trainer(Config.checked(**SMALL), load("digits")))
    for _ in range(3):
        recorder.advance()
    recorder.save()
    Run.open(recorder.folder).annotate("a note", ["good"])
    shapes = {name: array.shape for name, array in capture(recorder.trainer).items()}
    return {path.name: path.read_bytes() for path in recorder.folder.iterdir()}, shapes


@cache
def _loaded(name):
    with np.load(BytesIO(_run()[0][name]), allow_pickle=False) as file:
        return dict(file)


def _other_json(text):
    """A JSON text with one or two entries, at its first or second level, of another type."""
    record = json.loads(text)
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    kinds = plain | st.lists(plain, max_size=2) | st.dictionaries(st.text(max_size=4), plain)
    inner = [(a, b) for a, v in record.items() if isinstance(v, dict) for b in v]
    keys = st.sampled_from([(a,) for a in record] + inner)

    def put(changes):
        changed = json.loads(text)
        for key, value in changes:
            place = changed
            for part in key[:-1]:
                place = place[part] if isinstance(place.get(part), dict) else {}
            place[key[-1]] = value
        return json.dumps(changed).encode()

    return st.lists(st.tuples(keys, kinds), min_size=1, max_size=2).map(put)


def _damaged_runs():
    whole, _ = _run()
    one = [
        st.tuples(st.just(name), damaged(whole[name]) | _other_json(whole[name])) for name in JSONS
    ]
    one += [st.tuples(st.just(name), damaged(whole[name])) for name in TABLES]
    one += [st.tuples(st.just(name), npz_like(partial(_loaded, name))) for name in ARRAYS[:2]]
    return st.one_of(*one)


def _put(case):
    whole, _ = _run()
    place = folder() / "run"
    place.mkdir(exist_ok=True)
    for name, content in {**whole, case[0]: case[1]}.items():
        (place / name).write_bytes(content)
    return place


def run(case):
    """Everything that lists, tables, the page and resuming read of a run."""
    from snnlab.plotting.raster import raster_cells
    from snnlab.runs.frames import Frames
    from snnlab.runs.steps import Steps

    run = Run.open(_put(case))
    json.dumps(run.row(), default=str)
    assert isinstance(run.state, str)
    assert len(tidy_epochs(run)) == len(run.epochs())
    assert all(isinstance(change.knob, str) for change in run.changes)
    columns = Steps.of(run.steps(), run.folder).columns()
    assert len({len(column) for column in columns.values()}) <= 1
    settings(run.config.values())
    frames = Frames.load(run.folder / "frames.npz")
    newest = frames.newest()
    for k in range(min(len(newest), 2)):
        assert raster_cells(newest.recording, k).ndim == 2
    found = files.read_npz(run.folder / "checkpoint.npz", "checkpoint", _run()[1])
    assert all(np.isfinite(array).all() for array in found.values())


def resumed(case):
    """Resume a damaged run."""
    recorder = Recorder.resume(Run.open(_put(case)), load("digits"))
    assert recorder.trainer.step >= 0
    if not recorder.trainer.finished and recorder.trainer.mapping.sizes == (256, 4, 10):
        recorder.advance()


# NIR


@cache
def _graph():
    from snnlab.data.hdf5 import read_arrays
    from snnlab.nir.export import to_nir
    from snnlab.nir.file import READER, READER_SECONDS, write_nir

    network, path = Network(Topology.chain((6, 4, 3), recurrent=True)), folder() / "whole.nir"
    write_nir(path, to_nir(network, OperatingPoint()))
    return read_arrays(READER, path, f"NIR file {path}", READER_SECONDS)


def _graphs():
    arrays = {name: np.asarray(value) for name, value in _graph().items()}
    from snnlab_bench.fuzz.damage import _other

    @st.composite
    def cases(draw):
        changed = dict(arrays)
        for name in draw(st.lists(st.sampled_from(sorted(arrays)), min_size=1, max_size=2)):
            what = draw(st.sampled_from(("other", "other", "gone", "moved", "word")))
            if what == "gone":
                changed.pop(name, None)
            elif what == "moved":
                changed[draw(st.sampled_from(sorted(arrays))) + draw(st.sampled_from(("", "/x")))
                        ] = arrays[name]  # fmt: skip
            elif what == "word" or arrays[name].dtype.kind not in "biuf":
                kinds = ("LIF", "Conv2d", "NIRGraph", "Input", "x", "0", "Affine", "CubaLI")
                changed[name] = np.array(draw(st.sampled_from(kinds)))
            else:
                changed[name] = _other(arrays[name], draw)
        return changed

    return cases()


def _sound_network(graph):
    from snnlab.nir.load import from_nir

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = from_nir(graph)
    assert all(np.isfinite(w).all() for w in found.network.arrays())
    assert all(np.abs(w.astype(int)).max() <= 63 for w in found.network.weights_lsb())


def nir_graph(arrays):
    from snnlab.nir.file import graph_of

    _sound_network(graph_of({k: v[()] for k, v in arrays.items()}, "fuzz.nir"))


def nir_file(data):
    from snnlab.nir.file import read_nir

    _sound_network(read_nir(at("fuzz.nir", data)))


def _nir_bytes():
    _graph()
    return damaged((folder() / "whole.nir").read_bytes())


TARGETS = {
    "link": Target(lambda: words.queries, link, 0.5),
    "settings": Target(lambda: words.settings, settings, 2),
    "flags": Target(lambda: words.flags, flags, 0.3),
    "recipes": Target(lambda: words.recipes, recipe, 2),
    "lessons": Target(lambda: words.lessons, lesson, 2),
    "sweeps": Target(lambda: words.plans, plan, 1.5),
    "idx": Target(lambda: damaged(IDX, gzip.compress(IDX, mtime=0)), idx, 6),
    "pictures": Target(lambda: damaged(*_pictures()), picture, 3),
    "drawings": Target(
        lambda: st.lists(st.lists(st.tuples(st.floats(), st.floats()), max_size=4), max_size=3),
        strokes, 3,
    ),
    "dies": Target(lambda: npz_like(_die), die, 0.15),
    "calibrations": Target(lambda: npz_like(_calibration), calibration, 0.6),
    "weights": Target(lambda: npz_like(_weights), weights, 3),
    "runs": Target(_damaged_runs, run, 0.4),
    "resumed runs": Target(_damaged_runs, resumed, 0.05),
    "NIR graphs": Target(_graphs, nir_graph, 2),
    "NIR files": Target(_nir_bytes, nir_file, 0.003),
} | {name: Target(*parts) for name, parts in SOUNDS.items()}  # fmt: skip
"""By name. NIR files have few cases because each is read in its own process."""
