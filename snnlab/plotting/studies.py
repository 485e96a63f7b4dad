"""Studies: quantities compared over a condition, as elements and as files."""

from dataclasses import dataclass
from pathlib import Path

import holoviews as hv
import numpy as np

from snnlab.plotting.look import LOOK, TRACE_COLORS

# What the two backends call the same.
MARKERS = {"bokeh": ("circle", "square", "diamond", "triangle"), "matplotlib": "osD^"}
NAMES = {
    "bokeh": {"width": "line_width", "size": "size", "bar": "line_color"},
    "matplotlib": {"width": "linewidth", "size": "s", "bar": "edgecolor"},
}
STATIC = {"fig_inches": (6.4, 3.6), "aspect": 1.4, "show_grid": True, "fontscale": 1.1}


@dataclass(frozen=True)
class Series:
    """Named points with the spread of their seeds.

    x, y : float64[point]; sd : float64[point] or None; line : whether the points are joined.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    sd: np.ndarray | None = None
    line: bool = True


def compared(series: list[Series], xlabel: str, ylabel: str, backend: str = "bokeh") -> hv.Overlay:
    """Series side by side, each with a colour and a marker, spread as bars.

    backend : "bokeh" for notebooks and dashboard, "matplotlib" for :func:`save`.
    """
    hv.renderer(backend)  # loads its options, and leaves the current backend what it is
    parts = [part for k, one in enumerate(series) for part in _parts(one, k, backend)]
    own = LOOK if backend == "bokeh" else STATIC
    return hv.Overlay(parts).opts(
        xlabel=xlabel, ylabel=ylabel, show_legend=True, legend_position="right", padding=0.04,
        **own, backend=backend,
    )  # fmt: skip


def _parts(series, k, backend):
    """A series' elements: line, points, spread."""
    names, marker = NAMES[backend], MARKERS[backend][k % 4]
    color = TRACE_COLORS[k % len(TRACE_COLORS)]
    if series.line and len(series.x) > 1:
        line = hv.Curve((series.x, series.y), "x", "y", label=series.name)
        yield line.opts(color=color, **{names["width"]: 2}, backend=backend)
    points = hv.Scatter((series.x, series.y), "x", "y", label=series.name)
    size = {names["size"]: 7 if backend == "bokeh" else 36}
    yield points.opts(color=color, marker=marker, **size, backend=backend)
    if series.sd is not None and np.isfinite(series.sd).any():
        bars = hv.ErrorBars((series.x, series.y, np.nan_to_num(series.sd)), "x", ["y", "sd"])
        yield bars.opts(**{names["bar"]: color}, backend=backend)


def save(element: hv.Overlay, path: Path) -> None:
    """Draw what was made for matplotlib into a file, SVG or PNG by its ending; needs no browser.

    The same element gives the same bits.
    """
    from matplotlib import rc_context

    with rc_context({"svg.hashsalt": "snnlab"}):
        figure = hv.render(element, backend="matplotlib")
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=150, bbox_inches="tight", metadata=metadata)
