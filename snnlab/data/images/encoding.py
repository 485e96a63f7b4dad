"""Latency encoding of images: one spike per pixel, earlier for brighter pixels."""

import numpy as np

from snnlab.arrays import as_pixels
from snnlab.chip.compiled import compiled
from snnlab.chip.threads import guarded
from snnlab.errors import SnnlabError
from snnlab.events import TICK, Events, check_window

ENCODINGS = ("integrator", "linear")


def latency(
    intensity: np.ndarray, tau_in: float, theta_in: float, encoding: str = "integrator"
) -> np.ndarray:
    """Spike time of each pixel : s, infinite where there is no spike.

    "integrator": ``t = tau_in ln(x / (x - theta_in))``, when a leaky integrator with threshold
    ``theta_in`` driven by a constant x fires (Cramer et al. 2022). There is no spike at
    ``x = theta_in``, where the threshold is reached only asymptotically, or below.
    "linear": ``t = tau_in (1 - x)``, which resolves bright greys as well as dark ones; no spike for
    ``x <= theta_in`` either.

    intensity : float[...] from 0 to 1. Raises :class:`SnnlabError` for an unknown encoding.
    """
    if encoding not in ENCODINGS:
        raise SnnlabError(
            f"latency encoding {encoding!r} is unknown: choose one of {', '.join(ENCODINGS)}"
        )
    x = np.asarray(intensity, np.float64)
    fires = x > theta_in
    bright = x[fires]
    times = np.full(x.shape, np.inf)
    if encoding == "linear":
        times[fires] = tau_in * (1.0 - bright)
    else:
        times[fires] = tau_in * np.log(bright / (bright - theta_in))
    return times


def latency_encode(
    images: np.ndarray,
    tau_in: float,
    theta_in: float,
    window: int,
    ids: np.ndarray | None = None,
    encoding: str = "integrator",
) -> Events:
    """Latency encoding of images: at most one spike per pixel.

    images : uint8[image, ...], or whole numbers from 0 to 255 of another dtype
    tau_in : s; theta_in : fraction of full brightness; encoding : as in :func:`latency`
    window : ticks of 8 ns; later spikes are dropped

    Raises :class:`SnnlabError` for other images, constants out of range, a window of more than 16
    bits, or an unknown encoding.
    """
    images = as_pixels(images, "images")
    if images.dtype != np.uint8:
        raise SnnlabError(f"images are {images.dtype}: the encoder takes uint8, 0 to 255")
    for name, value, low, high in (("tau_in", tau_in, 1e-9, 1.0), ("theta_in", theta_in, 0.0, 1.0)):
        if not low <= value <= high:
            raise SnnlabError(f"latency encoding {name} = {value}: give {low:g} to {high:g}")
    check_window(window)
    # 8-bit pixels have 256 possible latencies: evaluate the formula once per brightness.
    exact = latency(np.arange(256) / 255.0, tau_in, theta_in, encoding) / TICK
    ticks, rank = np.unique(
        np.rint(np.minimum(exact, window)).astype(np.uint16), return_inverse=True
    )
    pixels = np.ascontiguousarray(images).reshape(len(images), -1)
    ids = np.arange(len(images), dtype=np.uint64) if ids is None else ids
    return Events(*_in_order(pixels, rank, ticks, window), pixels.shape[1], ids)


@guarded
@compiled(nogil=True)
def _in_order(pixels, rank, ticks, window):
    """Offsets, ticks and channels of the spikes of all images, sorted by time.

    pixels : uint8[image, channel]; rank : int64[256], rank of each brightness among the latencies;
    ticks : uint16[rank], increasing. A counting sort, as there are at most 256 latencies.
    """
    ranks = len(ticks) - 1 if ticks[-1] >= window else len(ticks)  # the last may be "no spike"
    offsets = np.zeros(len(pixels) + 1, np.int64)
    for b in range(len(pixels)):
        offsets[b + 1] = offsets[b]
        for pixel in pixels[b]:
            offsets[b + 1] += rank[pixel] < ranks
    tick = np.empty(offsets[-1], np.uint16)
    channel = np.empty(offsets[-1], np.uint16)
    place = np.empty(len(ticks) + 1, np.int64)
    for b in range(len(pixels)):
        place[:] = 0
        for pixel in pixels[b]:
            place[rank[pixel] + 1] += 1
        place[0] = offsets[b]
        for k in range(ranks):
            place[k + 1] += place[k]
        for i in range(pixels.shape[1]):
            k = rank[pixels[b, i]]
            if k < ranks:
                tick[place[k]], channel[place[k]] = ticks[k], i
                place[k] += 1
    return offsets, tick, channel
