"""What views make of a snapshot, without a page."""

import re
from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import idle, until
from PIL import Image
from viewing import brief_session, looked, shown

from snnlab.chip.units import CODES, PHYSICAL, SCALES, UNITS, membranes
from snnlab.config import Config
from snnlab.data.images.drawing import from_picture, placing
from snnlab.errors import SnnlabError
from snnlab.model.gradients import TITLES
from snnlab.model.surrogates import SHAPES
from snnlab.plotting.views import STRIP, confusion_cells
from snnlab_app.browser.thumbnails import Thumbnails
from snnlab_app.controls import knobs
from snnlab_app.controls.sidebar import FIRST_KNOBS, OF_SURROGATE, Controls
from snnlab_app.controls.undo import Turns
from snnlab_app.plots.displays import newest_test, reach_on
from snnlab_app.session.local import Session
from snnlab_app.views import VIEWS
from snnlab_app.views.chip import ChipView
from snnlab_app.views.frames import first_of_all
from snnlab_app.views.learn import LearnView
from snnlab_app.views.live import LiveView
from snnlab_app.views.plane import TOP, PlaneView
from snnlab_app.views.sample import SampleView

session = pytest.fixture(scope="module")(brief_session)


def test_a_sample_lasts_as_long_as_it_was_recorded(session):
    view, _ = shown(session, SampleView)
    assert _duration(view) == pytest.approx(10.2)
    view.draw_figures()
    assert view.plots["raster"].source("raster").data["dw"][0] == pytest.approx(10.2)


def _duration(view):
    network = view.replay.network
    return network["steps"] * network["period"]


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


def test_a_picture_is_for_the_network_there_is_while_another_size_waits(session):
    view, _ = shown(session, SampleView)
    session.show(0)
    until(lambda: session.snapshot.frame.label is not None)
    session.turn("side", 28)
    drawn = np.full((40, 40), 255, np.uint8)
    drawn[8:32, 18:22] = 0
    view._file.value = _dropped(Image.fromarray(drawn))
    until(lambda: session.snapshot.frame.label is None)
    assert session.snapshot.frame.image.shape == (16, 16)
    session.turn("side", 16)


def test_a_sample_of_another_duration_gets_another_axis(session):
    view, snapshot = shown(session, SampleView)
    other = Session(Config.checked(dataset="digits", hidden=[30], samples=10)).start()
    until(lambda: other.state == "ready")
    view.show(other.snapshot)
    assert _duration(view) == pytest.approx(17.0)
    other.close()
    view.show(snapshot)
    assert _duration(view) == pytest.approx(10.2)


def test_the_trail_ends_at_the_energy_of_the_estimate(session):
    view, snapshot = shown(session, PlaneView)
    assert snapshot.power.latency == pytest.approx(5 * 1.7e-6)
    energy = view._plot.source("trail").data["energy"]
    np.testing.assert_allclose(energy[-1], 1e6 * snapshot.power.energy)
    assert "8.5 µs an image" in view._note.object
    assert "Published results are of MNIST, this run is not." in view._note.object
    tested = 100 * newest_test(snapshot)[0]
    for plot in (view._plot, view._zoom):  # whose axes are of test accuracy
        assert plot.source("now").data["accuracy"] == [pytest.approx(tested)]
    assert view._zoom.figure.y_range.end <= TOP


def test_a_saved_picture_says_what_its_figures_show(session):
    view, _ = shown(session, LiveView)
    assert view.caption("raster") == "Raster · time in µs"
    assert view.caption("hidden membranes") == "Hidden membranes · potential (ϑ = 1), over µs"
    assert view.caption("accuracy").startswith("Accuracy · line: ")
    assert re.fullmatch(r"Power · static \d+ mW  active [\d.]+ mW", view.caption("power"))


def test_an_input_of_ones_own_has_a_way_back(session):
    session.show(0)
    view, _ = shown(session, LiveView)
    assert (view._image.visible, view._back.visible) == (True, False)
    session.draw(np.full((16, 16), 200, np.uint8))
    until(lambda: idle(session))
    view.show(session.snapshot)
    assert (view._image.visible, view._back.visible) == (False, True)
    assert view._back.label == "Back to test image 0"
    view._back.clicks += 1
    until(lambda: idle(session) and session.snapshot.frame.label is not None)
    view.show(session.snapshot)
    assert (view._image.visible, view._back.visible) == (True, False)


def test_every_plot_has_a_table_with_units(session):
    for kind in VIEWS:
        view, _ = shown(session, kind)
        for plot in view.plots:
            header, rows = view.table(plot)
            assert all(header), (view.name, plot)
            assert all(len(row) == len(header) for row in rows), (view.name, plot)
    view, snapshot = shown(session, SampleView)
    view.draw_figures()
    spikes = snapshot.frame.recording.inputs
    for plot in view.plots:
        header, rows = view.table(plot)
        assert all(header), plot
        assert all(len(row) == len(header) for row in rows), plot
    header, rows = view.table("latency")
    assert header == ["column", "row", "time (µs)"]
    assert len(rows) == len(spikes.tick)
    column, row, time = min(rows, key=lambda row: row[2])
    assert time == pytest.approx(spikes.tick.min() * 8e-3)
    assert snapshot.frame.image[row, column] == snapshot.frame.image.max()


def test_a_table_of_curves_gives_their_names_and_values(session):
    view, snapshot = shown(session, LiveView)
    header, rows = view.table("output membranes")
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
        if kind is SampleView:
            view.draw_figures()
        read = {PHYSICAL: snapshot.frame.label_traces, CODES: snapshot.frame.recording.cadc[-1][0]}
        header, rows = view.table("output membranes")
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
        view.draw_figures()
        header, rows = view.table("scores so far")
        assert header[1:] == ["label", SCALES[units].readout]
        scores = {label: score for _, label, score in rows}
        assert max(scores, key=scores.get) == snapshot.frame.decision
        order[units] = sorted(scores, key=scores.get)
        top = view.plots["scores so far"].figure.y_range.end
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


