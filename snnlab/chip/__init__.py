"""The emulated chip: a die with its imperfections, the kernels that integrate it, its recordings.

Uses NumPy and Numba; imports ``model`` and the foundation. Each constant states its source; other
rooms read constants from a ``spec``.
"""

import os

# Threads of torch and of numba share the cores: waiting ones must not burn them. But to wake one
# takes longer than a kernel, so they look for work some 30 µs before they sleep. OpenMP reads this
# when torch or numba load it, so this package is imported before them.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
