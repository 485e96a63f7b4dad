"""Recorded spikes, which need no encoding: as files, in memory, and as a source.

Imports ``events``, ``source``, ``dataset``, ``hdf5``, the archives of ``own`` and the chip's spec.
"""

from snnlab.lazy import lazy

_HOME = {
    "RecordedSpikes": "snnlab.data.spikes.recorded",
    "load_spikes": "snnlab.data.spikes.files",
}

__getattr__, __dir__, __all__ = lazy(__name__, _HOME)
