"""Sound: wav files, and the cochlea that turns them into spikes.

Imports ``chip.compiled`` and the foundation.
"""

from snnlab.data.sound.cochlea import COCHLEA, Cochlea
from snnlab.data.sound.wav import Sound, read_wav

__all__ = ["COCHLEA", "Cochlea", "Sound", "read_wav"]
