"""Pictures to learn from: four data sets and one's own, square and of 8 bits, 16×16 or full size.

>>> load("digits").train_images.shape
(1438, 16, 16)
"""

from snnlab.data.dataset import Dataset, Own, counts
from snnlab.data.loading import load

__all__ = ["Dataset", "Own", "counts", "load"]
