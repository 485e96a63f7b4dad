"""Pictures, from any file to input spikes: reading, scaling, warping, latency encoding.

Imports the chip's time grid and ``catalogue``.
"""
