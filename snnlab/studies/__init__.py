"""Questions to a trained run: other dies, decision time, confusion, the emulation's step.

Imports ``runs`` and ``sweeps``; every study returns plain tables or arrays.
"""
