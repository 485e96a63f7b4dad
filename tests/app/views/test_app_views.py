"""What views make of a snapshot, without a page."""

import json
from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import idle, until
from PIL import Image

from snnlab.chip.units import CODES, PHYSICAL, SCALES, UNITS, membranes
from snnlab.commands.main import main
from snnlab.config import Config
from snnlab.data.images.drawing import from_picture, placing
from snnlab.errors import SnnlabError
from snnlab.model.surrogates import SHAPES
from snnlab.plotting.raster import COLUMNS, GAP_COLUMNS, raster_cells
from snnlab.plotting.views import confusion_cells
from snnlab.runs.frames import Frames
from snnlab.runs.run import Run
from snnlab_app.browser.pictures import Pictures
from snnlab_app.controls import knobs
from snnlab_app.controls.sidebar import Controls
from snnlab_app.controls.undo import Turns
from snnlab_app.session.history import History
from snnlab_app.session.local import Session
from snnlab_app.views import VIEWS
from snnlab_app.views.chip import ChipView
from snnlab_app.views.compare import CompareView
from snnlab_app.views.learn import LearnView
from snnlab_app.views.live import LiveView
from snnlab_app.views.pins import Pin, comparable, front
from snnlab_app.views.plane import PlaneView
from snnlab_app.views.sample import TICKS, SampleView
from snnlab_app.views.stored import CHOOSE, StoredRuns


@pytest.fixture(scope="module")
def session():
    """A network whose images end after six CADC samples instead of twenty."""
    session = Session(Config.checked(dataset="digits", hidden=[30], samples=6)).start()
    until(lambda: session.state == "ready")
    yield session
    session.close()


def shown(session, kind):
    """A view that shows the session's newest snapshot, and the snapshot."""
    view = kind(session)
    view.open()
    return view, looked(session, view)


def looked(session, view):
    """Have a view show a new snapshot : that."""
    view.look()
    until(lambda: idle(session))
    assert session.snapshot.view == view.name
    view.show(session.snapshot)
    return session.snapshot


def test_a_sample_lasts_as_long_as_it_was_recorded(session):
    view, _ = shown(session, SampleView)
    assert (view._time.start, view._time.end, view._time.value) == (0.0, 10.2, 10.2)
    assert view.plots["raster"].source("raster").data["dw"][0] == pytest.approx(10.2)
    view._toggle()
    assert view._time.value == 0.0
    for _ in range(TICKS - 1):
        view.tick()
    assert view._playing
    view.tick()
    assert (view._playing, view._time.value) == (False, 10.2)


def _dropped(image, kind="PNG", **options):
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_a_dropped_picture_is_shown_upright_by_range_and_by_opacity(session):
    """A scan of 16 bits, a phone's JPEG held sideways, white ink on nothing: all show one digit."""
    view, _ = shown(session, SampleView)
    grey = np.full((60, 40), 255, np.uint8)
    grey[8:52, 10:16] = grey[46:52, 10:30] = 0
    paper, exif = Image.fromarray(grey), Image.Exif()
    exif[0x0112] = 6
    white = Image.new("LA", paper.size, (255, 0))
    white.putalpha(Image.fromarray(255 - grey))
    for data in (
        _dropped(Image.fromarray((5000 + grey.astype(np.float64) * 215).astype(np.uint16))),
        _dropped(paper.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95),
        _dropped(white),
    ):
        session.show(0)
        until(lambda: session.snapshot.frame.label is not None)
        view._file.value = data
        until(lambda: session.snapshot.frame.label is None)
        seen = session.snapshot.frame.image.astype(int)
        assert np.abs(seen - from_picture(grey, 16, *placing("digits"))).mean() < 4


def test_a_sample_of_another_duration_gets_another_axis(session):
    view, snapshot = shown(session, SampleView)
    other = Session(Config.checked(dataset="digits", hidden=[30], samples=10)).start()
    until(lambda: other.state == "ready")
    view.show(other.snapshot)
    assert (view._time.end, view._time.value) == (17.0, 17.0)
    other.close()
    view.show(snapshot)
    assert view._time.end == 10.2


def test_the_trail_ends_at_the_energy_of_the_estimate(session):
    view, snapshot = shown(session, PlaneView)
    assert snapshot.power.latency == pytest.approx(5 * 1.7e-6)
    energy = view._plot.source("trail").data["energy"]
    np.testing.assert_allclose(energy[-1], 1e6 * snapshot.power.energy)
    assert "8.5 µs an image" in view._note.object


