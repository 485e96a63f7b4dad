"""Recurrent layers out to NIR and back: the same chip, whatever the nesting."""

import nir
import numpy as np
import pytest
from builders import random_spikes, same_recording
from nir_graphs import SIZES

from snnlab.chip.operating_point import OperatingPoint
from snnlab.errors import SnnlabError
from snnlab.learn.network import Network
from snnlab.model.topology import Topology
from snnlab.nir.export import LIBRARIES, to_nir
from snnlab.nir.load import from_nir


@pytest.fixture
def network():
    """24-8R-4, with weights that the chip has exactly."""
    rng = np.random.default_rng(3)
    made = Network(Topology.chain(SIZES, recurrent=True))
    hidden = np.rint(rng.normal(15, 20, (32, 8))).clip(-63, 63) / 240
    made.load_weights([hidden.astype(np.float32), np.rint(rng.normal(2, 4, (8, 4))) / 250])
    return made


def test_it_comes_back_as_the_same_network_on_the_chip(network, tmp_path):
    point = OperatingPoint(tau_mem=7e-6)
    nir.write(tmp_path / "f.nir", to_nir(network, point))
    back = from_nir(tmp_path / "f.nir")
    assert str(back.network.topology) == str(back.mapping) == "24-8R-4"
    assert back.notes == ()
    assert back.point == point
    for ours, theirs in zip(network.weights_lsb(), back.network.weights_lsb(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    events = random_spikes(np.random.default_rng(1), 10, 24)
    run = back.chip().run(events, back.network.weights_lsb())
    assert run.recurrent == (0,)
    assert run.spikes_per_sample() > 5
    assert same_recording(run, back.chip().run(events, network.weights_lsb()))


def test_the_graph_returns_through_weights_of_its_own(network):
    graph = to_nir(network, OperatingPoint())
    assert {("hidden_0", "recurrent_0"), ("recurrent_0", "hidden_0")} <= set(graph.edges)
    weight = network.arrays()[0]
    np.testing.assert_array_equal(graph.nodes["weights_0"].weight, weight[:24].T)
    np.testing.assert_array_equal(graph.nodes["recurrent_0"].weight, weight[24:].T)


def test_a_recurrent_subgraph_is_read_as_the_flat_one(network):
    flat = to_nir(network, OperatingPoint())
    inner = nir.NIRGraph(
        {
            "in": nir.Input({"input": np.array([8])}), "cell": flat.nodes["hidden_0"],
            "back": flat.nodes["recurrent_0"], "double": nir.Scale(np.full(8, 1.0)),
            "out": nir.Output({"output": np.array([8])}),
        },
        [("in", "cell"), ("cell", "back"), ("back", "double"), ("double", "cell"), ("cell", "out")],
    )  # fmt: skip
    nodes = {name: flat.nodes[name] for name in ("input", "weights_0", "weights_1", "label")}
    nested = nir.NIRGraph(
        {**nodes, "recurrent": inner, "output": flat.nodes["output"]},
        [
            ("input", "weights_0"), ("weights_0", "recurrent"), ("recurrent", "weights_1"),
            ("weights_1", "label"), ("label", "output"),
        ],
        flat.metadata,
    )  # fmt: skip
    one, other = from_nir(flat), from_nir(nested)
    assert str(other.mapping) == "24-8R-4"
    for a, b in zip(one.network.arrays(), other.network.arrays(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("library", LIBRARIES)
def test_time_steps_of_other_libraries_are_refused(network, library):
    with pytest.raises(SnnlabError, match=f"NIR for {library} of recurrent network 24-8R-4 is not"):
        to_nir(network, OperatingPoint(), library)
