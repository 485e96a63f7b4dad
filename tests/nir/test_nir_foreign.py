"""NIR files of the NIR paper's repository.

The files are rebuilt here, value by value where they are read, in the layout of the nir
release that wrote them (0.1 and 0.2: no v_reset, no metadata).
"""

from itertools import pairwise

import h5py
import nir
import numpy as np
import pytest

from snnlab.errors import SnnlabError
from snnlab.learn.gradient.model import CURRENT
from snnlab.nir.file import read_nir
from snnlab.nir.load import from_nir


def save(path, nodes, edges):
    """A file with these nodes, {name: (type, parameters)}; parameters of a NIRGraph are the same
    two again."""
    with h5py.File(path, "w") as file:
        file["version"] = "0.2.0"
        _fill(file, "node", nodes, edges)
    return path


def _fill(file, at, nodes, edges):
    file[f"{at}/type"] = "NIRGraph"
    file[f"{at}/edges"] = np.array(edges, h5py.string_dtype())
    for name, (kind, parameters) in nodes.items():
        if kind == "NIRGraph":
            _fill(file, f"{at}/nodes/{name}", *parameters)
            continue
        file[f"{at}/nodes/{name}/type"] = kind
        for key, value in parameters.items():
            file[f"{at}/nodes/{name}/{key}"] = value


def end(kind, *shape):
    return kind, {"shape": np.array(shape)}


def lif(n=1, tau=2.5e-3, r=1.0, v_leak=0.0, v_threshold=0.1):
    values = {"tau": tau, "r": r, "v_leak": v_leak, "v_threshold": v_threshold}
    return "LIF", {name: np.full(n, value, np.float32) for name, value in values.items()}


def linear(*shape, value=1.0):
    return "Linear", {"weight": np.full(shape, value, np.float32)}


def affine(*shape):
    return "Affine", {"weight": np.ones(shape, np.float32), "bias": np.zeros(shape[0], np.float32)}


def in_a_row(*names):
    return list(pairwise(names))


LIF_NORSE = (
    {
        "0": affine(1, 1),
        "1": lif(),
        "input": end("Input", 1),
        "output": end("Output", 1),
    },
    in_a_row("input", "0", "1", "output"),
)
LIF_ROCKPOOL = (
    {
        "0_LinearTorch": linear(1, 1, value=0.04),
        "1_LIFNeuronTorch": lif(r=24.019737),
        "input": end("Input", 1),
        "output": end("Output", 1, 1, 1),
    },
    in_a_row("input", "0_LinearTorch", "1_LIFNeuronTorch", "output")[::-1],
)
TWO_LIF_NEURONS = (
    {
        "in": end("Input", 1),
        "lif1": lif(tau=0.01, v_leak=1.2, v_threshold=1.0),
        "lif2": lif(tau=0.01, v_threshold=20.0),
        "linear1": linear(1, 1),
        "linear2": linear(1, 1),
        "out": end("Output", 1),
    },
    in_a_row("in", "linear1", "lif1", "linear2", "lif2", "out"),
)


def _if(*shape):
    return "IF", {"r": np.ones(shape), "v_threshold": np.ones(shape)}


def _cubalif(n):
    names = ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "w_in")
    return "CubaLIF", {name: np.full(n, 0.0 if name == "v_leak" else 1e-3) for name in names}


