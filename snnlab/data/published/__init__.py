"""Published data sets: idx files from folders, cache, mirrors or a wheel, verified by checksum.

Imports ``catalogue`` and ``images``.
"""
