import snnlab.chip  # noqa: F401 - sets how OpenMP waits, before torch loads it
