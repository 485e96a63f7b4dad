"""Networks to and from NIR: written and read unchanged, and the physics a graph stands for."""

import nir
import numpy as np
import pytest
from builders import quiet, random_spikes, same_recording
from nir_graphs import SIZES, chained, cuba, graph, network, weights
from nir_oracle import run

from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2
from snnlab.errors import SnnlabError
from snnlab.events import TICK
from snnlab.learn.gradient.model import CURRENT, IdealModel
from snnlab.learn.network import Network, decode
from snnlab.nir.export import to_nir
from snnlab.nir.file import write_nir
from snnlab.nir.load import from_nir

DT_CADC, GAP_LSB = BRAINSCALES2.dt_cadc, BRAINSCALES2.gap_lsb
POINTS = [
    OperatingPoint(),
    OperatingPoint(tau_mem=8e-6, tau_syn=4e-6, tau_ref=1e-6, substeps=8),
    OperatingPoint(tau_mem=20e-6, tau_syn=1e-6, tau_ref=40e-9),
    OperatingPoint(tau_mem=50e-6, tau_syn=4e-6),
    OperatingPoint(samples=178),
]


# Write, read, simulate


@pytest.mark.parametrize("point", POINTS)
def test_a_network_survives_writing_and_reading_to_the_last_bit(tmp_path, point):
    rng = np.random.default_rng(1)
    before = Network((24, 8, 6, 4))
    before.load_weights([rng.normal(0.2, 0.05, w.shape) for w in before.arrays()])
    before.clamp()
    write_nir(tmp_path / "n.nir", to_nir(before, point))
    after = from_nir(tmp_path / "n.nir")
    for ours, theirs in zip(before.arrays(), after.network.arrays(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert after.point == point
    assert after.notes == ()
    assert sum(after.clipped) == 0
    events, die = random_spikes(rng, 20, 24), Die.draw(seed=5)
    first = Chip(Mapping(before.sizes), die, point).run(events, before.weights_lsb(), trial=2)
    second = after.chip(die).run(events, after.network.weights_lsb(), trial=2)
    assert first.spikes_per_sample() > 1
    assert same_recording(first, second)


def test_metadata_tell_what_nir_has_no_place_for(tmp_path):
    point = OperatingPoint(tau_ref=3e-6, substeps=10)
    net = network(np.random.default_rng(0))
    write_nir(tmp_path / "n.nir", to_nir(net, point))
    made = nir.read(tmp_path / "n.nir")
    assert made.metadata["tau_ref"] == 3e-6
    assert made.metadata["dt"] == pytest.approx(0.17e-6)
    scales = [made.nodes[f"weights_{k}"].metadata["weight_scale"] for k in range(2)]
    assert scales == net.scales()
    assert [type(n).__name__ for n in made.nodes.values()].count("CubaLIF") == 1


# Physics


@pytest.mark.parametrize("point", POINTS)
def test_a_written_neuron_has_the_psp_of_the_ideal_model(point):
    node = to_nir(Network((1, 1)), point).nodes["label"]
    i, tau_mem, tau_syn = (node.w_in / node.tau_syn)[0], node.tau_mem[0], node.tau_syn[0]
    time = np.linspace(0, 34e-6, 50)
    difference = np.exp(-time / tau_syn) - np.exp(-time / tau_mem)
    closed = i * (
        time / tau_mem * np.exp(-time / tau_mem)
        if tau_mem == tau_syn
        else difference / (1 - tau_mem / tau_syn)
    )
    model = IdealModel(point.tau_mem, point.tau_syn)
    np.testing.assert_allclose(closed, model.psp(time), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("taus", [{}, {"tau_mem": 8e-6, "tau_syn": 4e-6, "tau_ref": 1e-6}])
def test_the_ideal_chip_solves_the_equations_of_the_graph(taus):
    # A seed without membranes that just touch the threshold: there a spike is anybody's guess.
    rng, point = np.random.default_rng(19), quiet(**taus)
    net = network(rng)
    events = random_spikes(rng, 3, SIZES[0], 0.9, last=2500)
    recording = Chip(Mapping(SIZES), Die.ideal(), point).run(events, net.weights_lsb())
    labels = decode(recording, net.scales()[-1])
    made, samples = to_nir(net, point), [m * DT_CADC for m in range(point.samples + 1)]
    for b in range(3):
        spikes, potentials = run(made, _times(events.take([b])), samples)
        for mine, exact in zip(_times(recording.spikes[0].take([b])), spikes[0], strict=True):
            assert len(mine) == len(exact)
            np.testing.assert_allclose(mine, exact, rtol=0, atol=point.dt)
        assert sum(map(len, spikes[0])) > 40
        assert not recording.saturated(-1)[b].any()
        # Half an LSB of the converter, and what a spike shifted by half a step does.
        lsb = 240 / 250 / GAP_LSB
        np.testing.assert_allclose(labels[b], potentials[:-1], rtol=0, atol=lsb)


def _times(events):
    """Spike times of each channel of one sample : s."""
    channels = range(events.n_channels)
    return [sorted(events.tick[events.channel == c] * TICK) for c in channels]


def test_a_slower_clock_is_sped_up():
    slow = graph()
    for name in ("hidden_0", "label"):
        node = slow.nodes[name]
        node.tau_mem, node.tau_syn, node.w_in = (
            1000 * v for v in (node.tau_mem, node.tau_syn, node.w_in)
        )
    slow.metadata = {k: v * 1000 if k in ("tau_ref", "dt") else v for k, v in slow.metadata.items()}
    fast, same = from_nir(slow, speedup=1000), from_nir(graph())
    assert fast.point.tau_mem == pytest.approx(6e-6)
    assert fast.point.substeps == same.point.substeps
    for a, b in zip(fast.network.arrays(), same.network.arrays(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_a_spike_of_one_step_is_a_dirac_pulse_of_that_area():
    rng = np.random.default_rng(2)
    w = rng.normal(0, 0.05, (3, 4)).astype(np.float32)
    step, alpha, beta = 1e-4, 0.99, 0.98
    # What snnTorch writes for I ← αI + w S, V ← βV + I.
    stepped = {"tau_syn": step / (1 - alpha), "tau_mem": step / (1 - beta)}
    stepped |= {"w_in": 1 / (1 - alpha), "r": 1 / (1 - beta)}
    read = from_nir(chained(nir.Linear(w), cuba(3, nir.CubaLI, **stepped)), dt=step, speedup=1000)
    # One spike charges the membrane by w αⁿ at step n : w / (1 − α) in all.
    charge = read.network.arrays()[0] * CURRENT * read.point.tau_syn
    np.testing.assert_allclose(charge, w.T / (1 - alpha), rtol=1e-5)
    assert read.point.tau_mem == pytest.approx(5e-6)


def test_a_neuron_without_synaptic_current_keeps_its_charge():
    chain = chained(nir.Linear(weights(3, 4)), cuba(3, nir.LI, r=2.0))
    with pytest.warns(UserWarning, match="no synaptic current: it gets one of tau_syn = 1e-06 s"):
        read = from_nir(chain)
    charge = read.network.arrays()[0] * CURRENT * read.point.tau_syn
    np.testing.assert_allclose(charge, 5e-6 * 2.0 / 6e-6, rtol=1e-6)
    assert read.point.tau_ref == 40e-9


def test_a_neuron_without_synaptic_current_joins_those_that_have_one():
    chain = chained(
        nir.Linear(weights(3, 4)), cuba(3, tau_syn=4e-6, w_in=0.5),
        nir.Linear(weights(2, 3)), cuba(2, nir.LI),
    )  # fmt: skip
    with pytest.warns(UserWarning, match="NIR node '3' .* tau_syn = 4e-06 s"):
        assert from_nir(chain).point.tau_syn == 4e-6


def test_differences_between_neurons_go_into_their_weights():
    n = np.arange(1.0, 9.0)
    plain = graph()
    # v = v_leak + r w_in …: resistance and gap cancel, w_in is left.
    varied = graph(
        hidden_0__r=n, hidden_0__v_leak=-n, hidden_0__v_reset=-n, hidden_0__v_threshold=n - n,
        hidden_0__w_in=plain.nodes["hidden_0"].w_in / n[::-1],
    )  # fmt: skip
    read, same = (from_nir(g).network.arrays() for g in (varied, plain))
    np.testing.assert_allclose(read[0] * n[::-1], same[0], rtol=1e-6)
    np.testing.assert_array_equal(read[1], same[1])


def test_a_network_larger_than_the_chip_is_cut_into_parts(tmp_path):
    large = network(np.random.default_rng(3), (300, 200, 4), mean=0.0)
    write_nir(tmp_path / "n.nir", to_nir(large, OperatingPoint()))
    with pytest.raises(SnnlabError, match="needs 608 neuron circuits"):
        from_nir(tmp_path / "n.nir")
    read = from_nir(tmp_path / "n.nir", chips=2)
    assert read.mapping.n_parts == 2
    events = random_spikes(np.random.default_rng(4), 2, 300)
    recording = read.chip().run(events, read.network.weights_lsb())
    assert recording.spikes_per_sample() > 1


def test_label_potentials_can_be_brought_into_the_range_of_the_converter():
    read, same = (from_nir(graph(), label_gain=g).network.arrays() for g in (0.25, 1.0))
    np.testing.assert_array_equal(read[1], same[1] / 4)
    np.testing.assert_array_equal(read[0], same[0])


def test_an_imported_network_decides_as_it_was_trained_to(tmp_path):
    rng, point = np.random.default_rng(1), OperatingPoint()
    mine = network(rng)
    write_nir(tmp_path / "a.nir", to_nir(mine, point, readout="last"))
    again = from_nir(tmp_path / "a.nir")
    chip = again.chip(Die.ideal())
    recording = chip.run(random_spikes(rng, 5, SIZES[0]), again.network.weights_lsb())
    last = again.network.scores(recording, "last")
    np.testing.assert_array_equal(again.scores(recording), last)
    assert not np.array_equal(last, again.network.scores(recording))
    assert from_nir(to_nir(mine, point)).readout == "maximum"
    strange = to_nir(mine, point, readout="loudest")
    with pytest.raises(SnnlabError, match="NIR metadata readout = 'loudest' is not one of maximum"):
        from_nir(strange)
