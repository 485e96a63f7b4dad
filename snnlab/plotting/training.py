"""Quantities over the steps of a training."""

import holoviews as hv
import numpy as np

from snnlab.plotting.look import CURVE, GREEN, GREY, ORANGE, TEST_COLOR, TRAIN_COLOR


def accuracy_curve(history: dict, tests: dict) -> hv.Overlay:
    """Accuracy of the batches, and on the test images after each epoch, in %."""
    train = hv.Curve(_percent(history), "step", "accuracy", label="batches")
    test_line = hv.Curve(_percent(tests), "step", "accuracy", label="test line")
    test = hv.Scatter(_percent(tests), "step", "accuracy", label="test")
    return (
        train.opts(color=TRAIN_COLOR, line_width=1.5)
        * test_line.opts(color=TEST_COLOR, line_width=2)
        * test.opts(color=TEST_COLOR, size=7)
    ).opts(ylim=(0, 101), ylabel="accuracy (%)", show_legend=False, **CURVE)


def learning_curve() -> hv.Overlay:
    """Empty accuracy curves for a page, including that of the reference network out of the loop."""
    none = {"step": np.empty(0), "accuracy": np.empty(0)}
    left = hv.Curve(_percent(none), "step", "accuracy", label="without the loop")
    curves = accuracy_curve(none, none) * left.opts(
        color=ORANGE, line_width=2.5, line_dash="dashed"
    )
    return curves.opts(ylim=(0, 101), ylabel="accuracy (%)", show_legend=False, **CURVE)


def curve(history: dict, name: str, ylabel: str, color: str, logy: bool = False) -> hv.Curve:
    """One quantity over the training steps."""
    return hv.Curve((history["step"], history[name]), "step", name, label=name).opts(
        color=color, line_width=1.5, ylabel=ylabel, logy=logy, **CURVE
    )


def power_curve(history: dict) -> hv.Overlay:
    """Estimated power over the training steps between the ends of its range, in mW."""
    ends = [
        hv.Curve((history["step"], history[name]), "step", "power", label=name).opts(
            color=GREY, line_width=1, line_dash="dotted"
        )
        for name in ("power_low", "power_high")
    ]
    value = hv.Curve((history["step"], history["power"]), "step", "power", label="power")
    return hv.Overlay([*ends, value.opts(color=GREEN, line_width=1.5)]).opts(
        ylabel="power (mW, estimate)", show_legend=False, **CURVE
    )


def _percent(history):
    return history["step"], 100.0 * history["accuracy"]
