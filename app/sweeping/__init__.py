"""Sweeps of a visitor: asked for in a form, run in a process of their own, shown as they go."""
