"""The dashboard: one page per visitor, drawn here, computed in other processes.

The only package that imports panel. ``server`` is on top, ``session`` at the bottom.
"""
