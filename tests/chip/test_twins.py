"""The kernels agree with their slow twins."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import reference
from builders import (
    random_spikes,
    random_weights,
    same_recording,
)

from snnlab.chip import emulator, synapses
from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.kernels.arrays import LANES, Neurons
from snnlab.chip.kernels.layer import make_work
from snnlab.chip.kernels.membranes import go_ahead, look_ahead, propagate
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2, ChipSpec
from snnlab.errors import SnnlabError


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize(
    ("substeps", "bits", "limit"), [(1, 8, 32), (4, 8, 32), (4, 5, 32), (4, 8, 2)]
)
def test_the_kernel_agrees_with_its_twin(layer, substeps, bits, limit):
    rng = np.random.default_rng(6)
    sizes = (40, 24, 6)
    point = OperatingPoint(substeps=substeps)
    spec = ChipSpec(cadc_bits=bits, synaptic_limit=limit)
    chip = Chip(Mapping(sizes), Die.draw(sigma=0.3, seed=3), point, spec=spec)
    weights = random_weights(rng, sizes, mean=12)
    ids = rng.integers(0, 2**63, 25).astype(np.uint64)
    recording = chip.run(replace(random_spikes(rng, 25, 40), ids=ids), weights, trial=2**63 + 5)
    source = (recording.inputs, *recording.spikes)[layer]
    n = sizes[layer + 1]
    expected, _, cadc = reference.run_layer(
        source, chip._synapses[layer].written(weights[layer]), chip._neurons[layer], chip._clock,
        chip._readouts[layer], chip._noise(layer, 2**63 + 5), n,
    )  # fmt: skip

    off = np.abs(recording.cadc[layer].astype(int) - cadc)
    assert (off == 0).mean() >= 0.99
    assert (off <= chip.spec.cadc_step).mean() >= 0.999
    if layer == 0:
        fired = recording.spikes[0].checked()
        got = [
            [fired.tick[(fired.owner == b) & (fired.channel == j)].tolist() for j in range(n)]
            for b in range(25)
        ]
        assert [[len(x) for x in row] for row in got] == [[len(x) for x in row] for row in expected]
        ticks, twins = (np.array(list(chain(*chain(*rows)))) for rows in (got, expected))
        assert len(ticks) > 500
        assert np.abs(ticks - twins).max() <= 1


@pytest.mark.parametrize("substeps", [1, 4])
@pytest.mark.parametrize("stuck", [0.0, 0.05], ids=["", "stuck synapses"])
@pytest.mark.parametrize(("limit", "mean"), [(32, 6), (6, 20)], ids=["", "saturated"])
def test_a_recurrent_layer_agrees_with_its_twin(substeps, stuck, limit, mean):
    rng, sizes = np.random.default_rng(6), (30, 20, 4)
    die = Die.draw(sigma=0.3, seed=3).with_random_faults(stuck=stuck)
    point, spec = OperatingPoint(substeps=substeps), replace(BRAINSCALES2, synaptic_limit=limit)
    chip = Chip(Mapping(sizes, recurrent=(0,)), die, point, spec=spec)
    weights = random_weights(rng, sizes, mean=mean, recurrent=(0,))
    ids = rng.integers(0, 2**63, 12).astype(np.uint64)
    recording = chip.run(replace(random_spikes(rng, 12, 30), ids=ids), weights, trial=2**63 + 5)
    expected, cadc = reference.run_recurrent_layer(
        recording.inputs, chip._synapses[0].written(weights[0]), chip._neurons[0], chip._clock,
        chip._readouts[0], chip._noise(0, 2**63 + 5), 20, chip._loop(0),
    )  # fmt: skip
    fired = recording.spikes[0].checked()
    got = [
        [fired.tick[(fired.owner == b) & (fired.channel == j)].tolist() for j in range(20)]
        for b in range(12)
    ]
    assert [[len(x) for x in row] for row in got] == [[len(x) for x in row] for row in expected]
    ticks, twins = (np.array(list(chain(*chain(*rows)))) for rows in (got, expected))
    assert len(ticks) > 300
    assert np.abs(ticks - twins).max() <= 1
    assert (recording.cadc[0] == cadc).mean() >= 0.99


def test_without_recurrent_weights_a_recurrent_layer_is_a_plain_one_to_the_bit():
    """The specialised kernel does the same, also where stretches are quiet for either."""
    rng, sizes = np.random.default_rng(8), (30, 24, 4)
    events, weights = random_spikes(rng, 30, 30), random_weights(rng, sizes, mean=12)
    silent = [np.concatenate([weights[0], np.zeros((24, 24), np.int8)]), weights[1]]
    plain = Chip(Mapping(sizes), Die.draw(sigma=0.3)).run(events, weights, trial=4)
    chip = Chip(Mapping(sizes, recurrent=(0,)), Die.draw(sigma=0.3))
    again = chip.run(events, silent, trial=4)
    assert len(plain.spikes[0].tick) > 500
    layers = [replace(run, cadc=run.cadc[:1]) for run in (plain, again)]
    assert same_recording(*layers)  # labels have other synapses: those that return to the layer


def test_compacting_agrees_with_its_twin():
    rng = np.random.default_rng(7)
    counts = np.array([3, 0, 5, 1])
    tick, channel = rng.integers(0, 4000, (2, 4, 6)).astype(np.uint16)
    for got, twin in zip(
        emulator.compact(counts, tick, channel),
        reference.compact(counts, tick, channel),
        strict=True,
    ):
        np.testing.assert_array_equal(got, twin)


def test_writing_agrees_with_its_twin():
    rng = np.random.default_rng(15)
    weight = rng.integers(-63, 64, (9, 5)).astype(np.int8)
    gains = rng.random((2, 9, 16)).astype(np.float32) * [[[1]], [[-1]]]
    got = synapses.write_synapses(weight, gains.astype(np.float32))
    twin = [
        [abs(int(w)) * gains[int(w < 0), k, j] for j, w in enumerate(row)]
        for k, row in enumerate(weight)
    ]
    np.testing.assert_allclose(got[:, :5], twin, rtol=1e-6)
    assert (got[:, 5:] == 0).all()


def test_events_are_valid_where_their_own_check_says_so():
    """Batches with empty inputs, most of them damaged in one place."""
    rng, seen = np.random.default_rng(8), {True: 0, False: 0}
    for _ in range(2000):
        events = random_spikes(rng, rng.integers(1, 5), 3, rate=0.3, last=6)
        arrays = {name: getattr(events, name).copy() for name in ("offsets", "tick", "channel")}
        damaged = arrays[rng.choice(list(arrays))]
        if damaged.size:
            damaged[rng.integers(damaged.size)] = rng.integers(0, 7)
        events = replace(events, **arrays, ids=events.ids[: rng.choice([None, 1], p=[0.9, 0.1])])
        try:
            valid = bool(events.checked())
        except SnnlabError:
            valid = False
        of_kernel = emulator.are_valid(
            events.offsets, events.tick, events.channel, events.ids, events.n_channels
        )
        assert of_kernel == valid, events
        seen[valid] += 1
    assert min(seen.values()) > 200


@pytest.mark.parametrize("highest", [0.3, 1.2], ids=["below", "across the threshold"])
def test_quiet_stretches_are_four_steps_to_the_bit(highest):
    rng, n = np.random.default_rng(3), 4 * LANES

    def draw(low, high):
        return rng.uniform(low, high, n).astype(np.float32)

    neurons = Neurons(
        draw(0.9, 1.0), draw(0.9, 1.0), draw(0.9, 1.0), draw(0.1, 0.2), draw(0.1, 0.2), draw(1, 1),
        draw(0, 0), draw(0, 0), draw(-1, -0.5), draw(1.5, 2), draw(3, 5),
    )  # fmt: skip
    work = make_work(n, 1, 0)
    work.u[:], work.exc[:], work.inh[:] = draw(-1, highest), draw(0, 0.3), draw(-0.9, 0)
    u, exc, inh = work.u.copy(), work.exc.copy(), work.inh.copy()
    crosses = look_ahead(work.u, work.exc, work.inh, neurons, neurons.threshold, work.ahead)
    crossed = False
    for _ in range(4):
        propagate(u, exc, inh, neurons)
        crossed |= bool((u >= neurons.threshold).any())
    assert crosses == crossed == (highest > 1)
    work.held[0], u[5] = 5, 0.0
    go_ahead(work, neurons, neurons.reset, np.uint64(1))
    for ours, stepwise in ((work.u, u), (work.exc, exc), (work.inh, inh)):
        np.testing.assert_array_equal(ours, stepwise)
