"""Fuzzing of every reader of user input: ``python -m snnlab_bench.fuzz.run``."""
