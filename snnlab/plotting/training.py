"""Quantities over the steps of a training."""

import holoviews as hv
import numpy as np

from snnlab.plotting.look import CURVE, GREEN, GREY, ORANGE, TEST_COLOR, TRAIN_COLOR


def accuracy_curve(history: dict, tests: dict) -> hv.Overlay:
    """Accuracy of the batches, and on the test images after each epoch, in %.

    history, tests : "step" : int64[point] and "accuracy" : float64[point], 0…1.
    """
    train = hv.Curve(_percent(history), "step", "accuracy", label="batches")
    test_line = hv.Curve(_percent(tests), "step", "accuracy", label="test line")
    test = hv.Scatter(_percent(tests), "step", "accuracy", label="test")
    return (
        train.opts(color=TRAIN_COLOR, line_width=1.5)
        * test_line.opts(color=TEST_COLOR, line_width=2)
        * test.opts(color=TEST_COLOR, size=7)
    ).opts(ylim=(0, 101), ylabel="accuracy (%)", show_legend=False, **CURVE)


def learning_curve() -> hv.Overlay:
    """Empty accuracy plot, in %: training batches; test images during training, with their
    confidence interval, and after each epoch; and the weights without further training, with the
    gap shaded.
    """
    none = {"step": np.empty(0), "accuracy": np.empty(0)}
    areas = [_area("range", TEST_COLOR, 0.18), _area("gap", ORANGE, 0.25)]
    lines = [
        hv.Curve(_percent(none), "step", "accuracy", label=label).opts(color=color, **look)
        for label, color, look in (
            ("batches", TRAIN_COLOR, {"line_width": 1.2, "alpha": 0.7}),
            ("left out", ORANGE, {"line_width": 2.5, "line_dash": "dashed"}),
            ("held out", TEST_COLOR, {"line_width": 2.5}),
        )
    ]
    epochs = hv.Scatter(_percent(none), "step", "accuracy", label="test")
    return hv.Overlay([*areas, *lines, epochs.opts(color=TEST_COLOR, size=7)]).opts(
        ylim=(0, 101), ylabel="accuracy (%)", show_legend=False, **CURVE
    )


def curve(history: dict, name: str, ylabel: str, color: str, logy: bool = False) -> hv.Curve:
    """One quantity over the training steps."""
    return hv.Curve((history["step"], history[name]), "step", name, label=name).opts(
        color=color, line_width=1.5, ylabel=ylabel, logy=logy, **CURVE
    )


def power_curve() -> hv.Overlay:
    """Empty plot of the power that depends on activity : mW, with that at the start dotted and the
    difference shaded. Static power is left out, as its size would hide the changes.
    """
    none = np.empty(0)
    line = hv.Curve((none, none), "step", "power", label="activity")
    batches = hv.Curve((none, none), "step", "power", label="batches")
    start = hv.Curve((none, none), "step", "power", label="start")
    return hv.Overlay([
        _area("gap", GREEN, 0.25),
        batches.opts(color=GREEN, line_width=1, alpha=0.35),
        start.opts(color=GREY, line_width=1.5, line_dash="dotted"),
        line.opts(color=GREEN, line_width=2.5),
    ]).opts(ylabel="power by activity (mW)", show_legend=False, **CURVE)  # fmt: skip


def between(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the area between two curves, as a source of an area holds them."""
    return np.concatenate([x, x[::-1]]), np.concatenate([low, high[::-1]])


def _area(label, color, alpha):
    none = np.empty(0)
    return hv.Area((none, none, none), "step", ["high", "low"], label=label).opts(
        color=color, alpha=alpha, line_alpha=0
    )


def _percent(history):
    return history["step"], 100.0 * history["accuracy"]
