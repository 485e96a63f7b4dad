"""What the chip refuses: one error, one line, that names object, value, limit and cure."""

from dataclasses import replace

import numpy as np
import pytest
from builders import spikes
from refusal import refused

from snnlab.chip.capmem import Codes
from snnlab.chip.constants import N_CIRCUITS
from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.errors import SnnlabError
from snnlab.events import TICK, Events

EVENTS = spikes([[(3, 0), (9, 2)], [(5, 1)]], 3)
WEIGHTS = np.full((3, 2), 10, np.int8)


def run(events=EVENTS, weight=WEIGHTS, **options):
    return Chip(Mapping((3, 2)), Die.ideal(), **options).run(events, [weight])


def loaded(folder, **arrays):
    """A die file with some other arrays in it."""
    np.savez(folder / "other.npz", **{**Die.ideal().arrays(), "truncated": 0, **arrays})
    return Die.load(folder / "other.npz")


def having(**changes):
    return run(replace(EVENTS, **changes))


def with_one(array, value):
    array = array.copy()
    array[-1] = value
    return array


REFUSED = {
    "a die of another size": (
        lambda folder: loaded(folder, tau_mem=np.ones(256)),
        ("other.npz", "tau_mem", "(256,)", "(512,)", "save the die again"),
    ),
    "a die with NaN": (
        lambda folder: loaded(folder, gain=np.full((2, 512), np.nan)),
        ("other.npz", "gain", "NaN", "save the die again"),
    ),
    "a code too large": (
        lambda _: Codes.nominal().having(tau_mem=1023),
        ("code 1023", "tau_mem of circuit 0", "0 to 1022", "clip"),
    ),
    "a code below zero": (
        lambda _: Codes.nominal().having(leak=with_one(np.zeros(N_CIRCUITS, int), -1)),
        ("code -1", "leak of circuit 511", "0 to 1022", "clip"),
    ),
    "events out of order": (
        lambda _: having(tick=np.array([9, 3, 5], np.uint16)),
        ("Events.tick", "in input 0, 9 is followed by 3", "sort by time"),
    ),
    "negative event times": (
        lambda _: having(tick=np.array([-3, 9, 5])),
        ("Events.tick", "int64 from -3 to 9", "0 to 65535", "give uint16"),
    ),
    "event times that are no numbers": (
        lambda _: having(tick=np.array([np.nan, 9, 5])),
        ("Events.tick", "float64 from nan to nan", "0 to 65535", "give uint16"),
    ),
    "negative times to make events of": (
        lambda _: Events.from_ticks(np.array([[0, 4], [7, -2]]), 60),
        ("channel 1 in input 1", "-2 ticks", "0 to 60", "shift all times"),
    ),
    "NaN to make events of": (
        lambda _: Events.from_ticks(np.array([[0.0, np.nan]]), 60),
        ("channel 1 in input 0", "nan ticks", "0 to 60", "give 60 for no spike"),
    ),
    "a window of more than 16 bits": (
        lambda _: Events.from_ticks(np.array([[0, 1]]), 65536),
        ("window of 65536 ticks", "65535"),
    ),
    "a channel that is not there": (
        lambda _: having(channel=np.array([0, 3, 1], np.uint16)),
        ("Events.channel 3", "3 channels end at 2", "raise n_channels"),
    ),
    "a negative channel": (
        lambda _: having(channel=np.array([0, -1, 1])),
        ("Events.channel", "int64 from -1 to 1", "0 to 65535", "give uint16"),
    ),
    "events for another network": (
        lambda _: run(spikes([[]], 4)),
        ("Events have 4 channels", "network 3-2 takes 3"),
    ),
    "weights that are no numbers": (
        lambda _: run(weight=np.full((3, 2), np.nan, np.float32)),
        ("weights of layer 0", "float32 from nan to nan", "±63", "round and clip"),
    ),
    "weights beyond six bits": (
        lambda _: run(weight=np.full((3, 2), 64, np.int8)),
        ("weights of layer 0", "64", "±63", "round and clip"),
    ),
    "weights for another network": (
        lambda _: run(weight=WEIGHTS.T),
        ("weights of shapes [(2, 3)]", "network 3-2"),
    ),
    "a step that does not divide the CADC period": (
        lambda _: OperatingPoint().with_dt(0.4e-6),
        ("operating point dt = 4e-07 s", "1.7 µs", "over a whole number"),
    ),
    "a step of no length": (
        lambda _: OperatingPoint().with_dt(0.0),
        ("operating point dt = 0 s", "1.7 µs", "over a whole number"),
    ),
    "a step longer than the CADC period": (
        lambda _: OperatingPoint().with_dt(3.4e-6),
        ("operating point dt = 3.4e-06 s", "1.7 µs", "over a whole number"),
    ),
    "a step too short": (
        lambda _: OperatingPoint().with_dt(1.7e-9),
        ("operating point substeps = 1000", "from 1 to 256"),
    ),
    "more samples than time stamps": (
        lambda _: OperatingPoint(samples=309),
        ("operating point samples = 309", "a whole number from 1 to 308"),
    ),
    "half a sample": (
        lambda _: OperatingPoint(samples=7.5),
        ("operating point samples = 7.5", "a whole number from 1 to 308"),
    ),
    "a time constant that is not a number": (
        lambda _: OperatingPoint(tau_mem=np.nan),
        ("operating point tau_mem = nan", "from 1e-07 to 0.001"),
    ),
    "a correction of another size": (
        lambda _: run(correction=np.zeros(256)),
        ("correction of shape (256,)", "each of the 512 CADC channels"),
    ),
    "a correction that is not a number": (
        lambda _: run(correction=with_one(np.zeros(N_CIRCUITS), np.nan)),
        ("CADC channel 511 is nan", "±255 LSB", "measure it again"),
    ),
}


