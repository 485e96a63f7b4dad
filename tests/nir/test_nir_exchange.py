"""docs/nir.md as it stands: its examples run, and the libraries decide as the ideal chip does."""

import importlib.util
import os
import re
from dataclasses import replace
from pathlib import Path

import nir
import numpy as np
import pytest
import torch
from builders import SILENT

from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.errors import SnnlabError
from snnlab.learn.gradient.model import CURRENT
from snnlab.nir.export import step_of, to_nir
from snnlab.nir.load import from_nir

PAGE = Path(__file__).parents[2] / "docs/nir.md"
AGREEMENT = 0.95
"""Least share of decisions in common; 98 % are measured."""

pytestmark = pytest.mark.filterwarnings(
    "ignore:nirtorch.* is being deprecated:DeprecationWarning",
    "ignore:nirtorch.extract_nir_graph:DeprecationWarning",
    "ignore:`torch.jit.script:DeprecationWarning",  # which Norse uses
)


def examples(heading):
    """The Python examples below a heading of the page, as one program."""
    text = re.search(rf"^#+ {heading}$(.*?)(?=^#|\Z)", PAGE.read_text("utf-8"), re.M | re.S)[1]
    return "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.M | re.S))


def needs(library):
    """Leave a test out where a library of the extra ``test`` lacks; never in CI."""
    if importlib.util.find_spec(library) is None and not os.environ.get("CI"):
        pytest.skip(f'{library} is not installed: pip install -e ".[test]"')


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """What the page's first examples leave behind: a trained network, its graph, its input."""
    folder = tmp_path_factory.mktemp("nir")
    before, names = Path.cwd(), {}
    os.chdir(folder)
    try:
        exec(examples("To other libraries"), names)
    finally:
        os.chdir(before)
    return names


@pytest.fixture(scope="module")
def ideal(example):
    """Recording and decisions of the chip without mismatch and noise."""
    trainer = example["trainer"]
    chip = Chip(trainer.mapping, Die.ideal(), replace(trainer.point, **SILENT))
    recording = chip.run(example["events"], trainer.network.weights_lsb())
    return recording, trainer.network.scores(recording).argmax(1)


@pytest.fixture(scope="module")
def run(example):
    """Run the examples below a heading after the first ones, returns what they leave behind."""

    def run(heading):
        names = dict(example)
        exec(examples(heading), names)
        return names

    return run


@pytest.mark.parametrize(("heading", "library"), [("snnTorch", "snntorch"), ("Norse", "norse")])
def test_another_library_decides_as_the_ideal_chip(example, ideal, run, capsys, heading, library):
    needs(library)
    decisions = run(heading)["decisions"].numpy()
    labels = example["digits"].test_labels[: len(decisions)]
    assert len(decisions) == 200
    assert (decisions == ideal[1]).mean() >= AGREEMENT
    assert abs((decisions == labels).mean() - (ideal[1] == labels).mean()) <= 0.03
    assert "warning" not in capsys.readouterr().out.lower()  # nothing had to be bent


def test_norse_and_snntorch_compute_the_same(run):
    needs("norse")
    ours, theirs = (run(heading)["potentials"] for heading in ("snnTorch", "Norse"))
    assert ours.abs().max() > 0.5
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


def test_hidden_neurons_fire_as_on_the_ideal_chip(example, ideal):
    from snntorch.import_nir import import_from_nir

    model, counts = import_from_nir(example["graph"]), 0
    with torch.no_grad():
        for spikes in example["inputs"].unbind(1):
            counts = counts + model.hidden_0(model.weights_0(spikes))
    ours = ideal[0].spikes[0].count_by_channel()
    assert np.corrcoef(counts.numpy().ravel(), ours.ravel())[0, 1] > 0.95
    assert counts.sum() == pytest.approx(ours.sum(), rel=0.15)


def test_the_examples_from_snntorch_run(tmp_path, monkeypatch, capsys, run):
    monkeypatch.chdir(tmp_path)
    with pytest.warns(UserWarning, match="label neurons they never fire"):
        names = run("From other libraries")
    imported, theirs = names["imported"], names["theirs"]
    assert imported.network.sizes == (256, 60, 10)
    assert len(names["decisions"]) == 200
    assert all(note in capsys.readouterr().out for note in imported.notes[:1])
    # A spike adds its weight to the current of the next steps, 1 / (1 − decay) of it in all.
    charge = imported.network.arrays()[0] * CURRENT * imported.point.tau_syn
    total = theirs[0].weight.detach().numpy().T * 6e-6 / names["step"]
    np.testing.assert_allclose(charge, total, rtol=1e-5)


