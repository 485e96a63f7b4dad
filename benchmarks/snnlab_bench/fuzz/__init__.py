"""Nonsense for everything that reads: ``python -m snnlab_bench.fuzz.run``."""
