"""Views of a training on recordings: they speak of them, show their sound, and can be spoken to."""

from base64 import b64decode, b64encode

import numpy as np
import pytest
from conftest import idle, until
from sounds import SPOKEN, make_wavs, put_recordings, wav
from viewing import looked, shown

from snnlab import plotting
from snnlab.config import Config
from snnlab.plotting.raster import MAX_CHANNELS, input_rows, lowest_rows, raster_cells
from snnlab_app.browser.microphone import MAX_BYTES, Microphone
from snnlab_app.controls.sidebar import Controls
from snnlab_app.controls.undo import Turns
from snnlab_app.page.tour import Help
from snnlab_app.plots.displays import NAME_SHARE
from snnlab_app.plots.words import reword
from snnlab_app.session.local import Session
from snnlab_app.session.snapshot import IMAGES, SOUNDS, SPIKES
from snnlab_app.views import VIEWS
from snnlab_app.views.compare import CompareView
from snnlab_app.views.errors import ErrorsView
from snnlab_app.views.live import LiveView
from snnlab_app.views.plane import PlaneView
from snnlab_app.views.sample import SampleView

WAVS = make_wavs()
WORDS_OF_IMAGES = ("image", "pixel", "picture", "It shows", "Draw")


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNNLAB_CACHE", str(tmp_path_factory.mktemp("cache")))
        place = put_recordings(tmp_path_factory.mktemp("data"), patch)
        opened = Session(Config.checked(**SPOKEN), place).start()
        until(lambda: opened.state == "ready")
        yield opened
        opened.close()


@pytest.mark.parametrize("kind", [view for view in VIEWS if view.name != "sweep"])
def test_no_view_speaks_of_images(session, kind):
    view, _ = shown(session, kind)
    dialog = Help()
    dialog.open(view)
    said = [view.summary.object, dialog.dialog.content]
    for card in view._body.objects:
        for part in card.select():
            said += [str(getattr(part, name, "")) for name in ("object", "label", "name")]
    for plot in view.plots.values():
        said += [axis.axis_label or "" for axis in plot.figure.axis]
        said += [str(name) for name in view.table(next(iter(view.plots)))[0]]
    visible = " ".join(text for text in said if "data:image" not in text)
    for word in WORDS_OF_IMAGES:
        # "Published results are of images" is said of images.
        assert word not in visible.replace("results are of images", ""), word


def test_words_for_images_stay():
    text = "An image a row: 3 images, each pixel. It shows “3”."
    assert reword(text, IMAGES) == text
    assert reword("energy per image of an image", SOUNDS) == "energy per recording of a recording"


@pytest.mark.parametrize(
    ("kind", "attempt", "seen"),
    [
        (SOUNDS, "Say a digit into the microphone", "the spikes of its cochlea"),
        (SPIKES, "Choose a recording", "its input spikes"),
    ],
)
def test_recordings_without_a_cochlea_are_not_said_to_have_one(kind, attempt, seen):
    assert reword(SampleView.attempt, kind).startswith(attempt)
    assert seen in reword(LiveView.see, kind)


def test_the_raster_has_the_sound_above_the_channels(session):
    view, s = shown(session, LiveView)
    recording, plot = s.frame.recording, view.plots["raster"]
    sizes = plotting.sizes_of(recording)
    first = lowest_rows(sizes)[0]
    x, y = plot.source("sound").data.values()
    assert y.min() >= first + input_rows(sizes[0])
    assert x.max() < 1e6 * recording.duration
    times, rows = (
        plot.source("input").data[name] for name in plot.source("input").column_names[:2]
    )
    np.testing.assert_allclose(rows, first + 2 * recording.inputs.channel.astype(int) + 1.0)
    assert len(times) == len(recording.inputs.tick)
    (image,) = plot.source("cochleagram").data["image"]
    np.testing.assert_array_equal(image, s.frame.image[::-1])
    end = plot.figure.x_range.end
    last = max(times.max(), 8e-3 * max(layer.tick.max(initial=0) for layer in recording.spikes))
    assert last <= end <= last + 30.0
    view._switch_span()
    assert plot.figure.x_range.end == pytest.approx(
        (1 + NAME_SHARE) * 1e6 * recording.duration, rel=0.02
    )