def test_a_network_of_norse_is_read_with_its_charges():
    needs("norse")
    import norse.torch as norse

    def parameters(kind, **more):
        return kind(tau_mem_inv=torch.full((3,), 100.0), v_leak=torch.zeros(3), **more)

    fires = parameters(norse.LIFBoxParameters, v_th=torch.full((3,), 2.0))
    cells = norse.LIFBoxCell(fires), norse.LIBoxCell(parameters(norse.LIBoxParameters))
    linear = [torch.nn.Linear(n, 3, bias=False) for n in (4, 3)]
    net = norse.SequentialState(linear[0], cells[0], linear[1], cells[1])
    graph = norse.to_nir(net, torch.zeros(1, 4), dt=1)
    with pytest.warns(UserWarning, match=r"no synaptic current|axes \(1,\) of batch") as said:
        read = from_nir(graph, dt=1e-3, speedup=1000)
    assert len(said) == len(read.notes) == 3
    assert read.point.tau_mem == pytest.approx(10e-6)
    charges = [w * CURRENT * read.point.tau_syn for w in read.network.arrays()]
    # Norse: v ← v + dt / tau (i − v), so that a spike lifts the membrane by a tenth of its weight.
    for charge, layer, threshold in zip(charges, linear, (2, 1), strict=True):
        expected = layer.weight.detach().numpy().T / 10 / threshold
        np.testing.assert_allclose(charge, expected, rtol=1e-5)


@pytest.mark.parametrize("library", ["norse", "snntorch"])
def test_a_graph_for_another_library_is_read_back(example, library):
    trainer = example["trainer"]
    read = from_nir(to_nir(trainer.network, trainer.point, library))
    assert read.notes == ()
    assert read.point.substeps == trainer.point.substeps
    for name in ("tau_mem", "tau_syn", "tau_ref"):
        assert getattr(read.point, name) == pytest.approx(getattr(trainer.point, name))
    for ours, theirs in zip(trainer.network.arrays(), read.network.arrays(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"speedup": "fast"}, "NIR metadata speedup = 'fast' is not a number"),
        ({"speedup": 0.0}, "from_nir speedup = 0.0 is not allowed"),
        ({"speedup": 1e-300}, "tau_mem = .* at speedup 1e-300, the chip takes"),
        ({"step": np.nan}, "from_nir dt = nan is not allowed"),
        ({"step": None}, "NIR metadata step = None is not a number"),
    ],
)
def test_damaged_steps_are_named(example, metadata, said):
    graph = to_nir(example["trainer"].network, example["trainer"].point, "norse")
    graph.metadata |= metadata
    with pytest.raises(SnnlabError, match=said):
        from_nir(graph)


def test_a_step_is_short_against_both_time_constants(example):
    point = example["trainer"].point
    assert step_of(point) == point.dt
    coarse = replace(point, tau_mem=20e-6, tau_syn=1e-6, substeps=1)
    assert step_of(coarse) == pytest.approx(1.7e-6 / 17)
    node = to_nir(example["trainer"].network, coarse, "norse").nodes["hidden_0"]
    assert node.tau_syn[0] == pytest.approx(10 * 1e-4)
    assert node.tau_mem[0] == pytest.approx(200 * 1e-4)


def test_a_library_that_is_not_known_is_said(example):
    with pytest.raises(SnnlabError, match="NIR for 'lava' is not known: norse, snntorch, or none"):
        to_nir(example["trainer"].network, example["trainer"].point, "lava")


def test_snntorch_refuses_the_plain_graph(example):
    """As the page says; when this fails, its table can be shorter."""
    from snntorch.import_nir import import_from_nir

    graph = to_nir(example["trainer"].network, example["trainer"].point)
    assert isinstance(graph.nodes["label"], nir.CubaLI)
    with pytest.raises(AssertionError, match="r not supported in CubaLIF"):
        import_from_nir(graph)