CNN_SINABS = (
    {
        "0": (
            "Conv2d",
            {
                "input_shape": np.array([34, 34]), "weight": np.ones((16, 2, 5, 5)),
                "stride": np.array([2, 2]), "padding": np.array([1, 1]),
                "dilation": np.array([1, 1]), "groups": 1, "bias": np.zeros(16),
            },
        ),
        "1": _if(16, 16, 16),
        "2": (
            "SumPool2d",
            {name: np.array([2, 2]) for name in ("kernel_size", "stride", "padding")},
        ),
        "3": ("Flatten", {"start_dim": 0, "end_dim": -1, "input_type": np.array([16, 8, 8])}),
        "4": affine(10, 1024),
        "5": _if(10),
        "input": end("Input", 2, 34, 34),
        "output": end("Output", 10),
    },
    in_a_row("input", *"012345", "output"),
)  # fmt: skip
BRAILLE = (
    {
        "fc1": affine(38, 12),
        "fc2": affine(7, 38),
        "input": end("Input", 12),
        "lif1.lif": _cubalif(38),
        "lif1.w_rec": affine(38, 38),
        "lif2": _cubalif(7),
        "output": end("Output", 7),
    },
    [
        ("lif1.w_rec", "lif1.lif"), ("lif2", "output"), ("fc2", "lif2"), ("input", "fc1"),
        ("lif1.lif", "lif1.w_rec"), ("fc1", "lif1.lif"), ("lif1.lif", "fc2"),
    ],
)  # fmt: skip
BRAILLE_SUBGRAPH = (
    {
        "fc1": affine(38, 12),
        "fc2": affine(7, 38),
        "input": end("Input", 12),
        "lif1": (
            "NIRGraph",
            (
                {
                    "input": end("Input", 38),
                    "lif1": _cubalif(38),
                    "lin": affine(38, 38),
                    "output": end("Output", 38),
                },
                [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")],
            ),
        ),
        "lif2": _cubalif(7),
        "output": end("Output", 7),
    },
    in_a_row("input", "fc1", "lif1", "fc2", "lif2", "output"),
)


def test_one_neuron_of_norse_is_read(tmp_path):
    with pytest.warns(UserWarning, match="no synaptic current|label neurons they never fire"):
        read = from_nir(save(tmp_path / "f.nir", *LIF_NORSE), dt=1e-4, speedup=1000)
    assert read.network.sizes == (1, 1)
    assert read.point.tau_mem == pytest.approx(2.5e-6)
    _assert_lifts(read, 1e-4 / 2.5e-3)


def test_one_neuron_of_rockpool_is_read_without_its_axes_of_batch_and_time(tmp_path):
    path = save(tmp_path / "f.nir", *LIF_ROCKPOOL)
    with pytest.raises(ValueError, match="type mismatch"):
        nir.read(path)
    with pytest.warns(UserWarning, match="NIR node") as said:
        read = from_nir(path, dt=1e-4, speedup=1000)
    notes = [
        "NIR node 'output' (Output) declares shape (1, 1, 1): read as 1, without the axes (1, 1) of"
        " batch or time",
        "NIR node '1_LIFNeuronTorch' (LIF) has no synaptic current: it gets one of tau_syn = 1e-06"
        " s and the same charge per spike",
        "NIR node '1_LIFNeuronTorch' (LIF) is the last: as label neurons they never fire, their"
        " potentials are read",
    ]
    assert [str(warning.message) for warning in said] == list(read.notes) == notes
    _assert_lifts(read, 0.04 * 24.019737 * 1e-4 / 2.5e-3)


def test_the_recurrent_network_of_braille_letters_is_read(tmp_path):
    with pytest.warns(UserWarning, match="NIR node"):
        read = from_nir(save(tmp_path / "f.nir", *BRAILLE), dt=1e-2, speedup=1000, label_gain=1e4)
    assert str(read.network.topology) == str(read.mapping) == "12-38R-7"
    assert (
        "NIR node 'lif1.lif' (CubaLIF) returns to itself: on the chip its spikes arrive 9.6e-08 s"
        " later"
    ) in read.notes
    charge = read.network.arrays()[0] * CURRENT * read.point.tau_syn
    np.testing.assert_allclose(charge[12:], charge[0, 0], rtol=1e-5)  # all weights are equal


def _assert_lifts(read, expected):
    """A spike of one step brings the membrane this much charge, in units of its potential."""
    charge = read.network.arrays()[0] * CURRENT * read.point.tau_syn
    np.testing.assert_allclose(charge, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (
            TWO_LIF_NEURONS,
            "NIR node 'lif1': v_threshold = 1 is not above v_leak = 1.2, so it fires without input;"
            " the chip's neurons rest below threshold, train with v_threshold above v_leak",
        ),
        (
            CNN_SINABS,
            "NIR node '0' of kind Conv2d stands in the place of weights: the chip runs one chain"
            " without branches, of Linear (or Affine without bias) and CubaLIF or LIF nodes",
        ),
        (
            BRAILLE_SUBGRAPH,
            "NIR edge 'lif1.input' to 'lif1.lif' has no such nodes, there are 'lif1.input',"
            " 'lif1.lif1', 'lif1.lin', 'lif1.output'",
        ),
    ],
)
def test_the_other_graphs_of_the_paper_are_refused_in_one_line(tmp_path, graph, said):
    with pytest.raises(SnnlabError) as error:
        from_nir(save(tmp_path / "f.nir", *graph), dt=1e-4, speedup=1000)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)
    assert "np." not in str(error.value)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (("Izhikevich", {"a": 1.0}), "node 'x' of type Izhikevich (AssertionError"),
        (("Linear", {}), "node 'x' of type Linear (TypeError"),
        (
            ("LI", {"tau": np.ones(3), "r": np.ones(3), "v_leak": 0.0}),
            "node 'x' of type LI (AssertionError: All parameters must have the same shape)",
        ),
    ],
)
def test_a_node_that_nir_cannot_build_is_named(tmp_path, node, said):
    path = save(tmp_path / "f.nir", {"x": node}, [("x", "x")])
    with pytest.raises(SnnlabError) as error:
        read_nir(path)
    assert f"NIR file {path}: not a valid NIR graph, {said}" in str(error.value)
