"""Estimated power, part by part."""

import holoviews as hv
import numpy as np

from snnlab.chip.power.estimation import PowerEstimate
from snnlab.plotting.look import LOOK, PART_COLORS


def power_split(estimates: dict[str, PowerEstimate], static: bool = True) -> hv.Overlay:
    """Estimated power by part, one stacked bar per named estimate, with the range of the total.

    static=False omits the static part, which regularisation cannot change. The legend gives the
    range of every part over all bars.
    """
    parts = {part: _range_of(part, estimates) for part in PART_COLORS if static or part != "static"}
    bars = [
        (name, title, 1e3 * getattr(estimate, part), *_milliwatts(estimate, part))
        for name, estimate in estimates.items()
        for part, title in parts.items()
    ]
    whole = "power" if static else "activity"
    ranges = [
        (name, (value := 1e3 * getattr(e, whole)), value - low, high - value)
        for name, e in estimates.items()
        for low, high in [_milliwatts(e, whole)]
    ]
    colors = {title: PART_COLORS[part] for part, title in parts.items()}
    stack = hv.Bars(bars, ["estimate", "part"], [whole, "low", "high"]).opts(
        stacked=True, cmap=colors, tools=["hover"], legend_position="right", line_color=None
    )
    whiskers = hv.ErrorBars(ranges, "estimate", [whole, "below", "above"])
    return (stack * whiskers.opts(line_width=2, hooks=[_above_bars])).opts(
        xlabel="", ylabel=f"{whole} (mW, estimate)", **LOOK
    )


def _above_bars(plot, element):
    plot.handles["glyph"].level = "annotation"


def _milliwatts(estimate, name):
    return tuple(1e3 * watt for watt in estimate.ranges[name])


def _range_of(part, estimates):
    ends = np.array([_milliwatts(estimate, part) for estimate in estimates.values()])
    low, high = (float(f"{end:.2g}") for end in (ends[:, 0].min(), ends[:, 1].max()))
    return f"{part}, {low:g}–{high:g} mW"
