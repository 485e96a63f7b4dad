"""Spoken digits on the page, in a browser whose microphone plays a file: said, heard, decided.

One server and one training serve the tests of this file; the recordings are the real ones.
"""

import io
import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from browsing import blank, play, press, says, tab, wait_for
from conftest import OUR_TRACEBACK, Server, launch, leave_out, note_trouble
from playwright.sync_api import Browser, Page, expect
from scipy.io import wavfile
from sounds import wav, word

from snnlab.data.published import spoken_digits
from snnlab.errors import SnnlabError

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EPOCHS = 8
"""Of the training: about 94 % of the test recordings are then decided rightly."""
MICROPHONE = (
    "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', '%s') }"
)
REFUSALS = {
    "denied": (MICROPHONE % "NotAllowedError", "does not let this page use the microphone"),
    "none": (MICROPHONE % "NotFoundError", "No microphone was found: connect one"),
    "taken": (MICROPHONE % "NotReadableError", "another program may be using it"),
    "old browser": ("delete window.AudioWorkletNode", "This browser cannot record sound"),
    "insecure": (
        "Object.defineProperty(window, 'isSecureContext', {value: false})",
        "Browsers give the microphone only to pages from this machine",
    ),
}
"""How a browser without a usable microphone behaves, and what the page then says."""


@pytest.fixture(scope="module")
def library():
    """The published recordings by name, as they are in the folder of data sets."""
    source = spoken_digits.find(Path(os.environ.get("SNNLAB_DATA", ".")))
    if source is None:
        leave_out(SnnlabError(f"no {spoken_digits.ARCHIVE} in SNNLAB_DATA"))
    return spoken_digits.Library(source)


@pytest.fixture(scope="module")
def server(library):
    flags = ("--recipe", "spoken-digits-forward", "--epochs", str(EPOCHS))
    server = Server(*flags).wait()
    yield server
    printed = server.stop()
    assert not re.search(OUR_TRACEBACK, printed), printed


@pytest.fixture(scope="module")
def voice(tmp_path_factory, library):
    """The file that the microphone plays again and again; it is read when the microphone opens."""
    path = tmp_path_factory.mktemp("voice") / "voice.wav"
    speak_into(path, library["0_george_0.wav"])
    return path


@pytest.fixture(scope="module")
def chromium(browser: Browser, voice):
    """Another browser, with that microphone."""
    speaker = f"--use-file-for-fake-audio-capture={voice}"
    opened = launch(browser.browser_type, "--use-fake-device-for-media-stream", speaker)
    yield opened
    opened.close()


@pytest.fixture
def spoken(chromium: Browser, server: Server):
    """The page, loaded, with the permission to use the microphone."""
    screen = {"width": 1400, "height": 1300}
    with chromium.new_context(viewport=screen, permissions=["microphone"]) as context:
        page = context.new_page()
        trouble = note_trouble(page)
        page.goto(server.url)
        says(page, "^Ready · Free Spoken Digits, 2.700 recordings").to_be_visible()
        yield page
        assert trouble == []


def speak_into(path, content, before=0.8, after=1.2):
    """Have the microphone play a wav file between two pauses of these lengths in s."""
    rate, samples = wavfile.read(io.BytesIO(content))
    pauses = [np.zeros(round(seconds * rate), samples.dtype) for seconds in (before, after)]
    wavfile.write(path, rate, np.concatenate([pauses[0], samples, pauses[1]]))


def every_format(content):
    """A 16-bit mono recording as wav files of other sample formats, by name."""
    rate, samples = wavfile.read(io.BytesIO(content))
    wide = samples.astype(np.int32) << 16
    kinds = {
        "8-bit": (wide >> 24).astype(np.int16).__add__(128).astype(np.uint8),
        "32-bit": wide, "float": (samples / 2**15).astype(np.float32),
        "stereo": np.stack([samples, samples], axis=1),
    }  # fmt: skip
    for name, values in kinds.items():
        wavfile.write(file := io.BytesIO(), rate, values)
        yield name, file.getvalue()
    packed = wide.view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 3 * rate, 3, 24)
    body = b"WAVE" + form + struct.pack("<4sI", b"data", len(packed)) + packed
    yield "24-bit", struct.pack("<4sI", b"RIFF", len(body)) + body


def answer(page: Page):
    return page.locator(".microphone [role=status]")


def open_sample(page: Page):
    tab(page, "Sample")
    expect(page.get_by_role("button", name="Speak a digit", exact=True)).to_be_visible()
    says(page, "^It says “").to_be_visible()


