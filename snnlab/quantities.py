"""Every measured quantity, declared once: its name, unit and format, and where it is kept.

Run lists, the dashboard, sweeps, ``snnlab reproduce`` and TensorBoard read these declarations. A
new quantity needs its declaration here, the place that computes it, and a test. What
:class:`~snnlab.chip.power.PowerEstimate` has under the same name is computed already; one of STEP
is the attribute of that name of :class:`~snnlab.learn.trainer.Progress`.
"""

from dataclasses import dataclass, replace
from math import isfinite

STEP, EPOCH = "step", "epoch"
"""Kept for every weight update, and for every epoch of a run."""
SUMMARY, RUN_LIST, COMPARISON = "summary", "run list", "comparison"
"""Kept in the summary of a run; a column in lists of runs; a column in the view Compare."""
TRIAL, RECORD = "trial", "record"
"""Measured for every trial of a sweep, and for every training of the reproduction."""
LIVE = "live"
"""Shown on the live screen while it trains."""


@dataclass(frozen=True)
class Quantity:
    """A measured quantity.

    name : in tables, files and conditions; label : in words; heading : the short label of lists;
    unit, factor, digits : unit, shown value per stored value and decimals as shown; stored_unit :
    of the stored value; better : "up", "down", or None for what cannot be an objective; estimate :
    whether it is an attribute of :class:`~snnlab.chip.power.PowerEstimate`; curve : name of the
    TensorBoard curve, empty for none; places : where it is kept and shown.
    """

    name: str
    label: str
    unit: str = ""
    factor: float = 1.0
    digits: int = 2
    stored_unit: str = ""
    better: str | None = None
    estimate: bool = False
    heading: str = ""
    curve: str = ""
    places: frozenset[str] = frozenset()

    @property
    def title(self) -> str:
        """Label with the shown unit, for axes: "energy (µJ, estimate)"."""
        return self._with(self.unit)

    @property
    def stored_title(self) -> str:
        """Label with the stored unit, for exported tables: "energy (J, estimate)"."""
        return self._with(self.stored_unit)

    def _with(self, unit):
        notes = [unit] * bool(unit) + ["estimate"] * self.estimate
        return f"{self.label} ({', '.join(notes)})" if notes else self.label

    def shown(self, value: float) -> float:
        """A stored value in the shown unit."""
        return self.factor * value

    def format(self, value: float | None) -> str:
        """A stored value as text with its unit, empty if it is missing or NaN."""
        if value is None or not isfinite(value):
            return ""
        return f"{self.shown(value):,.{self.digits}f} {self.unit}".rstrip()


_SHARE = {"unit": "%", "factor": 100.0, "stored_unit": "share", "better": "up"}
_SPIKES = {"digits": 1, "better": "down", "curve": "spikes per image"}
_MICROSECONDS = {"unit": "µs", "factor": 1e6, "digits": 1, "stored_unit": "s", "better": "down"}

_TEST_ACCURACY = Quantity(
    "test_accuracy", "test accuracy", **_SHARE, heading="last", curve="accuracy",
    places=frozenset({EPOCH, SUMMARY, RUN_LIST, COMPARISON}),
)  # fmt: skip
_TEST_SPIKES = Quantity(
    "test_spikes", "hidden spikes / image", **_SPIKES, heading="spikes",
    places=frozenset({EPOCH, SUMMARY, RUN_LIST}),
)  # fmt: skip

QUANTITIES = (
    replace(_TEST_ACCURACY, name="accuracy", places=frozenset({TRIAL, RECORD})),
    Quantity("loss", "loss in training", digits=3, better="down", curve="loss",
             places=frozenset({STEP, EPOCH, TRIAL})),
    Quantity("accuracy", "accuracy of batches", **_SHARE, digits=1, curve="accuracy",
             places=frozenset({STEP, COMPARISON, LIVE})),
    Quantity("held_out", "accuracy on some test images", **_SHARE, digits=1,
             places=frozenset({LIVE})),
    replace(_TEST_SPIKES, name="spikes", places=frozenset({STEP, COMPARISON, LIVE, TRIAL, RECORD})),
    Quantity("train_accuracy", "accuracy in training", **_SHARE, curve="accuracy",
             places=frozenset({EPOCH})),
    Quantity("train_spikes", "hidden spikes / image in training", **_SPIKES,
             places=frozenset({EPOCH})),
    Quantity("best_accuracy", "best test accuracy", **_SHARE, heading="best",
             places=frozenset({SUMMARY, RUN_LIST})),
    _TEST_ACCURACY,
    _TEST_SPIKES,
    Quantity("within_8us", "test accuracy after 8 µs", **_SHARE, places=frozenset({RECORD})),
    Quantity("error_increase", "error increase", **{**_SHARE, "better": "down"}, digits=0,
             places=frozenset({RECORD})),
    Quantity("energy", "energy", "µJ", 1e6, 2, "J", "down", estimate=True,
             heading="energy, estimate", curve="energy per image (J)",
             places=frozenset({EPOCH, SUMMARY, RUN_LIST, COMPARISON, TRIAL, RECORD})),
    Quantity("power", "power", "mW", 1e3, 0, "W", "down", estimate=True, curve="power (W)",
             places=frozenset({EPOCH, SUMMARY, LIVE, TRIAL, RECORD})),
    Quantity("activity", "power by activity", "mW", 1e3, 1, "W", "down", estimate=True,
             places=frozenset({LIVE})),
    Quantity("latency", "latency", **_MICROSECONDS, estimate=True, curve="latency (s)",
             places=frozenset({EPOCH, SUMMARY, TRIAL})),
    Quantity("rate", "images per second", "k/s", 1e-3, 1, "1/s", "up", estimate=True,
             places=frozenset({RECORD})),
    Quantity("seconds", "computing time", "s", digits=0, stored_unit="s", heading="time",
             places=frozenset({STEP, EPOCH, SUMMARY, RUN_LIST, TRIAL})),
)  # fmt: skip
"""All of them. One name may stand for two quantities, in different places."""


def quantities(*places: str) -> dict[str, Quantity]:
    """The quantities of one of these places, or of several, by name."""
    return {q.name: q for place in places for q in QUANTITIES if place in q.places}


def objectives() -> dict[str, Quantity]:
    """Quantities that a sweep may optimise, by name."""
    return {name: q for name, q in quantities(TRIAL).items() if q.better}


def estimates(of: object, place: str) -> dict[str, float]:
    """The estimates of a place by name, from a :class:`~snnlab.chip.power.PowerEstimate`."""
    return {name: getattr(of, name) for name, q in quantities(place).items() if q.estimate}
