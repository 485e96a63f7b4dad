"""Beginnings worth looking at, each with what to look for."""

from typing import NamedTuple


class Preset(NamedTuple):
    """Settings that differ from the defaults, the view to open, and a sentence."""

    look_for: str
    settings: dict
    view: str = "live"


PRESETS = {
    "The paper's network": Preset(
        "256-246-10 on MNIST: past 95 % within the first epoch, about 50 spikes an image.", {}
    ),
    "A bad chip": Preset(
        "30 % mismatch from the start: in the loop it learns nearly as well as on a good one.",
        {"mismatch": 0.3},
    ),
    "Straight from the wafer": Preset(
        "An uncalibrated die: colours vary wildly; press Recalibrate and watch them even out.",
        {"die": "uncalibrated"}, "chip",
    ),
    "Frugal": Preset(
        "Strong burst regularisation: spikes fall to about 20 an image, the trail moves left.",
        {"rho_burst": 0.02}, "plane",
    ),
    "Too steep": Preset(
        "β = 200: the red curve is a needle, and only neurons that fire learn.",
        {"beta": 200.0}, "learn",
    ),
    "Too flat": Preset(
        "β = 0.1: the red curve is nearly level, so all neurons get nearly the same gradient.",
        {"beta": 0.1}, "learn",
    ),
    "A third of the neurons dead": Preset(
        "Dark columns never fire; the others take over their work.", {"dead": 0.33}, "chip"
    ),
    "Tiny": Preset(
        "Twenty hidden neurons: see in Errors which classes they can no longer tell apart.",
        {"hidden": [20]}, "errors",
    ),
    "Two hidden layers": Preset(
        "120 and 60 neurons: spikes pass through both before the labels rise.",
        {"hidden": [120, 60]},
    ),
    "Clothes": Preset(
        "Fashion-MNIST: shirts, pullovers and coats are confused with each other.",
        {"dataset": "fashion-mnist"}, "errors",
    ),
    "No network needed": Preset(
        "scikit-learn's 1 797 small digits: learnt in seconds.",
        {"dataset": "digits", "epochs": 100}, "sample",
    ),
}  # fmt: skip


def slug(name: str) -> str:
    """The name as links have it: "Too steep" is "too-steep"."""
    return "".join(c if c.isalnum() else "-" for c in name.lower().replace("'", ""))