def test_channels_have_two_rows_the_lowest_below(session):
    _, s = shown(session, LiveView)
    recording, sizes = s.frame.recording, plotting.sizes_of(s.frame.recording)
    cells = raster_cells(recording)
    first = lowest_rows(sizes)[0]
    assert len(cells) == first + 140
    fired = np.flatnonzero((cells[first:] == 1).any(axis=1))
    np.testing.assert_array_equal(np.unique(fired // 2), np.unique(recording.inputs.channel))
    assert input_rows(MAX_CHANNELS + 1) == (MAX_CHANNELS + 2) // 2


def test_a_spoken_digit_is_decided_and_can_be_learned(session):
    view, s = shown(session, SampleView)
    speaking = view._speaking
    assert speaking.add.disabled
    assert b64decode(speaking.microphone.sound) == s.frame.clip.wav
    message = ["said", b64encode(WAVS["1_theo_3.wav"]).decode()]
    speaking.microphone._handle_msg(message)
    until(lambda: idle(session))
    view.show(session.snapshot)
    frame = session.snapshot.frame
    assert frame.label is None
    assert frame.recording.spikes_per_sample() == 0, "nothing was learnt: it has no decision time"
    assert speaking.microphone.answer.startswith(f"The chip heard “{frame.decision}”. About ")
    assert "µJ (estimate)" in speaking.microphone.answer
    assert not speaking.microphone.trouble
    assert view.replay.recording["own"]
    assert len(view.replay.recording["wave"]) == 2 * view.replay.recording["columns"]
    taught = []
    session.teach, before = lambda *given: taught.append(given), session.teach
    speaking.label.value = 1
    speaking.add.clicks += 1
    session.teach = before
    assert taught == [(WAVS["1_theo_3.wav"], 1)]
    assert speaking.add.disabled, "once is enough"
    session.show(2)
    looked(session, view)
    assert speaking.add.disabled
    assert "It says" in view.replay.recording["words"]


def test_what_is_refused_is_said_beside_the_microphone(session):
    view, _ = shown(session, SampleView)
    view._speaking.file.value = wav(np.zeros(4_000))
    until(lambda: idle(session))
    view.show(session.snapshot)
    microphone = view._speaking.microphone
    assert microphone.trouble
    assert microphone.answer.startswith("The sound is silent: record it again")
    assert view._speaking.add.disabled


def test_only_a_wav_file_within_limits_is_taken_from_a_browser():
    taken = []
    microphone = Microphone(taken.append)
    for message in (["said", "§"], ["said", 3], "said", None, ["said", "A" * (2 * MAX_BYTES)], []):
        microphone._handle_msg(message)
    assert taken == []
    microphone._handle_msg(["said", b64encode(b"RIFF").decode()])
    assert taken == [b"RIFF"]


def test_errors_play_what_they_show(session):
    view, s = shown(session, ErrorsView)
    sent = []
    view._images._send_msg = sent.append
    assert view._images.sounds
    number = view._images.pictures[0][0]
    view._images._handle_msg(["listen", number])
    assert sent == [{"number": number, "wav": s.picture.wavs[0]}]


def test_with_fewer_errors_than_pages_the_last_page_is_shown(session):
    view, s = shown(session, ErrorsView)
    view._pages.count, view._pages.value = 9, 8
    assert view._page == 8
    view.show(s)
    assert view._page == view._pages.value == view._pages.count - 1 == -(-s.picture.found // 12) - 1
    looked(session, view)
    assert len(view._images.pictures) > 0


def test_published_results_are_not_drawn_beside_recordings(session):
    view, s = shown(session, PlaneView)
    assert len(view.plots["energy"].source("published").data["energy"]) == 0
    assert s.power.latency == pytest.approx(
        s.frame.recording.duration if s.frame else 1.275e-4, 0.05
    )
    start, end = (getattr(view.plots["energy"].figure.x_range, name) for name in ("start", "end"))
    assert start < 1e6 * s.power.energy < end
    _, rows = view.table("energy")
    assert not any("TrueNorth" in str(row) for row in rows)


def test_runs_on_recordings_are_compared_by_their_rasters(session):
    view, s = shown(session, CompareView)
    assert list(view._image.options) == ["test recording 0", "test recording 10"]
    (cells,) = view.plots["rasters"].source("rasters").data["image"]
    assert len(cells) == len(raster_cells(s.picture.recording))
    assert (cells == 1).any()


def test_knobs_without_effect_are_not_shown(session):
    turns = Turns(session.config.set, lambda name: getattr(session.config, name))
    controls = Controls(session, turns)
    widgets, others = controls._widgets, Config.GROUPS["Recordings"]

    def seen():
        return {name for name, widget in widgets.items() if widget.visible}

    assert seen() == set(widgets) - Config.OF_IMAGES
    controls.hide(("speedup",))
    assert "speedup" not in seen()
    turns.turn({"dataset": "digits"})
    controls.refresh()
    assert seen() == set(widgets) - set(others)
    turns.undo()
    controls.refresh()
    assert seen() == set(widgets) - Config.OF_IMAGES - {"speedup"}


def test_another_kind_of_data_lays_views_out_anew(session):
    view, _ = shown(session, SampleView)
    cards = view._body.objects
    assert view._speaking.microphone in view._body.select(Microphone)
    assert not view.suit(SOUNDS)
    assert view.suit(IMAGES)
    assert view._body.objects is not cards
    assert not view._body.select(Microphone)
    assert view._pick.label == "Test image"
    assert view.suit(SOUNDS)
