"""Recorded spikes that tests make, and files of them."""

from itertools import pairwise

import h5py
import numpy as np

from snnlab.data.spikes.recorded import RecordedSpikes
from snnlab.events import Events


def recordings(n=12, channels=20, classes=2, speakers=3, seed=0, spikes=30, unit=25e-6, **changes):
    """Recordings in which a class prefers its own channels; the last third tests."""
    rng = np.random.default_rng(seed)
    labels, groups = np.arange(n) % classes, np.arange(n) // classes % speakers
    own = channels // classes
    pairs = [
        sorted(zip(rng.integers(0, 8_000, spikes), label * own + rng.integers(0, own, spikes),
                   strict=True))
        for label in labels
    ]  # fmt: skip
    flat = np.array(pairs).reshape(-1, 2)
    events = Events(np.arange(n + 1) * spikes, flat[:, 0], flat[:, 1], channels, np.arange(n))
    train, test = np.arange(n * 2 // 3), np.arange(n * 2 // 3, n)
    given = {
        "name": "made", "train": events.take(train), "train_labels": labels[train],
        "test": events.take(test), "test_labels": labels[test],
        "classes": tuple(f"class {k}" for k in range(classes)), "unit": unit,
        "train_groups": groups[train], "test_groups": groups[test],
        "groups": tuple(f"speaker {k}" for k in range(speakers)),
    }  # fmt: skip
    return RecordedSpikes(**{**given, **changes})


def flat(n=10, channels=700, seed=0, spikes=20):
    """Arrays of an npz of recordings: times, units, offsets, labels, speakers."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, 0.5, (n, spikes)), axis=1)
    return {
        "times": times.ravel(), "units": rng.integers(0, channels, n * spikes),
        "offsets": np.arange(n + 1) * spikes, "labels": np.arange(n) % 2,
        "speakers": np.arange(n) // 2 % 2,
    }  # fmt: skip


def write_hdf5(path, arrays, without=(), keys=None):
    """A file in the layout of the Heidelberg digits."""
    offsets = arrays["offsets"]
    with h5py.File(path, "w") as file:
        for name, kind in (("times", np.float32), ("units", np.uint16)):
            if f"spikes/{name}" in without:
                continue
            item = file.create_dataset(f"spikes/{name}", (len(offsets) - 1,), h5py.vlen_dtype(kind))
            for k, (first, last) in enumerate(pairwise(offsets)):
                item[k] = arrays[name][first:last].astype(kind)
        if "labels" not in without:
            file["labels"] = arrays["labels"].astype(np.uint16)
        if "speakers" in arrays and "extra/speaker" not in without:
            file["extra/speaker"] = arrays["speakers"].astype(np.uint16)
        if keys:
            file.create_dataset("extra/keys", data=[key.encode() for key in keys])
    return path
