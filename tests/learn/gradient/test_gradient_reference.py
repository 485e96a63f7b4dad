"""The torch reference returns what was measured, with the gradient of the model."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import reference as twin
import torch
from builders import random_spikes, spikes
from training import MODEL, MODELS, recorded, relative

from snnlab.chip.spec import BRAINSCALES2
from snnlab.events import TICK
from snnlab.learn.gradient import reference
from snnlab.learn.gradient.surrogate import Surrogate
from snnlab.model.surrogates import SHAPES


@pytest.mark.parametrize(("sizes", "recurrent"), [((40, 30, 20, 5), ()), ((50, 30, 5), (0,))])
def test_the_reference_returns_what_was_measured(sizes, recurrent):
    _, _, recording, weights = recorded(sizes, recurrent=recurrent)
    traces, counts = reference.reference_forward(
        reference.response(recording.inputs, MODEL, 20),
        [torch.from_numpy(w).double() for w in weights],
        reference.measured(recording, MODEL),
        MODEL,
        Surrogate(10.0).derivative,
    )
    np.testing.assert_allclose(traces, recording.traces(-1), atol=1e-12)
    for count, layer in zip(counts, recording.spikes, strict=True):
        np.testing.assert_allclose(count, layer.count_by_channel(), atol=1e-12)


def test_inject_is_the_measured_value_with_the_models_gradient():
    model = torch.tensor([2.0, 3.0], requires_grad=True)
    out = reference.inject(torch.tensor([7.0, 8.0]), model * 5)
    out.sum().backward()
    assert out.tolist() == [7.0, 8.0]
    assert model.grad.tolist() == [5.0, 5.0]


def test_the_response_is_a_sum_of_psps():
    events = spikes([[(0, 1), (700, 1)], [(4249, 0)]], 3)
    got = reference.response(events, MODEL, 20).numpy()
    time = np.arange(20) * BRAINSCALES2.dt_cadc
    np.testing.assert_allclose(got[0, :, 1], MODEL.psp(time) + MODEL.psp(time - 700 * TICK))
    assert got[1].any() == got[0, :, [0, 2]].any() == False  # noqa: E712


def smooth_model(psp, weights, soft, model):
    """What the reference differentiates, with a smooth spike, the primitive of the surrogate.

    Returns every layer's membranes, PSPs and counts.
    """
    grid = np.arange(psp.shape[1]) * BRAINSCALES2.dt_cadc
    kernel = model.psp(grid[:, None] - grid[None, :])
    layers = []
    for weight in weights[:-1]:
        v = psp @ weight
        s = soft(v - 1)
        psp = np.einsum("mk,bkn->bmn", kernel, s)
        layers.append((v, psp, s.sum(axis=1)))
    return [*layers, (psp @ weights[-1], None, None)]


@pytest.mark.parametrize("sizes", [(6, 5, 3), (6, 5, 4, 3)])
@pytest.mark.parametrize("beta", [0.7, 5.0])
@pytest.mark.parametrize("model", MODELS, ids=["equal", "unequal"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_reference_equals_finite_differences(sizes, beta, model, shape):
    soft, surrogate = partial(twin.SOFT_SPIKES[shape], beta=beta), Surrogate(beta, shape=shape)
    rng = np.random.default_rng(3)
    psp = reference.response(random_spikes(rng, 2, 6, last=3000), model, 12).numpy()
    weights = [rng.normal(0.3, 0.6, shape) for shape in pairwise(sizes)]
    of_trace = rng.normal(size=(2, 12, 3))
    of_counts = [rng.normal(size=(2, n)) for n in sizes[1:-1]]

    def scalar(weights):
        *hidden, (trace, _, _) = smooth_model(psp, weights, soft, model)
        counts = [count for _, _, count in hidden]
        return (of_trace * np.sin(trace)).sum() + sum(
            (a * n**2).sum() for a, n in zip(of_counts, counts, strict=True)
        )

    numeric = [np.empty_like(w) for w in weights]
    h = 1e-5
    for w, slope in zip(weights, numeric, strict=True):
        for index in np.ndindex(w.shape):
            at = w[index]
            w[index] = at + h
            above = scalar(weights)
            w[index] = at - h
            slope[index] = (above - scalar(weights)) / (2 * h)
            w[index] = at

    *hidden, (trace, _, _) = smooth_model(psp, weights, soft, model)
    layers = [
        reference.Measured(
            torch.from_numpy(v), torch.zeros(v.shape, dtype=torch.bool), torch.from_numpy(v),
            torch.from_numpy(after), torch.from_numpy(count),
        )
        for v, after, count in hidden
    ]  # fmt: skip
    tensors = [torch.tensor(w, requires_grad=True) for w in weights]
    traces, counts = reference.reference_forward(
        torch.from_numpy(psp),
        tensors,
        [*layers, reference.Measured(torch.from_numpy(trace))],
        model,
        surrogate.derivative,
    )
    total = (torch.from_numpy(of_trace) * torch.sin(traces)).sum()
    for a, count in zip(of_counts, counts, strict=True):
        total = total + (torch.from_numpy(a) * count**2).sum()
    total.backward()
    for layer, (w, slope) in enumerate(zip(tensors, numeric, strict=True)):
        assert relative(w.grad.numpy(), slope) < 1e-6, f"layer {layer}"
