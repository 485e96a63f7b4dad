"""Recurrent layers on the chip: when a spike returns, where it enters, what depends on nothing."""

from dataclasses import replace

import numba
import numpy as np
import pytest
from builders import quiet, random_spikes, random_weights, same_recording, spikes

from snnlab.chip import constants as c
from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.power.activity import everything
from snnlab.chip.spec import BRAINSCALES2
from snnlab.chip.synapses import CURRENT_PER_LSB
from snnlab.errors import SnnlabError
from snnlab.events import LAST_TICK, TICK
from snnlab.learn.gradient.model import CURRENT, IdealModel

SIZES = (40, 24, 6)


@pytest.fixture(scope="module")
def noisy():
    """A recurrent network on a mismatched, noisy die, and a batch for it."""
    rng = np.random.default_rng(5)
    chip = Chip(Mapping(SIZES, recurrent=(0,)), Die.draw(sigma=0.3, seed=3))
    return chip, random_spikes(rng, 30, 40), random_weights(rng, SIZES, mean=5, recurrent=(0,))


# When a spike returns


@pytest.mark.parametrize("substeps", [1, 2, 4, 16])
@pytest.mark.parametrize("tick", [1000, 1013, 1026, 1039, 1052])
def test_a_spike_acts_on_another_neuron_after_the_latency(substeps, tick):
    """Closed form: the second neuron shows the PSP that begins a latency after the spike's stamp,
    whatever the step of the emulation."""
    weight = np.zeros((3, 2), np.int8)
    weight[0, 0] = weight[1, 1] = 0
    sender, receiver = 0, 1
    weight[0, sender], weight[1 + sender, receiver] = 63, 40
    events = spikes([[(tick, 0)] * 6], 1)  # six at once, so that it fires soon
    chip = Chip(
        Mapping((1, 2, 1), recurrent=(0,)), Die.ideal(), quiet(substeps=substeps, samples=20)
    )
    run = chip.run(events, [weight, np.zeros((2, 1), np.int8)])
    fired = run.spikes[0]
    assert set(fired.channel.tolist()) == {sender}
    time = np.arange(20) * c.DT_CADC
    psp = sum(
        IdealModel(c.TAU_MEM, c.TAU_SYN).psp(time - (t + 0.5) * TICK - c.LOOP_LATENCY)
        for t in fired.tick
    )
    expected = 40 * CURRENT_PER_LSB / CURRENT * psp
    got = (run.cadc[0][0, :, receiver] - 80.0) / c.GAP_LSB
    # Samples within a step of a return may still show the straight line through it.
    settled = np.all([np.abs(time - t * TICK) > 2 * chip.point.dt for t in fired.tick], axis=0)
    assert expected.max() > 0.2
    assert settled.sum() >= 14
    # Half an LSB is rounding.
    assert np.abs(got - expected)[settled].max() < (0.6 if substeps >= 4 else 1.3) / c.GAP_LSB


def test_a_neuron_receives_its_own_spikes():
    weight = np.zeros((2, 1), np.int8)
    weight[0, 0] = 63
    events = spikes([[(100, 0)] * 4], 1)
    counts = []
    for back in (-63, 0, 63):
        weight[1, 0] = back
        chip = Chip(Mapping((1, 1, 1), recurrent=(0,)), Die.ideal(), quiet(tau_ref=1e-6))
        counts.append(len(chip.run(events, [weight, np.zeros((1, 1), np.int8)]).spikes[0].tick))
    assert counts[0] < counts[1] < counts[2]


def test_the_sources_of_a_layer_are_what_came_and_what_returned(noisy):
    chip, events, weights = noisy
    run = chip.run(events, weights)
    sources, own = run.sources(0).checked(), run.spikes[0]
    assert sources.n_channels == 64
    assert len(own.tick) > 300
    assert len(sources.tick) == len(events.tick) + (own.tick + 12 <= 4250).sum()
    for b in range(3):
        mine = slice(sources.offsets[b], sources.offsets[b + 1])
        tick, channel = sources.tick[mine], sources.channel[mine]
        sent = slice(own.offsets[b], own.offsets[b + 1])
        back = channel >= 40
        arrived = own.tick[sent] + 12 <= 4250
        np.testing.assert_array_equal(channel[back] - 40, own.channel[sent][arrived])
        np.testing.assert_array_equal(tick[back] - 12, own.tick[sent][arrived])
    assert run.sources(1) is run.spikes[0]


@pytest.mark.parametrize(("last", "end"), [(LAST_TICK, 1.0), (4250, 20 * c.DT_CADC)])
def test_what_returns_after_the_end_is_left_out(last, end):
    late = spikes([[(last - 12, 0), (last - 11, 1)], [(5, 0)]], 2)
    moved = late.delayed(12 * TICK, end).checked()
    assert moved.tick.tolist() == [last, 17]
    assert moved.offsets.tolist() == [0, 1, 2]


# What depends on nothing


def test_the_same_bits_for_any_threads_batch_and_order(noisy):
    chip, events, weights = noisy
    whole = chip.run(events, weights, trial=7)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert same_recording(whole, chip.run(events, weights, trial=7))
    finally:
        numba.set_num_threads(threads)
    some = np.array([29, 3, 11])
    assert same_recording(whole.take(some), chip.run(events.take(some), weights, trial=7))


