import snnlab.chip.openmp  # noqa: F401 - tells OpenMP how to wait, before torch loads it
