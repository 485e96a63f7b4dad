"""Why a training stalls or worsens: silent, saturated, or without gradient."""

from collections.abc import Sequence
from itertools import pairwise
from math import isnan, nan, sqrt
from typing import NamedTuple

import numpy as np

from snnlab.chip.recording import Recording
from snnlab.chip.saturation import Saturated, measure_saturation
from snnlab.chip.spec import BRAINSCALES2
from snnlab.learn.reach import membrane_histogram, reached, slope_spread
from snnlab.learn.trainer import Trainer
from snnlab.model.gradients import EVENTPROP

SETTLING_STEPS = 30
"""Steps before which nothing is diagnosed: an untrained network may be silent."""
MIN_SPIKES = 0.5
"""Spikes per image below which a layer counts as silent."""
MIN_REACHED, MIN_SPREAD = 0.05, 0.1
"""Share of neurons that receive gradient, and spread of the derivative, below which the surrogate
counts as too narrow or too flat."""
MAX_CLIPPED, MAX_BUSY = 0.3, 0.5
"""Shares of hidden weights at the end of their range, and of neurons that fire at their limit,
above which a network counts as saturated: conventions. Trainings that learn have less than 1 %."""
MAX_CURRENTS, MAX_SAMPLES = 0.05, 0.5
"""Shares of saturated neurons and of hidden CADC samples at an end of the converter's range above
which that is a trouble: conventions. A neuron whose currents saturate no longer tells one input
from another; samples at the lower end often only mean that a neuron is well inhibited."""
FALLING_EPOCHS, FALLING_ERRORS = 2, 3.0
"""Epochs in a row in which training accuracy falls that are named, if it fell by this number of
standard errors."""
PERIODS_PER_SPIKE, MIN_LIMIT_SPIKES = 3, 4
"""A neuron counts as firing at its limit with a spike in every third refractory period of the image
or more, as input comes in its first half; and with at least this number of spikes."""
LOST_SHARE, MIN_LABEL_IMAGES = 0.1, 2
"""A label counts as lost if its score stays below this share of what the others reach (median over
labels of the highest) in a batch with at least this number of its images."""


class Signs(NamedTuple):
    """Quantities that distinguish a training that learns from one that stalls.

    rate : learning rate; beta : steepness; reached : share of neurons that receive gradient;
    spread : of :func:`~snnlab.learn.reach.slope_spread`, both NaN without a surrogate; spikes : per
    image, of each hidden layer; clipped : share of hidden weights at ±63 LSB; busy : share of
    hidden neurons that fire at their limit, mean over images; lost : names of labels that stay at
    rest whatever the image; saturated : what is at its limit; falling : training accuracy of the
    last epochs if it falls, else ().
    """

    rate: float
    beta: float
    reached: float
    spread: float
    spikes: tuple[float, ...]
    clipped: float
    busy: float
    lost: tuple[str, ...]
    saturated: Saturated = Saturated(0.0, 0.0)
    falling: tuple[float, ...] = ()


def measure_signs(trainer: Trainer, recording: Recording) -> Signs:
    """The signs of a training in the batch of ``recording``."""
    c, exact = trainer.settings, trainer.settings.gradient == EVENTPROP
    counts = [layer.count_by_channel() for layer in recording.spikes]
    edges, share = membrane_histogram(recording)
    by_layer = trainer.weights_lsb()
    weights = np.concatenate([w.ravel() for w in by_layer[:-1]])
    limit = max(trainer.point.most_spikes / PERIODS_PER_SPIKE, MIN_LIMIT_SPIKES)
    return Signs(
        rate=c.learning_rate,
        beta=c.beta,
        reached=nan if exact else float(reached(recording, trainer.surrogate).mean()),
        spread=nan if exact else slope_spread(edges, share, trainer.surrogate),
        spikes=tuple(float(n.sum(axis=1).mean()) for n in counts),
        clipped=float((np.abs(weights) == recording.spec.weight_max_lsb).mean()),
        busy=float(np.mean([(n >= limit).mean() for n in counts])),
        lost=_lost(trainer, recording),
        saturated=measure_saturation(recording, by_layer, trainer.point.tau_syn),
        falling=find_falling(trainer.epoch_accuracy, len(trainer.source.labels("train"))),
    )


def find_falling(accuracy: Sequence[float], images: int) -> tuple[float, ...]:
    """Training accuracies of the last epochs, if they fall by more than chance, else ().

    accuracy : 0…1 of each epoch; images : that each is measured on.
    """
    last = tuple(accuracy[-FALLING_EPOCHS - 1 :])
    if len(last) <= FALLING_EPOCHS or any(a <= b for a, b in pairwise(last)):
        return ()
    mean = (last[0] + last[-1]) / 2.0  # of both: an accuracy of 1 alone would have no error
    error = sqrt(2.0 * mean * (1.0 - mean) / images)
    return last if last[0] - last[-1] > FALLING_ERRORS * error else ()


