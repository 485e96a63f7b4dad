"""What is minimised: cross-entropy of the decoded labels, and the paper's regularisers."""

from torch import Tensor, relu
from torch.nn.functional import cross_entropy


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
