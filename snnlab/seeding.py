"""One seed, many independent streams, each with a name.

Streams are derived with numpy's :class:`~numpy.random.SeedSequence`, so that drawing more from one
never shifts another, and the same seed gives the same bits on every machine.
"""

from zlib import crc32

import numpy as np

_WORD = 0xFFFFFFFF


def _sequence(seed: int, path: tuple[str | int, ...]) -> np.random.SeedSequence:
    keys = [crc32(part.encode()) if isinstance(part, str) else int(part) for part in path]
    # Two words a part: no index spills into its neighbour, and a trailing zero still counts.
    words = [word for part in keys for word in (part & _WORD, part >> 32)]
    return np.random.SeedSequence(int(seed), spawn_key=words)


def stream(seed: int, *path: str | int) -> np.random.Generator:
    """Generator of the stream called ``path``, e.g. ``stream(1, "order", epoch)``."""
    return np.random.default_rng(_sequence(seed, path))


def key(seed: int, *path: str | int) -> int:
    """64-bit integer for counter-based noise inside the kernels."""
    return int(_sequence(seed, path).generate_state(1, np.uint64)[0])
