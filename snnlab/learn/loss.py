"""What is minimised: cross-entropy of the decoded labels, and the regularisers of the paper.

Every term is a function that returns its value and its gradient in closed form. To add a
regulariser, write it here and enter it in ``differentiate`` and ``TERM_KNOBS``.
"""

from typing import NamedTuple

import numpy as np

TERM_KNOBS = {
    "cross-entropy": "logit_gain", "burst penalty": "rho_burst", "silence penalty": "rho_silent",
    "weight penalty": "rho_weight", "readout penalty": "rho_readout",
}  # fmt: skip
"""Terms of the loss, and the knob that scales each."""

Layers = list[np.ndarray]


class Loss(NamedTuple):
    """A loss and its gradients.

    terms : value of each term, by name; d_scores : float32[sample, label]; d_counts :
    float32[sample, neuron] of each hidden layer; d_weights : float32[input, neuron] of each hidden
    layer, of the terms that read the weights themselves, 0.0 without such a term.
    """

    terms: dict[str, float]
    d_scores: np.ndarray
    d_counts: Layers
    d_weights: Layers

    @property
    def value(self) -> float:
        """Sum of all terms."""
        return sum(self.terms.values())


def differentiate(
    scores: np.ndarray, counts: Layers, weights: Layers, labels: np.ndarray, settings
) -> Loss:
    """The loss of a batch, each term scaled by its knob; a term with strength 0 is not computed.

    scores : float[sample, label]; counts : float[sample, neuron] of each hidden layer; weights :
    float[input, neuron] of each hidden layer; labels : int[sample]; settings : knobs by attribute.
    """
    c = settings
    cross, d_scores = classification(scores, labels, c.logit_gain, c.label_smoothing)
    burst_value, d_burst = _scaled(c.rho_burst, burst, counts)
    silence_value, d_silence = _scaled(c.rho_silent, silence, counts, c.least_spikes)
    weight_value, d_weights = _scaled(c.rho_weight, weight_decay, weights)
    readout_value, d_readout = _scaled(c.rho_readout, readout, scores)
    values = (cross, burst_value, silence_value, weight_value, readout_value)
    return Loss(
        dict(zip(TERM_KNOBS, values, strict=True)),
        (d_scores + d_readout).astype(np.float32),
        [np.zeros_like(c) + a + b for c, a, b in zip(counts, d_burst, d_silence, strict=True)],
        d_weights,
    )


def _scaled(strength, term, given, *more):
    """Value and gradient of a term times its strength; without strength it is not computed."""
    if not strength:
        return 0.0, [0.0] * len(given) if isinstance(given, list) else 0.0
    value, gradient = term(given, *more)
    factor = np.float32(strength)
    scaled = [factor * d for d in gradient] if isinstance(given, list) else factor * gradient
    return strength * value, scaled


def classification(
    scores: np.ndarray, labels: np.ndarray, gain: float, smoothing: float = 0.0
) -> tuple[float, np.ndarray]:
    """Cross-entropy of softmax(gain · scores), mean over samples; labels : int[sample].

    ``smoothing`` of each label's certainty is spread evenly over all labels.
    """
    logits = gain * scores.astype(np.float64)
    above = logits - logits.max(axis=1, keepdims=True)
    exponential = np.exp(above)
    total = exponential.sum(axis=1, keepdims=True)
    target = np.full(scores.shape, smoothing / scores.shape[1])
    target[np.arange(len(labels)), labels] += 1.0 - smoothing
    value = (target * (np.log(total) - above)).sum() / len(scores)
    return float(value), gain / len(scores) * (exponential / total - target)


def burst(counts: Layers) -> tuple[float, Layers]:
    """Squared spike count, mean over neurons and samples: many spikes of one neuron cost most."""
    return _mean_squares(counts)


def silence(counts: Layers, least: float) -> tuple[float, Layers]:
    """Squared shortfall of each neuron's mean count from ``least``, mean over neurons.

    A neuron that never fires learns little from the labels; this brings it back.
    """
    short = [np.maximum(least - c.mean(axis=0), 0.0) for c in counts]
    each = [(-2.0 / c.size) * s for c, s in zip(counts, short, strict=True)]
    spread = [np.broadcast_to(d, c.shape) for c, d in zip(counts, each, strict=True)]
    return float(sum((s**2).mean() for s in short)), spread


def weight_decay(weights: Layers) -> tuple[float, Layers]:
    """Squared hidden weights, mean over synapses."""
    return _mean_squares(weights)


def readout(scores: np.ndarray) -> tuple[float, np.ndarray]:
    """Squared scores of the label neurons, mean over labels and samples."""
    value, (gradient,) = _mean_squares([scores])
    return value, gradient


def _mean_squares(layers):
    squares = sum(float(np.vdot(x, x)) / x.size for x in layers)
    return squares, [(2.0 / x.size) * x for x in layers]
