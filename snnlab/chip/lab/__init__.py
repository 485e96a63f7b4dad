"""The chip on a laboratory bench: measurements of its circuits, and a calibration made from them.

Sees the chip only through its recordings, as on the real one. Imports the rest of ``chip``.
"""
