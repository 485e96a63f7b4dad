"""How OpenMP's threads wait: to be imported before torch or numba, which load OpenMP."""

import os

# Two worlds of threads share the cores: waiting ones must not burn them. But to wake one takes
# longer than a kernel, so they look for work some 30 µs before they sleep.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
