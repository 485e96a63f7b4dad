"""Estimated power and energy: activity counts of a recording, times coefficients with their ranges.

Imports the chip's constants and recording.
"""
