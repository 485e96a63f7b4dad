"""Terms of the loss, computed by hand; their gradients against torch's autograd."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from training import few_digits, settings

from snnlab.config import Config
from snnlab.data import load
from snnlab.learn import loss
from snnlab.learn.trainer import Trainer


def test_classification_is_cross_entropy_of_ten_times_the_peaks():
    got, _ = loss.classification(np.array([[0.1, 0.3], [0.2, 0.0]]), np.array([1, 1]), gain=10.0)
    by_hand = (np.log(1 + np.exp(-2)) + np.log(1 + np.exp(2))) / 2
    assert got == pytest.approx(by_hand, rel=1e-12)


def test_smoothing_spreads_certainty_over_all_labels():
    peaks = np.array([[0.1, 0.3, 0.2]])
    got, _ = loss.classification(peaks, np.array([1]), gain=4.0, smoothing=0.3)
    minus_log = -np.log(np.exp([0.4, 1.2, 0.8]) / np.exp([0.4, 1.2, 0.8]).sum())
    assert got == pytest.approx(0.7 * minus_log[1] + 0.1 * minus_log.sum(), rel=1e-12)


def test_cross_entropy_does_not_overflow():
    got, gradient = loss.classification(np.array([[1e4, -1e4]]), np.array([1]), gain=10.0)
    assert got == 2e5
    assert gradient.tolist() == [[10.0, -10.0]]


def test_silence_is_the_squared_shortfall_of_the_mean_count():
    counts = [np.array([[3.0, 0.0, 1.0], [1.0, 0.0, 0.0]]), np.array([[0.0], [0.0]])]
    assert loss.silence(counts, 1.0, 0.8)[0] == pytest.approx((0.8**2 + 0.3**2) / 3 + 0.8**2)
    assert loss.silence(counts, 1.0, 0.0)[0] == 0.0


def test_what_dropout_silenced_falls_short_of_nothing():
    counts = [np.array([[3.0, 0.0, 1.0], [1.0, 0.0, 0.0]])]
    dropped = [np.array([False, True, False])]
    value, gradients = loss.silence(counts, 1.0, 0.8, dropped)
    assert value == pytest.approx(0.3**2 / 3)
    assert gradients[0].tolist() == [0.0, 0.0, pytest.approx(-2 * 0.3 / 6)]


def test_a_batch_with_dropout_has_no_penalty_for_it():
    weights = [np.full((256, 60), 0.2, np.float32), np.zeros((60, 10), np.float32)]
    of = {"dataset": "digits", "hidden": [60], "dropout": 0.5, "least_spikes": 0.01}
    first = [
        Trainer(Config.checked(**of, rho_silent=rho), load("digits"), weights).advance()
        for rho in (0.0, 100.0)
    ]
    assert first[0].spikes > 30, "all that may fire do"
    assert first[0].loss == first[1].loss


def test_burst_is_the_mean_squared_count_of_each_layer():
    counts = [np.array([[3.0, 0.0], [1.0, 0.0]]), np.array([[2.0], [0.0]])]
    assert loss.burst(counts)[0] == 10 / 4 + 4 / 2


def test_weight_decay_is_the_mean_square_of_each_layer():
    assert loss.weight_decay([np.array([[1.0, -2.0]]), np.array([[3.0]])])[0] == 2.5 + 9.0


def test_readout_is_the_mean_squared_peak():
    assert loss.readout([np.array([[1.0, -2.0], [0.0, 1.0]])])[0] == 6 / 4


STRENGTHS = {
    "logit_gain": 7.0, "label_smoothing": 0.2, "rho_burst": 0.3, "rho_silent": 4.0,
    "least_spikes": 0.9, "rho_weight": 2.0, "rho_readout": 0.5,
}  # fmt: skip


def by_torch(scores, counts, weights, labels, c):
    """The same terms, written for torch's autograd."""
    return (
        cross_entropy(c.logit_gain * scores, labels, label_smoothing=c.label_smoothing)
        + c.rho_burst * sum((n**2).mean() for n in counts)
        + c.rho_silent * sum((torch.relu(c.least_spikes - n.mean(0)) ** 2).mean() for n in counts)
        + c.rho_weight * sum((w**2).mean() for w in weights)
        + c.rho_readout * (scores**2).mean()
    )


@pytest.mark.parametrize("without", [None, "rho_burst", "rho_silent", "rho_weight", "rho_readout"])
def test_the_gradients_are_those_of_autograd(without):
    rng = np.random.default_rng(1)
    c = SimpleNamespace(**{**STRENGTHS, **({without: 0.0} if without else {})})
    scores, labels = rng.normal(size=(6, 4)), rng.integers(4, size=6)
    counts = [rng.integers(0, 3, (6, n)).astype(float) for n in (5, 3)]
    weights = [rng.normal(size=shape) for shape in ((7, 5), (5, 3))]
    twins = [torch.tensor(x, requires_grad=True) for x in (scores, *counts, *weights)]
    expected = by_torch(twins[0], twins[1:3], twins[3:], torch.from_numpy(labels), c)
    expected.backward()
    found = loss.differentiate(scores, counts, weights, labels, c)
    assert found.value == pytest.approx(expected.item(), rel=1e-12)
    assert (without is not None) == (0.0 in found.terms.values())
    for ours, twin in zip((found.d_scores, *found.d_counts, *found.d_weights), twins, strict=True):
        theirs = 0.0 if twin.grad is None else twin.grad
        np.testing.assert_allclose(np.broadcast_to(ours, twin.shape), theirs, 1e-6, 1e-9)


def test_the_first_loss_is_what_the_losses_add_up_to():
    config = settings(rho_burst=0.3, rho_weight=7.0, rho_readout=0.2)
    trainer = Trainer(config, few_digits())
    hidden = trainer.network.arrays()[0].astype(float)
    scale = trainer.network.scales()[-1]
    first = trainer.advance()
    peaks = first.recording.traces(-1).max(axis=1).astype(float) * 240 / scale
    logits = 10 * peaks
    expected = (
        (np.log(np.exp(logits).sum(1)) - logits[np.arange(20), first.labels]).mean()
        + 0.3 * (first.recording.spikes[0].count_by_channel() ** 2).mean()
        + 7.0 * (hidden**2).mean()
        + 0.2 * (peaks**2).mean()
    )
    assert first.loss == pytest.approx(expected, rel=1e-5)
    assert first.accuracy == (peaks.argmax(1) == first.labels).mean()
