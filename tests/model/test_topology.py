"""The description of a network's layers, and which ones can be built."""

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
        ((Layer(8, recurrent=True), Layer(3, spiking=False)), "layer 0 of network 9-8-3 is recurr"),
        ((Layer(8, spiking=False), Layer(3, spiking=False)), "layer 0 .* for a hidden layer: use"),
        ((Layer(8), Layer(3)), "layer 1 of network 9-8-3 has spiking=True, .* for a label layer"),
        ((), "Network of 9 inputs has no layer: give its labels, too"),
    ],
)
def test_what_is_not_built_is_refused(layers, said):
    with pytest.raises(SnnlabError, match=said):
        Topology(9, layers)


def test_a_recurrent_layer_is_refused_with_what_to_write():
    with pytest.raises(SnnlabError, match="not implemented: use recurrent=False"):
        Topology(9, (Layer(8, recurrent=True), Layer(3, spiking=False)))
