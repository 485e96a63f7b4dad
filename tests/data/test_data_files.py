"""Idx files: any bytes give the right array or a one-line error."""

import gzip
import struct
import subprocess
import sys
import tracemalloc
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnlab.data.catalogue import CATALOGUE, IdxFile
from snnlab.data.idx import idx_header, inflate, read_idx
from snnlab.data.published import files
from snnlab.errors import SnnlabError

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
CONTENT = bytes.fromhex("00000803 00000002 00000003 00000004") + bytes(range(24))
FILE = IdxFile("numbers-idx3-ubyte", (2, 3, 4), sha256(CONTENT).hexdigest())


# Reading


def test_a_file_written_by_hand_is_read():
    np.testing.assert_array_equal(read_idx(CONTENT, "numbers"), ARRAY)
    assert idx_header((2, 3, 4)) == CONTENT[:16]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "found an empty file"),
        (b"<html>", "found 3c 68 74 6d"),
        (bytes.fromhex("00000d01 00000001 00000000"), "found 00 00 0d 01"),
        (bytes.fromhex("00000800"), "found 0"),
        (bytes.fromhex("000008ff") + bytes(2000), "found 255"),
        (bytes.fromhex("00000803 00000002"), "header of 16 bytes, found 8"),
        (bytes.fromhex("00000803 00000000 ffffffff ffffffff"), "empty shape"),
        (bytes.fromhex("00000802 ffffffff ffffffff 00"), "18446744065119617025 values, found 1"),
        (CONTENT[:-1], "2×3×4 = 24 values, found 23"),
        (CONTENT + b"\0", "2×3×4 = 24 values, found 25"),
    ],
)
def test_an_invalid_file_is_refused_with_the_reason(data, complaint):
    with pytest.raises(SnnlabError, match=complaint) as caught:
        read_idx(data, "numbers")
    assert str(caught.value).startswith("numbers: expected ")


def nearly_idx():
    length = st.one_of(st.integers(0, 4), st.integers(0, 2**32 - 1))
    return st.builds(
        lambda shape, claimed, body: (
            b"\0\0\x08"
            + bytes([claimed or len(shape)])
            + struct.pack(f">{len(shape)}I", *shape)
            + body
        ),
        st.lists(length, max_size=4),
        st.one_of(st.none(), st.integers(0, 255)),
        st.binary(max_size=64),
    )


@given(st.one_of(st.binary(max_size=80), nearly_idx()))
def test_any_bytes_are_an_array_or_an_error(data):
    try:
        array = read_idx(data, "fuzz")
    except SnnlabError:
        return
    assert idx_header(array.shape) + array.tobytes() == data


# Unpacking


def test_gzip_is_unpacked_and_other_data_unchanged():
    assert inflate(gzip.compress(CONTENT), len(CONTENT), "numbers") == CONTENT
    assert inflate(CONTENT, 3, "numbers") == CONTENT


@given(st.data())
def test_damaged_gzip_is_an_error_or_harmless(data):
    packed = bytearray(gzip.compress(CONTENT, mtime=0))
    place = data.draw(st.integers(2, len(packed) - 1))
    packed[place] ^= data.draw(st.integers(1, 255))
    try:
        content = inflate(bytes(packed), len(CONTENT), "numbers")
    except SnnlabError:
        return
    assert content == CONTENT  # the change hit a field without checksum, such as the date


@pytest.mark.parametrize("kept", [2, 9, 20, -4])
def test_cut_gzip_is_an_error(kept):
    with pytest.raises(SnnlabError, match="numbers: damaged gzip data"):
        inflate(gzip.compress(CONTENT)[:kept], len(CONTENT), "numbers")


def test_a_gzip_bomb_is_not_unpacked():
    bomb = gzip.compress(bytes(50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(SnnlabError, match="expected 1000 bytes unpacked, found more"):
            inflate(bomb, 1000, "bomb")
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


# On disk


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_files_of_any_name_are_read(tmp_path, pack):
    path = tmp_path / "numbers"
    path.write_bytes(pack(CONTENT))
    np.testing.assert_array_equal(files.read(path, FILE), ARRAY)


def test_other_content_of_the_right_shape_is_refused_with_both_checksums(tmp_path):
    path = tmp_path / "numbers"
    path.write_bytes(CONTENT[:-1] + b"\0")
    with pytest.raises(SnnlabError, match=str(path)) as caught:
        files.read(path, FILE)
    found = sha256(path.read_bytes()).hexdigest()
    assert f"expected SHA-256 {FILE.sha256}, found {found}" in str(caught.value)


def test_another_shape_is_refused(tmp_path):
    path = tmp_path / "numbers"
    path.write_bytes(idx_header((24,)) + bytes(24))
    with pytest.raises(SnnlabError, match=r"expected shape \(2, 3, 4\), found \(24,\)"):
        files.read(path, FILE)


def test_a_file_that_is_too_long_is_not_read_completely(tmp_path):
    path = tmp_path / "numbers"
    path.write_bytes(CONTENT + bytes(5000))
    with pytest.raises(SnnlabError, match="expected at most 1064 bytes, found more"):
        files.read(path, FILE)


def test_a_file_that_cannot_be_opened_is_one_line(tmp_path):
    with pytest.raises(SnnlabError, match="cannot be read"):
        files.read(tmp_path, FILE)


def test_writing_is_the_inverse_of_reading(tmp_path):
    path = tmp_path / "deep" / "numbers"
    files.write(path, ARRAY)
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch):
    path = tmp_path / "numbers"
    path.write_bytes(b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("snnlab.data.published.files.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write(path, ARRAY)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_concurrent_writers_never_read_partial_files(tmp_path):
    script = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from snnlab.data.published import files\n"
        "from snnlab.data.catalogue import IdxFile\n"
        "path, file = Path(sys.argv[1]), IdxFile('zeros', (300_000,), sys.argv[2])\n"
        "for _ in range(40):\n"
        "    files.write(path, np.zeros(300_000, np.uint8))\n"
        "    files.read(path, file)\n"
    )
    checksum = sha256(idx_header((300_000,)) + bytes(300_000)).hexdigest()
    command = [sys.executable, "-c", script, str(tmp_path / "zeros"), checksum]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    assert [writer.communicate()[1] for writer in writers] == [b""] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["zeros"]


def test_the_catalogue_has_the_sizes_of_the_originals():
    for name in ("mnist", "fashion-mnist"):
        sizes = [file.size for file in CATALOGUE[name].files]
        assert sizes == [47_040_016, 60_008, 7_840_016, 10_008]
        assert len({file.sha256 for file in CATALOGUE[name].files}) == 4
