"""The sound of a recording above its spikes."""

import holoviews as hv
import numpy as np

from snnlab.plotting.look import GREY, INPUT_COLOR, LOOK
from snnlab.plotting.raster import (
    GAP_ROWS,
    input_rows,
    lowest_rows,
    microseconds,
    raster_names,
    spike_raster,
)

WAVE_ROWS = 56
"""Rows of the raster that a waveform takes."""
DOTS = 2.0, 4.0
"""Widths of the points of inputs and of hidden neurons, of which a recording has many : pixels."""
COCHLEAGRAM_ALPHA = 0.75
"""Opacity of the loudest cell of a cochleagram."""


def sound_raster(sizes: tuple[int, ...], steps: int) -> hv.Overlay:
    """An empty :func:`~snnlab.plotting.spike_raster` with the waveform on top.

    Its leaf "sound" is filled by :func:`wave_outline`; "cochleagram", an image uint8[row, column]
    with the lowest channel first, lies behind the spikes of the inputs.
    """
    duration = float(microseconds(steps + 1)[-1])
    first, none = lowest_rows(sizes)[0], np.zeros(2)
    top = first + input_rows(sizes[0])
    shades = [f"{GREY}{round(255 * COCHLEAGRAM_ALPHA * (k / 255) ** 1.5):02x}" for k in range(256)]
    behind = hv.Image(
        np.zeros((sizes[0], 2), np.uint8), ["time", "row"], "cell", label="cochleagram",
        bounds=(0, first, duration, top),
    ).opts(cmap=shades, clim=(0, 255))  # fmt: skip
    wave = hv.Area((none, none, none), "time", ["high", "low"], label="sound").opts(
        color=INPUT_COLOR, line_color=None
    )
    ticks = [*raster_names(sizes), (top + GAP_ROWS + WAVE_ROWS / 2, "sound")]
    return (behind * spike_raster(sizes, steps, DOTS) * wave).opts(
        xlabel="time (µs)", ylabel="", yticks=ticks, xlim=(0, duration),
        ylim=(0, top + GAP_ROWS + WAVE_ROWS), show_legend=False, **LOOK,
    )  # fmt: skip


def wave_outline(
    wave: np.ndarray, sizes: tuple[int, ...], duration: float
) -> tuple[np.ndarray, np.ndarray]:
    """Corners of a waveform in :func:`sound_raster` : float64[corner], µs and rows.

    wave : float[column, (low, high)] within ±1, columns of equal length; duration : of all, in s.
    """
    middle = lowest_rows(sizes)[0] + input_rows(sizes[0]) + GAP_ROWS + WAVE_ROWS / 2
    time = 1e6 * duration * (np.arange(len(wave)) + 0.5) / len(wave)
    low, high = (middle + WAVE_ROWS / 2 * wave[:, k] for k in (0, 1))
    return np.concatenate([time, time[::-1]]), np.concatenate([high, low[::-1]])
