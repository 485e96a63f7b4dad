"""Estimated power and energy: activity counts of a recording, times coefficients with their ranges.

Imports the chip's constants and recording.
"""

from snnlab.chip.power.estimation import (
    MODES,
    PARTS,
    PUBLISHED_POWER,
    WORKING_POINT,
    Activity,
    PowerEstimate,
    count,
    estimate,
    estimate_activity,
    inference_time,
    mean,
    saving,
    until,
)

__all__ = [
    "MODES",
    "PARTS",
    "PUBLISHED_POWER",
    "WORKING_POINT",
    "Activity",
    "PowerEstimate",
    "count",
    "estimate",
    "estimate_activity",
    "inference_time",
    "mean",
    "saving",
    "until",
]
