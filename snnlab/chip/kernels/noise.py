"""Noise from counters: any thread may draw any number in any order."""

import numpy as np
from numba import njit


@njit(inline="always")
def _mix(x):
    """A bijective 32-bit hash (two multiplications, three shifts)."""
    x = np.uint32(x ^ (x >> np.uint32(16)))
    x = np.uint32(x * np.uint32(0x7FEB352D))
    x = np.uint32(x ^ (x >> np.uint32(15)))
    x = np.uint32(x * np.uint32(0x846CA68B))
    return np.uint32(x ^ (x >> np.uint32(16)))


@njit(inline="always")
def gauss(key_low, key_high, counter):
    """Nearly normal number from a counter: the sum of the four bytes of its hash. Mean 0, variance
    1, cut at 3.45 sigma. Any thread may draw any number in any order."""
    x = _mix(np.uint32(_mix(np.uint32(counter ^ key_low)) + key_high))
    low = np.uint32(x & np.uint32(0x00FF00FF))
    high = np.uint32((x >> np.uint32(8)) & np.uint32(0x00FF00FF))
    pairs = np.uint32(low + high)
    total = np.int32(np.int32(pairs & np.uint32(0xFFFF)) + np.int32(pairs >> np.uint32(16)))
    return np.float32(np.int32(total - 510)) * np.float32(1.0 / 147.79941)


@njit(inline="always")
def sample_keys(key, sample_id):
    """Two 32-bit keys of one sample's noise, from a round of splitmix64."""
    z = np.uint64(key) + np.uint64(sample_id) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.uint32(z & np.uint64(0xFFFFFFFF)), np.uint32(z >> np.uint64(32))
