"""Damaged files, as Hypothesis strategies: valid ones with bytes, members or headers changed."""

import struct
from collections.abc import Callable
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from hypothesis.extra.numpy import arrays as array_of

WORDS = (0, 1, 2, 127, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)
"""Typical wrong lengths and offsets."""
HUGE = (10**4, 10**6, 10**9, 10**12, 2**31, 2**63 - 1)
DTYPES = ("f8", "f4", "f2", "i8", "u8", "i4", "i1", "u1", "u2", "?", "c16", "S3", "U3", "M8[s]")

_edits = st.tuples(
    st.sampled_from(("flip", "set", "cut", "drop", "repeat", "little", "big", "insert")),
    st.floats(0.0, 1.0), st.integers(0, 255), st.sampled_from(WORDS),
)  # fmt: skip


def _edited(data, edit):
    kind, where, byte, word = edit
    at, some = int(where * max(len(data) - 1, 0)), byte % 64 + 1
    if kind == "cut":
        return data[:at]
    if kind == "drop":
        return data[:at] + data[at + some :]
    if kind in ("repeat", "insert"):
        more = data[at : at + some] if kind == "repeat" else bytes([byte]) * some
        return data[:at] + more + data[at:]
    old = data[at] if data else 0
    new = {
        "flip": bytes([old ^ (1 << byte % 8)]), "set": bytes([byte]),
        "little": struct.pack("<I", word), "big": struct.pack(">I", word),
    }[kind]  # fmt: skip
    return data[:at] + new + data[at + len(new) :]


@st.composite
def damaged(draw, *valid: bytes):
    """Bytes of a valid file after one to six edits."""
    data = draw(st.sampled_from(valid))
    for edit in draw(st.lists(_edits, min_size=1, max_size=6)):
        data = _edited(data, edit)
    return data


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
"""Names of members, without the zero byte that ends names in a zip file."""
values = st.one_of(
    st.integers(-300, 300), st.sampled_from((2**31, 2**63 - 1, -(2**63))),
    st.floats(width=32), st.sampled_from((np.nan, np.inf, -np.inf, 1e300, 1e-300)),
)  # fmt: skip


def _other(array, draw):
    """An array in place of another: changed values, another dtype, another shape, or random."""
    kind = draw(st.sampled_from(("value", "all", "dtype", "shape", "any")))
    with np.errstate(all="ignore"):
        if kind in ("value", "all"):
            changed, value = array.copy(), np.float64(draw(values))
            where = draw(st.integers(0, max(array.size - 1, 0)))
            if changed.size:
                cell = value.astype(array.dtype)
                changed.flat[slice(None) if kind == "all" else where] = cell
            return changed
        if kind == "dtype":
            return array.astype(draw(st.sampled_from(DTYPES[:10])))
    if kind == "shape":
        return draw(st.sampled_from((array[:-1], array[None], array.T, array.ravel()))
                    if array.ndim else st.just(array[None]))  # fmt: skip
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    return draw(array_of(dtype, draw(array_shapes(min_dims=0, max_dims=3, max_side=4))))


def _npy(array):
    file = BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=False)
    return file.getvalue()


def _claiming(array, draw):
    """Bytes of an array whose header gives another shape or type."""
    shape = draw(st.lists(st.sampled_from((0, 1, -1, *HUGE)), max_size=4))
    text = repr({
        "descr": draw(st.sampled_from(("<f8", "|O", "<f4", "|V8", "<q", "zz", "|S999999999"))),
        "fortran_order": draw(st.booleans()),
        "shape": tuple(shape),
    })  # fmt: skip
    header = (text + " " * 8 + "\n").encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + array.tobytes()[:256]


@st.composite
def npz_like(draw, made: Callable[[], dict[str, np.ndarray]]):
    """Bytes of an ``npz`` file with some members changed, missing, added or replaced by bombs."""
    arrays = made()
    members = dict.fromkeys(arrays)
    touched = draw(st.lists(st.sampled_from(sorted(arrays)), max_size=3, unique=True))
    for name in touched:
        what = draw(st.sampled_from(("other", "other", "claims", "damaged", "gone", "bomb")))
        if what == "gone":
            del members[name]
        elif what == "other":
            members[name] = _npy(_other(arrays[name], draw))
        elif what == "claims":
            members[name] = _claiming(arrays[name], draw)
        elif what == "bomb":
            members[name] = _npy(np.zeros(2**23, np.uint8))
        else:
            members[name] = draw(damaged(_npy(arrays[name])))
    if draw(st.booleans()):
        members[draw(names)] = _npy(np.zeros(3))
    kind = draw(st.sampled_from((ZIP_STORED, ZIP_DEFLATED)))
    file = BytesIO()
    with ZipFile(file, "w", kind, compresslevel=1) as archive:
        for name, content in members.items():
            data = _npy(arrays[name]) if content is None else content
            archive.writestr(f"{name}.npy", data)
    whole = file.getvalue()
    return draw(damaged(whole)) if draw(st.integers(0, 3)) == 0 else whole