def test_silent_neurons_send_nothing_back(noisy):
    chip, events, weights = noisy
    silent = np.arange(24) < 12
    run = chip.run(events, weights, silent=(silent,))
    cut = weights[0].copy()
    cut[40:][silent] = 0
    assert run.spikes[0].channel.min() >= 12
    assert same_recording(run, chip.run(events, [cut, weights[1]], silent=(silent,)))


def test_room_is_left_for_every_spike_that_returns():
    """All neurons excite one another, with the shortest refractory period and much jitter."""
    point = OperatingPoint(tau_ref=40e-9, spike_jitter=1e-6, samples=60)
    chip = Chip(Mapping((4, 60, 2), recurrent=(0,)), Die.draw(sigma=0.3), point)
    weights = [np.full((64, 60), 63, np.int8), np.zeros((60, 2), np.int8)]
    run = chip.run(spikes([[(0, 0)] * 20], 4), weights)
    assert len(run.spikes[0].checked().tick) > 10_000


def test_returning_spikes_count_as_synaptic_events(noisy):
    chip, events, weights = noisy
    run = chip.run(events, weights)
    inputs, hidden = len(events.tick) / 30, len(run.spikes[0].tick) / 30
    counts = everything(run)
    assert counts.synaptic == pytest.approx(inputs * 24 + hidden * (24 + 6))
    assert counts.spikes == pytest.approx(hidden)


@pytest.mark.parametrize("substeps", [1, 2, 4, 16])
@pytest.mark.parametrize("limit", [8, 32])
@pytest.mark.parametrize("weight", [63, 20, -63])
def test_a_full_current_keeps_its_sign_whatever_the_step(substeps, limit, weight):
    """110 neurons fire at once, more than an input carries: what they excite fires as with a step
    of 27 ns, what they inhibit never does."""
    written = np.zeros((8 + 111, 111), np.int8)
    written[:8, :110], written[8:-1, -1] = 63, weight
    spec = replace(BRAINSCALES2, synaptic_limit=limit)

    def fired(substeps, tick):
        point = quiet(substeps=substeps, samples=16)
        chip = Chip(Mapping((8, 111, 1), recurrent=(0,)), Die.ideal(), point, spec=spec)
        events = spikes([[(tick, k) for k in range(8)]], 8)
        run = chip.run(events, [written, np.zeros((111, 1), np.int8)])
        assert (run.spikes[0].channel < 110).sum() >= 110
        return (run.spikes[0].channel == 110).sum()

    for tick in (200, 213, 227):
        if weight < 0:
            assert fired(substeps, tick) == 0
        else:
            assert abs(fired(substeps, tick) - fired(64, tick)) <= (1 if substeps >= 4 else 3)


# Where it enters


def test_the_papers_speech_network_takes_all_rows():
    """70 inputs and 186 recurrent neurons are 256 sources, two circuits for each neuron."""
    mapping = Mapping((70, 186, 20), recurrent=(0,))
    assert str(mapping) == "70-186R-20"
    assert mapping.shapes == ((256, 186), (186, 20))
    assert mapping.circuits_per_neuron == (2, 2)
    assert mapping.circuits_used == 412
    assert "186     256              2" in str(mapping.report())


def test_a_neuron_sends_one_event_for_its_own_layer_and_the_next():
    mapping = Mapping((70, 100, 60, 20), recurrent=(0, 1))
    for layer in (1, 2):
        before, n = mapping.sizes[layer - 1], mapping.sizes[layer]
        own, onwards = mapping.synapses(layer - 1)[0][before:, 0], mapping.synapses(layer)[0][:n, 0]
        np.testing.assert_array_equal(own, onwards)
        np.testing.assert_array_equal(mapping.labels(layer - 1)[before:], mapping.labels(layer)[:n])


@pytest.mark.parametrize(
    ("sizes", "chips", "said"),
    [
        (
            (70, 187, 10), 1,
            r"70-187R-10 needs 591 neuron circuits, the chip has 512 \(561 for recurrent layer 0,"
            r" which must fit one chip: a neuron with 70 \+ 187 sources joins 3\): use at most 186",
        ),
        ((70, 187, 10), 4, "which must fit one chip: .*: use at most 186 hidden neurons$"),
        (
            (256, 100, 200, 10), 1,
            "needs 520 neuron circuits, the chip has 512: .*, or partition it into 2 parts",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_numbers(sizes, chips, said):
    with pytest.raises(SnnlabError, match=said):
        Mapping(sizes, chips, recurrent=(0,))


def test_a_recurrent_layer_is_not_cut_and_runs_as_on_one_chip():
    """It moves on to the next part as a whole; a plain layer is cut."""
    mapping = Mapping((256, 150, 120, 10), chips=2, recurrent=(1,))
    wholes = [[b.layer for b in part.blocks if b.layer == 1] for part in mapping.parts]
    assert wholes == [[], [1]]
    with pytest.raises(SnnlabError, match="layer 2 cannot be recurrent, hidden layers are"):
        Mapping((9, 8, 5, 3), recurrent=(2,))


def test_weights_of_the_plain_network_are_refused(noisy):
    chip, events, weights = noisy
    with pytest.raises(SnnlabError, match=r"do not fit network 40-24R-6"):
        chip.run(events, [weights[0][:40], weights[1]])
