"""NIR graphs the chip cannot run and files that cannot be read: one error, one line."""

import sys

import nir
import numpy as np
import pytest
from nir_graphs import chained, cuba, graph, weights

from snnlab.chip.operating_point import OperatingPoint
from snnlab.data import hdf5
from snnlab.errors import SnnlabError
from snnlab.nir import file as nir_file
from snnlab.nir.file import read_nir, write_nir
from snnlab.nir.load import from_nir

# What is refused


def _returning(node, neurons="hidden_0", to="hidden_0"):
    made = graph()
    made.nodes["back"] = node
    made.edges += [(neurons, "back"), ("back", to)]
    return made


def _recurrent_input():
    made = graph()
    made.edges += [("label", "input")]
    return made


def _aside():
    made = graph()
    made.nodes["more"] = nir.Linear(np.zeros((8, 8)))
    return made


LINEAR, END = nir.Linear(weights(3, 4)), cuba(3, nir.CubaLI)
CONV = nir.Conv2d((4, 4), np.zeros((1, 1, 3, 3)), 1, 0, 1, 1, np.zeros(1))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            _returning(nir.Linear(np.zeros((8, 8))), to="weights_1"),
            r"NIR node 'hidden_0' \(CubaLIF\) feeds 2 nodes \('weights_1', 'back'\): the chip",
        ),
        (
            _returning(nir.Linear(np.zeros((8, 4))), "label"),
            r"NIR node 'hidden_0' \(CubaLIF\) is fed by 2 nodes \('weights_0', 'back'\): the chip",
        ),
        (
            _returning(nir.Linear(np.zeros((7, 8)))),
            r"NIR node 'back': neurons 'hidden_0' return .* of shape \(8, 7\), expected \(8, 8\)",
        ),
        (
            _returning(nir.Affine(np.zeros((8, 8)), np.ones(8))),
            "NIR node 'back' has a bias of up to 1: the chip has no constant input",
        ),
        (
            _returning(nir.Delay(np.ones(8))),
            r"NIR node 'back' \(Delay\) delays by up to 1 s: the chip has no delays",
        ),
        (
            _returning(cuba(8)),
            "NIR node 'back' of kind CubaLIF stands where neurons return to themselves: the chip",
        ),
        (_recurrent_input(), "NIR network has 1 inputs, or one that receives spikes"),
        (_aside(), "NIR node 'more' is not between input and output"),
        (
            chained(CONV, END),
            "NIR node '0' of kind Conv2d stands in the place of weights: the chip runs one",
        ),
        (
            chained(LINEAR, nir.IF(np.ones(3), np.ones(3))),
            "NIR node '1' of kind IF stands at the end",
        ),
        (chained(LINEAR, END, LINEAR, END), "NIR node '1' of kind CubaLI stands between layers"),
        (chained(LINEAR), "NIR network of 1 nodes between input and output"),
        (chained(), "NIR network of 0 nodes between input and output"),
        (chained(LINEAR, graph()), "'1.weights_0' takes 24 inputs, '0' before it has 3 neurons"),
        (chained(nir.Linear(np.zeros((2, 3, 4))), END), r"weight of shape \(2, 3, 4\)"),
        (chained(nir.Linear(np.full((3, 4), "x")), END), "NIR node '0': weight is <U1"),
        (chained(nir.Linear(weights(3, 4, value=1j)), END), "NIR node '0': weight is complex128"),
        (chained(nir.Linear(weights(3, 4, value=np.nan)), END), "hold 12 NaN or infinite values"),
        (chained(nir.Linear(weights(3, 4, value=1e300)), END), "hold 12 NaN or infinite values"),
        (
            chained(nir.Linear(weights(0, 4)), cuba(1)),
            r"'0': weight of shape \(0, 4\), expected two",
        ),
        (chained(LINEAR, cuba(5, nir.CubaLI)), r"tau_mem of shape \(5,\).* 3 neurons"),
        (
            chained(LINEAR, cuba(3), nir.Linear(weights(2, 5)), cuba(2)),
            "NIR node '2' takes 5 inputs, '1' before it has 3 neurons",
        ),
        (
            chained(nir.Affine(weights(3, 4), np.array([0, -0.5, 0.2])), END),
            "NIR node '0' has a bias of up to 0.5: the chip has no constant input",
        ),
        (
            chained(LINEAR, cuba(3, nir.CubaLI, tau_mem=6e-3)),
            "tau_mem = 0.006 s at speedup 1, the chip takes 1e-06 to 2e-05 s: choose a speedup",
        ),
        (chained(LINEAR, cuba(3, nir.CubaLI, tau_syn=-1e-6)), "tau_syn = -1e-06 s at speedup 1"),
        (chained(LINEAR, cuba(3, nir.CubaLI, tau_mem=0.0)), "tau_mem = 0 s at speedup 1"),
        (chained(LINEAR, cuba(3, nir.CubaLI, tau_mem=np.nan)), "tau_mem is NaN or infinite"),
        (
            graph(hidden_0__tau_mem=np.linspace(5e-6, 7e-6, 8)),
            r"tau_mem from 5e-06 s \(node 'hidden_0'\) to 7e-06 s \(node 'hidden_0'\): the chip",
        ),
        (
            graph(label__tau_syn=np.full(4, 5e-6)),
            r"tau_syn from 5e-06 s \(node 'label'\) to 6e-06 s \(node 'hidden_0'\)",
        ),
        (
            graph(hidden_0__v_reset=np.full(8, -0.5)),
            "NIR node 'hidden_0': v_reset lies 0.5 thresholds from v_leak; the chip resets to its",
        ),
        (
            graph(hidden_0__v_threshold=np.zeros(8)),
            "'hidden_0': v_threshold = 0 is not above v_leak = 0, so it fires without input",
        ),
        (graph(label__v_leak=np.arange(4.0)), "v_leak from 0 to 3; the chip's label neurons share"),
        (
            chained(nir.Linear(weights(3, 4, value=1e-12)), END),
            "NIR node '0': its largest weight is .* LSB, so all round to 0: check dt",
        ),
        (chained(nir.Linear(weights(300, 784)), cuba(300)), "needs 2100 neuron circuits, the chip"),
    ],
)
def test_graphs_the_chip_cannot_run_get_one_line(made, said):
    with pytest.raises(SnnlabError, match=said) as error:
        from_nir(made)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("name", ["dt", "speedup", "label_gain"])
