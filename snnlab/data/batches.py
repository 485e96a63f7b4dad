"""Batches of spikes, taken from those of all inputs in every step of a training."""

import numpy as np

from snnlab.chip.compiled import compiled
from snnlab.chip.threads import guarded
from snnlab.events import Events


def take(events: Events, inputs: np.ndarray) -> Events:
    """As :meth:`Events.take`, compiled: events of all inputs; inputs int64[input], indices."""
    offsets, tick, channel = gather(events.offsets, events.tick, events.channel, inputs)
    return Events(offsets, tick, channel, events.n_channels, events.ids[inputs])


@guarded
@compiled(nogil=True)
def gather(offsets, tick, channel, inputs):
    """Spikes of the given inputs end to end: offsets int64[input + 1], tick and channel
    uint16[spike]; arguments as in :class:`Events`, inputs int64[input]."""
    n = inputs.shape[0]
    out_offsets = np.zeros(n + 1, np.int64)
    for k in range(n):
        out_offsets[k + 1] = out_offsets[k] + offsets[inputs[k] + 1] - offsets[inputs[k]]
    out_tick, out_channel = np.empty(out_offsets[n], np.uint16), np.empty(out_offsets[n], np.uint16)
    for k in range(n):
        first, out = offsets[inputs[k]], out_offsets[k]
        for e in range(out_offsets[k + 1] - out):
            out_tick[out + e] = tick[first + e]
            out_channel[out + e] = channel[first + e]
    return out_offsets, out_tick, out_channel
