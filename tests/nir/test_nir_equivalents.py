"""Ways to write the same NIR network, and parts of one that do not fit together."""

import warnings

import nir
import numpy as np
import pytest
from nir_graphs import chained, cuba

from snnlab.errors import SnnlabError
from snnlab.nir.load import from_nir

# Ways to write the same network


PLAIN = chained(
    nir.Linear(np.arange(12.0).reshape(3, 4) * 4e-7), cuba(3),
    nir.Linear(np.arange(6.0).reshape(2, 3) * 4e-7), cuba(2, nir.CubaLI),
)  # fmt: skip


def _in_another_order():
    names = list(PLAIN.nodes)[::-1]
    return nir.NIRGraph(
        {name: PLAIN.nodes[name] for name in names}, PLAIN.edges[::-1], {}, type_check=False
    )


def _without_ends():
    inner = {name: PLAIN.nodes[name] for name in "2013"}
    return nir.NIRGraph(inner, PLAIN.edges[1:-1], {}, type_check=False)


def _with_twice_the_same_edge():
    return nir.NIRGraph(dict(PLAIN.nodes), [*PLAIN.edges, PLAIN.edges[1]], {}, type_check=False)


def _nested():
    inner = nir.NIRGraph.from_list(PLAIN.nodes["0"], PLAIN.nodes["1"])
    return chained(nir.NIRGraph.from_list(inner), PLAIN.nodes["2"], PLAIN.nodes["3"])


def _scaled():
    first, second = PLAIN.nodes["0"].weight, PLAIN.nodes["2"].weight
    per_input, per_neuron = np.array([1.0, 2.0, 4.0, 8.0]), np.array([2.0, 4.0, 0.5])
    return chained(
        nir.Scale(per_input), nir.Linear(first / per_neuron[:, None] / per_input),
        nir.Scale(per_neuron), PLAIN.nodes["1"],
        nir.Scale(np.array([4.0])), nir.Linear(second / 4), PLAIN.nodes["3"],
    )  # fmt: skip


def _in_two_matrices():
    first = (
        nir.Linear(np.eye(5, 4)),
        nir.Affine(PLAIN.nodes["0"].weight @ np.eye(4, 5), np.zeros(3)),
    )
    return chained(*first, PLAIN.nodes["1"], PLAIN.nodes["2"], PLAIN.nodes["3"])


def _delayed_by_nothing():
    return chained(
        nir.Delay(np.zeros(4)), PLAIN.nodes["0"], nir.Delay(np.zeros(1)), *_nodes("123"),
        nir.Delay(np.zeros(2)),
    )  # fmt: skip


def _given_once():
    one = np.float32(6e-6).reshape(1), np.float32(6e-6).reshape(1), np.ones(1), np.zeros(1)
    none = np.float64(6e-6), np.float64(6e-6), np.float64(1), np.float64(0)
    return chained(
        PLAIN.nodes["0"], nir.CubaLIF(*one, np.ones(1), np.zeros(1)),
        PLAIN.nodes["2"], nir.CubaLI(*none),
    )  # fmt: skip


def _with_axes_of_batch():
    made = chained(nir.Linear(PLAIN.nodes["0"].weight[None]), *_nodes("123"))
    made.nodes["input"] = nir.Input({"input": np.array([1, 2, 2])})
    return made


def _nodes(names):
    return [PLAIN.nodes[name] for name in names]


@pytest.mark.parametrize(
    "write",
    [
        _in_another_order, _without_ends, _with_twice_the_same_edge, _nested,
        _scaled, _in_two_matrices, _delayed_by_nothing, _given_once, _with_axes_of_batch,
    ],
)  # fmt: skip
@pytest.mark.parametrize("stored", [False, True])
def test_the_same_network_is_read_however_it_was_written(tmp_path, write, stored):
    graph = write()
    if stored:
        for node in graph.nodes.values():
            if isinstance(node, nir.Output):
                node.input_type["input"] = node.output_type["output"] = np.array([2])
        nir.write(tmp_path / "f.nir", graph)
        graph = tmp_path / "f.nir"
    _assert_is_plain(graph)


def test_names_may_be_strings_of_numpy():
    """As other readers of HDF5 leave them; nir cannot write such a graph again."""
    named = {np.str_(name): node for name, node in PLAIN.nodes.items()}
    edges = [(np.str_(a), np.str_(b)) for a, b in PLAIN.edges]
    _assert_is_plain(nir.NIRGraph(named, edges, {}, type_check=False))
    with pytest.raises(SnnlabError, match=r"^NIR node '1' \("):
        from_nir(nir.NIRGraph(named, [*edges, (edges[-1][0], np.str_("1"))], {}, type_check=False))


def _assert_is_plain(graph):
    plain = from_nir(PLAIN)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = from_nir(graph)
    assert read.notes == plain.notes == ()
    assert read.point.tau_mem == pytest.approx(plain.point.tau_mem)
    for ours, theirs in zip(plain.network.arrays(), read.network.arrays(), strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-6)


# What does not fit together


def _declaring(end, *shape):
    made = chained(*_nodes("0123"))
    kind = type(made.nodes[end])
    made.nodes[end] = kind({end: np.array(shape)})
    return made


@pytest.mark.parametrize(
    ("end", "shape", "note"),
    [
        (
            "input",
            (100, 4),
            r"'input' \(Input\) declares shape \(100, 4\): read as 4",
        ),
        (
            "output",
            (1, 2),
            r"'output' \(Output\) declares shape \(1, 2\): read as 2",
        ),
        ("output", (50, 8, 2), r"read as 2, without the axes \(50, 8\) of batch or time"),
    ],
)
def test_axes_of_batch_and_time_are_left_out_with_a_note(end, shape, note):
    with pytest.warns(UserWarning, match=note):
        assert from_nir(_declaring(end, *shape)).network.sizes == (4, 3, 2)


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (
            _declaring("input", 2, 34, 34),
            "'input' (Input) declares shape (2, 34, 34), the weights beside it have 4 inputs",
        ),
        (
            _declaring("output", 3),
            "'output' (Output) declares shape (3,), the weights beside it have 2 neurons",
        ),
        (_declaring("output", 2.0), "'output' (Output): its shape is float64[1], expected 1 to 8"),
        (_declaring("input", *[1] * 9), "its shape is int64[9], expected 1 to 8 whole numbers"),
        (
            chained(PLAIN.nodes["0"], nir.Delay(np.full(3, 2e-3)), *_nodes("123")),
            "NIR node '1' (Delay) delays by up to 0.002 s: the chip has no delays, train without",
        ),
        (
            chained(PLAIN.nodes["0"], nir.Scale(np.ones(5)), *_nodes("123")),
            "NIR node '1': scale of shape (5,), the weights before it lead to 3 neurons",
        ),
        (
            chained(nir.Scale(np.ones(3)), *_nodes("0123")),
            "NIR node '1' takes 4 inputs, '0' before it has 3 neurons",
        ),
        (
            chained(nir.Scale(np.ones(4)), *_nodes("123")),
            "'1' of kind CubaLIF stands in the place",
        ),
        (
            chained(*_nodes("012")),
            "NIR network of 3 nodes between input and output ends without neurons: the chip runs",
        ),
    ],
)
def test_what_does_not_fit_together_is_named(graph, said):
    with pytest.raises(SnnlabError) as error:
        from_nir(graph)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
