"""The reader of HDF5 recordings, a separate process: a damaged file can crash or hang the library.

``python -m snnlab.data.spikes.reader FILE OUT`` writes the spikes of a file in the layout of the
Spiking Heidelberg Digits to OUT, an npz of flat arrays, or one line to standard error.
"""

import sys
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np

from snnlab.files import npz, write_whole

MAX_SPIKES = 2**28
"""Most spikes of one file; the training set of the Heidelberg digits has a quarter of them."""
MAX_RECORDINGS = 2**20
MOST_MEMORY = 8 * 2**30
"""Limit of address space in bytes."""
REFUSED = 3
"""Exit code if standard error contains the reason."""
CHUNK = 256
"""Recordings read at a time."""


class Refused(Exception):
    """Error with the reason why a file is refused."""


def main(path: str, out: str) -> None:
    """Write the spikes to ``out``, or an error to standard error."""
    _limit()
    try:
        with h5py.File(path, "r") as file:
            arrays = read(file)
    except Refused as error:
        _refuse(str(error))
    except Exception as error:  # h5py raises many kinds for files that are not HDF5, or damaged
        first = (str(error).splitlines() or [""])[0]
        _refuse(f"not a readable HDF5 file ({type(error).__name__}: {first})")
    write_whole(Path(out), npz(arrays))


def read(file: h5py.File) -> dict[str, np.ndarray]:
    """Flat times and units, counts, labels; speakers and class names if there are any."""
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


def _limit():
    """Limit the memory of this process, as a file may declare arrays of any size."""
    with suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        most = resource.getrlimit(resource.RLIMIT_AS)[1]
        most = MOST_MEMORY if most == resource.RLIM_INFINITY else min(most, MOST_MEMORY)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _refuse(reason):
    print(reason, file=sys.stderr)
    sys.exit(REFUSED)


if __name__ == "__main__":
    main(*sys.argv[1:3])
