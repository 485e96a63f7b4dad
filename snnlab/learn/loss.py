"""What is minimised: cross-entropy of the decoded labels, and the regularisers of the paper.

Every term is a function of layers and a strength that returns its value and its gradients. To add a
regulariser, write its function here and enter it in ``REGULARISERS``.
"""

from collections.abc import Callable, Sequence
from operator import add
from typing import NamedTuple

import numpy as np

Layers = list[np.ndarray]


class Loss(NamedTuple):
    """A loss and its gradients.

    terms : value of each term, by name; d_scores : float32[image, label]; d_counts :
    float32[image, neuron] of each hidden layer; d_weights : float32[input, neuron] of each hidden
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
    scores: np.ndarray,
    counts: Layers,
    weights: Layers,
    labels: np.ndarray,
    settings,
    silent: Sequence[np.ndarray] = (),
) -> Loss:
    """The loss of a batch, each term scaled by its knob; a term of strength 0 is not computed.

    scores : float[image, label]; counts : float[image, neuron] of each hidden layer; weights :
    float[input, neuron] of each hidden layer; labels : int[image]; settings : knobs by attribute;
    silent : bool[neuron] of each hidden layer, those that dropout silenced, () without dropout.
    """
    c = settings
    cross, d_scores = classification(scores, labels, c.logit_gain, c.label_smoothing)
    read = {"scores": [scores], "counts": counts, "weights": weights}
    terms, found = {CLASSIFICATION: cross}, {"scores": [d_scores], "counts": None, "weights": None}
    for term in REGULARISERS:
        terms[term.name], strength = 0.0, getattr(c, term.knob)
        if strength:
            more = [getattr(c, knob) for knob in term.more] + [silent] * term.spares_silent
            terms[term.name], gradients = term.function(read[term.of], strength, *more)
            so_far = found[term.of]
            found[term.of] = gradients if so_far is None else [*map(add, so_far, gradients)]
    d_counts, d_weights = (found[of] or [0.0] * len(read[of]) for of in ("counts", "weights"))
    return Loss(
        terms,
        found["scores"][0].astype(np.float32),
        [_full(count, d) for count, d in zip(counts, d_counts, strict=True)],
        d_weights,
    )


def _full(counts, gradient):
    """The gradient of counts, for every sample and neuron."""
    if np.shape(gradient) == counts.shape:
        return gradient
    return np.broadcast_to(np.float32(gradient), counts.shape).copy()


def classification(
    scores: np.ndarray, labels: np.ndarray, gain: float, smoothing: float = 0.0
) -> tuple[float, np.ndarray]:
    """Cross-entropy of softmax(gain · scores), mean over samples; labels : int[image].

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


def burst(counts: Layers, strength: float = 1.0) -> tuple[float, Layers]:
    """Squared spike count, mean over neurons and samples: many spikes of one neuron cost most."""
    return _mean_squares(counts, strength)


def silence(
    counts: Layers, strength: float, least: float, silent: Sequence[np.ndarray] = ()
) -> tuple[float, Layers]:
    """Squared shortfall of each neuron's mean count from ``least``, mean over neurons.

    Those that dropout silenced, bool[neuron] of each layer, fall short of nothing. A neuron that
    never fires learns little from the labels; this brings it back. The gradient is the same for
    every sample : float[neuron].
    """
    short = [np.maximum(least - c.mean(axis=0), 0.0) for c in counts]
    for layer, dropped in zip(short, silent, strict=False):
        layer[dropped] = 0.0
    value = strength * sum(float((s**2).mean()) for s in short)
    return value, [(-2.0 * strength / c.size) * s for c, s in zip(counts, short, strict=True)]


def weight_decay(weights: Layers, strength: float = 1.0) -> tuple[float, Layers]:
    """Squared hidden weights, mean over synapses."""
    return _mean_squares(weights, strength)


def readout(scores: Layers, strength: float = 1.0) -> tuple[float, Layers]:
    """Squared scores of the label neurons, mean over labels and samples; the only layer given."""
    return _mean_squares(scores, strength)


def _mean_squares(layers, strength):
    value = strength * sum(float(np.vdot(x, x)) / x.size for x in layers)
    return value, [(2.0 * strength / x.size) * x for x in layers]


class Regulariser(NamedTuple):
    """A term of the loss: the knob that scales it, what it is a function of (scores, counts or
    weights), further knobs that its function takes, and whether it spares what dropout silenced."""

    name: str
    knob: str
    of: str
    function: Callable
    more: tuple[str, ...] = ()
    spares_silent: bool = False


REGULARISERS = (
    Regulariser("burst penalty", "rho_burst", "counts", burst),
    Regulariser("silence penalty", "rho_silent", "counts", silence, ("least_spikes",), True),
    Regulariser("weight penalty", "rho_weight", "weights", weight_decay),
    Regulariser("readout penalty", "rho_readout", "scores", readout),
)
CLASSIFICATION = "cross-entropy"
TERM_KNOBS = {CLASSIFICATION: "logit_gain", **{term.name: term.knob for term in REGULARISERS}}
"""Terms of the loss, and the knob that scales each."""
