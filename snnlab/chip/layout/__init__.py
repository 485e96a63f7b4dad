"""Where a network sits on the chip: circuits, synapses, address labels, and parts of larger ones.

Imports the chip's constants and power, nothing that runs.
"""
