"""Fuzzing targets of sound and recorded spikes: wav files, npz and HDF5 of recordings."""

import tempfile
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from snnlab.data.published.spoken_digits import hear
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
def _spikes():
    rng = np.random.default_rng(0)
    return {
        "times": np.sort(rng.uniform(0, 0.1, (6, 5)), axis=1).ravel(),
        "units": rng.integers(0, 9, 30), "offsets": np.arange(7) * 5, "labels": np.arange(6) % 2,
        "speakers": np.arange(6) % 3, "channels": np.array(9), "test": np.arange(6) > 3,
    }  # fmt: skip


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


def hdf5(data):
    _recordings("fuzz.h5", data)


SOUNDS = {
    "wav files": (lambda: damaged(*_wavs()), wav, 2),
    "recorded spikes": (lambda: npz_like(_spikes), npz, 2),
    "HDF5 recordings": (lambda: damaged(_hdf5()), hdf5, 0.05),
}
"""Strategy, reader and share by name. Each HDF5 file is read in its own process."""
