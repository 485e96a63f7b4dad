"""Recordings of spikes in files: HDF5 in the layout of the Heidelberg digits, and npz."""

import importlib.util
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from snnlab import install
from snnlab.data.catalogue import Tell
from snnlab.data.dataset import Own
from snnlab.data.hdf5 import read_arrays
from snnlab.data.places import Place
from snnlab.data.spikes.packing import (
    MAX_CHANNELS,
    MAX_PLAYED,
    Table,
    choose_channels,
    choose_unit,
)
from snnlab.data.spikes.recorded import PARTS, RecordedSpikes
from snnlab.errors import SnnlabError, plain
from snnlab.files import MAX_NPZ_BYTES, load_npz

READER = "snnlab.data.spikes.reader"
READER_SECONDS = 600.0
"""Time limit of the reader; the Heidelberg digits take a minute on a slow disk."""
HDF5 = (".h5", ".hdf5", ".hdf")
HEIDELBERG_CHANNELS = 700
"""Channels of the Heidelberg digits, whose files do not tell them."""
ALL_HEARD = 256
"""Channels up to which a file in their layout is of another source, with as many as it uses; so is
one that uses more than theirs."""
ASSUMED = "700 channels, as the Heidelberg digits have, of which every 9th from 70 on is heard"

TEST_SHARE = 5
"""One of this many recordings of each class and speaker tests, if a file does not divide them.

One of fewer tests, too, unless there is only one."""


def load_spikes(path: str | os.PathLike[str], channels: int | None = None) -> RecordedSpikes:
    """Recordings of spikes of your own, for a training.

    path : a file, or a folder with two files whose names contain "train" and "test". HDF5 in the
    layout of the Spiking Heidelberg Digits: ``spikes/times`` in s and ``spikes/units``, both of
    variable length per recording, ``labels``, and ``extra/speaker`` and ``extra/keys`` if known; or
    npz with flat ``times`` and ``units``, ``offsets`` (spikes of recording k are ``offsets[k]`` to
    ``offsets[k + 1]``), ``labels``, and ``speakers``, ``channels`` and ``test`` (bool[recording])
    if known. Either may lie alone in a zip file.
    channels : number of channels, by default what an npz says, the largest unit plus 1, or the 700
    of the layout where that is 257 to 700

    Without a test set a fifth of each class and speaker tests, always the same: at least one of two
    or more. Recordings that are their speaker's only one of a class are divided by class.
    What is later than can be played is left out. Raises :class:`SnnlabError` for a missing or
    damaged file, times, units or labels that are not allowed, recordings of one class or without
    any spike, and files that name the classes differently.
    """
    place = Path(os.path.abspath(os.path.expanduser(path)))
    files = _find_parts(place)
    found = [_read(file) for file in files]
    tables, names, stated, tests = zip(*found, strict=True)
    known = [channels] if channels is not None else [n for n in stated if n is not None]
    layout = not known and all(_kind(file) == "hdf5" for file in files)
    channels = _choose_count(known, layout, tables, place)
    for table, file in zip(tables, files, strict=True):
        table.checked(channels, f"spikes {plain(str(file))}")
    _check_content(tables, place)
    notes = [ASSUMED] if layout and channels == HEIDELBERG_CHANNELS else []
    if late := sum(table.late() for table in tables):
        notes.append(f"{late:,} spikes after {MAX_PLAYED:g} s are not used")
    unit = choose_unit(*tables)
    events = [t.events(part, channels, unit) for t, part in zip(tables, PARTS, strict=False)]
    classes = _name_classes(names, tables, place)
    speakers = [np.asarray(table.speakers, np.int64) for table in tables]
    known = all(len(s) for s in speakers)
    groups = tuple(map(str, range(int(max(s.max() for s in speakers)) + 1))) if known else ()
    first, every = choose_channels(channels)
    whole = RecordedSpikes(
        "spikes", events[0], tables[0].labels, events[-1], tables[-1].labels, classes,
        origin=f"{'folder' if place.is_dir() else 'file'} {place}", unit=unit,
        train_groups=speakers[0] if known else (), test_groups=speakers[-1] if known else (),
        groups=groups, first=first, every=every, own=Own(str(place), None, tuple(notes)),
    ).checked()  # fmt: skip
    return whole if len(files) > 1 else _divided(whole, tests[0])


