"""The command line ``snnlab``: one module for each group of verbs.

Imports every room of the library; nothing but the dashboard and the benchmarks imports it.
"""