@pytest.mark.parametrize(("attempt", "said"), REFUSED.values(), ids=REFUSED)
def test_refused(attempt, said, tmp_path):
    refused(lambda: attempt(tmp_path), *said)


def test_what_is_just_allowed_is_allowed():
    assert OperatingPoint(samples=308).window <= 65535
    assert OperatingPoint().with_dt(1.7e-6).substeps == 1
    assert OperatingPoint().with_dt(1.7e-6 / 256).substeps == 256
    assert OperatingPoint().with_dt(0.425e-6) == OperatingPoint()
    run(weight=np.array([[63, -63]] * 3, np.int8), correction=np.full(N_CIRCUITS, -255))
    assert len(Events.from_ticks(np.array([[0, 65535]]), 65535).tick) == 1
    having(tick=np.array([65535, 65535, 0], np.uint16))


@pytest.mark.parametrize("substeps", [1, 3, 4, 5, 6, 7, 10, 64])
def test_no_spike_lies_beyond_the_window(substeps):
    """The gradient looks every tick up in a table of the window."""
    for samples in range(1, 309):
        point = OperatingPoint(samples=samples, substeps=substeps)
        assert point.window == samples * 425 // 2  # 1.7 µs are 212.5 ticks of 8 ns
        assert int(samples * substeps / (TICK / point.dt)) <= point.window


def test_the_longest_run_ends_on_time():
    """308 samples: spikes up to the last tick, none beyond what 16 bits tell apart."""
    point = OperatingPoint(samples=308, substeps=1)
    chip = Chip(Mapping((1, 512)), Die.ideal().with_faults(leaky=range(512)), point,
                labels_spike=True)  # fmt: skip
    (fired,) = chip.run(spikes([[]], 1), [np.zeros((1, 512), np.int8)]).spikes
    assert point.window - 300 < fired.checked().tick.max() <= point.window


@pytest.mark.parametrize("silent", [(np.zeros(3, bool),), (np.zeros(2, bool),) * 2])
def test_silent_neurons_of_another_network(silent):
    chip = Chip(Mapping((3, 2, 1)))
    weights = [WEIGHTS, np.full((2, 1), 10, np.int8)]
    with pytest.raises(SnnlabError, match=r"silent neurons of shapes .* do not fit network 3-2-1"):
        chip.run(EVENTS, weights, silent=silent)
