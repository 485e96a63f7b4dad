"""Why a training stalls, read off its newest batch: dead, saturated, or beyond the gradient."""

from typing import NamedTuple

import numpy as np

from snnlab.chip.recording import Recording
from snnlab.chip.spec import BRAINSCALES2
from snnlab.learn.reach import membrane_histogram, reached, slope_spread
from snnlab.learn.trainer import Trainer

SETTLED = 30
"""Steps before which a network may be silent: it has hardly begun."""
SILENT = 0.5
"""Spikes per image below which a layer counts as silent."""
FEW, FLAT = 0.05, 0.1
CLIPPED, BUSY = 0.3, 0.5
"""Shares of hidden weights at the end of their range, and of neurons at the end of theirs, from
which on a network counts as saturated: conventions. Trainings that learn have less than 1 %."""
AT_LIMIT, LEAST = 3, 4
"""A neuron counts as firing at its limit with a spike in every third refractory period of the image
or more, for input comes in its first half; and with so many spikes at least."""

AT_REST, SEEN = 0.1, 2
"""A label counts as lost whose readout stays, in a batch with so many of its images at least, below
this share of what the others reach (median over labels of the highest)."""


class Signs(NamedTuple):
    """What tells a sound training from one that stalls.

    rate : learning rate; beta : steepness; reached : share of neurons that receive gradient;
    spread : of :func:`~snnlab.learn.reach.slope_spread`; spikes : per image, of each hidden layer;
    clipped : share of hidden weights at ±63 LSB; busy : share of hidden neurons that fire at their
    limit, mean over images; lost : names of labels that stay at rest whatever the image.
    """

    rate: float
    beta: float
    reached: float
    spread: float
    spikes: tuple[float, ...]
    clipped: float
    busy: float
    lost: tuple[str, ...]


def signs(trainer: Trainer, recording: Recording) -> Signs:
    """The signs of a training in one of its batches."""
    c = trainer.settings
    counts = [layer.count_by_channel() for layer in recording.spikes]
    edges, share = membrane_histogram(recording)
    weights = np.concatenate([w.ravel() for w in trainer.weights_lsb()[:-1]])
    limit = max(trainer.point.most_spikes / AT_LIMIT, LEAST)
    return Signs(
        rate=c.learning_rate,
        beta=c.beta,
        reached=float(reached(recording, trainer.surrogate).mean()),
        spread=slope_spread(edges, share, c.beta),
        spikes=tuple(float(n.sum(axis=1).mean()) for n in counts),
        clipped=float((np.abs(weights) == recording.spec.weight_max_lsb).mean()),
        busy=float(np.mean([(n >= limit).mean() for n in counts])),
        lost=_lost(trainer, recording),
    )


def _lost(trainer, recording):
    """Labels at rest: the highest of such a trace is its beginning, on which no weight acts."""
    data, highest = trainer.dataset, trainer.scores(recording).max(axis=0)
    seen = np.bincount(
        data.train_labels[recording.inputs.ids.astype(np.int64)], minlength=len(data.classes)
    )
    lost = (seen >= SEEN) & (highest < AT_REST * np.median(highest))
    return tuple(data.classes[k] for k in np.flatnonzero(lost))


def trouble(s: Signs) -> str | None:
    """Why learning stalls or is about to, in a line for people, or None if nothing is amiss."""
    if s.rate == 0.0:
        return "Learning stalls: the learning rate is zero, so no weight moves. Raise it."
    if min(s.spikes) < SILENT:
        return (
            f"Learning stalls: {_silent(s.spikes)} silent, so nothing reaches the labels. Lower the"
            " burst regularisation or raise the silence regularisation, and begin anew."
        )
    if s.clipped > CLIPPED:
        return (
            f"Learning stalls: {s.clipped:.0%} of the hidden weights are cut at"
            f" ±{BRAINSCALES2.weight_max_lsb}, the largest weight of a synapse. Lower the learning"
            " rate or raise the weight regularisation, and begin anew."
        )
    if s.busy > BUSY:
        return (
            f"Learning stalls: {s.busy:.0%} of the hidden neurons fire as often as their refractory"
            " period lets them, whatever the image. Raise the burst regularisation, or lower the"
            " learning rate and begin anew."
        )
    if s.lost:
        names = " and ".join(f"“{name}”" for name in s.lost)
        return (
            f"Learning stalls for {names}: the label's potential stays at rest whatever the image,"
            " so hardly any gradient reaches it. Lower the learning rate or change the seed, and"
            " begin anew, if it has not woken after an epoch."
        )
    if s.reached < FEW:
        return (
            f"Learning stalls: at β = {s.beta:g} the surrogate is so narrow that only"
            f" {s.reached:.1%} of the neurons receive gradient. Lower the steepness."
        )
    if s.spread < FLAT:
        return (
            f"At β = {s.beta:g} the surrogate is so flat that every neuron gets nearly the same"
            " gradient, near its threshold or not. Raise the steepness."
        )
    return None


def diagnosis(trainer: Trainer, recording: Recording) -> str | None:
    """What is amiss with a training, or None; none before it has settled."""
    return trouble(signs(trainer, recording)) if trainer.step >= SETTLED else None


def _silent(spikes):
    if len(spikes) == 1:
        return "the hidden neurons are"
    return f"hidden layer {1 + int(np.argmin(spikes))} of {len(spikes)} is"