def test_the_live_screen_shows_recordings(spoken: Page):
    says(spoken, "^It says “").to_be_visible()
    wait_for(spoken, lambda: not blank(spoken))
    expect(spoken.get_by_role("slider", name=re.compile("Test recording"))).to_be_visible()
    press(spoken, "Data")
    expect(spoken.get_by_role("slider", name=re.compile("^Duration heard"))).to_be_visible()
    expect(spoken.get_by_role("slider", name=re.compile("^Latency encoding"))).to_be_hidden()


def test_a_recording_of_the_errors_is_played(spoken: Page):
    tab(spoken, "Errors")
    first = spoken.get_by_role("button", name=re.compile("^Play test recording")).first
    expect(first).to_have_text("▶ Play")
    first.click()
    audio = spoken.locator("audio[src^='blob:']")
    expect(audio).to_be_attached()
    wait_for(spoken, lambda: audio.evaluate("audio => audio.played.length > 0 && !audio.error"))
    assert audio.evaluate("audio => audio.duration") < 3.0
    expect(first).to_have_text("▶ Play")  # it has ended


def test_without_a_usable_microphone_a_sentence_says_what_to_do(spoken: Page):
    open_sample(spoken)
    for lacks, sentence in REFUSALS.values():
        spoken.evaluate(f"() => {{ {lacks} }}")
        press(spoken, "Speak a digit")
        expect(answer(spoken)).to_contain_text(sentence)
        expect(answer(spoken)).to_contain_text("or choose a wav file")
        expect(answer(spoken)).to_have_class("trouble")
        expect(spoken.get_by_role("button", name="Speak a digit", exact=True)).to_be_enabled()


def test_a_refused_permission_is_said(chromium: Browser, server: Server):
    with chromium.new_context() as context:  # nobody has granted it, and nobody can be asked
        page = context.new_page()
        page.goto(server.url)
        open_sample(page)
        press(page, "Speak a digit")
        expect(answer(page)).to_contain_text("does not let this page use the microphone")


def test_a_file_is_decided_or_refused_in_one_line(spoken: Page, library, tmp_path):
    open_sample(spoken)
    for name, content, sentence in (
        ("song.wav", b"ID3\x04" + bytes(900), "is an MP3 file, whatever its name: convert it"),
        ("silence.wav", wav(np.zeros(8_000)), "The sound is silent: record it again"),
        ("speech.wav", wav(np.tile(word(), 30)), "a spoken digit takes at most 3 s: cut it"),
        ("minutes.wav", wav(np.tile(word(), 900)), "Lasts 360 s, at most 120 s are searched"),
        ("cut.wav", wav(word())[:30], "not a wav file that can be read"),
        ("five.wav", library["5_theo_1.wav"], "The chip heard “"),
        *(
            (f"{kind}.wav", content, "The chip heard “")
            for kind, content in every_format(library["5_theo_1.wav"])
        ),
    ):
        (tmp_path / name).write_bytes(content)
        spoken.locator("input[type=file]").last.set_input_files(tmp_path / name)
        expect(answer(spoken)).to_contain_text(sentence)
        assert "\n" not in answer(spoken).inner_text(), name
    (tmp_path / "empty.wav").write_bytes(b"")
    spoken.locator("input[type=file]").last.set_input_files(tmp_path / "empty.wav")
    says(spoken, "^the file is empty: choose another").to_be_visible()
    says(spoken, "^It decides “").to_be_visible()
    says(spoken, "^Ready · Free Spoken Digits").to_be_visible()  # the training is as it was


def test_eight_of_ten_digits_said_are_decided_rightly(spoken: Page, voice, library):
    play(spoken)
    says(spoken, "^finished: step").to_be_visible()
    open_sample(spoken)
    right = 0
    for digit in range(10):
        speaker = spoken_digits.SPEAKERS[digit % 6]
        speak_into(voice, library[f"{digit}_{speaker}_0.wav"])
        press(spoken, "Speak a digit")
        expect(answer(spoken)).to_have_text("Speak now: one digit.")
        expect(answer(spoken)).to_contain_text(re.compile("The chip heard “[0-9]”. Decided .* µs"))
        said = answer(spoken).inner_text()
        assert re.search(r"About [\d.]+ µJ \(estimate\)\.$", said), said
        right += f"“{digit}”" in said
    assert right >= 8
    says(spoken, "^Replay of step").to_be_visible()  # in slow motion, at once
    teach = spoken.get_by_role("button", name="Learn it too", exact=True)
    teach.click()
    says(spoken, "^From the next Reset on it learns 1 × “0”").to_be_visible()
    press(spoken, "Reset")
    says(spoken, "^Ready · Free Spoken Digits, 2.710 recordings").to_be_visible()