def test_any_circuit_of_a_neuron_kills_the_one_by_which_it_fires(session):
    view, snapshot = shown(session, ChipView)
    killed, middle = [], sum(STRIP) / 2
    view.kill = killed.append
    for column in range(6):
        view._tap(SimpleNamespace(x=column + 0.5, y=middle + 1))
    neuron = snapshot.picture.neuron.tolist()
    assert killed == [neuron.index(neuron[circuit]) for circuit in range(6)]
    assert killed[:4] == [0, 0, 2, 2], "two circuits for 64 inputs and more"
    view._tap(SimpleNamespace(x=0.5, y=middle - 1))
    assert killed[-1] == 511, "it works for no neuron"


def test_a_calibration_under_way_is_said(session):
    view, snapshot = shown(session, ChipView)
    waiting = replace(snapshot, picture=replace(snapshot.picture, calibration=None))
    view.show(waiting)
    assert "Measuring every circuit" in view._calibration.objects[0].object
    view.show(snapshot)
    assert "Press Recalibrate" in view._calibration.objects[0].object


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
    _, *first = Controls(session, Turns(session.turn, None)).panel(close=None)
    first = first[: len(FIRST_KNOBS)]
    labels = [widget.label for widget in first]
    assert labels.index("Surrogate") == labels.index("Surrogate steepness") + 1
    assert first[labels.index("Surrogate")].options == list(SHAPES)


def test_eventprop_has_neither_surrogate_nor_its_knobs(session):
    controls = Controls(session, Turns(session.turn, None))
    session.turn("gradient", "eventprop")
    view, _ = shown(session, LearnView)
    controls.refresh()
    _, slope = view.plots["surrogate"].source("surrogate").data.values()
    assert np.isnan(slope).all()
    assert "Surrogate" not in view._card[0].object + view._tiles.panel().object
    assert all(controls._widgets[name].disabled for name in OF_SURROGATE)
    assert controls._widgets["beta"].label.endswith("not used by EventProp")
    session.turn("gradient", "surrogate")
    looked(session, view)
    controls.refresh()
    assert "Surrogate over" in view._card[0].object
    assert not controls._widgets["beta"].disabled


def test_live_begins_with_what_keeps_it_from_learning_and_with_the_ideal_twin(session):
    view, snapshot = shown(session, LiveView)
    assert not snapshot.silent
    assert first_of_all(snapshot) == ""
    view.show(replace(snapshot, silent=True, settings={**snapshot.settings, "die": "ideal"}))
    assert "Learning stalls, see Learn. Ideal twin: It shows" in view.summary.object


def test_curves_over_the_training_are_over_whole_steps_and_say_so(session):
    view, _ = shown(session, LiveView)
    for name in ("accuracy", "power"):
        plot = view.plots[name]
        assert plot.figure.xaxis[0].axis_label == "training step"
        plot.fit(narrow=True)
        assert plot.figure.xaxis[0].axis_label == "", "a phone has no room for it"
    assert reach_on(0.0, 0.0, (0.0, 0.25))[1] >= 10


def test_large_type_has_fewer_numbers_along_an_axis(session):
    view, _ = shown(session, LiveView)
    plot, count = view.plots["power"], []
    for large in (False, True, False):
        plot.enlarge(large)
        plot.fit(narrow=False)
        count.append(plot.figure.xaxis[0].ticker.desired_num_ticks)
    assert count[1] < count[0] == count[2]


def test_the_chip_view_says_how_its_die_came(session):
    view, snapshot = shown(session, ChipView)
    for die, said in (("calibrated", "This die came calibrated. Press"),
                      ("uncalibrated", "This die is not calibrated. Press"),
                      ("ideal", "there is nothing to calibrate")):  # fmt: skip
        view.show(replace(snapshot, settings={**snapshot.settings, "die": die}))
        assert said in view._calibration[0].object


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
    pictures = Thumbnails(chosen.append, pictures=[[104, "test image 104: 6 taken for 5", "6", ""]])
    for message in (["choose", 104], 104, ["choose", 3], ["choose", "104"], None, ["x", 104], []):
        pictures._handle_msg(message)
    assert chosen == [104]


def test_a_picture_of_a_sound_can_be_played():
    asked, sent = [], []
    pictures = Thumbnails(print, asked.append, pictures=[[7, "recording 7", "7", ""]], sounds=True)
    pictures._send_msg = sent.append
    pictures._handle_msg(["listen", 7])
    pictures._handle_msg(["listen", 8])
    assert asked == [7]
    pictures.play(7, b"RIFF")
    assert sent == [{"number": 7, "wav": b"RIFF"}]


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


def test_gradients_are_compared_when_asked_and_only_then(session):
    view, snapshot = shown(session, LearnView)
    assert snapshot.picture.gradients is None
    view._wish(None)
    found = looked(session, view).picture.gradients
    assert found.rows[0][1] == TITLES[0]
    assert [row[1] for row in found.rows] == list(TITLES) * 2
    assert "surrogate, at the threshold (trains)" in view._table.object
    dots = view.plots["gradients"].source("EventProp").data["cosine"]
    assert len(dots) == np.isfinite(found.cosine[-1]).sum()
    header, _ = view.table("gradients")
    assert "cosine" in header[-1]
    assert looked(session, view).picture.gradients is found
