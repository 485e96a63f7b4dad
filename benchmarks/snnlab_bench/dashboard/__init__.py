"""Benchmarks of the dashboard in a real browser and with many visitors."""