def test_factors_must_be_positive_numbers(name, value):
    with pytest.raises(SnnlabError, match=f"from_nir {name} = .* a number above 0"):
        from_nir(graph(), **{name: value})


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"tau_ref": b"long"}, "NIR metadata tau_ref = b'long' is not a number"),
        ({"tau_ref": np.ones(2)}, "NIR metadata tau_ref = .* is not a number"),
        ({"tau_ref": None}, "NIR metadata tau_ref = None is not a number"),
        ({"tau_ref": 1.0}, "tau_ref = 1.0 is not allowed"),
        ({"dt": np.nan}, "dt = nan s does not divide"),
        ({"dt": 1e-6}, "dt = 1e-06 s does not divide"),
    ],
)
def test_damaged_metadata_are_named(metadata, said):
    made = graph()
    made.metadata |= metadata
    with pytest.raises(SnnlabError, match=said):
        from_nir(made)


def test_metadata_of_others_are_left_alone():
    made = graph()
    made.metadata = {"dt": 1e-4, "tau_ref": "none"}
    assert from_nir(made).point == OperatingPoint(tau_ref=40e-9)


# Files


def _hdf5(path, fill):
    import h5py

    with h5py.File(path, "w") as file:
        fill(file)


def _huge(file):
    file.create_dataset("weight", (10**6, 10**6), dtype="f8", chunks=(100, 100))


def _many(file):
    for k in range(2_001):
        file.create_group(str(k))


