"""A session on recordings: what it shows of them, and sounds of the visitor's own."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import idle, until
from recordings import flat
from sounds import SPOKEN, make_wavs, put_recordings, wav, word

from snnlab.chip import power
from snnlab.config import Config
from snnlab.data.published.spoken_digits import SPEAKERS, hear
from snnlab.data.sound.cochlea import trim
from snnlab.data.sound.wav import read_wav
from snnlab.events import TICK
from snnlab_app.session import inputs
from snnlab_app.session.control import WEIGHT
from snnlab_app.session.local import Session
from snnlab_app.session.snapshot import SOUNDS, SPIKES

WAVS = make_wavs()


def ready(data_dir, **settings):
    session = Session(Config.checked(**settings), data_dir).start()
    until(lambda: session.state != "loading")
    assert session.state == "ready", session.message
    return session


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNNLAB_CACHE", str(tmp_path_factory.mktemp("cache")))
        opened = ready(put_recordings(tmp_path_factory.mktemp("data"), patch), **SPOKEN)
        yield opened
        opened.close()


def snapshot_of(session, view="sample", **wishes):
    session.look_at(view, wishes)
    until(lambda: idle(session))
    return session.snapshot


def said(session, wav, number):
    session.say(wav, number)
    return snapshot_of(session)


def test_it_says_what_it_has_loaded(session):
    assert session.message == "Ready · Free Spoken Digits, 8 recordings"
    s = snapshot_of(session)
    assert (s.kind, s.test_inputs, s.classes) == (SOUNDS, 20, tuple("0123456789"))


def test_a_recording_is_shown_with_its_sound(session):
    session.show(3)
    frame = snapshot_of(session).frame
    sound = trim(read_wav(WAVS["0_george_3.wav"]))
    assert frame.label == "0"
    np.testing.assert_allclose(read_wav(frame.clip.wav).samples, sound.samples, atol=2**-14)
    played = frame.recording.duration * 2000.0
    end = sound.seconds / played * inputs.COLUMNS
    column = np.flatnonzero(np.abs(frame.clip.wave).max(axis=1))[-1]
    assert column == pytest.approx(end, abs=1.5), "the waveform has the time axis of the chip"
    assert frame.clip.wave.min() >= -1.0
    assert np.abs(frame.clip.wave).max() == 1.0
    assert frame.energy == power.estimate(frame.recording, "whole").energy


def test_the_cochleagram_is_bright_where_its_channels_fire(session):
    session.show(3)
    frame = snapshot_of(session).frame
    assert (frame.image.dtype, frame.image.shape) == (np.uint8, (70, inputs.COLUMNS))
    spikes = frame.recording.inputs
    column = spikes.tick * TICK / frame.recording.duration * inputs.COLUMNS
    at_spikes = frame.image[69 - spikes.channel, column.astype(int)]
    assert at_spikes.mean() > 1.5 * frame.image[:, : int(column.max())].mean()
    # The voice has its formant at 500 Hz: the lower half of the channels, drawn below.
    assert frame.image[35:].mean() > 2.0 * frame.image[:35].mean()


def test_a_sound_of_ones_own_is_heard_like_a_recording_of_the_data_set(session):
    session.show(3)
    shown = snapshot_of(session).frame
    s = said(session, WAVS["0_george_3.wav"], 1)
    assert (s.heard, s.answer, s.frame.label) == (1, "", None)
    np.testing.assert_array_equal(s.frame.recording.inputs.tick, shown.recording.inputs.tick)
    np.testing.assert_array_equal(s.frame.recording.inputs.channel, shown.recording.inputs.channel)
    np.testing.assert_array_equal(s.frame.image, shown.image)
    session.show(3)
    assert snapshot_of(session).frame.label == "0", "a test recording takes its place"


@pytest.mark.parametrize(("content", "answer"), [
    (wav(np.zeros(8_000)), "the sound is silent: record it again, closer to the microphone"),
    (b"ID3\x03" + bytes(400), "sound: is an MP3 file, whatever its name: convert it to WAV"),
    (b"", "sound: is empty, not a wav file"),
    (wav(np.tile(word(), 200)), "holds 80.0 s of sound, a spoken digit takes at most 3 s"),
    (wav(word())[:30], "sound: not a wav file that can be read"),
])  # fmt: skip
def test_what_cannot_be_heard_is_one_line_and_changes_nothing(session, content, answer):
    session.show(4)
    before = snapshot_of(session).frame
    s = said(session, content, 7)
    assert s.heard == 7
    assert s.answer.startswith(answer)
    assert "\n" not in s.answer
    assert s.frame.label == before.label
    assert session.state == "ready"
    session.show(0)


def test_errors_come_with_pictures_and_sounds(session):
    picture = snapshot_of(session, "errors", cell=None, page=0).picture
    assert picture.known == 20
    assert len(picture.images) == len(picture.wavs) == min(picture.found, 12) > 0
    first = int(picture.index[0])
    session.show(first)
    frame = snapshot_of(session).frame
    np.testing.assert_array_equal(frame.image, picture.images[0])
    assert frame.clip.wav == picture.wavs[0]


def test_what_a_visitor_adds_is_learned_from_the_next_start_on(session):
    trainer = session._trainer
    assert len(trainer.dataset.train) == 8
    session.teach(WAVS["1_theo_0.wav"], 1)
    session.teach(WAVS["0_theo_1.wav"], 0)
    until(lambda: idle(session))
    assert session._trainer is trainer, "not before"
    session.reset()
    until(lambda: session._trainer is not trainer and session.state == "ready")
    data = session._trainer.dataset
    assert (len(data.train), len(data.test)) == (8 + 2 * WEIGHT, 20)
    assert data.train_labels[8:].tolist() == [1] * WEIGHT + [0] * WEIGHT
    assert data.groups == (*SPEAKERS, "you")
    assert set(data.train_groups[8:]) == {6}
    tick, channel = hear(WAVS["1_theo_0.wav"])
    added = data.train.take(np.array([8]))
    np.testing.assert_array_equal(added.tick, tick)
    np.testing.assert_array_equal(added.channel, channel)
    session.step()
    until(lambda: session.state == "paused")


def test_it_goes_on_with_what_it_has_learned_so_far(tmp_path, monkeypatch):
    """Recordings may be added meanwhile; those it has learned are in the page's memory only."""
    place = put_recordings(tmp_path / "data", monkeypatch)
    monkeypatch.setenv("SNNLAB_CACHE", str(tmp_path / "cache"))
    config, one, two = Config.checked(**SPOKEN), *((WAVS[f"{k}_theo_0.wav"], k) for k in (0, 1))

    def opened(folder, *taught):
        session = Session(config, place, folder=tmp_path / folder, taught=taught).start()
        until(lambda: session.state != "loading")
        return session

    first = opened("run", one)
    first.step()
    until(lambda: first.state == "paused" and idle(first))
    for name in ("more", "gone"):
        shutil.copytree(tmp_path / "run", tmp_path / name)
    more = opened("more", one, two)
    assert (more.state, more.snapshot.step) == ("paused", 1)
    assert len(more._trainer.dataset.train) == 8 + WEIGHT
    gone = opened("gone")
    assert (gone.state, gone.snapshot.step) == ("ready", 0)
    assert gone.notice == (
        "the training that was kept is lost: it had learnt other recordings; those of yours are not"
        " kept on disk"
    )
    for session in (first, more, gone):
        session.close()


def test_without_the_files_the_spikes_are_shown(session, monkeypatch):
    monkeypatch.setattr(session._trainer.dataset.sounds, "_source", Path("gone"))
    session._trainer.dataset.sounds.__dict__.pop("_wavs", None)
    session.show(11)
    frame = snapshot_of(session).frame
    assert frame.clip is None
    assert frame.image.max() == 255


def test_recorded_spikes_have_a_picture_but_no_sound(tmp_path):
    arrays = flat(n=20, channels=30, spikes=40)
    np.savez(tmp_path / "mine.npz", channels=30, **arrays)
    place = str(tmp_path / "mine.npz")
    session = ready(place, dataset="spikes", hidden=[12], batch=4)
    s = snapshot_of(session)
    assert (s.kind, s.frame.kind, s.frame.clip) == (SPIKES, SPIKES, None)
    assert s.frame.image.shape == (30, inputs.COLUMNS)
    spikes = s.frame.recording.inputs
    assert (s.frame.image > 0).any(axis=1).sum() == len(set(spikes.channel.tolist()))
    assert said(session, WAVS["0_george_3.wav"], 1).frame.label is not None, "nothing to hear with"
    session.close()
