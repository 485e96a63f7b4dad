"""Wav files of any usual kind as one channel of sound."""

import io
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from snnlab.errors import SnnlabError, plain

MAX_BYTES = 2**28
"""Largest wav file: 23 minutes of stereo in CD quality."""
RATES = 4_000, 384_000
"""Lowest and highest number of samples per second."""
MAX_BLOCK = 32
"""Bytes of one sample of all channels: eight of 32 bits."""
_OTHERS = {
    b"ID3": "an MP3 file", b"\xff\xfb": "an MP3 file", b"\xff\xf3": "an MP3 file",
    b"\xff\xf2": "an MP3 file", b"\xff\xfa": "an MP3 file", b"\xff\xf1": "an AAC file",
    b"OggS": "an Ogg file", b"fLaC": "a FLAC file", b"\x1aE\xdf\xa3": "a WebM file",
    b"FORM": "an AIFF file", b"#!AMR": "an AMR file", b"\x30\x26\xb2\x75": "a WMA file",
}  # fmt: skip
"""How other kinds of sound files begin."""


@dataclass(frozen=True, eq=False)
class Sound:
    """One channel of sound: samples float64[sample], full scale ±1; rate : samples per second."""

    samples: np.ndarray = field(repr=False)
    rate: int

    @property
    def seconds(self) -> float:
        """Duration : s."""
        return len(self.samples) / self.rate


def read_wav(source: str | Path | bytes) -> Sound:
    """The sound in a wav file: integers of 8 to 32 bits or floats, any rate; channels are averaged.

    source : path or content. Raises :class:`SnnlabError` for a missing, damaged or empty file, one
    of another kind, or of a rate out of ``RATES``.
    """
    name = "sound" if isinstance(source, bytes) else plain(os.fspath(source))
    content = source if isinstance(source, bytes) else _read(Path(source), name)
    if len(content) > MAX_BYTES:
        raise SnnlabError(f"{name}: more than {MAX_BYTES // 2**20} MB, the most read: cut the file")
    rate, samples = _parse(content, name)
    if not RATES[0] <= rate <= RATES[1]:
        raise SnnlabError(
            f"{name}: {rate} samples per second, allowed are {RATES[0]} to {RATES[1]}: record it"
            " at 16000"
        )
    if not samples.size:
        raise SnnlabError(f"{name}: holds no samples: record it again")
    if not np.isfinite(samples).all():
        raise SnnlabError(f"{name}: holds NaN or infinite samples: save it again as 16-bit wav")
    return Sound(samples if samples.ndim == 1 else samples.mean(axis=1), int(rate))


def write_wav(sound: Sound) -> bytes:
    """Content of a wav file of 16 bits; what lies beyond full scale is clipped."""
    from scipy.io import wavfile  # as in _parse

    file = io.BytesIO()
    samples = np.rint(32767.0 * np.clip(sound.samples, -1.0, 1.0)).astype(np.int16)
    wavfile.write(file, sound.rate, samples)
    return file.getvalue()


def _read(path, name):
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no name for a file"
        raise SnnlabError(f"{name}: cannot be read ({why})") from None


def _parse(content, name):
    """Rate, and samples float64[sample] or [sample, channel], full scale ±1."""
    if content[:4] not in (b"RIFF", b"RIFX", b"RF64") or content[8:12] != b"WAVE":
        raise SnnlabError(f"{name}: {_kind(content)}: convert it to WAV, as 16-bit PCM")
    try:
        rate, samples = _samples(content)
    except Exception as error:  # scipy raises many kinds for damaged files
        why = (str(error).splitlines() or [""])[0]
        why = plain(why[:100]).rstrip(".") or type(error).__name__
        raise SnnlabError(
            f"{name}: not a wav file that can be read ({why}): save it as 16-bit PCM"
        ) from None
    if samples.dtype == np.uint8:
        return rate, (samples - 128.0) / 128.0
    scale = 1.0 if samples.dtype.kind == "f" else -float(np.iinfo(samples.dtype).min)
    return rate, samples.astype(np.float64) / scale


def _samples(content):
    """Rate and samples; of a file that was cut, without the rest of its last sample."""
    from scipy.io import wavfile  # imported when needed: every process of a training starts sooner

    order = "big" if content[:4] == b"RIFX" else "little"
    was_cut = 8 + int.from_bytes(content[4:8], order) > len(content)
    for rest in range(MAX_BLOCK if was_cut else 1):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about chunks of metadata and a cut last one
                return wavfile.read(io.BytesIO(content[: len(content) - rest]))
        except ValueError as error:
            trouble = error
    raise trouble


def _kind(content):
    for start, kind in _OTHERS.items():
        if content.startswith(start):
            return f"is {kind}, whatever its name"
    if content[4:8] == b"ftyp":
        return "is an MP4 or M4A file, whatever its name"
    return "not a wav file" if content else "is empty, not a wav file"
