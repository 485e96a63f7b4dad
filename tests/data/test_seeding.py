"""One seed gives independent streams, the same on every machine."""

import subprocess
import sys
from itertools import product

import numpy as np

from snnlab.seeding import key, stream

CODE = (
    "from snnlab.seeding import key, stream; print(key(3, 'a', 1), stream(3, 'a').integers(9**9))"
)


def test_the_same_name_gives_the_same_numbers_in_another_process():
    there = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert there.stdout.split() == [str(key(3, "a", 1)), str(stream(3, "a").integers(9**9))]


def test_numbers_are_pinned():
    """A saved seed must mean the same run after an update of snnlab."""
    assert stream(1, "order", 0).permutation(8).tolist() == [0, 4, 6, 3, 2, 1, 7, 5]
    assert key(1, "train", 0) == 11062898965184138654


def test_seeds_names_and_indices_make_different_streams():
    paths = list(product(range(10), ("train", "test", "die"), range(10)))
    keys = {key(*path) for path in paths}
    assert len(keys) == len(paths)
    first = {stream(*path).integers(2**62) for path in paths}
    assert len(first) == len(paths)


def test_a_deeper_path_is_another_stream():
    """An index of zero must not vanish in the padding of the seed sequence."""
    keys = [key(1, "a"), key(1, "a", 0), key(1, "a", 0, 0), key(1, "a", 2**32), key(1, "a", 0, 1)]
    assert len(set(keys)) == len(keys)


def test_drawing_more_from_one_stream_does_not_change_another():
    a, b = stream(1, "a"), stream(1, "b")
    a.random(1000)
    assert np.array_equal(b.random(5), stream(1, "b").random(5))


def test_streams_are_uncorrelated():
    n = 100_000
    draws = np.array([stream(s, name).standard_normal(n) for s in (1, 2) for name in "ab"])
    r = np.corrcoef(draws)[np.triu_indices(4, 1)]
    assert np.abs(r).max() < 4.5 / np.sqrt(n)


def test_keys_are_64_bits():
    keys = np.array([key(1, "x", k) for k in range(2000)], np.uint64)
    ones = ((keys[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)).mean(axis=0)
    assert np.abs(ones - 0.5).max() < 4.5 * 0.5 / np.sqrt(len(keys))
