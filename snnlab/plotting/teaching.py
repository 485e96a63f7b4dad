"""Plots that explain: named curves, histograms, pictures and maps, as HoloViews elements.

Each takes one call in the notebooks; colours and frame are those of :mod:`snnlab.plotting`.
"""

import holoviews as hv
import numpy as np

from snnlab.events import TICK, Events
from snnlab.plotting.look import GREY, TRACE_COLORS

FRAME = {"responsive": True, "toolbar": "above", "title": "", "show_grid": True}
LEGEND = {"legend_position": "right", "show_legend": True}

ROOM = {"padding": 0.04}
"""Margin, so that the frame does not cut points at the edge."""
MAX_LABELLED_CELLS = 20
"""Rows or columns up to which each is numbered."""


def lines(
    curves: dict, xlabel: str, ylabel: str, *, dots=(), dashed=(), levels=None, **opts
) -> hv.Overlay:
    """Named curves in one frame.

    curves : (x, y) by name; dots : names drawn as points; dashed : names drawn dashed;
    levels : heights of dotted horizontal lines by name; opts : of the frame, e.g. ``logx=True``.
    """
    drawn = [
        _line(name, xy, TRACE_COLORS[k % len(TRACE_COLORS)], name in dots, name in dashed)
        for k, (name, xy) in enumerate(curves.items())
    ]
    ends = [min(np.min(x) for x, _ in curves.values()), max(np.max(x) for x, _ in curves.values())]
    for name, height in (levels or {}).items():
        level = hv.Curve((ends, [height, height]), "x", "y", label=name)
        drawn.append(level.opts(color=GREY, line_width=2, line_dash="dotted"))
    own = {**FRAME, **LEGEND, **(ROOM if dots else {}), **opts}
    return hv.Overlay(drawn).opts(xlabel=xlabel, ylabel=ylabel, **own)


def _line(name, xy, color, dots, dashed):
    if dots:
        return hv.Scatter(xy, "x", "y", label=name).opts(color=color, size=7)
    dash = "dashed" if dashed else "solid"
    return hv.Curve(xy, "x", "y", label=name).opts(color=color, line_width=2, line_dash=dash)


def histograms(values: dict, xlabel: str, *, bins: int = 40, **opts) -> hv.Overlay:
    """Histograms on common bins; values : float[n] by name."""
    both = np.concatenate([np.ravel(v) for v in values.values()])
    edges = np.linspace(both.min(), max(both.max(), both.min() + 1e-9), bins + 1)
    drawn = [
        hv.Histogram((edges, np.histogram(v, edges)[0]), kdims="x", vdims="count", label=name).opts(
            color=TRACE_COLORS[k % len(TRACE_COLORS)], alpha=0.6, line_color=None
        )
        for k, (name, v) in enumerate(values.items())
    ]
    return hv.Overlay(drawn).opts(xlabel=xlabel, ylabel="how many", **{**FRAME, **LEGEND, **opts})


def tiles(images: np.ndarray, columns: int = 10) -> hv.Image:
    """Pictures side by side, dark ink on white : uint8[image, row, column]."""
    n, height, width = images.shape
    rows = -(-n // columns)
    sheet = np.zeros((rows * (height + 1), columns * (width + 1)))
    for k, image in enumerate(images):
        top, left = k // columns * (height + 1), k % columns * (width + 1)
        sheet[top : top + height, left : left + width] = image
    bounds = (0, 0, sheet.shape[1], len(sheet))
    return hv.Image(sheet, ["x", "y"], "brightness", bounds=bounds).opts(
        cmap="gray_r", clim=(0, 255), xaxis=None, yaxis=None,
        responsive=True, aspect=sheet.shape[1] / len(sheet), title="", toolbar=None,
    )  # fmt: skip


def heat(values: np.ndarray, xlabel: str, ylabel: str, what: str, **opts) -> hv.Image:
    """A matrix as colours : float[row, column], first row at the bottom."""
    rows, columns = np.shape(values)
    ticks = {"xticks": _ticks(columns), "yticks": _ticks(rows)}
    image = hv.Image(
        np.asarray(values, float)[::-1], ["x", "y"], "value", bounds=(0, 0, columns, rows)
    )
    return image.opts(
        cmap="viridis", colorbar=True, clabel=what, xlabel=xlabel, ylabel=ylabel,
        responsive=True, title="", toolbar="above", **{**ticks, **opts},
    )  # fmt: skip


def _ticks(cells):
    """Ticks at the centre of each cell if there are few, otherwise default ticks."""
    return [(k + 0.5, str(k)) for k in range(cells)] if cells <= MAX_LABELLED_CELLS else None


def circuit_map(values: np.ndarray, what: str) -> hv.Image:
    """One value of each of the 512 circuits, at its position : float[circuit].

    The four quadrants of 128 circuits below each other, the first at the bottom.
    """
    return heat(np.reshape(values, (4, 128)), "circuit of the quadrant", "quadrant", what)


def spike_times(events: Events, sample: int = 0) -> hv.Scatter:
    """Spikes of one sample as dots: channel over time."""
    mine = slice(events.offsets[sample], events.offsets[sample + 1])
    points = 1e6 * TICK * events.tick[mine], events.channel[mine].astype(int)
    return hv.Scatter(points, "time", "channel", label="spikes").opts(
        color=TRACE_COLORS[0], size=4, xlabel="time (µs)", ylabel="channel", show_legend=False,
        **FRAME,
    )  # fmt: skip
