"""Where networks sit: every neuron once, no synapse twice, no label ambiguous, parts that agree."""

import re
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from builders import quiet, random_spikes, random_weights, same_recording
from conftest import real
from hypothesis import given, settings
from hypothesis import strategies as st

from snnlab.chip import constants as c
from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.layout.partition import MAX_PARTS
from snnlab.chip.layout.report import parallel, sequential
from snnlab.chip.power.activity import Counts
from snnlab.chip.power.estimation import PowerEstimate
from snnlab.data.images.encoding import latency_encode
from snnlab.errors import SnnlabError
from snnlab.events import Events

often = settings(deadline=None, derandomize=True, database=None, max_examples=60)
networks = st.tuples(
    st.integers(1, 1200), st.lists(st.integers(1, 400), min_size=1, max_size=4)
).map(lambda sizes: (sizes[0], *sizes[1]))
small_sets = st.sets(st.integers(0, c.N_CIRCUITS - 1), max_size=40)
EXAMPLES = [
    ((256, 246, 10), 1), ((130, 70, 60, 5), 1), ((100, 3), 1), ((784, 73), 1),
    ((784, 256, 10), 4), ((300, 200, 150, 140, 10), 8),
]  # fmt: skip


# One chip


def test_the_papers_network_fills_the_chip_exactly():
    mapping = Mapping((256, 246, 10))
    assert mapping.circuits_per_neuron == (2, 2)
    assert mapping.circuits_used == 512
    assert mapping.n_parts == 1
    used = np.concatenate([block.ravel() for block in mapping.circuits])
    np.testing.assert_array_equal(np.sort(used), np.arange(512))


@pytest.mark.parametrize("fan_in", [1, 128, 129, 256, 784, 8192])
def test_as_many_neurons_fit_as_the_fan_in_leaves_circuits_for(fan_in):
    most = 512 // -(-fan_in // 128)
    assert Mapping((fan_in, most)).n_parts == 1
    with pytest.raises(SnnlabError, match=rf"the chip has 512: use at most {most} neurons"):
        Mapping((fan_in, most + 1))


def test_label_neurons_share_rows_with_the_hidden_layer():
    """The paper's network: labels 0 and 1 for the inputs, 2 and 3 for the hidden neurons."""
    mapping = Mapping((256, 246, 10))
    rows = [set(mapping.synapses(layer)[0].ravel()) for layer in (0, 1)]
    assert rows[0] == rows[1]
    assert mapping.labels(0).tolist() == [0] * 128 + [1] * 128
    assert mapping.labels(1).tolist() == [2] * 128 + [3] * 118


# Synapses and labels


@pytest.mark.parametrize(("sizes", "chips"), EXAMPLES)
def test_no_synapse_is_used_twice_within_a_part(sizes, chips):
    mapping = Mapping(sizes, chips)
    taken = np.zeros((mapping.n_parts, c.INPUTS_PER_CIRCUIT, c.N_CIRCUITS), int)
    for layer, (n_in, n) in enumerate(pairwise(sizes)):
        pair, column = mapping.synapses(layer)
        assert pair.shape == column.shape == (n_in, n)
        owner = mapping.circuits[layer]
        assert all(set(column[:, j]) == set(owner[j]) for j in range(n))
        np.add.at(taken, (part_of(mapping, layer), pair, column), 1)
    assert taken.max() == 1
    assert 2 * taken.sum() == mapping.report().synapses_used


@pytest.mark.parametrize(("sizes", "chips"), [*EXAMPLES, ((1,) * 150, 3)])
def test_a_spike_reaches_the_synapses_of_its_source_only(sizes, chips):
    """Sources of one part on one row differ in label; a column listens to one label."""
    mapping = Mapping(sizes, chips)
    for part in mapping.parts:
        layers = {block.layer for block in part.blocks}
        sources = [
            (k % c.INPUTS_PER_CIRCUIT, label)
            for layer in layers
            for k, label in enumerate(mapping.labels(layer).tolist())
        ]
        assert len(sources) == len(set(sources))
        assert {label for _, label in sources} <= set(range(c.N_ADDRESSES))
    for layer, owner in enumerate(mapping.circuits):
        _, column = mapping.synapses(layer)
        label = mapping.labels(layer)
        assert all(len(set(label[column[:, 0] == circuit])) == 1 for circuit in owner[0])