def test_every_plot_has_a_table_with_units(session):
    for kind in VIEWS:
        view, _ = shown(session, kind)
        for plot in view.plots:
            header, rows = view.table(plot)
            assert all(header), (view.name, plot)
            assert all(len(row) == len(header) for row in rows), (view.name, plot)
    view, snapshot = shown(session, SampleView)
    spikes = snapshot.frame.recording.inputs
    header, rows = view.table("latency")
    assert header == ["column", "row", "time (µs)"]
    assert len(rows) == len(spikes.tick)
    column, row, time = min(rows, key=lambda row: row[2])
    assert time == pytest.approx(spikes.tick.min() * 8e-3)
    assert snapshot.frame.image[row, column] == snapshot.frame.image.max()


def test_a_table_of_curves_gives_their_names_and_values(session):
    view, snapshot = shown(session, LiveView)
    header, rows = view.table("label membranes")
    assert header == ["curve", "time (µs)", "potential (ϑ = 1)"]
    seven = [(time, value) for name, time, value in rows if name == "7"]
    np.testing.assert_allclose([value for _, value in seven], snapshot.frame.label_traces[:, 7])
    np.testing.assert_allclose(seven[1][0], 1.7)


@pytest.mark.parametrize("kind", [LiveView, SampleView])
def test_membranes_change_their_units_and_their_axes(session, kind):
    view, _ = shown(session, kind)
    for units, words, line in (
        (CODES, "CADC sample (LSB)", 150.0), (PHYSICAL, "potential (ϑ = 1)", 1.0)
    ):  # fmt: skip
        view.measure_in(units)
        snapshot = looked(session, view)
        read = {PHYSICAL: snapshot.frame.label_traces, CODES: snapshot.frame.recording.cadc[-1][0]}
        header, rows = view.table("label membranes")
        assert header == ["curve", "time (µs)", words]
        seven = [value for name, _, value in rows if name == "7"]
        np.testing.assert_array_equal(seven, read[units][:, 7])
        header, rows = view.table("hidden membranes")
        assert header[2] == words
        named = SCALES[units].named
        assert {value for name, _, value in rows if name == named} == {line}
        neuron, trace = next((name, _of(rows, name)) for name, _, _ in rows if name != named)
        hidden = membranes(snapshot.frame.recording, 0, units)[0]
        np.testing.assert_array_equal(trace, hidden[:, int(neuron.removeprefix("neuron "))])
        low, high = (getattr(view.plots["hidden membranes"].figure.y_range, end)
                     for end in ("start", "end"))  # fmt: skip
        assert low <= hidden[:, :6].min()
        assert line <= high < 2 * line


def _of(rows, curve):
    return [value for name, _, value in rows if name == curve]


def test_labels_are_decided_alike_in_either_unit(session):
    view, _ = shown(session, SampleView)
    order = {}
    for units in UNITS:
        view.measure_in(units)
        snapshot = looked(session, view)
        header, rows = view.table("labels so far")
        assert header[1:] == ["label", SCALES[units].readout]
        scores = {label: score for _, label, score in rows}
        assert max(scores, key=scores.get) == snapshot.frame.decision
        order[units] = sorted(scores, key=scores.get)
        top = view.plots["labels so far"].figure.y_range.end
        assert top == pytest.approx(SCALES[units].high)
    assert order[PHYSICAL] == order[CODES]


def test_the_chip_view_says_how_many_bits_there_are(session):
    view, _ = shown(session, ChipView)
    assert "Weights have 6 bits and a sign, the CADC 8 bits." in view.summary.object
    session.turn("weight_bits", 4)
    session.turn("cadc_bits", 5)
    looked(session, view)
    assert "Weights have 4 bits and a sign, the CADC 5 bits." in view.summary.object
    assert "in steps of 4.2 LSB" in view._codes_text.object
    session.turn("weight_bits", 6)
    session.turn("cadc_bits", 8)


def test_a_quantity_of_circuits_becomes_the_code_that_sets_it(session):
    view, _ = shown(session, ChipView)
    view._quantity.value = "τ_mem (relative)"
    view.measure_in(CODES)
    snapshot = looked(session, view)
    assert view._quantity.value == snapshot.picture.quantity == "τ_mem (10-bit code)"
    header, rows = view.table("circuits")
    assert header[-1] == "τ_mem (10-bit code)"
    assert {row[-1] for row in rows} == {400.0}
    view.measure_in(PHYSICAL)
    assert looked(session, view).picture.quantity == "τ_mem (relative)"


def test_who_watches_sees_what_was_chosen_and_chooses_nothing(session):
    owner, _ = shown(session, ChipView)
    owner._quantity.value = "gain inhibitory (relative)"
    owner.measure_in(CODES)
    snapshot = looked(session, owner)
    pupil = ChipView(session)
    pupil.watches = True
    pupil.look = lambda: pytest.fail("it wished for something")
    pupil.open()
    pupil.show(snapshot)
    assert pupil._quantity.value == "gain inhibitory (10-bit code)"


