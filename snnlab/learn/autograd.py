"""A network in the loop as a differentiable function of torch, for losses of your own.

Trainings need no torch: only this module and the reference gradient import it.
"""

import os

import numpy as np
import torch

from snnlab.learn.gradient.methods import Gradient

if hasattr(os, "register_at_fork"):
    # A forked process lacks torch's threads and would wait for them forever.
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


def parameters_of(weights: list[np.ndarray]) -> list[torch.Tensor]:
    """Tensors on the memory of float32 arrays, which collect gradients."""
    return [torch.from_numpy(values).requires_grad_() for values in weights]


def differentiable(run, gradient: Gradient, parameters: list[torch.Tensor]) -> list[torch.Tensor]:
    """Traces and spike counts of a :class:`~snnlab.learn.network.Pass`, with their gradients."""
    return list(_InTheLoop.apply(run, gradient, *parameters))


class _InTheLoop(torch.autograd.Function):
    """Recorded values forward, a gradient method backward."""

    @staticmethod
    def forward(ctx, run, gradient, *weights):
        ctx.run, ctx.gradient = run, gradient
        return tuple(torch.from_numpy(out) for out in (run.traces, *run.counts))

    @staticmethod
    def backward(ctx, d_traces, *d_counts):
        d_traces, *d_counts = (d.contiguous().numpy() for d in (d_traces, *d_counts))
        grads = ctx.run.backward(ctx.gradient, d_traces, d_counts)
        return None, None, *(torch.from_numpy(g) for g in grads)