def load(data_dir: str | os.PathLike[str] | None, tell: Tell) -> RecordedSpikes:
    """As :func:`load_spikes`, for :func:`snnlab.data.load`."""
    if not data_dir:
        raise SnnlabError(
            "data set spikes is your own: give its path by --data-dir (HDF5 or npz, or a folder"
            " with a training and a test file)"
        )
    tell(f"reading {data_dir}", None)
    return load_spikes(data_dir)


def _find_parts(place):
    """The file, or the training and the test file of a folder."""
    if not place.is_dir():
        return [place]
    files = [p for p in sorted(place.iterdir()) if _kind(p) and not p.name.startswith(".")]
    parts = [[p for p in files if part in re.split("[^a-z]+", p.name.lower())] for part in PARTS]
    if [len(found) for found in parts] == [1, 1]:
        return [parts[0][0], parts[1][0]]
    if len(files) == 1:
        return files
    listed = ", ".join(p.name for p in files[:6]) or "nothing"
    raise SnnlabError(
        f"spikes {place}: expected one HDF5 or npz file, or two with train and test in their names;"
        f" found {listed}: name the file"
    )


def _kind(path):
    name = path.name.lower().removesuffix(".zip")
    return "npz" if name.endswith(".npz") else "hdf5" if name.endswith(HDF5) else None


def _read(path):
    """Table, class names, stated number of channels, and which recordings test, of one file."""
    what = f"spikes {plain(str(path))}"
    kind = _kind(path)
    if not path.is_file():
        raise SnnlabError(f"{what}: no such file")
    if kind is None:
        raise SnnlabError(f"{what}: give HDF5 ({', '.join(HDF5)}) or npz, or one of them zipped")
    with _unpacked(path, what) as file:
        return _read_npz(file, what) if kind == "npz" else _read_hdf5(file, what)


@contextmanager
def _unpacked(path, what) -> Iterator[Path]:
    """The file itself, or the only file of a zip, unpacked into a temporary folder."""
    if not path.name.lower().endswith(".zip"):
        yield path
        return
    with TemporaryDirectory(prefix="snnlab-") as folder:
        out = Path(folder) / ("spikes.npz" if _kind(path) == "npz" else "spikes.h5")
        unzip(path, out, what)
        yield out


def unzip(path: Path, out: Path, what: str) -> None:
    """Write the only file of a zip to ``out``; raises :class:`SnnlabError`, naming ``what``."""
    with Place(path) as place:
        if not place.is_zip:
            raise SnnlabError(f"{what}: damaged or incomplete zip file: fetch it again")
        if len(place.names) != 1:
            raise SnnlabError(f"{what}: holds {len(place.names)} files: zip one HDF5 or npz file")
        with place.open(place.names[0]) as packed, out.open("wb") as file:
            shutil.copyfileobj(packed, file)


def _read_hdf5(path, what):
    if importlib.util.find_spec("h5py") is None:
        raise install.missing("h5py, which reads HDF5, is", "spikes")
    arrays = read_arrays(READER, path, what, READER_SECONDS)
    names = tuple(map(str, arrays.pop("classes", ())))
    return Table(**arrays), names, None, None


