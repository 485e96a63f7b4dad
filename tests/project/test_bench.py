"""The benchmarks: timing harness, table, breakdown, scaling and peers."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from builders import SILENT, random_spikes, random_weights

from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2
from snnlab.commands.main import main
from snnlab.errors import SnnlabError
from snnlab.learn.gradient.model import IdealModel
from snnlab_bench import report, suite
from snnlab_bench.harness import Row, Seconds, Spread, interleaved, timed
from snnlab_bench.network import Random
from snnlab_bench.peers.contest import Peer, PeerError, peers
from snnlab_bench.peers.networks import ByHand, loss
from snnlab_bench.sections import breakdown, scaling

DT_CADC, TRAINING_SAMPLES, WEIGHT_SCALE = (
    BRAINSCALES2.dt_cadc,
    BRAINSCALES2.training_samples,
    BRAINSCALES2.weight_scale,
)
TAU_MEM, TAU_SYN = OperatingPoint.tau_mem, OperatingPoint.tau_syn

ROW = Row("speed", "speed of it", Spread(2.0, 1.5, 2.5), 1.8, "2 s against 4 s")


def contender(name, order, took):
    def run():
        order.append(name)
        return Seconds(took, 2.0 * took)

    return run


def test_contenders_run_in_turn_and_each_starts_a_round():
    order = []
    names = {name: contender(name, order, k + 1.0) for k, name in enumerate("abc")}
    times = interleaved(names, seconds=0.0, least=4)
    assert "".join(order) == "abc" + "abc" + "bca" + "cab" + "abc"
    assert times["c"].wall.tolist() == [3.0] * 4
    assert times["c"].cpu.tolist() == [6.0] * 4


def test_the_number_of_rounds_is_limited():
    order = []
    interleaved({"a": contender("a", order, 1.0)}, seconds=60.0, most=7)
    assert len(order) == 1 + 7


def test_cpu_time_of_a_busy_loop_is_at_most_its_wall_time():
    took = timed(lambda: sum(range(100_000)), repeats=3)()
    assert 0.0 < took.cpu < 1.2 * took.wall + 0.01


@pytest.mark.parametrize(("at_most", "target", "met"), [(False, 1.8, True), (True, 1.8, False)])
def test_a_target_is_a_lower_or_an_upper_limit(at_most, target, met):
    assert replace(ROW, at_most=at_most, target=target).met is met
    assert replace(ROW, at_most=at_most, target=2.0).met
    assert not replace(ROW, at_most=at_most, ratio=None).met


def test_a_row_shows_ratio_target_figures_and_the_last_release(tmp_path):
    last = {"version": "0.0.1", "machine": {}}
    path = report.write(tmp_path, last, [replace(ROW, ratio=Spread(1.7, 1.6, 1.8))])
    line = report.line(ROW, json.loads(path.read_text()))
    assert " ".join(line.split()) == "speed of it 2.00 1.50–2.50 ≥ 1.8 yes 1.70 2 s against 4 s"
    assert "not measured" in report.line(replace(ROW, ratio=None), {})


def test_the_newest_release_is_the_reference(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    assert report.last_release() == {}
    for version in ("0.9.0", "0.10.0", "0.2.0"):
        report.write(tmp_path, {"version": version}, [])
    assert report.last_release()["version"] == "0.10.0"


def test_an_unknown_section_is_refused(tmp_path):
    with pytest.raises(SnnlabError, match="no section speed: there are real-time, peers"):
        suite.run(tmp_path, only="scaling,speed", full=False, threads=1)


def test_without_the_extra_the_command_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["bench"]) == 2
    assert 'pip install -e ".[bench]"' in capsys.readouterr().err


def test_the_exponent_of_a_power_law_is_fitted():
    amounts = np.array([1.0, 2.0, 4.0])
    cost = 3.0 * amounts[:, None] ** [0.5, 1.0, 2.0]
    np.testing.assert_allclose(scaling._slopes(amounts, cost), [0.5, 1.0, 2.0])


def test_the_limit_is_the_slower_of_arithmetic_and_cache():
    counts = {"steps": 1.0}
    fast_cache = {"product_ops": breakdown.PADDED * 1e6, "l1_bytes": np.inf}
    fast_core = {"product_ops": np.inf, "l1_bytes": breakdown.PADDED * 1e6}
    assert breakdown.at_best(counts, fast_cache)["steps"] == breakdown.OPERATIONS["steps"]
    assert breakdown.at_best(counts, fast_core)["steps"] == breakdown.L1_BYTES["steps"]


def test_a_random_network_has_the_requested_activity_and_does_not_learn():
    network = Random(batch=20, active=50)
    assert (network.events.counts == 50).all()
    assert 20 < network.run().spikes_per_sample() < 80
    before = network.network.arrays()
    network.step()
    for old, new in zip(before, network.network.arrays(), strict=True):
        np.testing.assert_array_equal(old, new)


def by_hand(weights_lsb):
    model = IdealModel(TAU_MEM, TAU_SYN)
    weights = [torch.from_numpy(w / np.float32(WEIGHT_SCALE)) for w in weights_lsb]
    return ByHand(weights, float(np.exp(-DT_CADC / TAU_MEM)), float(model.psp(DT_CADC)))


def test_a_peers_membrane_follows_the_ideal_model():
    """After a forced hidden spike in step 2 a label neuron follows the postsynaptic potential."""
    peer = by_hand([np.full((1, 1), 63, np.int8), np.full((1, 1), 20, np.int8)])
    with torch.no_grad():
        peer.hidden.weight.fill_(10.0)
        traces, spikes = peer(torch.eye(20)[:, [2]].reshape(20, 1, 1))
    psp = IdealModel(TAU_MEM, TAU_SYN).psp((np.arange(20) - 1) * DT_CADC) * 20 / WEIGHT_SCALE
    first = int(spikes.flatten().argmax())
    assert first == 2
    assert spikes[3:4].sum() == 0  # refractory for one step
    np.testing.assert_allclose(traces[:4, 0, 0], psp[:4], atol=1e-6)  # before the next spike


def test_a_peer_spikes_like_the_ideal_die():
    """Up to the 1.7 µs grid: nine in ten neurons have equal spike counts, and the totals agree."""
    rng, sizes = np.random.default_rng(3), (64, 60, 10)
    events, weights = random_spikes(rng, 50, 64, 0.5, last=1400), random_weights(rng, sizes)
    chip = Chip(Mapping(sizes), Die.ideal(), OperatingPoint(**SILENT))
    ours = chip.run(events, weights).spikes[0].count_by_channel()
    x = torch.from_numpy(events.to_dense(DT_CADC, TRAINING_SAMPLES)).float().transpose(0, 1)
    with torch.no_grad():
        counts = by_hand(weights)(x)[1].sum(0).numpy()
    assert ours.sum() > 200
    assert (counts == ours).mean() > 0.9
    assert counts.sum() == pytest.approx(ours.sum(), rel=0.15)


def test_a_peers_loss_has_gradients_for_all_weights():
    weights = [np.full(shape, 20, np.int8) for shape in pairwise((8, 6, 4))]
    peer = by_hand(weights)
    traces, spikes = peer((torch.arange(20 * 3 * 8) % 5 == 0).reshape(20, 3, 8).float())
    loss(traces, spikes, torch.tensor([0, 1, 2]), peer.hidden.weight).backward()
    assert spikes.sum() > 0
    for layer in (peer.hidden, peer.label):
        assert layer.weight.grad.abs().sum() > 0


class Untrained:
    """An untrained stand-in for the benchmarked network."""

    def __init__(self):
        self._random = Random(batch=100)
        self.network, self.weights_lsb = self._random.network, self._random.weights_lsb
        self.dataset = self
        self.test_labels = np.arange(100) % 10

    def images(self, count):
        return self._random.events.take(np.arange(count) % 100)


@pytest.mark.slow
def test_a_peer_in_its_own_process_responds(tmp_path):
    with peers(Untrained(), ["torch by hand", "abacus"], 1) as (running, missing, folder):
        assert list(running) == ["torch by hand"]
        assert "abacus does not run: KeyError" in missing["abacus"]
        took = running["torch by hand"].task("step", 2)()
        assert 0.0 < took.wall < 60.0
        running["torch by hand"].task("check")()
        with np.load(folder / "torch by hand.npz") as file:
            assert file["counts"].shape == (1000, 246)
    with pytest.raises(PeerError, match="No such file"):
        Peer("torch by hand", tmp_path / "nothing.npz", 1)