def _circle(file):
    file["node"] = file


def _elsewhere(file):
    import h5py

    file["node"] = h5py.ExternalLink("/etc/passwd", "/")


def _bytes_of_any_length(file):
    import h5py

    file.create_dataset("node", (2,), h5py.vlen_dtype("u1"))


def _outside(file):
    file.create_dataset("weight", (8,), "u1", external=[("/etc/passwd", 0, 8)])


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        (_huge, "more than 64 MB, the largest that is read"),
        (_many, "over 2000 objects or 16 levels of groups"),
        (_circle, "over 2000 objects or 16 levels of groups"),
        (_elsewhere, "'node' is a link; save the graph with nir.write"),
        (_outside, "'weight' lies in another file"),
        (lambda file: file.create_group("other"), "holds no node, expected a NIRGraph"),
        (lambda file: file.create_group("node/type"), "holds no node, expected a NIRGraph"),
        (lambda file: file.create_dataset("node", data=3), "holds no node, expected a NIRGraph"),
        (lambda file: file.create_dataset("node/type", data="NIRGraph"), "not a valid NIR graph"),
        (lambda file: file.create_dataset("node/type", data="x" * 1001), "a string of over 1000"),
        (lambda file: file.create_dataset("r", data=1j), "'r' is complex128, expected numbers"),
        (_bytes_of_any_length, "'node' is object, expected numbers or strings"),
    ],
)
def test_foreign_hdf5_files_get_one_line(tmp_path, fill, said):
    _hdf5(tmp_path / "f.nir", fill)
    _refused(tmp_path / "f.nir", said)


@pytest.mark.parametrize("content", [b"", b"no HDF5", b"\x89HDF\r\n\x1a\n" + bytes(600)])
def test_other_files_get_one_line(tmp_path, content):
    (tmp_path / "f.nir").write_bytes(content)
    _refused(tmp_path / "f.nir", "not a readable HDF5 file")


@pytest.mark.parametrize("part", [0.01, 0.5, 0.999])
def test_truncated_files_get_one_line(tmp_path, part):
    write_nir(tmp_path / "n.nir", graph())
    whole = (tmp_path / "n.nir").read_bytes()
    (tmp_path / "f.nir").write_bytes(whole[: int(part * len(whole))])
    _refused(tmp_path / "f.nir", r"not a readable HDF5 file \(OSError: Unable to")


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("import os; os.abort()", r"damaged, its reader died \(-6\)"),
        ("import time; time.sleep(9)", "damaged, not read in 0.1 s"),
    ],
)
def test_a_file_that_crashes_or_hangs_its_reader_gets_one_line(tmp_path, monkeypatch, does, said):
    """As single wrong bytes do to the HDF5 library."""
    monkeypatch.setattr(hdf5, "PYTHON", (sys.executable, "-c", does))
    monkeypatch.setattr(nir_file, "READER_SECONDS", 0.1 if "sleep" in does else 60.0)
    write_nir(tmp_path / "n.nir", graph())
    _refused(tmp_path / "n.nir", said)


def test_files_larger_than_any_network_are_not_opened(tmp_path):
    with (tmp_path / "f.nir").open("wb") as file:
        file.truncate(65 * 2**20)
    _refused(tmp_path / "f.nir", "more than 64 MB")


def test_a_single_node_is_no_network(tmp_path):
    nir.write(tmp_path / "f.nir", LINEAR)
    _refused(tmp_path / "f.nir", "holds Linear, expected a NIRGraph")


def test_missing_files_and_places_are_named(tmp_path):
    _refused(tmp_path / "f.nir", "no such file")
    _refused(tmp_path, "no such file")
    with pytest.raises(SnnlabError, match=r"NIR file .*n.nir cannot be written: No such file"):
        write_nir(tmp_path / "nowhere/n.nir", graph())
    assert not list(tmp_path.iterdir())


def _refused(path, said):
    with pytest.raises(SnnlabError, match=said) as error:
        read_nir(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