def _read_npz(path, what):
    content = "times, units, offsets, labels"
    arrays = load_npz(path, "spikes", content, kinds="biufU", unpacked=MAX_NPZ_BYTES)
    lacking = [name for name in ("times", "units", "offsets", "labels") if name not in arrays]
    if lacking:
        found = ", ".join(sorted(arrays)) or "nothing"
        raise SnnlabError(
            f"{what}: has no {', '.join(lacking)}, only {found}: give times in s, units, offsets"
            " and labels"
        )
    offsets = arrays["offsets"]
    size = len(arrays["times"]) if arrays["times"].ndim else 0
    rising = offsets.ndim == 1 and offsets.dtype.kind in "iu" and len(offsets) > 1
    if not rising or offsets[0] != 0 or offsets[-1] != size or (np.diff(offsets) < 0).any():
        raise SnnlabError(f"{what}: offsets must rise from 0 to the {size} spikes: see load_spikes")
    for name in ("times", "units"):
        if arrays[name].ndim != 1:
            raise SnnlabError(f"{what}: {name} have shape {arrays[name].shape}: give one per spike")
    test, stated = arrays.get("test"), arrays.get("channels")
    if test is not None and (test.dtype != bool or test.shape != (len(offsets) - 1,)):
        raise SnnlabError(
            f"{what}: test is {test.dtype}{test.shape}: give True or False for each recording"
        )
    if stated is not None and (stated.dtype.kind not in "iu" or stated.size != 1):
        raise SnnlabError(f"{what}: channels is {stated.dtype}{stated.shape}: give one number")
    table = Table(
        arrays["times"], arrays["units"], np.diff(offsets.astype(np.int64)), arrays["labels"],
        arrays.get("speakers", ()),
    )  # fmt: skip
    names = tuple(map(str, np.atleast_1d(arrays.get("classes", ()))))
    return table, names, None if stated is None else int(stated.item()), test


def _choose_count(known, layout, tables, place):
    """The number of channels: given or stated by a file, else the largest unit plus 1, or that of
    the layout."""
    n = max(known or [int(t.units.max()) + 1 for t in tables if len(t.units)] or [1])
    if not 1 <= n <= MAX_CHANNELS:
        raise SnnlabError(f"spikes {place}: {n} channels: give 1 to {MAX_CHANNELS}")
    return HEIDELBERG_CHANNELS if layout and ALL_HEARD < n <= HEIDELBERG_CHANNELS else n


def _check_content(tables, place):
    labels = np.unique(np.concatenate([table.labels for table in tables]))
    if len(labels) < 2:
        raise SnnlabError(
            f"spikes {place}: all recordings have the label {labels[0]}: give two classes or more"
        )
    if not any(len(table.times) for table in tables):
        raise SnnlabError(f"spikes {place}: no recording has a spike: give some to learn from")


def _name_classes(names, tables, place):
    """Names of the classes, numbers where no file gives any."""
    n = int(max(np.max(table.labels) for table in tables)) + 1
    given = {one for one in names if one}
    if len(given) > 1:
        train, test = (plain(", ".join(one[:4])) for one in names)
        raise SnnlabError(
            f"spikes {place}: classes are {train} … in one file, {test} … in the other: give both"
            " the same names in the same order"
        )
    if not given:
        return tuple(map(str, range(n)))
    (classes,) = given
    if len(classes) < n:
        raise SnnlabError(
            f"spikes {place}: labels go up to {n - 1}, but {len(classes)} classes have a name:"
            " count labels from 0, or name every class"
        )
    return classes


def _divided(whole, test):
    """Recordings of one file, divided into a training and a test set."""
    n = len(whole.train)
    if test is None:
        kind, test = whole.kinds("train"), np.zeros(n, bool)
        for one in np.unique(kind):
            members = np.flatnonzero(kind == one)
            if len(members) > 1:
                test[members[min(TEST_SHARE, len(members)) - 1 :: TEST_SHARE]] = True
        test[-1] |= not test.any()
    if test.all() or not test.any():
        raise SnnlabError(
            f"data set {whole.name}: {n} recordings, of which {np.count_nonzero(test)} test: give"
            " some to learn from and some to test on"
        )
    return whole.take(np.flatnonzero(~test), np.flatnonzero(test))