def find_lost(trainer: Trainer) -> np.ndarray:
    """Labels whose score stays near rest for every test input : int64[lost].

    Such a label is never the decision; one that is lost in the first steps may stay lost.
    """
    highest = np.max([trainer.scores(run).max(axis=0) for _, run in trainer.recordings()], axis=0)
    return np.flatnonzero(highest < LOST_SHARE * np.median(highest))


def _lost(trainer, recording):
    """Names of labels at rest: their traces are highest at the first sample, without gradient."""
    data, highest = trainer.dataset, trainer.scores(recording).max(axis=0)
    seen = np.bincount(
        data.train_labels[recording.inputs.ids.astype(np.int64)], minlength=len(data.classes)
    )
    lost = (seen >= MIN_LABEL_IMAGES) & (highest < LOST_SHARE * np.median(highest))
    return tuple(data.classes[k] for k in np.flatnonzero(lost))


def describe_trouble(s: Signs) -> str | None:
    """Why learning stalls or is about to, as one line of text; None if no problem is found."""
    if s.rate == 0.0:
        return "Learning stalls: the learning rate is zero, so no weight moves. Raise it."
    if min(s.spikes) < MIN_SPIKES:
        cure = (
            ", and EventProp changes only neurons that fire. Raise the silence regularisation"
            if isnan(s.reached)
            else ". Lower the burst regularisation or the steepness of the surrogate, or raise the"
            " silence regularisation"
        )
        return (
            f"Learning stalls: {_silent(s.spikes)} silent, so nothing reaches the labels{cure}, and"
            " start a new training."
        )
    if s.clipped > MAX_CLIPPED:
        return (
            f"Learning stalls: {s.clipped:.0%} of the hidden weights are cut at"
            f" ±{BRAINSCALES2.weight_max_lsb}, the largest weight of a synapse. Lower the learning"
            " rate or raise the weight regularisation, and start a new training."
        )
    if s.busy > MAX_BUSY:
        return (
            f"Learning stalls: {s.busy:.0%} of the hidden neurons fire as often as their refractory"
            " period allows, whatever the image. Raise the burst regularisation, or lower the"
            " learning rate and start a new training."
        )
    if s.lost:
        names = " and ".join(f"“{name}”" for name in s.lost)
        return (
            f"Learning stalls for {names}: the label's potential stays at rest whatever the image,"
            " so it receives hardly any gradient. Lower the learning rate or change the seed, and"
            " start a new training, if it is still at rest after an epoch."
        )
    if s.falling:
        return (
            f"Training accuracy has fallen for {FALLING_EPOCHS} epochs, from {s.falling[0]:.1%} to"
            f" {s.falling[-1]:.1%}; {s.saturated.describe()}. Lower the learning rate or raise the"
            " weight regularisation."
        )
    if s.saturated.neurons > MAX_CURRENTS:
        return (
            f"The synaptic inputs of {s.saturated.neurons:.0%} of the neurons saturate: currents"
            " beyond their limit no longer differ from image to image. Lower the learning rate or"
            " raise the weight regularisation, and start a new training."
        )
    if s.saturated.samples > MAX_SAMPLES:
        return (
            f"{s.saturated.samples:.0%} of the hidden CADC samples lie at an end of the converter's"
            " range, where the surrogate sees the same potential whatever the weights. Lower the"
            " learning rate or raise the weight regularisation."
        )
    if s.reached < MIN_REACHED:
        return (
            f"Learning stalls: at β = {s.beta:g} the surrogate is so narrow that only"
            f" {s.reached:.1%} of the neurons receive gradient. Lower the steepness."
        )
    if s.spread < MIN_SPREAD:
        return (
            f"At β = {s.beta:g} the surrogate is so flat that every neuron gets nearly the same"
            " gradient, near its threshold or not. Raise the steepness."
        )
    return None


def diagnose(trainer: Trainer, recording: Recording) -> str | None:
    """Why a training stalls, or None; always None in its first ``SETTLING_STEPS`` steps."""
    if trainer.step < SETTLING_STEPS:
        return None
    return describe_trouble(measure_signs(trainer, recording))


def assess(trainer: Trainer, trouble: str | None) -> str:
    """The verdict on a training in one sentence; ``trouble`` is what :func:`diagnose` found.

    Never "Healthy." where hardly any neuron receives gradient, as that is a trouble.
    """
    if trouble:
        return trouble
    if trainer.step < SETTLING_STEPS:
        return f"Too early to judge: a network is assessed from step {SETTLING_STEPS} on."
    return "Healthy."


def _silent(spikes):
    if len(spikes) == 1:
        return "the hidden neurons are"
    return f"hidden layer {1 + int(np.argmin(spikes))} of {len(spikes)} is"
