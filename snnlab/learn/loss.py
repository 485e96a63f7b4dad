"""What is minimised: cross-entropy of the decoded labels, and the regularisers of the paper.

To add a regulariser, write it here and enter it in ``weighted_terms`` and ``TERM_KNOBS``.
"""

import numpy as np
import torch
from torch import Tensor, relu
from torch.nn.functional import cross_entropy

TERM_KNOBS = {
    "cross-entropy": "logit_gain", "burst penalty": "rho_burst", "silence penalty": "rho_silent",
    "weight penalty": "rho_weight", "readout penalty": "rho_readout",
}  # fmt: skip
"""Terms of the loss, and the knob that scales each."""


def weighted_terms(
    scores: Tensor, counts: list[Tensor], weights: list[Tensor], labels: np.ndarray, settings
) -> dict[str, Tensor]:
    """Terms whose sum is the loss, by name, each scaled by its knob.

    scores : float[sample, label]; counts : float[sample, neuron] of each hidden layer; weights :
    float[input, neuron] of each hidden layer; labels : int[sample]; settings : knobs by attribute.
    """
    c, target = settings, torch.from_numpy(labels.astype(np.int64))
    return {
        "cross-entropy": classification(scores, target, c.logit_gain, c.label_smoothing),
        "burst penalty": c.rho_burst * burst(counts),
        "silence penalty": c.rho_silent * silence(counts, c.least_spikes),
        "weight penalty": c.rho_weight * weight_decay(weights),
        "readout penalty": c.rho_readout * readout(scores),
    }


def classification(scores: Tensor, labels: Tensor, gain: float, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of softmax(gain · scores); labels : int64[sample].

    ``smoothing`` of each label's certainty is spread evenly over all labels.
    """
    return cross_entropy(gain * scores, labels, label_smoothing=smoothing)


def burst(counts: list[Tensor]) -> Tensor:
    """Squared spike count, mean over neurons and samples: many spikes of one neuron cost most."""
    return sum((c**2).mean() for c in counts)


def silence(counts: list[Tensor], least: float) -> Tensor:
    """Squared shortfall of each neuron's mean count from ``least``, mean over neurons.

    A neuron that never fires learns little from the labels; this brings it back.
    """
    return sum((relu(least - c.mean(0)) ** 2).mean() for c in counts)


def weight_decay(weights: list[Tensor]) -> Tensor:
    """Squared hidden weights, mean over synapses."""
    return sum((w**2).mean() for w in weights)


def readout(scores: Tensor) -> Tensor:
    """Squared scores of the label neurons, mean over labels and samples."""
    return (scores**2).mean()
