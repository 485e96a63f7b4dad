"""Plots of the time of decision."""

import holoviews as hv
import numpy as np

from snnlab.chip.spec import BRAINSCALES2
from snnlab.plotting.look import GREY, LABEL_COLOR, LOOK, TEST_COLOR


def accuracy_over_time(time: np.ndarray, accuracy: np.ndarray) -> hv.Overlay:
    """Accuracy if the image ended at each CADC sample; time : float64[step], s; accuracy :
    float64[step], 0…1."""
    points = 1e6 * time, 100.0 * accuracy
    line = hv.Curve(points, "time", "accuracy", label="accuracy over time")
    dots = hv.Scatter(points, "time", "accuracy", label="samples")
    end = hv.VLine(1e6 * BRAINSCALES2.inference_period, label="end of an image in inference")
    return (
        end.opts(color=GREY, line_dash="dotted", line_width=2)
        * line.opts(color=TEST_COLOR, line_width=2)
        * dots.opts(color=TEST_COLOR, size=6)
    ).opts(
        ylim=(0, 101), xlabel="readout time (µs)", ylabel="accuracy (%)", show_legend=False,
        **LOOK,
    )  # fmt: skip


def decision_times(times: np.ndarray) -> hv.Overlay:
    """Histogram of decision times; times : float64[image], s after the first input spike, NaN for
    never."""
    known = 1e6 * times[np.isfinite(times)]
    step = 1e6 * BRAINSCALES2.dt_cadc
    edges = np.arange(np.ceil(known.max(initial=0.0) / step + 1e-9) + 1) * step
    counts, edges = np.histogram(known, edges)
    bars = hv.Histogram((edges, counts), kdims="time", vdims="images", label="decision times")
    marks = [hv.VLine(np.median(known), label="median")] if len(known) else []
    return hv.Overlay(
        [
            bars.opts(color=LABEL_COLOR, line_color=None),
            *(mark.opts(color=GREY, line_dash="dotted", line_width=2) for mark in marks),
        ]
    ).opts(
        xlabel="decision after the first input spike (µs)", ylabel="images", show_legend=False,
        **LOOK,
    )  # fmt: skip
