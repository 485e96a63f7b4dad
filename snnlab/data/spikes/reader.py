"""The process that reads HDF5 recordings in the layout of the Spiking Heidelberg Digits."""

import h5py
import numpy as np

from snnlab.data.hdf5 import Refused, serve

MAX_SPIKES = 2**28
"""Most spikes of one file; the training set of the Heidelberg digits has a quarter of them."""
MAX_RECORDINGS = 2**20
MOST_MEMORY = 8 * 2**30
"""Limit of address space in bytes."""
CHUNK = 256
"""Recordings read at a time."""


def read(path: str) -> dict[str, np.ndarray]:
    """Flat times and units, counts, labels; speakers and class names if there are any."""
    with h5py.File(path, "r") as file:
        return _arrays(file)


def _arrays(file):
    times, units = _rows(file, "spikes/times"), _rows(file, "spikes/units")
    labels = _item(file, "labels")
    if times.shape != units.shape or labels.shape != times.shape:
        raise Refused(
            f"spikes/times, spikes/units and labels have {times.size}, {units.size} and"
            f" {labels.size} entries: give one of each per recording"
        )
    arrays = {"labels": labels[()]}
    arrays["times"], counts = _flat(times, np.float32)
    arrays["units"], others = _flat(units, np.int32)
    if (wrong := np.flatnonzero(counts != others)).size:
        k = int(wrong[0])
        raise Refused(f"recording {k} has {counts[k]} times and {others[k]} units: give as many")
    arrays["counts"] = counts
    if "extra/speaker" in file:
        arrays["speakers"] = _item(file, "extra/speaker")[()]
    if "extra/keys" in file:
        keys = _item(file, "extra/keys")[()]
        names = [key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
                 for key in keys.ravel()[:1000]]  # fmt: skip
        arrays["classes"] = np.array([name[:100] for name in names], str)
    return arrays


def _item(file, name):
    """A one-dimensional data set of this very file."""
    if name not in file or not isinstance(file[name], h5py.Dataset):
        raise Refused(f"has no {name}: give spikes/times, spikes/units and labels")
    item = file[name]
    if item.external or item.is_virtual or item.file.filename != file.filename:
        raise Refused(f"{name} lies in another file: copy it into this one")
    if item.ndim != 1 or item.size > MAX_RECORDINGS:
        raise Refused(f"{name} has shape {item.shape}: give one entry per recording")
    return item


def _rows(file, name):
    item = _item(file, name)
    if h5py.check_vlen_dtype(item.dtype) is None:
        raise Refused(f"{name} is {item.dtype}: give an array of variable length per recording")
    return item


def _flat(item, dtype):
    """All rows one after the other, and the length of each."""
    pieces, counts, total = [np.empty(0, dtype)], [np.empty(0, np.int64)], 0
    for first in range(0, len(item), CHUNK):
        rows = item[first : first + CHUNK]
        counts.append(np.array([len(row) for row in rows], np.int64))
        total += int(counts[-1].sum())
        if total > MAX_SPIKES:
            raise Refused(f"more than {MAX_SPIKES:,} spikes, the most that are read")
        flat = np.concatenate([np.asarray(row) for row in rows]) if len(rows) else pieces[0]
        if flat.dtype.kind not in "iuf":
            raise Refused(f"{item.name} holds {flat.dtype}: give numbers")
        cast = flat.astype(dtype)
        if dtype == np.int32 and (cast != flat).any():
            raise Refused(f"{item.name} holds values that are no whole numbers")
        pieces.append(cast)
    return np.concatenate(pieces), np.concatenate(counts)


if __name__ == "__main__":
    serve(read, MOST_MEMORY)
