"""Wav files of every usual kind give the same sound; anything else is one clear line."""

import tracemalloc

import numpy as np
import pytest
from refusal import refused
from sounds import tone, wav, wav_24, word

from snnlab.data.sound.wav import MAX_BYTES, Sound, read_wav, write_wav
from snnlab.errors import SnnlabError

SAMPLES = tone(440.0, 0.1, 8_000)
KINDS = {
    "8 bit": (wav(SAMPLES, dtype=np.uint8), 1 / 100),
    "16 bit": (wav(SAMPLES), 1e-4),
    "24 bit": (wav_24(SAMPLES), 1e-6),
    "32 bit": (wav(SAMPLES, dtype=np.int32), 1e-8),
    "float": (wav(SAMPLES, dtype=np.float32), 1e-7),
    "double": (wav(SAMPLES, dtype=np.float64), 0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_width_of_samples_gives_the_same_sound(kind):
    content, error = KINDS[kind]
    sound = read_wav(content)
    assert sound.rate == 8_000
    np.testing.assert_allclose(sound.samples, SAMPLES, rtol=0, atol=error)


def test_channels_are_averaged():
    left, right = word(seed=1), word(pitch=200.0, seed=2)
    read = read_wav(wav(np.stack([left, right], axis=1), dtype=np.float64))
    np.testing.assert_allclose(read.samples, (left + right) / 2, rtol=0, atol=1e-12)


def test_a_file_on_disk_is_read_like_its_content(tmp_path):
    (tmp_path / "a.wav").write_bytes(wav(SAMPLES))
    np.testing.assert_array_equal(
        read_wav(tmp_path / "a.wav").samples, read_wav(wav(SAMPLES)).samples
    )
    assert read_wav(tmp_path / "a.wav").seconds == pytest.approx(0.1)


def test_a_file_with_metadata_around_the_sound_is_read():
    content = wav(SAMPLES)
    remark = b"LIST" + (10).to_bytes(4, "little") + b"INFOabcdef"
    longer = content[:12] + remark + content[12:] + remark
    np.testing.assert_array_equal(read_wav(longer).samples, read_wav(content).samples)


def _compressed():
    content = bytearray(wav(SAMPLES))
    content[20:22] = (17).to_bytes(2, "little")  # ADPCM
    return bytes(content)


REFUSED = {
    "an mp3": (b"ID3\x04\x00" + bytes(200), "is an MP3 file, whatever its name"),
    "an mp3 without tags": (b"\xff\xfb\x90\x64" + bytes(200), "is an MP3 file"),
    "an ogg": (b"OggS" + bytes(200), "is an Ogg file"),
    "a flac": (b"fLaC" + bytes(200), "is a FLAC file"),
    "a webm": (b"\x1aE\xdf\xa3" + bytes(200), "is a WebM file"),
    "an m4a": (bytes(4) + b"ftypM4A " + bytes(200), "is an MP4 or M4A file"),
    "text": (b"hello, this is no sound", "not a wav file"),
    "nothing": (b"", "is empty"),
    "a head alone": (wav(SAMPLES)[:30], "not a wav file that can be read"),
    "no samples": (wav(np.empty(0)), "holds no samples"),
    "compressed": (_compressed(), "not a wav file that can be read"),
    "NaN": (wav(np.array([0.0, np.nan]), dtype=np.float32), "NaN or infinite"),
    "a slow rate": (wav(SAMPLES, rate=1_000), "1000 samples per second, allowed are 4000 to"),
    "a fast rate": (wav(SAMPLES, rate=500_000), "500000 samples per second"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_wav_file_is_one_line(kind, tmp_path):
    content, said = REFUSED[kind]
    refused(lambda: read_wav(content), said)
    (tmp_path / "speech.wav").write_bytes(content)
    refused(lambda: read_wav(tmp_path / "speech.wav"), "speech.wav", said)


def test_a_missing_file_and_a_folder_are_one_line(tmp_path):
    refused(lambda: read_wav(tmp_path / "none.wav"), "none.wav: cannot be read")
    refused(lambda: read_wav(tmp_path), "cannot be read")
    refused(lambda: read_wav("a\0b.wav"), "no name for a file")


def samples_or_line(content):
    """The samples of a damaged file, or its error."""
    try:
        return read_wav(content).samples
    except SnnlabError as error:
        return str(error)


def test_a_cut_file_gives_what_is_left_or_one_line():
    """Recorders that crash leave such files."""
    content = wav(SAMPLES)
    whole = read_wav(content).samples
    found = [samples_or_line(content[:end]) for end in range(12, len(content), 97)]
    lines = [one for one in found if isinstance(one, str)]
    assert all(line.isprintable() and "wav" in line for line in lines)
    assert all(end < 60 for end in range(12, 12 + 97 * len(lines), 97)), "only without any sample"
    for samples in (one for one in found if not isinstance(one, str)):
        np.testing.assert_array_equal(samples, whole[: len(samples)])


def test_a_head_that_promises_gigabytes_takes_no_memory():
    content = bytearray(wav(SAMPLES))
    content[40:44] = (2**32 - 2).to_bytes(4, "little")
    tracemalloc.start()
    found = samples_or_line(bytes(content))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) <= len(SAMPLES)
    assert peak < 2**20


def test_a_huge_file_is_refused(tmp_path):
    with (tmp_path / "huge.wav").open("wb") as file:
        file.write(wav(SAMPLES))
        file.truncate(MAX_BYTES + 10)  # sparse: takes no room on the disk
    refused(lambda: read_wav(tmp_path / "huge.wav"), "more than 256 MB")


def test_what_is_written_is_read_again():
    given = Sound(np.array([0.0, 0.5, -1.0, 1.5]), 16_000)
    back = read_wav(write_wav(given))
    assert back.rate == 16_000
    np.testing.assert_allclose(back.samples, [0.0, 0.5, -1.0, 1.0], atol=2**-14)
