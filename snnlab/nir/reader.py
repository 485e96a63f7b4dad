"""The process that reads NIR files."""

from pathlib import Path

import h5py
import numpy as np

from snnlab.data.hdf5 import Refused, serve

MAX_BYTES = 64 * 2**20
"""Largest size of a file, also uncompressed; a network that fills a chip takes 0.5 MB."""
MOST_MEMORY = 2 * 2**30
"""Limit of address space in bytes; libraries and stacks of threads take half of it."""
MAX_OBJECTS = 2_000
MAX_DEPTH = 16
MAX_STRING_LENGTH = 1_000


def read(path: str) -> dict[str, np.ndarray]:
    """Every data set of the file, named by its path."""
    check_bytes(Path(path).stat().st_size)
    with h5py.File(path, "r") as file:
        return dict(_arrays(file))


def check_bytes(total: int) -> None:
    """Raises :class:`Refused` above MAX_BYTES."""
    if total > MAX_BYTES:
        raise Refused(
            f"more than {MAX_BYTES // 2**20} MB, the largest that is read; a network that fills a"
            " chip takes half a megabyte"
        )


def _arrays(file):
    """Every data set by its path; external data and excessive sizes are refused."""
    total, seen, waiting = 0, 0, [("", file, 0)]
    while waiting:
        path, group, depth = waiting.pop()
        for name in group:
            seen += 1
            if seen > MAX_OBJECTS or depth > MAX_DEPTH:
                raise Refused(f"over {MAX_OBJECTS} objects or {MAX_DEPTH} levels of groups")
            item = _own(group, name)
            if isinstance(item, h5py.Group):
                waiting.append((f"{path}/{name}", item, depth + 1))
                continue
            total += item.size * item.dtype.itemsize
            check_bytes(total)
            yield f"{path}/{name}", _plain(name, item)


def _own(group, name):
    """A group or data set of this file; links are refused."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise Refused(f"{name!r} is a link; save the graph with nir.write")
    item = group[name]
    if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
        raise Refused(f"{name!r} lies in another file; save the graph with nir.write")
    return item


def _plain(name, item):
    """Numbers unchanged, strings as NumPy strings."""
    if item.dtype.kind in "biuf":
        return item[()]
    if h5py.check_string_dtype(item.dtype) is None:
        raise Refused(f"{name!r} is {item.dtype}, expected numbers or strings")
    strings = np.array(item.asstr()[()], object)
    if max(map(len, strings.flat), default=0) > MAX_STRING_LENGTH:
        raise Refused(f"{name!r} holds a string of over {MAX_STRING_LENGTH} characters")
    return strings.astype(str)


if __name__ == "__main__":
    serve(read, MOST_MEMORY)
