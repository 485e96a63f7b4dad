"""Plots of studies: quantities over a condition, as elements and as files."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import holoviews as hv
import numpy as np

from snnlab.errors import SnnlabError
from snnlab.files import check_place, write_named
from snnlab.install import missing
from snnlab.plotting.look import LOOK, TRACE_COLORS

# Names of options in the two backends.
MARKERS = {"bokeh": ("circle", "square", "diamond", "triangle"), "matplotlib": "osD^"}
NAMES = {
    "bokeh": {"width": "line_width", "size": "size", "bar": "line_color"},
    "matplotlib": {"width": "linewidth", "size": "s", "bar": "edgecolor"},
}
DATES = {"svg": "Date", "pdf": "CreationDate"}
"""Name of the date in the metadata of each format; it is omitted."""
STATIC = {"fig_inches": (6.4, 3.6), "aspect": 1.4, "show_grid": True, "fontscale": 1.1}


@dataclass(frozen=True)
class Series:
    """Named points with the standard deviation over seeds.

    x, y : float64[point]; sd : float64[point] or None; line : whether the points are joined.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    sd: np.ndarray | None = None
    line: bool = True


def compared(series: list[Series], xlabel: str, ylabel: str, backend: str = "bokeh") -> hv.Overlay:
    """Series in one frame, each with its colour and marker; bars show one standard deviation.

    backend : "bokeh" for notebooks and dashboard, "matplotlib" for :func:`save`.
    """
    hv.renderer(backend)  # loads its options without changing the current backend
    parts = [part for k, one in enumerate(series) for part in _parts(one, k, backend)]
    own = LOOK if backend == "bokeh" else STATIC
    return hv.Overlay(parts).opts(
        xlabel=xlabel, ylabel=ylabel, show_legend=True, legend_position="right", padding=0.04,
        **own, backend=backend,
    )  # fmt: skip


def _parts(series, k, backend):
    """Elements of a series: line, points, error bars."""
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


def check_picture(path: str | Path) -> str:
    """The format of a picture by its extension, checked before what is drawn is computed.

    Raises :class:`SnnlabError` for an unknown extension, a path that cannot be written, or if there
    is no Matplotlib.
    """
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError:
        raise missing("Matplotlib is", "reproduce") from None
    path, kinds = Path(path), FigureCanvasBase.get_supported_filetypes()
    kind = path.suffix[1:].lower()
    if kind not in kinds:
        raise SnnlabError(f"picture {path}: end its name in .png, .svg or .pdf")
    check_place(path, "picture")
    return kind


def save(element: hv.Element | hv.Overlay, path: str | Path) -> None:
    """Draw an element into a file, PNG, SVG, PDF or another format of Matplotlib, by its extension.

    Needs no browser. The same element gives the same bytes. Raises what :func:`check_picture` does.
    """
    kind, path = check_picture(path), Path(path)
    from matplotlib import rc_context

    from snnlab.plotting import static

    with rc_context({"svg.hashsalt": "snnlab"}):
        hv.renderer("matplotlib")  # loads its options
        leaves = list(element) if isinstance(element, hv.Overlay) else [element]
        styled = {leaf.id for leaf in leaves} & {*hv.Store.custom_options(backend="bokeh")}
        ours = styled and all(type(leaf) in static.DRAW for leaf in leaves)
        figure = static.drawn(element) if ours else hv.render(element, backend="matplotlib")
        out = BytesIO()
        dates = {DATES[kind]: None} if kind in DATES else None
        figure.savefig(out, format=kind, dpi=150, bbox_inches="tight", metadata=dates)
    try:
        write_named(path, lambda file: file.write(out.getbuffer()))
    except OSError as error:
        raise SnnlabError(f"picture {path} cannot be written: {error.strerror}") from None
