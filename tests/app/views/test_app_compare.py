"""The comparison of runs: pinned and stored ones beside the current one."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from bokeh.models import ColumnDataSource
from viewing import brief_session, looked, shown

from snnlab.commands.main import main
from snnlab.plotting.raster import COLUMNS, GAP_COLUMNS, raster_cells, thicken
from snnlab.runs.frames import Frames
from snnlab.runs.run import Run
from snnlab_app.session.history import History
from snnlab_app.views.compare import CompareView
from snnlab_app.views.pins import Pin, comparable, front, table_of
from snnlab_app.views.runs import NOW, MeritsPlot, RunsPlot
from snnlab_app.views.stored import CHOOSE, StoredRuns

session = pytest.fixture(scope="module")(brief_session)


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """A run on the server, as ``snnlab train`` keeps it."""
    monkeypatch.chdir(tmp_path)
    flags = ["--dataset", "digits", "--hidden", "20", "--epochs", "1", "--beta", "4"]
    assert main(["train", *flags, "--out", "runs/mine"]) == 0
    return Run.open(tmp_path / "runs/mine")


def test_a_stored_run_stands_beside_this_one(session, stored):
    view, _ = shown(session, CompareView)
    assert view.stored.choice.options == [CHOOSE, "mine"]
    view.stored.choice.value = "mine"
    (pin,) = view.pins
    assert view.stored.choice.value == CHOOSE
    assert (pin.name, pin.steps) == ("mine", 15)
    assert pin.test_accuracy == stored.epochs()[-1].test_accuracy
    np.testing.assert_allclose(pin.history["accuracy"], stored.steps()["accuracy"])
    assert "Surrogate steepness 4" in view._table.object
    header, rows = view.runs_table()
    mine = dict(zip(header, rows[0], strict=True))
    assert (mine["run"], mine["beta"], mine["tau_mem (s)"]) == ("mine", "4.0", "6e-06")
    assert mine["test accuracy (%)"] == 100 * pin.test_accuracy


def test_rasters_of_one_image_stand_side_by_side(session, stored):
    view, snapshot = shown(session, CompareView)
    view.stored.choice.value = "mine"
    view._image.value = image = int(snapshot.picture.image[3])
    now, kept = snapshot.picture, Frames.load(stored.folder / "frames.npz").newest()
    assert kept.step.tolist() == [15] * 10
    np.testing.assert_array_equal(now.image, kept.image)
    cells = view.plots["rasters"].source("rasters").data["image"][0]
    alone = [raster_cells(frames.recording, 3) for frames in (kept, now)]
    for k, raster in enumerate(alone):
        start = k * (COLUMNS + GAP_COLUMNS)
        there = cells[:, start : start + COLUMNS]
        np.testing.assert_array_equal(there[: len(raster)], thicken(raster))
        assert not there[len(raster) :].any(), "the smaller network's stands below"
    axis = view.plots["rasters"].figure.xaxis[0]
    assert [1.7 * frames.recording.cadc[-1].shape[1] for frames in (kept, now)] == [34, 10.2]
    under = list(axis.major_label_overrides.values())
    assert under == ["0 – 34 µs\nmine", "0 – 10.2 µs\nthis run"], "each has its own time"
    (pin,) = view.pins
    view.pins = [pin._replace(name=name) for name in ("20261121-153012-mnist-again", "$$x$$")]
    view.show(snapshot)
    named = list(axis.major_label_overrides.values())
    named = [label.split("\n", 1)[1] for label in named]
    assert named == ["20261121-\n153012-mnist-", "＄＄x＄＄", "this run"]
    assert pin.raster(image, pin.tested_on) is not None
    assert pin.raster(-1, pin.tested_on) is None
    for other in ({"dataset": "mnist"}, {"side": 28}, {"split": "validation"}):
        where = pin._replace(settings={**pin.settings, **other}).tested_on
        assert pin.raster(image, where) is None, "of other images"
    own, others = (
        pin._replace(settings={**pin.settings, "dataset": "folder"}, data=crc) for crc in (1, 2)
    )
    assert own.raster(image, own.tested_on) is not None
    assert own.raster(image, others.tested_on) is None


def test_a_run_is_pinned_with_the_settings_it_is_trained_with(session):
    """A knob that waits for a restart has not acted yet."""
    view, _ = shown(session, CompareView)
    session.turn("hidden", [17])
    session.turn("beta", 33.0)
    looked(session, view)
    view._keep()
    assert (view.pins[-1].settings["hidden"], view.pins[-1].settings["beta"]) == ([30], 33.0)
    assert view.runs_table()[1][-1] == ("this run", *view.runs_table()[1][0][1:])
    session.turn("hidden", [30])
    looked(session, view)


def test_a_run_whose_energy_is_no_number_is_compared_too(session):
    view, snapshot = shown(session, CompareView)
    view.show(replace(snapshot, power=SimpleNamespace(energy=float("nan"))))
    assert view.plots["accuracy over energy"].table()[1] == []
    assert "this run" in view._table.object


def test_the_front_is_of_those_that_no_other_beats():
    def pin(energy, accuracy):
        return Pin("", {}, 0, {"test_accuracy": accuracy, "energy": energy}, {}, None)

    known = [pin(3e-6, 0.9), pin(1e-6, 0.8), pin(2e-6, 0.7), pin(3e-6, 0.95), pin(np.nan, 0.99)]
    energy, accuracy = front(known)
    np.testing.assert_allclose(energy, [1.0, 3.0])
    np.testing.assert_allclose(accuracy, [80.0, 95.0])


def test_an_accuracy_on_some_test_images_says_on_how_many():
    pin = Pin("", {}, 0, {"test_accuracy": 0.892}, {}, None)
    assert pin.tested == "89.20 %"
    assert pin._replace(some=250).tested == "89.2 % (250)"
    assert "89.2 % (250)" in table_of([pin, pin._replace(some=250)])


def test_equal_runs_have_equal_curves_however_long_they_are():
    """Points of a long run average more steps; the last block of a run may be incomplete."""
    rng = np.random.default_rng(0)
    accuracy, histories = rng.random(2000), {}
    for steps in (2000, 700, 301, 3):
        history = History()
        for step in range(steps):
            history.add(step=float(step), accuracy=accuracy[step])
        histories[steps] = history.arrays()
    assert len({len(history["step"]) for history in histories.values()}) == 4
    curves = comparable(histories)
    longest = curves[2000]
    for steps in (700, 301):
        short = curves[steps]
        n = len(short["step"])
        assert n == steps // 4
        np.testing.assert_allclose(short["step"], longest["step"][:n])
        np.testing.assert_allclose(short["accuracy"], longest["accuracy"][:n])
    assert curves[3] is histories[3], "shorter than one block"
    assert comparable({"only": histories[700]})["only"] is histories[700]


@pytest.fixture
def many(stored):
    """Ten runs of steepness 0 to 9 more, the last one tagged, another without a result."""
    record = json.loads((stored.folder / "config.json").read_text())
    for k in range(10):
        record["settings"]["beta"] = 1.0 + k
        record["summary"] = {"best_accuracy": (7 * k % 10) / 10, "test_spikes": 20.0 - k}
        if k == 4:
            record["summary"] = {}
        (folder := stored.folder.parent / f"run-{k}").mkdir()
        (folder / "config.json").write_text(json.dumps(record))
    Run.open(folder).annotate("<b>bold</b>", ["good"])


def test_stored_runs_are_filtered_ordered_and_paged(many):
    runs = StoredRuns(pytest.fail)
    runs.read()
    assert runs.choice.options == [CHOOSE, "mine", *(f"run-{k}" for k in range(7))]
    assert (runs._pages.count, runs._pages.visible) == (2, True)
    runs._pages.value = 1
    assert runs.choice.options == [CHOOSE, "run-7", "run-8", "run-9"]
    assert "&lt;b&gt;bold&lt;/b&gt;" in runs._table.object
    runs._only.value = "beta>=4 run!=mine"
    assert runs.choice.options == [CHOOSE, *(f"run-{k}" for k in range(3, 10))]
    assert "7 of 11 runs" in runs._found.object
    runs._order.value = "best"
    assert runs.choice.options[1:] == [f"run-{k}" for k in (7, 8, 5, 9, 6, 3, 4)]
    runs._order.value = "spikes"
    assert runs.choice.options[1:] == [f"run-{k}" for k in (9, 8, 7, 6, 5, 3, 4)]
    runs._only.value = "tags=good"
    assert runs.choice.options == [CHOOSE, "run-9"]
    runs._only.value = "<script>"
    assert "condition &lt;script&gt;: give NAME=VALUE" in runs._found.object
    runs._only.value = "colour=1"
    assert "no column &#x27;colour&#x27;" in runs._found.object
    runs._only.value = "beta>99"
    assert (runs.choice.options, runs._table.object) == ([CHOOSE], "")


@pytest.mark.parametrize("name", ["../mine", "/etc", "", "runs/mine"])
def test_only_names_from_the_list_are_opened(session, stored, name):
    view, _ = shown(session, CompareView)
    view.stored._choose(name)
    assert view.pins == []


def test_runs_keep_their_colours_and_are_named_at_their_ends():
    steps = np.arange(3.0)
    plot = RunsPlot(4, "accuracy (%)")
    plot.draw({"one": (steps, 10 * steps), "a run of a long name": (steps, 20 * steps),
               NOW: (steps[:2], 5 * steps[:2])})  # fmt: skip
    names = next(
        source for source in plot.figure.select(type=ColumnDataSource) if "text" in source.data
    )
    assert names.data["text"] == ["one", "a run of a long…", NOW]
    assert names.data["color"] == [0, 1, 3], "the last colour is that of the current run"
    assert names.data["x"] == [2.0, 2.0, 1.0]
    header, rows = plot.table()
    assert header == ["curve", "step", "accuracy (%)"]
    assert rows[:3] == [("one", 0.0, 0.0), ("one", 1.0, 10.0), ("one", 2.0, 20.0)]
    assert len(rows) == 8
    high = plot.figure.y_range.end
    plot.draw({NOW: (steps[:2], 5 * steps[:2])})
    assert plot.figure.y_range.end < high, "a run that is gone is no longer followed"


def test_the_accuracy_of_runs_is_drawn_over_their_energy():
    plot = MeritsPlot(3)
    plot.draw(
        {"one": (2.4, 90.0), "lost": (np.nan, 80.0), NOW: (2.5, 95.0)}, ([2.4, 2.5], [90, 95])
    )
    assert plot.table()[1] == [("one", 2.4, 90.0), (NOW, 2.5, 95.0)]
    low, high = plot.figure.x_range.start, plot.figure.x_range.end
    assert low < 2.4 < 2.5 < high
