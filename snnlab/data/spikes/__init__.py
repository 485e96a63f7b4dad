"""Data sets of recorded spikes, which need no encoding.

Imports ``events`` and ``source``.
"""

from snnlab.data.spikes.recorded import RecordedSpikes

__all__ = ["RecordedSpikes"]
