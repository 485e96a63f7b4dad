"""What many tests need: spikes, weights, and a converter fine enough to see a membrane."""

from dataclasses import replace

import numpy as np

from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip, run_layer
from snnlab.chip.kernels.arrays import Readout
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2
from snnlab.events import Events
from snnlab.model.topology import find_shapes

N_CIRCUITS = BRAINSCALES2.n_circuits

WINDOW = 4250
RUNGS, SPAN = 256, 250
SILENT = {"cadc_noise": 0.0, "threshold_drift": 0.0, "spike_jitter": 0.0}


def spikes(samples, n_channels, ids=None):
    """Events from a list of (tick, channel) pairs for each sample."""
    offsets = np.cumsum([0, *map(len, samples)])
    flat = np.array([pair for sample in samples for pair in sorted(sample)]).reshape(-1, 2)
    ids = np.arange(len(samples)) if ids is None else ids
    tick, channel = flat.astype(np.uint16).T
    return Events(offsets, tick, channel, n_channels, np.asarray(ids, np.uint64))


def random_spikes(rng, n_samples, n_channels, rate=0.5, first=0, last=WINDOW):
    """Each channel fires with probability ``rate``, once, somewhere in the window."""
    ticks = rng.integers(first, last, (n_samples, n_channels))
    silent = rng.random(ticks.shape) > rate
    return Events.from_ticks(np.where(silent, WINDOW, ticks), WINDOW)


def random_weights(rng, sizes, spread=25.0, mean=0.0, recurrent=()):
    """Integer weights for each layer : int8[source, neuron]."""
    return [
        np.clip(np.rint(rng.normal(mean, spread, shape)), -63, 63).astype(np.int8)
        for shape in find_shapes(sizes, recurrent)
    ]


def clones(die, circuit):
    """The die on which every circuit is the same: this one."""
    return replace(
        die,
        **{
            name: np.repeat(array[..., [circuit]], N_CIRCUITS, axis=-1)
            for name, array in die.arrays().items()
        },
    )


def membrane(
    events, weight_lsb, point, *, label=True, lowest=-1.0, highest=1.0, die=None, spec=BRAINSCALES2
):
    """Membrane of one neuron in nominal thresholds above its leak : float64[sample, CADC sample].

    The neuron is ideal, or any of a die of clones. Many copies of it are run, with rest levels that
    continue one another like the rungs of a ladder: the sum of their 8-bit samples is one converter
    with 64 000 levels.
    """
    sizes = (events.n_channels, RUNGS) if label else (events.n_channels, RUNGS, 1)
    chip = Chip(Mapping(sizes), die or Die.ideal(), point, spec=spec)
    gain = RUNGS * SPAN / (highest - lowest)
    rest = -lowest * gain - SPAN * np.arange(RUNGS)
    ladder = Readout(
        rest.astype(np.float32), np.full(RUNGS, gain, np.float32), np.zeros(RUNGS, np.float32),
        0.0, 0, SPAN, 0,
    )  # fmt: skip
    weights = np.repeat(np.array(weight_lsb, np.int8)[:, None], RUNGS, axis=1)
    cadc = run_layer(
        events.offsets, events.tick, events.channel, events.ids,
        chip._synapses[0].written(weights), chip._neurons[0], chip._clock, ladder,
        chip._noise(0, 0), RUNGS, 0 if label else RUNGS * point.most_spikes, point.samples, 1, None,
    )[3]  # fmt: skip
    return cadc.sum(axis=2, dtype=np.int64) / gain + lowest


def quiet(**changes):
    """An operating point without trial noise."""
    return OperatingPoint(**{**SILENT, **changes})


def same_recording(a, b):
    """Whether two recordings are equal to the last bit."""
    return all(np.array_equal(x, y) for x, y in zip(a.cadc, b.cadc, strict=True)) and all(
        np.array_equal(getattr(x, part), getattr(y, part))
        for x, y in zip(a.spikes, b.spikes, strict=True)
        for part in ("offsets", "tick", "channel", "ids")
    )
