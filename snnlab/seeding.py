"""One seed, many independent named random streams.

Streams are derived with NumPy's :class:`~numpy.random.SeedSequence`: drawing more numbers from one
does not change another, and the same seed gives the same bits on every machine.
"""

from zlib import crc32

import numpy as np

_WORD = 0xFFFFFFFF


def _sequence(seed: int, path: tuple[str | int, ...]) -> np.random.SeedSequence:
    keys = [crc32(part.encode()) if isinstance(part, str) else int(part) for part in path]
    # Two words per part: a large index does not run into the next part, and a trailing zero counts.
    words = [word for part in keys for word in (part & _WORD, part >> 32)]
    return np.random.SeedSequence(int(seed), spawn_key=words)


def stream(seed: int, *path: str | int) -> np.random.Generator:
    """Generator of the stream called ``path``, e.g. ``stream(1, "order", epoch)``."""
    return np.random.default_rng(_sequence(seed, path))


def key(seed: int, *path: str | int) -> int:
    """64-bit key of the counter-based random numbers in the kernels."""
    return int(_sequence(seed, path).generate_state(1, np.uint64)[0])
