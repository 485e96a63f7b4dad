"""What is sent to the browser to be played there."""

import shutil
import subprocess
from dataclasses import replace
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from conftest import idle, until

from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.units import CODES, PHYSICAL
from snnlab.config import Config
from snnlab.model.readout import scores
from snnlab.studies.decision import decision_time, first_spike
from snnlab_app.browser import replay
from snnlab_app.browser.replay import CIRCUITS, Replay, packing
from snnlab_app.session.local import Session
from snnlab_app.views.chip import ChipView
from snnlab_app.views.sample import SampleView


@pytest.fixture(scope="module")
def session():
    session = Session(Config.checked(dataset="digits", hidden=[30, 20], samples=8)).start()
    until(lambda: session.state == "ready")
    yield session
    session.close()


def snapshot_of(session, view, index=0, **wishes):
    session.look_at(view, wishes)
    session.show(index)
    until(lambda: idle(session))
    return session.snapshot


SIZES = [(256, 246, 10), (784, 100, 50, 47), (256, 300, 200, 10), (4, 2), (784, 240, 2)]


@pytest.mark.parametrize("sizes", SIZES)
def test_every_neuron_has_a_place_of_its_own_within_the_block(sizes):
    mapping = Mapping(sizes, chips=64)
    placed = packing.places(mapping)
    assert [len(layer) for layer in placed] == list(sizes[1:])
    taken = np.concatenate(placed).astype(int)
    assert (taken[:, 0] + taken[:, 2] <= packing.FOLD).all()
    assert taken[:, 1].max() < 16 * mapping.n_parts
    assert len({(x, y) for x, y, _ in taken.tolist()}) == sum(sizes[1:])


def test_the_papers_network_lies_as_on_the_chip():
    hidden, outputs = packing.places(Mapping((256, 246, 10)))
    assert hidden[0].tolist() == [0, 0, 2]
    assert hidden[15].tolist() == [30, 0, 2], "the last before the first row is folded"
    assert hidden[16].tolist() == [0, 2, 2]
    assert hidden[127].tolist() == [30, 14, 2]
    assert hidden[128].tolist() == [30, 15, 2], "back along the second row, below the last"
    assert outputs[-1].tolist() == [0, 1, 2], "the last circuit lies below the first"


def test_a_recording_is_packed_as_it_was_made(session):
    s = snapshot_of(session, "sample", 7)
    packed = packing.pack_recording(s.frame, s.classes, PHYSICAL)
    recording = s.frame.recording
    assert packed["counts"] == [
        len(recording.inputs.tick),
        *(len(k.tick) for k in recording.spikes),
    ]
    assert (packed["ticks"].dtype, packed["channels"].dtype) == (np.uint16, np.uint16)
    first = packed["counts"][0]
    np.testing.assert_array_equal(packed["ticks"][:first], recording.inputs.tick)
    np.testing.assert_array_equal(
        packed["channels"][first : first + packed["counts"][1]], recording.spikes[0].channel
    )
    assert s.classes[packed["decision"]] == s.frame.decision
    assert s.classes[packed["label"]] == s.frame.label
    assert (len(recording.spikes[-1].tick), packed["decided"]) == (0, -1.0), "it cannot decide"
    assert sum(value.nbytes for value in packed.values() if isinstance(value, np.ndarray)) < 10_000


@pytest.mark.parametrize("units", [PHYSICAL, CODES])
def test_the_scores_end_at_the_decision_in_either_unit(session, units):
    s = snapshot_of(session, "sample", 3)
    packed = packing.pack_recording(s.frame, s.classes, units)
    so_far = packed["scores"].reshape(8, 10)
    assert so_far[-1].argmax() == packed["decision"]
    if units == PHYSICAL:
        np.testing.assert_allclose(so_far[-1], scores(s.frame.label_traces, s.frame.readout))
    else:
        np.testing.assert_array_equal(
            packed["traces"].reshape(8, 10), s.frame.recording.cadc[-1][0]
        )


def test_links_join_neurons_that_fired(session):
    s = snapshot_of(session, "sample")
    fired = [np.unique(k.channel) for k in (s.frame.recording.inputs, *s.frame.recording.spikes)]
    assert len(s.frame.links) == 3
    for links, sources in zip(s.frame.links, fired, strict=True):
        assert set(links[:, 0]) <= set(sources.tolist())


def test_an_image_without_a_spike_is_packed_too(session):
    session.draw(np.zeros((16, 16), np.uint8))
    until(lambda: idle(session) and session.snapshot.frame.label is None)
    s = session.snapshot
    packed = packing.pack_recording(s.frame, s.classes, PHYSICAL)
    assert (packed["counts"][0], packed["decided"], packed["label"]) == (0, -1.0, -1)
    assert not any(isnan(value) for value in packed["scores"])


