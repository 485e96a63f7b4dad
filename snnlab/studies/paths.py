"""Connections that carried spikes of one input, and spikes that another chip does not send."""

import numpy as np

from snnlab.chip.recording import Recording
from snnlab.events import TICK, Events

LINKS_PER_NEURON = 3
"""Connections to a neuron that :func:`strongest_links` names."""
COUNTERPART_SECONDS = 0.5e-6
"""Largest distance of two spikes of one neuron on two chips that count as the same spike."""


def strongest_links(recording: Recording, weights_lsb: list[np.ndarray]) -> tuple:
    """The strongest connections that carried a spike of the first input, by layer.

    weights_lsb : int8[source, target] by layer; sources beyond those of the layer before are the
    layer's own neurons, if it is recurrent. Of every neuron that fired, and every output neuron,
    the LINKS_PER_NEURON largest weights, by amount, from sources that fired.
    Returns int16[link, 3] for each layer: source, target, weight in LSB, zero weights left out.
    """
    layers = recording.inputs, *recording.spikes
    fired = [_who(layer) for layer in layers]
    targets = [*fired[1:], np.arange(recording.cadc[-1].shape[2])]
    links = []
    for weights, layer, sources, target in zip(weights_lsb, layers, fired, targets, strict=True):
        if len(weights) > layer.n_channels:
            sources = np.concatenate([sources, layer.n_channels + target])
        links.append(_strongest(weights, sources, target))
    return tuple(links)


def _who(events):
    """Channels that send a spike for the first input."""
    return np.unique(events.channel[: events.offsets[1]]).astype(np.int64)


def _strongest(weights, sources, targets):
    used = weights[np.ix_(sources, targets)].astype(np.int16)
    order = np.argsort(-np.abs(used), axis=0, kind="stable")[:LINKS_PER_NEURON]
    columns = np.broadcast_to(np.arange(len(targets)), order.shape)
    weight = used[order, columns]
    links = np.stack([sources[order], targets[columns], weight], axis=-1).reshape(-1, 3)
    return links[links[:, 2] != 0].astype(np.int16)


def lacks_counterpart(
    one: Events, other: Events, seconds: float = COUNTERPART_SECONDS
) -> np.ndarray:
    """Which spikes of one chip the other does not send : bool[spike].

    one, other : the same layer for the same single input. A counterpart is a spike of the same
    neuron at most ``seconds`` earlier or later.
    """
    within = min(round(seconds / TICK), 2**16 - 1)
    place, there = _on_a_line(one), np.sort(_on_a_line(other))
    return np.searchsorted(there, place - within) == np.searchsorted(there, place + within, "right")


def _on_a_line(events):
    """Spikes as numbers, those of different neurons farther apart than any two times."""
    return events.channel.astype(np.int64) * 2**17 + events.tick


def count_differing(one: Recording, other: Recording) -> tuple[int, int, int]:
    """Hidden spikes of one input on two chips: on either, only on ``one``, only on ``other``.

    A spike that both send counts once.
    """
    layers = list(zip(one.spikes, other.spikes, strict=True))
    here = [lacks_counterpart(a, b) for a, b in layers]
    there = [lacks_counterpart(b, a) for a, b in layers]
    shared = sum(int((~lacks).sum()) for lacks in here)
    only = [sum(int(lacks.sum()) for lacks in side) for side in (here, there)]
    return shared + sum(only), *only
