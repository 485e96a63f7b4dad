"""Gradients of what a chip recorded: surrogates, their kernels, and a torch reference.

Imports ``chip`` and ``events``.
"""
