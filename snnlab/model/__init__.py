"""The network as a model: layers, readout of the label traces, shapes of the surrogate.

Knows no chip and no framework: its functions take numpy arrays and torch tensors alike.
"""
