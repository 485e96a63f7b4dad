"""Elements of a sweep: history, slices over each knob, parallel coordinates."""

from math import ceil, floor, log10

import holoviews as hv
import numpy as np

from snnlab.plotting import look as p

MARGIN = 0.04
"""Margin of a range, as a share of it."""
LOW, HIGH = -0.08, 1.08
"""Ends of the axes of parallel coordinates: the range is 0…1."""
EMPTY = np.empty(0)


def history(trials: int, ylabel: str) -> hv.Overlay:
    """Empty plot of each trial's value and the best so far; ``trials`` is the planned number."""
    best = hv.Curve((EMPTY, EMPTY), "trial", "value", label="best so far")
    return (
        best.opts(color=p.VERMILION, line_width=2)
        * _dots("trials")
        * _chosen()
    ).opts(
        xlabel="trial", ylabel=ylabel,
        xlim=(-MARGIN * trials - 0.5, trials - 0.5 + MARGIN * trials),
        show_legend=False, **p.LOOK,
    )  # fmt: skip


def slice_of(
    xlabel: str, low: float, high: float, ylabel: str, *, log: bool = False, names: tuple = ()
) -> hv.Overlay:
    """Empty plot of value over one knob; ``names`` are its choices, at 0, 1, …"""
    ticks = {"xticks": list(enumerate(names))} if names else {}
    if log and high < 100 * low:  # Bokeh would mark its upper end only
        ticks = {"xticks": round_numbers(low, high)}
    return (_dots("trials") * _chosen()).opts(
        xlabel=xlabel, ylabel=ylabel, xlim=pad_range(low, high, log), logx=log, show_legend=False,
        **ticks, **p.LOOK,
    )  # fmt: skip


def round_numbers(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten within low…high, both positive."""
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    found = (float(f"{m}e{decade}") for decade in decades for m in (1, 2, 5))
    return [x for x in found if low * (1 - 1e-9) <= x <= high * (1 + 1e-9)]


def front(xlabel: str, ylabel: str) -> hv.Overlay:
    """Empty plot of one objective over another, with the Pareto front."""
    edge = hv.Curve((EMPTY, EMPTY), "one", "other", label="front line")
    return (
        edge.opts(color=p.VERMILION, line_width=1.5, line_dash="dashed", alpha=0.8)
        * _dots("trials", "one", "other")
        * _dots("front", "one", "other", p.VERMILION, 9)
        * _chosen("one", "other")
    ).opts(xlabel=xlabel, ylabel=ylabel, show_legend=False, **p.LOOK)


def parallel(names: list[str]) -> hv.Overlay:
    """Empty parallel coordinates: a line for each trial across vertical axes from 0 to 1."""
    ends = np.arange(len(names))
    axes = hv.Path([np.array([(k, 0.0), (k, 1.0)]) for k in ends], ["axis", "place"], label="axes")
    flat = np.array([(0.0, 0.0), (float(ends[-1]), 0.0)])
    lines = [
        hv.Path([flat], ["axis", "place"], label=name).opts(line_width=width)
        for name, width in (("others", 1.0), ("lines", 2.0), ("line chosen", 4.0))
    ]
    lines[0].opts(color=p.GREY, alpha=0.25)
    lines[2].opts(color=p.GREEN)
    marks = hv.Labels(([0.0], [0.0], [""]), ["axis", "place"], "text", label="marks")
    return (
        axes.opts(color=p.GREY, line_width=1) * lines[0] * lines[1] * lines[2]
        * marks.opts(text_font_size="8pt", text_color=p.GREY, text_align="left", xoffset=0.03,
                     text_baseline="bottom")
    ).opts(
        xlabel="", ylabel="", yaxis=None, ylim=(LOW, HIGH), xlim=(-0.3, ends[-1] + 0.45),
        xticks=[(int(k), name) for k, name in zip(ends, names, strict=True)],
        show_legend=False, **p.LOOK,
    )  # fmt: skip


def importance(names: list[str]) -> hv.Bars:
    """Empty bars of each knob's share of the variance."""
    return hv.Bars((names, np.zeros(len(names))), "knob", "share", label="importance").opts(
        color=p.GREEN, line_color=None, invert_axes=True, xlabel="", ylim=(0, 100),
        ylabel="share of what varies (%)", **p.LOOK,
    )  # fmt: skip


def by_merit(share: np.ndarray) -> list[str]:
    """Colours from the worst, 0, to the best, 1, readable on light and dark backgrounds."""
    ends = [[int(color[k : k + 2], 16) for k in (1, 3, 5)] for color in (p.SKY, p.VERMILION)]
    mixed = np.outer(1 - np.asarray(share), ends[0]) + np.outer(share, ends[1])
    return ["#{:02x}{:02x}{:02x}".format(*color) for color in np.rint(mixed).astype(int)]


def pad_range(low: float, high: float, log: bool = False) -> tuple[float, float]:
    """A range with a margin at both ends."""
    if log:
        return tuple(float(v) for v in 10 ** np.array(pad_range(np.log10(low), np.log10(high))))
    room = MARGIN * (high - low) or 0.5
    return low - room, high + room


def _dots(label, x="trial", y="value", color=p.BLUE, size=7):
    dots = hv.Scatter((EMPTY, EMPTY), x, y, label=label)
    return dots.opts(color=color, size=size, alpha=0.9, line_color=None)


def _chosen(x="trial", y="value"):
    ring = hv.Scatter((EMPTY, EMPTY), x, y, label="chosen")
    return ring.opts(fill_alpha=0, line_color=p.GREEN, line_width=3, size=15)
