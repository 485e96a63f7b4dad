"""The speed of snnlab, measured: ``snnlab bench`` (installed as ``snnlab_bench``)."""

import snnlab.chip.threads  # noqa: F401 - tells OpenMP how to wait, before torch loads it
