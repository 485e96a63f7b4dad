"""A training on disk: recorded, resumed to the bit, listed, queried, exported.

Imports ``learn`` and what is below it, not ``sweeps``.
"""
