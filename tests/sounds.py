"""Sounds and wav files that tests make."""

import io
import struct
from hashlib import sha256

import numpy as np
from scipy.io import wavfile

from snnlab.data.sound.wav import Sound


def tone(frequency=440.0, seconds=0.3, rate=16_000, amplitude=0.5):
    """A sine : float64[sample]."""
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


def word(rate=8_000, seconds=0.4, pitch=120.0, formant=700.0, seed=0):
    """Like a voiced syllable: harmonics of a pitch under a formant, rising and falling."""
    t = np.arange(int(seconds * rate)) / rate
    harmonics = pitch * np.arange(1, int(0.45 * rate / pitch))
    strength = 1.0 / (1.0 + ((harmonics - formant) / 200.0) ** 2)
    voice = (strength[:, None] * np.sin(2 * np.pi * harmonics[:, None] * t)).sum(0)
    voice *= np.sin(np.pi * t / seconds)
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return 0.3 * voice / np.abs(voice).max() + 1e-4 * noise


def sound(samples, rate=16_000):
    return Sound(np.asarray(samples, np.float64), rate)


def wav(samples, rate=8_000, dtype=np.int16):
    """Content of a wav file of samples within ±1; dtype uint8, int16, int32, float32 or float64."""
    file = io.BytesIO()
    kind = np.dtype(dtype)
    if kind == np.uint8:
        samples = np.round(samples * 127.0) + 128.0
    elif kind.kind == "i":
        samples = np.round(samples * np.iinfo(kind).max)
    wavfile.write(file, rate, np.asarray(samples).astype(kind))
    return file.getvalue()


def wav_24(samples, rate=8_000):
    """Content of a wav file of 24-bit samples."""
    values = np.round(samples * (2**23 - 1)).astype("<i4")
    data = values.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1,
                       rate, 3 * rate, 3, 24, b"data", len(data))  # fmt: skip
    return head + data


def make_wavs():
    """Two speakers say two digits six times each."""
    return {
        f"{digit}_{speaker}_{take}.wav": wav(
            word(formant=500.0 + 900.0 * digit, pitch=pitch, seed=take, seconds=0.2)
        )
        for digit in (0, 1) for speaker, pitch in (("george", 110.0), ("theo", 160.0))
        for take in range(7)
    }  # fmt: skip


def digest(wavs):
    """Digest of the content of recordings by name, as the data set of digits has it."""
    lines = "".join(f"{name} {sha256(wavs[name]).hexdigest()}\n" for name in sorted(wavs))
    return sha256(lines.encode()).hexdigest()


def put_recordings(folder, monkeypatch):
    """Recordings as :func:`make_wavs` has them in a folder, taken for those published; its path."""
    wavs = make_wavs()
    home = folder / "fsdd" / "recordings"
    home.mkdir(parents=True)
    for name, content in wavs.items():
        (home / name).write_bytes(content)
    monkeypatch.setattr("snnlab.data.published.spoken_digits.DIGEST", digest(wavs))
    return str(folder)


SPOKEN = {
    "dataset": "spoken-digits", "hidden": [24], "batch": 4, "epochs": 50, "duration": 0.25,
    "readout": "sum",
}  # fmt: skip
"""Settings for a training on them that takes a second."""
