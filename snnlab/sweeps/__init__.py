"""Searches over the knobs: an Optuna study, its trials, and the processes that train them.

Imports ``learn`` and what is below it, not ``runs``.
"""