@pytest.mark.parametrize("shape", SHAPES)
def test_the_learn_view_draws_the_surrogate_in_force(session, shape):
    session.turn("surrogate", shape)
    session.turn("beta", 2.0)
    view, _ = shown(session, LearnView)
    v, slope = view.plots["surrogate"].source("surrogate").data.values()
    np.testing.assert_allclose(slope, SHAPES[shape](v, 2.0))
    _, rows = view.table("surrogate")
    potential, _, derivative = np.array(list(rows)).T
    np.testing.assert_allclose(derivative, SHAPES[shape](potential, 2.0))
    assert f"β = 2, {shape}" in view.summary.object
    session.turn("surrogate", "superspike")
    session.turn("beta", 10.0)


def test_the_surrogate_stands_beside_its_steepness(session):
    first = Controls(session, Turns(session.turn, None)).panel()[1:-1]
    labels = [widget.label for widget in first]
    assert labels.index("Surrogate") == labels.index("Surrogate steepness β") + 1
    assert first[labels.index("Surrogate")].options == list(SHAPES)


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
    assert "Surrogate steepness β 4.0" in view._table.object
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
        np.testing.assert_array_equal(there[: len(raster)], raster)
        assert not there[len(raster) :].any(), "the smaller network's stands below"
    axis = view.plots["rasters"].figure.xaxis[0]
    assert list(axis.major_label_overrides.values()) == ["mine", "this run"]
    (pin,) = view.pins
    view.pins = [pin._replace(name=name) for name in ("20261121-153012-mnist-again", "$$x$$")]
    view.show(snapshot)
    named = list(axis.major_label_overrides.values())
    assert named == ["20261121-\n153012-mnist-", "＄＄x＄＄", "this run"]
    assert pin.raster(image, ("mnist", 16)) is None, "of other data"
    assert pin.raster(-1, ("digits", 16)) is None


def test_a_run_whose_energy_is_no_number_is_compared_too(session):
    view, snapshot = shown(session, CompareView)
    view.show(replace(snapshot, power=SimpleNamespace(energy=float("nan"))))
    assert view.plots["accuracy over energy"].source("this run").data["energy"].size == 0
    assert "this run" in view._table.object


def test_the_front_is_of_those_that_no_other_beats():
    def pin(energy, accuracy):
        return Pin("", {}, 0, {"test_accuracy": accuracy, "energy": energy}, {}, None)

    known = [pin(3e-6, 0.9), pin(1e-6, 0.8), pin(2e-6, 0.7), pin(3e-6, 0.95), pin(np.nan, 0.99)]
    energy, accuracy = front(known)
    np.testing.assert_allclose(energy, [1.0, 3.0])
    np.testing.assert_allclose(accuracy, [80.0, 95.0])


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


def test_single_errors_are_visible_beside_hundreds():
    matrix = np.diag([900, 0, 850])
    matrix[0, 1], matrix[2, 0] = 100, 1
    cells = confusion_cells(matrix)
    assert cells[0, 1] == -1.0
    assert cells[2, 0] == pytest.approx(-0.1)
    assert (cells[1, 1], cells[1, 0]) == (0.0, 0.0)
    assert cells[0, 0] == pytest.approx(0.98)


def test_a_picture_opens_the_image_it_shows():
    chosen = []
    pictures = Pictures(chosen.append, pictures=[[104, "test image 104: 6 taken for 5", "6", ""]])
    for message in (104, 3, "104", None, True, {"x": 1}):
        pictures._handle_msg(message)
    assert chosen == [104]


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


@pytest.mark.parametrize("name", Config.knobs())
def test_what_a_widget_shows_is_stored_as_it_was(name):
    value = getattr(Config(), name)
    assert knobs.stored(name, knobs.shown(name, value)) == value


def test_what_a_widget_cannot_show_exactly_is_shown_and_left_as_it_is(session):
    turns = Turns(session.config.set, lambda name: getattr(session.config, name))
    controls = Controls(session, turns)
    turns.turn({"beta": 4.0, "rotation": 0.21})
    controls.refresh()
    slider = controls._widgets["beta"]
    assert (slider.value, slider.options["4"]) == (4.0, 4.0)
    assert (session.config.beta, session.config.rotation) == (4.0, 0.21)
    assert turns.undo()
    controls.refresh()
    assert (session.config.beta, session.config.rotation, slider.value) == (10.0, 0.0, 10.0)


def test_what_is_no_number_is_refused_with_what_is_allowed():
    with pytest.raises(SnnlabError, match="seed = x is not allowed: a whole number from 0"):
        knobs.stored("seed", "x")
    with pytest.raises(SnnlabError, match="hidden = 3,4 is not allowed: a list of whole numbers"):
        knobs.stored("hidden", "3,4")
