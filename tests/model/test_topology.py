"""The description of a network's layers, and which ones can be built."""

import numpy as np
import pytest

from snnlab.errors import SnnlabError
from snnlab.learn.network import Network
from snnlab.model.topology import Layer, Topology


@pytest.mark.parametrize("sizes", [(256, 246, 10), [9, 8, 7, 3], (4, 2)])
def test_a_chain_has_hidden_layers_that_spike_and_labels_that_do_not(sizes):
    topology = Topology.chain(sizes)
    *hidden, labels = topology.layers
    assert topology.sizes == tuple(sizes)
    assert str(topology) == "-".join(map(str, sizes))
    assert topology.hidden == tuple(hidden) == tuple(map(Layer, sizes[1:-1]))
    assert labels == Layer(sizes[-1], spiking=False)


def test_a_network_of_sizes_is_that_of_their_chain():
    layers = (Layer(8), Layer(3, spiking=False))
    networks = Network((9, 8, 3), seed=4), Network(Topology(9, layers), seed=4)
    assert [network.sizes for network in networks] == [(9, 8, 3)] * 2
    for a, b in zip(*(network.arrays() for network in networks), strict=True):
        assert (a == b).all()


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (
            (Layer(8), Layer(3, recurrent=True, spiking=False)),
            "layer 1 of network 9-8-3R is recurrent, .* returns to it: use recurrent=False",
        ),
        ((Layer(8, spiking=False), Layer(3, spiking=False)), "layer 0 .* for a hidden layer: use"),
        ((Layer(8), Layer(3)), "layer 1 of network 9-8-3 has spiking=True, .* for a label layer"),
        ((), "Network of 9 inputs has no layer: give its labels, too"),
    ],
)
def test_what_is_not_built_is_refused(layers, said):
    with pytest.raises(SnnlabError, match=said):
        Topology(9, layers)


def test_a_recurrent_layer_has_its_own_neurons_among_its_sources():
    topology = Topology(9, (Layer(8), Layer(5, recurrent=True), Layer(3, spiking=False)))
    assert str(topology) == "9-8-5R-3"
    assert topology.recurrent == (1,)
    assert topology.shapes == ((9, 8), (13, 5), (5, 3))
    assert Topology.chain((9, 8, 5, 3), recurrent=True).recurrent == (0, 1)


def test_the_inputs_of_a_recurrent_network_begin_with_the_weights_of_its_control():
    plain, recurrent = (Network(Topology.chain((9, 8, 3), r), seed=4).arrays() for r in (0, 1))
    np.testing.assert_array_equal(recurrent[0][:9], plain[0])
    np.testing.assert_array_equal(recurrent[1], plain[1])
    assert recurrent[0].shape == (17, 8)
    assert len(np.unique(recurrent[0][9:])) == 64


def test_shuffling_keeps_recurrent_weights_but_not_their_places():
    network = Network(Topology.chain((9, 8, 3), recurrent=True), seed=4)
    before = network.arrays()
    network.shuffle_recurrent(seed=1)
    after = network.arrays()
    np.testing.assert_array_equal(after[0][:9], before[0][:9])
    np.testing.assert_array_equal(after[1], before[1])
    np.testing.assert_array_equal(np.sort(after[0][9:], None), np.sort(before[0][9:], None))
    assert (after[0][9:] != before[0][9:]).mean() > 0.9


def test_a_network_of_weights_is_told_which_layers_are_recurrent():
    weights = Network(Topology.chain((9, 8, 3), recurrent=True), seed=4).arrays()
    network = Network.of(weights, recurrent=(0,))
    assert str(network.topology) == "9-8R-3"
    for a, b in zip(network.arrays(), weights, strict=True):
        np.testing.assert_array_equal(a, b)
