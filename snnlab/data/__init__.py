"""Data sets: labelled images, square, 8 bits, 16×16 or 28×28, and labelled recordings of spikes.

Imports the chip's clock and time grid, and the foundation.

>>> load("digits").train_images.shape
(1438, 16, 16)
"""

from snnlab.data.dataset import Dataset, Own, count_images
from snnlab.data.loading import load
from snnlab.data.spikes.recorded import RecordedSpikes

__all__ = ["Dataset", "Own", "RecordedSpikes", "count_images", "load"]
