"""Knobs as widgets, links that hold them, undo, and uploads."""
