"""Data sets of labelled images: four published ones and your own, square, 8 bits, 16×16 or 28×28.

>>> load("digits").train_images.shape
(1438, 16, 16)
"""

from snnlab.data.dataset import Dataset, Own, count_images
from snnlab.data.loading import load

__all__ = ["Dataset", "Own", "count_images", "load"]
