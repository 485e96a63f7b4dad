"""Elements drawn without a browser: the static image beside every interactive plot."""

from base64 import b64encode
from io import BytesIO

import holoviews as hv
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

WIDTH, DPI = 650, 90
"""Width of static images : px, and their resolution : px per inch."""
DASHES = {"dashed": "--", "dotted": ":"}
FOLD = (
    "<details><summary>static picture</summary>"
    "<img alt='{alt}' src='data:image/png;base64,{png}'></details>"
)


def show(element: hv.Element | hv.Overlay, height: int = 300, alt: str = "the same plot") -> None:
    """Display an interactive plot, followed by a static image that needs no scripts.

    height : pixels; alt : text alternative of the image.
    """
    from IPython.display import HTML, display

    aspect = isinstance(element, hv.Image) and _options(element, "plot").get("aspect")
    height = round(WIDTH / aspect) if aspect else height
    display(element if aspect else element.opts(height=height))
    png = b64encode(picture(element, height)).decode()
    display(HTML(FOLD.format(alt=alt, png=png)))


def picture(element: hv.Element | hv.Overlay, height: int = 300) -> bytes:
    """The element as PNG, drawn with its own colours and labels; height : pixels."""
    out = BytesIO()
    drawn(element, height).savefig(out, format="png")
    return out.getvalue()


def drawn(element: hv.Element | hv.Overlay, height: int = 300) -> Figure:
    """The element in Matplotlib, with the colours and labels that it has for bokeh."""
    figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    leaves = list(element) if isinstance(element, hv.Overlay) else [element]
    for leaf in leaves:
        DRAW[type(leaf)](axes, leaf, _options(leaf, "style"))
    _frame(axes, {**_options(leaves[0], "plot"), **_options(element, "plot")}, leaves)
    return figure


def _options(element, group):
    chosen = hv.Store.lookup_options("bokeh", element, group).kwargs
    return {name: value for name, value in chosen.items() if not isinstance(value, hv.Cycle)}


def _frame(axes, options, leaves):
    axes.set(xlabel=options.get("xlabel") or "", ylabel=options.get("ylabel") or "")
    for name in ("x", "y"):
        if options.get(f"log{name}"):
            axes.set(**{f"{name}scale": "log"})
    for name, limits in (("x", options.get("xlim")), ("y", options.get("ylim"))):
        if limits and not any(end is None for end in limits):
            axes.set(**{f"{name}lim": limits})
        if ticks := options.get(f"{name}ticks"):
            axes.set(
                **dict(
                    zip(
                        (f"{name}ticks", f"{name}ticklabels"), zip(*ticks, strict=True), strict=True
                    )
                )
            )
    if options.get("xaxis", "") is None:
        axes.axis("off")
    handles, names = axes.get_legend_handles_labels()
    named = dict(zip(names, handles, strict=True))  # once, where a line has points
    if named and len(leaves) > 1 and options.get("show_legend", True):
        axes.legend(
            named.values(),
            named.keys(),
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            frameon=False,
            fontsize="small",
        )


def _curve(axes, leaf, style):
    axes.plot(
        *leaf.columns().values(), color=style.get("color"), lw=style.get("line_width", 1.5),
        ls=DASHES.get(style.get("line_dash"), "-"), label=leaf.label or None,
    )  # fmt: skip


def _scatter(axes, leaf, style):
    x, y = list(leaf.columns().values())[:2]
    axes.scatter(x, y, color=style.get("color"), s=style.get("size", 5) ** 2 / 1.5,
                 label=leaf.label or None, zorder=3)  # fmt: skip


def _histogram(axes, leaf, style):
    axes.stairs(leaf.dimension_values(1), leaf.edges, fill=True, color=style.get("color"),
                alpha=style.get("alpha", 1.0), label=leaf.label or None)  # fmt: skip


def _image(axes, leaf, style):
    left, bottom, right, top = leaf.bounds.lbrt()
    colors = style.get("cmap", "viridis")
    cmap = colors if isinstance(colors, str) else ListedColormap(colors)
    options = _options(leaf, "plot")
    low, high = options.get("clim", (np.nan, np.nan))
    shown = axes.imshow(
        np.flipud(leaf.dimension_values(2, flat=False)), extent=(left, right, bottom, top),
        cmap=cmap, interpolation="nearest", aspect="equal" if options.get("aspect") else "auto",
        vmin=None if np.isnan(low) else low, vmax=None if np.isnan(high) else high,
    )  # fmt: skip
    if options.get("colorbar"):
        axes.figure.colorbar(shown, label=options.get("clabel") or "")


def _vertical(axes, leaf, style):
    axes.axvline(leaf.data, color=style.get("color"), ls=DASHES.get(style.get("line_dash"), "-"))


def _bars(axes, leaf, style):
    """Stacked: the second key tells the parts of a bar."""
    data = leaf.dframe()
    bar, part, value = data.columns[:3]
    colors, below = style.get("cmap", {}), dict.fromkeys(data[bar], 0.0)
    for name, rows in data.groupby(part, sort=False):
        axes.bar(rows[bar], rows[value], bottom=[below[b] for b in rows[bar]], label=name,
                 color=colors.get(name))  # fmt: skip
        below.update({b: below[b] + v for b, v in zip(rows[bar], rows[value], strict=True)})


def _error_bars(axes, leaf, style):
    columns = list(leaf.columns().values())
    spread = columns[2:] if len(columns) > 3 else columns[2]
    axes.errorbar(columns[0], columns[1], spread, fmt="none", color="black", capsize=4)


DRAW = {
    hv.Curve: _curve, hv.Scatter: _scatter, hv.Histogram: _histogram, hv.Image: _image,
    hv.VLine: _vertical, hv.Bars: _bars, hv.ErrorBars: _error_bars,
}  # fmt: skip