def part_of(mapping, layer):
    """Part that each neuron of a layer runs in : int64[neuron]."""
    where = np.full(mapping.sizes[layer + 1], -1)
    for k, part in enumerate(mapping.parts):
        for block in part.blocks:
            if block.layer == layer:
                where[block.neurons] = k
    return where


# Any network, any circuits left out


@often
@given(networks, small_sets)
def test_every_neuron_is_placed_once_on_free_neighbours(sizes, excluded):
    widest = -(-max(sizes[:-1]) // 128)
    walls = np.array([-1, *sorted(excluded), 512])
    if np.diff(walls).max() - 1 < widest:
        with pytest.raises(
            SnnlabError, match=f"too few of them side by side for neurons of {widest}:"
        ):
            Mapping(sizes, MAX_PARTS, excluded)
        return
    mapping = Mapping(sizes, MAX_PARTS, excluded)
    for part in mapping.parts:
        used = np.concatenate([block.circuits.ravel() for block in part.blocks])
        assert len(used) == len(set(used)) == part.circuits_used <= 512 - len(excluded)
        assert not excluded & set(used.tolist())
    for layer, (fan_in, n) in enumerate(pairwise(sizes)):
        blocks = [b for part in mapping.parts for b in part.blocks if b.layer == layer]
        assert [j for block in blocks for j in block.neurons] == list(range(n))
        circuits = mapping.circuits[layer]
        assert circuits.shape == (n, -(-fan_in // 128))
        assert (np.diff(circuits, axis=1) == 1).all()
        assert circuits.min() >= 0
        assert circuits.max() < 512


@often
@given(networks)
def test_no_layer_runs_before_its_sources(sizes):
    mapping = Mapping(sizes, MAX_PARTS)
    where = [part_of(mapping, layer) for layer in range(len(sizes) - 1)]
    assert all((before.max() <= after).all() for before, after in pairwise(where))
    assert all((np.diff(parts) >= 0).all() for parts in where)


@often
@given(networks)
def test_the_parts_are_about_as_few_as_can_be(sizes):
    """A full part leaves less than one neuron's circuits free."""
    mapping = Mapping(sizes, MAX_PARTS)
    widest = max(mapping.circuits_per_neuron)
    assert all(part.circuits_used > 512 - widest for part in mapping.parts[:-1])
    report = mapping.report()
    assert report.circuits_used + report.circuits_left == 512 * mapping.n_parts
    assert report.circuits_used == sum(part.circuits_used for part in mapping.parts)


@often
@given(st.integers(1, 1200), st.integers(1, 600), st.integers(1, 20))
def test_what_an_error_advises_is_right_and_no_less_than_possible(n_in, hidden, labels):
    try:
        Mapping((n_in, hidden, labels))
    except SnnlabError as error:
        most, parts = map(int, re.findall(r"at most (\d+) .*--chips (\d+)", str(error))[0])
    else:
        return
    Mapping((n_in, most, labels))
    Mapping((n_in, hidden, labels), parts)
    for too_much in (((n_in, most + 1, labels), 1), ((n_in, hidden, labels), parts - 1)):
        with pytest.raises(SnnlabError, match="neuron circuits"):
            Mapping(*too_much)


# What does not fit


@pytest.mark.parametrize(
    ("sizes", "options", "said"),
    [
        (
            (256, 300, 10), {},
            "needs 630 neuron circuits, the chip has 512: use at most 246 hidden neurons,"
            " or partition it into 2 parts (--chips 2)",
        ),
        (
            (784, 256, 10), {"chips": 2},
            "needs 1812 neuron circuits, 2 chips have 1024: use at most 143 hidden neurons,"
            " or partition it into 4 parts (--chips 4)",
        ),
        (
            (256, 200, 200, 10), {},
            "needs 820 neuron circuits, the chip has 512: use at most 128 neurons per hidden layer,"
            " or partition it into 2 parts (--chips 2)",
        ),
        (
            (256, 246, 10), {"excluded": (3, 4, 5)},
            "needs 512 neuron circuits, the chip has 509 left (3 excluded): use at most 244 hidden"
            " neurons, or partition it into 2 parts (--chips 2)",
        ),
        (
            (784, 256, 10), {"chips": 3, "excluded": {0}},
            "needs 1812 neuron circuits, 3 chips have 1533 left (1 excluded on each): use at most"
            " 216 hidden neurons, or partition it into 4 parts (--chips 4)",
        ),
        (
            (200, 4, 2), {"excluded": range(0, 512, 2)},
            "needs 10 neuron circuits, the chip has 256 left (256 excluded), too few of them side"
            " by side for neurons of 2: use fewer inputs or label neurons",
        ),
        (
            (256, 8000, 8000, 10), {},
            "needs 520630 neuron circuits, the chip has 512: use at most 128 neurons per hidden"
            " layer",
        ),
    ],
)  # fmt: skip
def test_a_network_too_large_is_told_what_fits(sizes, options, said):
    with pytest.raises(SnnlabError) as error:
        Mapping(sizes, **options)
    assert str(error.value) == f"Network {'-'.join(map(str, sizes))} {said}"


def test_more_than_64_labels_need_another_part():
    sizes = (1,) * 66
    with pytest.raises(SnnlabError, match=r"needs 65 address labels, the chip has 64.*--chips 2"):
        Mapping(sizes)
    assert Mapping(sizes[1:]).n_parts == 1
    assert Mapping(sizes, chips=2).n_parts == 2


def test_a_fan_in_beyond_the_labels_is_told_the_limit():
    with pytest.raises(SnnlabError, match="64 address labels tell 8192 apart: use at most 8192"):
        Mapping((70_000, 5, 10), chips=64)


@pytest.mark.parametrize("sizes", [(256,), (256, 0, 10), (0, 10)])
def test_a_layer_needs_neurons(sizes):
    with pytest.raises(SnnlabError, match="every layer needs at least one neuron"):
        Mapping(sizes)


@pytest.mark.parametrize("chips", [0, 65, 1.5])
def test_so_many_chips_are_not_to_be_had(chips):
    with pytest.raises(SnnlabError, match=f"chips = {chips} is not allowed: a whole number from 1"):
        Mapping((256, 246, 10), chips)


@pytest.mark.parametrize("circuit", [-1, 512])
def test_a_circuit_that_is_not_there_cannot_be_excluded(circuit):
    with pytest.raises(SnnlabError, match=f"circuit {circuit} does not exist: .* 0 to 511"):
        Mapping((4, 3), excluded=[7, circuit])


# What it reports


def test_the_report_of_a_partitioned_network():
    """784-256-10: seven circuits a hidden neuron, 73 neurons a chip."""
    report = Mapping((784, 256, 10), chips=8).report()
    hidden, label = report.layers
    assert (hidden.fan_in, hidden.circuits_per_neuron, hidden.circuits) == (784, 7, 1792)
    assert (hidden.synapses, hidden.rows, hidden.labels) == (2 * 784 * 256, 256, (0, 6))
    assert (label.circuits, label.synapses, label.labels) == (20, 2 * 256 * 10, (7, 8))
    assert [part.circuits_used for part in report.parts] == [511, 511, 511, 279]
    assert (report.circuits_used, report.circuits_left) == (1812, 4 * 512 - 1812)
    assert report.synapses_used + report.synapses_left == 4 * 512 * 256
    last = report.parts[-1].blocks
    assert [(b.layer, b.neurons) for b in last] == [(0, range(219, 256)), (1, range(10))]


def test_the_report_prints_every_layer_and_part():
    text = str(Mapping((256, 100, 300, 10), chips=3).report())
    for words in ("hidden 1 ", "hidden 2 ", "label ", "part 2 of 2", "2 chips at once", "estimate"):
        assert words in text
    assert "on one chip 84,746 images/s, 200 mW, 2.4 µJ" in str(Mapping((256, 1, 10)).report())


def test_parts_cost_time_on_one_chip_and_power_on_many():
    one = PowerEstimate.of(Counts(20_000, 40, 7, 3000), 12e-6)
    turns, together = sequential(one, 4), parallel(one, 4)
    assert turns.rate == pytest.approx(one.rate / 4)
    assert turns.power == pytest.approx(one.power)
    assert together.rate == pytest.approx(one.rate)
    assert together.power == pytest.approx(4 * one.power)
    assert together.ranges["power"] == pytest.approx([4 * side for side in one.ranges["power"]])
    for cost in (turns, together):
        assert cost.energy == pytest.approx(4 * one.energy)
        assert cost.ranges["energy"] == pytest.approx([4 * side for side in one.ranges["energy"]])


# Partitioned is the same as whole


def on_circuits(sizes, *circuits):
    """A mapping onto the given circuits, whatever the chip has."""
    mapping = object.__new__(Mapping)
    mapping.__dict__.update(sizes=sizes, chips=1, excluded=frozenset(), circuits=circuits)
    return mapping


@cache
def full_size():
    """784-256-10, 64 images of the MNIST test set, and weights that make it fire."""
    images = real("mnist", side=28).test_images[:64]
    point, mapping = quiet(), Mapping((784, 256, 10), chips=4)
    weights = random_weights(np.random.default_rng(0), mapping.sizes, spread=12, mean=1.5)
    return mapping, point, latency_encode(images, 8e-6, 0.1, point.window), weights


@pytest.mark.parametrize("die", [Die.ideal(), Die.draw(sigma=0.2, seed=1)])
def test_full_size_mnist_in_parts_is_as_on_a_chip_large_enough(die):
    """On a chip of 1812 circuits, each like the circuit of the real one that its turn fell on."""
    mapping, point, events, weights = full_size()
    own = np.concatenate([circuits.ravel() for circuits in mapping.circuits])
    large_die = replace(die, **{name: array[..., own] for name, array in die.arrays().items()})
    hidden, label = np.split(np.arange(1812), [1792])
    large = on_circuits(mapping.sizes, hidden.reshape(256, 7), label.reshape(10, 2))

    in_parts = Chip(mapping, die, point).run(events, weights)
    whole = Chip(large, large_die, point).run(events, weights)
    assert same_recording(in_parts, whole)
    assert in_parts.spikes_per_sample() > 10
    assert len(set(in_parts.cadc[1].max(axis=1).ravel())) > 20


def test_part_after_part_with_replayed_spikes_is_the_same():
    """Each block alone on the chip, fed with what earlier parts recorded."""
    mapping, point, events, weights = full_size()
    die = Die.draw(sigma=0.2, seed=1)
    cadc = [np.zeros((64, 20, n), np.uint8) for n in mapping.sizes[1:]]
    fired = [spike_list(events), []]
    for block in (block for part in mapping.parts for block in part.blocks):
        source = replayed(fired[block.layer], mapping.sizes[block.layer], events.ids)
        mine = weights[block.layer][:, block.neurons]
        n_in, n = mine.shape
        if block.layer:
            run = Chip(on_circuits((n_in, n), block.circuits), die, point).run(source, [mine])
        else:  # with a label neuron beside it that hears nothing, so that the block may fire
            alone = on_circuits((n_in, n, 1), block.circuits, np.zeros((1, 1), int))
            run = Chip(alone, die, point).run(source, [mine, np.zeros((n, 1), np.int8)])
            fired[1] += spike_list(run.spikes[0], block.neurons.start)
        cadc[block.layer][:, :, block.neurons] = run.cadc[0]

    together = Chip(mapping, die, point).run(events, weights)
    for layer in (0, 1):
        np.testing.assert_array_equal(cadc[layer], together.cadc[layer])
    # Two spikes of the same tick may have changed places.
    assert sorted(fired[1]) == sorted(spike_list(together.spikes[0]))


def spike_list(events, first=0):
    """(sample, tick, channel) of every spike."""
    columns = events.owner.tolist(), events.tick.tolist(), (events.channel + first).tolist()
    return list(zip(*columns, strict=True))


def replayed(fired, n_channels, ids):
    owner, tick, channel = np.array(sorted(fired)).T
    offsets = np.searchsorted(owner, np.arange(len(ids) + 1))
    events = Events(offsets, tick.astype(np.uint16), channel.astype(np.uint16), n_channels, ids)
    return events.checked()


def test_excluded_circuits_change_nothing_on_an_ideal_chip():
    rng = np.random.default_rng(3)
    sizes = (200, 60, 10)
    events, weights = random_spikes(rng, 6, 200), random_weights(rng, sizes, mean=3)
    plain, spared = (
        Chip(Mapping(sizes, excluded=out), Die.ideal(), quiet()).run(events, weights)
        for out in ((), range(0, 500, 7))
    )
    assert plain.spikes_per_sample() > 0
    assert same_recording(plain, spared)
