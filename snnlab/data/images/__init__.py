"""Images, from file to input spikes: reading, scaling, augmentation, latency encoding.

Imports the chip's time grid and ``catalogue``.
"""
