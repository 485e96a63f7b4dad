"""The emulated chip: a die with its imperfections, the kernels that integrate it, its recordings.

Numpy and numba only; imports ``events``, ``seeding``, ``files``, ``arrays`` and ``errors``. Where a
number comes from is said at each constant.
"""
