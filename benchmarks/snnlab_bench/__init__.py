"""Benchmarks of snnlab: ``snnlab bench`` (installed as ``snnlab_bench``)."""

import snnlab.chip.threads  # noqa: F401 - sets OpenMP's wait policy before torch loads it
