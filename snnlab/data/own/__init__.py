"""Data sets of one's own: pictures in folders, CSV, npz, idx files, or a zip of such.

Imports ``images`` and the idx reader of ``published``.
"""
