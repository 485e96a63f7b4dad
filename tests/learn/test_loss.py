"""Terms of the loss, computed by hand."""

import numpy as np
import pytest
import torch
from training import few_digits, settings

from snnlab.learn import loss
from snnlab.learn.trainer import Trainer


def test_classification_is_cross_entropy_of_ten_times_the_peaks():
    peaks = torch.tensor([[0.1, 0.3], [0.2, 0.0]], dtype=torch.float64)
    got = loss.classification(peaks, torch.tensor([1, 1]), gain=10.0)
    by_hand = (np.log(1 + np.exp(-2)) + np.log(1 + np.exp(2))) / 2
    assert float(got) == pytest.approx(by_hand, rel=1e-12)


def test_smoothing_spreads_certainty_over_all_labels():
    peaks = torch.tensor([[0.1, 0.3, 0.2]], dtype=torch.float64)
    got = loss.classification(peaks, torch.tensor([1]), gain=4.0, smoothing=0.3)
    minus_log = -np.log(np.exp([0.4, 1.2, 0.8]) / np.exp([0.4, 1.2, 0.8]).sum())
    assert float(got) == pytest.approx(0.7 * minus_log[1] + 0.1 * minus_log.sum(), rel=1e-12)


def test_silence_is_the_squared_shortfall_of_the_mean_count():
    counts = [torch.tensor([[3.0, 0.0, 1.0], [1.0, 0.0, 0.0]]), torch.tensor([[0.0], [0.0]])]
    assert float(loss.silence(counts, 0.8)) == pytest.approx((0.8**2 + 0.3**2) / 3 + 0.8**2)
    assert float(loss.silence(counts, 0.0)) == 0.0


def test_burst_is_the_mean_squared_count_of_each_layer():
    counts = [torch.tensor([[3.0, 0.0], [1.0, 0.0]]), torch.tensor([[2.0], [0.0]])]
    assert float(loss.burst(counts)) == 10 / 4 + 4 / 2


def test_weight_decay_is_the_mean_square_of_each_layer():
    weights = [torch.tensor([[1.0, -2.0]]), torch.tensor([[3.0]])]
    assert float(loss.weight_decay(weights)) == 2.5 + 9.0


def test_readout_is_the_mean_squared_peak():
    assert float(loss.readout(torch.tensor([[1.0, -2.0], [0.0, 1.0]]))) == 6 / 4


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