def test_what_is_unchanged_is_not_sent_again(session):
    played, sent = Replay(), []
    played.param.watch(lambda event: sent.append(event.name), ["network", "recording"])
    s = snapshot_of(session, "live", 1)
    played.show(s.frame, s.classes)
    assert sent == ["network", "recording"]
    played.show(s.frame, s.classes)
    assert len(sent) == 2
    s = snapshot_of(session, "live", 2)
    played.show(s.frame, s.classes)
    assert sent[2:] == ["recording"]
    played.show(s.frame, s.classes, units=CODES)
    assert sent[3:] == ["network", "recording"]
    assert "hidden" not in played.recording, "only the full one draws them"


def opened(session, kind, **wishes):
    view = kind(session)
    view.open()
    view.show(snapshot_of(session, view.name, **wishes))
    return view


def test_the_sample_view_says_what_was_decided_and_when(session):
    view = opened(session, SampleView)
    packed, energy = view.replay.recording, session.snapshot.frame.energy
    cost = f"About {1e6 * energy:.2f} µJ (estimate)."
    assert packed["words"].endswith(f" 0 hidden spikes. {cost}"), "nothing to decide by"
    session.play(60)
    until(lambda: session.state == "paused")
    packed = opened(session, SampleView).replay.recording
    after = decision_time(session.snapshot.frame.recording, session.snapshot.frame.readout)[0]
    energy = session.snapshot.frame.energy
    assert packed["words"].endswith(
        f"Decided {1e6 * after:.1f} µs after the first spike."
        f" About {1e6 * energy:.2f} µJ (estimate)."
    )
    after += first_spike(session.snapshot.frame.recording)[0]
    assert packed["decided"] == pytest.approx(1e6 * after)
    assert packed["step"] == session.snapshot.step
    assert len(packed["busiest"]) == packing.BUSIEST
    assert view.replay.network["period"] * view.replay.network["steps"] == pytest.approx(13.6)
    assert view.plots == {}, "figures are built when somebody wants to save them"


def test_the_ideal_twin_is_wished_for_and_compared(session):
    view = opened(session, SampleView)
    assert view.wishes() == {}
    view._beside.value = True
    assert view.wishes() == {"twin": True}
    until(lambda: idle(session))
    s, other = session.snapshot, snapshot_of(session, "sample", 5)
    assert s.twin.recording.spikes[0].n_channels == 30
    view.show(replace(s, twin=other.frame))
    packed = view.replay.recording
    here, there = packed["differs"], packed["twin"]["differs"]
    assert len(here) == sum(packed["counts"])
    assert len(there) == sum(packed["twin"]["counts"])
    inputs, others = packed["counts"][0], packed["twin"]["counts"][0]
    apart = here[inputs:].sum() + there[others:].sum()
    either = (1 - here[inputs:]).sum() + apart
    assert f" {apart} of {either} hidden spikes differ: " in packed["words"]
    view.show(replace(s, twin=s.frame))
    assert " 0 of " in view.replay.recording["words"]
    view._beside.value = False
    view.show(s)
    assert "twin" not in view.replay.recording


def test_the_chip_view_plays_the_watched_image_on_its_circuits(session):
    session.turn("killed", [5])
    view = opened(session, ChipView)
    assert view._replay.mode == CIRCUITS
    network, picture = view._replay.network, session.snapshot.picture
    np.testing.assert_array_equal(network["circuits"]["layer"], picture.layer)
    np.testing.assert_array_equal(network["circuits"]["neuron"], picture.neuron)
    assert network["dead"] == [5]
    session.turn("killed", [])


def test_the_chip_view_shows_no_values_before_there_are_any(session):
    view = ChipView(session)
    view.open()
    assert "Loading the chip…" in view.summary.object
    assert np.isnan(view.plots["circuits"].source("circuits").data["image"][0]).all()


@pytest.mark.parametrize("kind", [SampleView, ChipView])
def test_a_first_visit_plays_what_is_there_already(session, kind):
    s = snapshot_of(session, "live", 4)
    view = kind(session)
    view.open()
    played = view.replay if kind is SampleView else view._replay
    np.testing.assert_array_equal(played.recording["image"], s.frame.image.reshape(-1))


def test_the_scripts_are_javascript_and_there_is_no_other():
    folder = Path(replay.__file__).parent
    assert {path.name for path in folder.glob("*.js")} == {*replay.SCRIPTS}
    if node := shutil.which("node"):
        for text in (Replay._esm, *((folder / name).read_text("utf-8") for name in replay.SCRIPTS)):
            check = [node, "--input-type=module", "--check", "-"]
            assert subprocess.run(check, input=text, text=True, capture_output=True).stderr == ""


def test_every_meaning_has_a_colour_in_light_and_dark():
    assert replay.COLOURS["light"].keys() == replay.COLOURS["dark"].keys()
