"""User-supplied data sets: images in folders, CSV, npz or idx files, or a zip file of these.

Imports ``images``.
"""
