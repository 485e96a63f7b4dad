"""Gradients of what a chip recorded: methods, surrogates, their kernels, and a torch reference.

Imports ``chip``, ``events`` and ``errors``.
"""
