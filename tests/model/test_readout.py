"""Readout: one rule for arrays and tensors, at the end of an image and at every sample."""

import numpy as np
import pytest
import torch

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.model.readout import FADING_SAMPLES, RULES, differentiate, scores, scores_so_far


def test_the_readout_is_the_highest_potential_or_the_area_above_rest():
    traces = torch.tensor([[[0.0, -1.0], [2.0, -3.0], [1.0, 0.5], [-1.0, -2.0]]])
    assert scores(traces, "maximum").tolist() == [[2.0, 0.5]]
    assert scores(traces, "sum")[0].tolist() == pytest.approx([0.725, -0.025])


@pytest.mark.parametrize("readout", RULES)
def test_the_gradient_is_that_of_autograd(readout):
    """Also where several samples are the highest, which share it."""
    rng = np.random.default_rng(12)
    traces = rng.integers(-6, 7, (30, 5, 4)) / 4.0
    toward = rng.normal(size=(30, 4))
    twin = torch.from_numpy(traces).requires_grad_()
    (scores(twin, readout) * torch.from_numpy(toward)).sum().backward()
    np.testing.assert_allclose(differentiate(traces, toward, readout), twin.grad, rtol=1e-6)


def test_the_gradient_of_the_sum_is_its_slope():
    """Away from the kink at rest: 1 / samples where above it, a tenth of that where below."""
    rng = np.random.default_rng(12)
    size = rng.uniform(0.1, 1.0, (3, 5, 4))
    traces, toward = size * rng.choice([-1.0, 1.0], size.shape), rng.normal(size=(3, 4))
    expected = np.where(traces > 0, 1.0, 0.1) * toward[:, None] / 5
    np.testing.assert_allclose(differentiate(traces, toward, "sum"), expected, rtol=1e-6)
    assert torch.autograd.gradcheck(
        lambda x: scores(x, "sum"), torch.from_numpy(traces).requires_grad_()
    )


def slow_scores(traces, readout):
    """Of one image, float64[step, label], label by label and sample by sample."""
    found = []
    for trace in traces.T:
        if readout == "maximum":
            found.append(sorted(trace)[-1])
        elif readout == "sum":
            found.append(sum(v if v > 0 else 0.1 * v for v in trace) / len(trace))
        elif readout == "fading":
            weights = [np.exp(-step / FADING_SAMPLES) for step in range(len(trace))]
            values = [v if v > 0 else 0.1 * v for v in trace]
            total = sum(w * v for w, v in zip(weights, values, strict=True))
            found.append(total / sum(weights))
        else:
            found.append(trace[len(trace) - 1])
    return np.array(found)


@pytest.fixture
def traces():
    return np.random.default_rng(4).normal(0.0, 1.0, (3, 20, 5))


def test_every_readout_of_the_configuration_has_its_rule():
    assert Config.param["readout"].objects == list(RULES) == [
        "maximum", "sum", "fading", "last",
    ]  # fmt: skip
    assert Config().readout == "maximum"


@pytest.mark.parametrize("readout", RULES)
def test_arrays_and_tensors_are_read_out_alike(traces, readout):
    expected = np.stack([slow_scores(image, readout) for image in traces])
    np.testing.assert_allclose(scores(traces, readout), expected, rtol=1e-12)
    np.testing.assert_allclose(scores(torch.from_numpy(traces), readout), expected, rtol=1e-12)
    single = traces.astype(np.float32)
    ours, theirs = scores(single, readout), scores(torch.from_numpy(single), readout)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("readout", RULES)
def test_scores_so_far_are_those_of_an_image_that_ends_there(traces, readout):
    so_far = scores_so_far(traces, readout)
    assert so_far.shape == traces.shape
    np.testing.assert_allclose(so_far[:, -1], scores(traces, readout), rtol=1e-12)
    for step in range(traces.shape[1]):
        ended = scores(traces[:, : step + 1], readout)
        share = {
            "sum": (step + 1) / traces.shape[1],
            "fading": np.expm1(-(step + 1) / FADING_SAMPLES) / np.expm1(-20 / FADING_SAMPLES),
        }.get(readout, 1.0)
        np.testing.assert_allclose(so_far[:, step], share * ended, rtol=1e-12)


@pytest.mark.parametrize("readout", RULES)
def test_samples_of_the_chip_are_read_out_without_overflow(readout):
    """int16 differences of CADC samples, at both ends of the range."""
    cadc = np.full((1, 300, 2), 255, np.int16)
    cadc[:, ::2, 1] = -255
    odd = 1 / (1 + np.exp(1 / FADING_SAMPLES))
    fading = 255 * (odd - 0.1 * (1 - odd))
    expected = {"sum": [255, 0.45 * 255], "fading": [255, fading]}.get(readout, [255, 255])
    np.testing.assert_allclose(scores_so_far(cadc, readout)[0, -1], expected, rtol=1e-12)
    np.testing.assert_allclose(scores(cadc, readout)[0], expected)


@pytest.mark.parametrize("readout", RULES)
def test_gradients_are_finite_differences(traces, readout):
    tensor = torch.from_numpy(traces).requires_grad_()
    toward = torch.from_numpy(np.random.default_rng(5).normal(size=(3, 5)))
    (scores(tensor, readout) * toward).sum().backward()
    step = 1e-6
    for place in np.ndindex(2, 20, 2):
        ends = []
        for sign in (1, -1):
            moved = traces.copy()
            moved[place] += sign * step
            ends.append((scores(moved, readout) * toward.numpy()).sum())
        slope = (ends[0] - ends[1]) / (2 * step)
        assert float(tensor.grad[place]) == pytest.approx(slope, abs=1e-7)


def test_equal_peaks_share_the_gradient_and_rest_counts_as_above():
    tensor = torch.tensor([[[1.0], [0.0], [1.0], [-1.0]]], requires_grad=True)
    scores(tensor, "maximum").sum().backward()
    assert tensor.grad.flatten().tolist() == [0.5, 0.0, 0.5, 0.0]
    tensor.grad = None
    scores(tensor, "sum").sum().backward()
    assert tensor.grad.flatten().tolist() == pytest.approx([0.25, 0.25, 0.25, 0.025])


def test_an_unknown_readout_is_refused():
    for read in (scores, scores_so_far):
        with pytest.raises(
            SnnlabError, match="readout 'mean' is unknown: use maximum, sum, fading"
        ):
            read(np.zeros((1, 2, 3)), "mean")
