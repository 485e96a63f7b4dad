"""Every setting of a training, declared once in ``knobs``; flags, widgets and records follow.

Imports ``chip``, ``model``, ``text`` and the names of data sets in ``data``.
"""

from snnlab.config.knobs import Config
from snnlab.config.parameters import Numbers, PhysicalNumber

__all__ = ["Config", "Numbers", "PhysicalNumber"]
