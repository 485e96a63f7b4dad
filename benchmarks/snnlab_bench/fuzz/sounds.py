"""Fuzzing targets of sound and recorded spikes: wav files, the archive of spoken digits, and
recordings as npz, zipped npz and HDF5."""

import gzip
import re
import tarfile
import tempfile
import zipfile
from functools import cache, partial
from io import BytesIO
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from snnlab.data.published.spoken_digits import MAX_WAV_BYTES, check, hear, read_archive
from snnlab.data.sound.cochlea import COCHLEA
from snnlab.data.spikes import load_spikes
from snnlab_bench.fuzz.damage import damaged, npz_like


@cache
def _wavs():
    """Content of short wav files of every kind."""
    tone, found = np.sin(np.arange(1200) / 5.0), []
    for samples in (tone, np.stack([tone, -0.5 * tone], axis=1)):
        for kind, scale in ((np.uint8, 100), (np.int16, 3e4), (np.int32, 2e9), (np.float32, 1)):
            file = BytesIO()
            wavfile.write(file, 8_000, (scale * (samples + (kind == np.uint8))).astype(kind))
            found.append(file.getvalue())
    return found


def wav(data):
    tick, channel = hear(data)
    assert (tick.dtype, channel.dtype, len(tick)) == (np.uint16, np.uint16, len(channel))
    assert (np.diff(tick.astype(int)) >= 0).all()
    assert (channel < COCHLEA.channels).all()


@cache
def _digits():
    """Two recordings by name."""
    return {f"0_george_{take}.wav": content for take, content in enumerate(_wavs()[:2])}


def _archives():
    """Damaged archives, and archives of which only what is packed is damaged."""
    file = BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in _digits().items():
            member = tarfile.TarInfo(f"free-spoken-digit-dataset/recordings/{name}")
            member.size = len(content)
            archive.addfile(member, BytesIO(content))
    pack = partial(gzip.compress, mtime=0)
    return damaged(pack(file.getvalue())) | damaged(file.getvalue()).map(pack)


def archive(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.tar.gz"
        path.write_bytes(data)
        wavs = read_archive(path)
    assert all(re.fullmatch(r"[0-9]_[a-z]+_[0-9]+\.wav", name) for name in wavs)
    assert all(len(content) <= MAX_WAV_BYTES for content in wavs.values())
    if wavs != _digits():
        check(wavs, "fuzz")
        raise AssertionError("other recordings than those published are accepted")


@cache
def _spikes():
    rng = np.random.default_rng(0)
    return {
        "times": np.sort(rng.uniform(0, 0.1, (6, 5)), axis=1).ravel(),
        "units": rng.integers(0, 9, 30), "offsets": np.arange(7) * 5, "labels": np.arange(6) % 2,
        "speakers": np.arange(6) % 3, "channels": np.array(9), "test": np.arange(6) > 3,
    }  # fmt: skip


def _zipped():
    """A zip file that holds an npz of recordings."""
    inner, file = BytesIO(), BytesIO()
    np.savez(inner, **_spikes())
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(zipfile.ZipInfo("spikes.npz"), inner.getvalue())
    return file.getvalue()


@cache
def _hdf5():
    import h5py

    arrays, file = _spikes(), BytesIO()
    with h5py.File(file, "w") as made:
        for name, kind in (("times", np.float32), ("units", np.uint16)):
            item = made.create_dataset(f"spikes/{name}", (6,), h5py.vlen_dtype(kind))
            for k, row in enumerate(arrays[name].reshape(6, 5)):
                item[k] = row.astype(kind)
        made["labels"], made["extra/speaker"] = arrays["labels"], arrays["speakers"]
    return file.getvalue()


def _recordings(name, data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        found = load_spikes(path)
    for part in ("train", "test"):
        events = found.events(part).checked()
        assert len(found.labels(part)) == len(events) > 0
        assert events.n_channels >= found.n_channels > 0
        assert found.labels(part).max() < len(found.classes)


def npz(data):
    _recordings("fuzz.npz", data)


def zipped(data):
    _recordings("fuzz.npz.zip", data)


def hdf5(data):
    _recordings("fuzz.h5", data)


SOUNDS = {
    "wav files": (lambda: damaged(*_wavs()), wav, 2),
    "recorded spikes": (lambda: npz_like(_spikes), npz, 2),
    "archives of digits": (_archives, archive, 2),
    "zipped recordings": (lambda: damaged(_zipped()), zipped, 1),
    "HDF5 recordings": (lambda: damaged(_hdf5()), hdf5, 0.05),
}
"""Strategy, reader and share by name. Each HDF5 file is read in its own process."""
