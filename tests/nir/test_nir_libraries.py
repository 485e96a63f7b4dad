"""NIR graphs as norse and snnTorch write them."""

import warnings
from dataclasses import replace

import nir
import numpy as np
import pytest
import torch
from builders import SILENT
from nir_graphs import chained, cuba, weights

from snnlab.chip.die import Die
from snnlab.chip.operating_point import OperatingPoint
from snnlab.data.images.encoding import latency_encode
from snnlab.errors import SnnlabError
from snnlab.events import TICK
from snnlab.learn.gradient.model import CURRENT
from snnlab.nir.file import write_nir
from snnlab.nir.load import from_nir


def test_scalars_tensors_flatten_and_a_zero_bias_are_understood():
    """As norse builds graphs: torch tensors without axes, every Linear an Affine."""
    one = torch.tensor
    chain = chained(
        nir.Flatten({"input": np.array([2, 2])}),
        nir.Affine(torch.full((3, 4), 5e-6), torch.zeros(3)),
        nir.CubaLIF(one(6e-6), one(6e-6), one(1.0), one(0.0), one(1.0), w_in=1.0),
        nir.Linear(torch.full((2, 3), 5e-6)),
        nir.CubaLI(one(6e-6), one(6e-6), one(1.0), one(0.0)),
    )
    read = from_nir(chain)
    assert read.network.sizes == (4, 3, 2)
    jump = 5e-6 / (6e-6 * 6e-6)
    np.testing.assert_allclose(read.network.arrays()[0], jump / CURRENT, rtol=1e-6)


def test_weights_beyond_six_bits_are_counted():
    w = np.zeros((3, 4), np.float32)
    w[0, :2] = 63.4 / 240, 63.6 / 240
    w[1, 1] = -500 / 240
    with pytest.warns(UserWarning, match=r"'0': 2 of 12 weights exceed 63 LSB \(largest 500\)"):
        read = from_nir(
            chained(
                nir.Linear(w), cuba(3, w_in=CURRENT * 36e-12),
                nir.Linear(weights(2, 3)), cuba(2, nir.CubaLI),
            )
        )  # fmt: skip
    assert read.clipped == (2, 0)
    assert read.network.weights_lsb()[0].T[1, 1] == -63


@pytest.fixture(scope="module")
def digits():
    from snnlab.data import load

    return load("digits")


WINDOW, STEP = OperatingPoint().window, 0.85e-6
STEPS = round(WINDOW * TICK / STEP)


def test_a_network_trained_in_snntorch_runs_on_the_chip(digits, tmp_path):
    """snnTorch's network and its image on the ideal chip agree on 95 of 100 test digits.

    They cannot agree on all: snnTorch walks in steps, here of 0.85 µs, gathers the spikes of each
    and decays by 1 − dt/tau for exp(−dt/tau); the chip has 6-bit weights and an 8-bit CADC.
    """
    net = _trained_in_snntorch(digits)
    events = latency_encode(digits.test_images, 8e-6, 0.1, WINDOW)
    with torch.no_grad():
        potentials, spikes = _forward(net, events)
    write_nir(tmp_path / "snn.nir", _exported(net, 256))
    with pytest.warns(UserWarning, match="label neurons they never fire"):
        read = from_nir(tmp_path / "snn.nir", dt=1e-4, speedup=1e-4 / STEP, label_gain=0.25)
    assert read.network.sizes == (256, 40, 10)
    assert sum(read.clipped) == 0
    read = replace(read, point=replace(read.point, **SILENT))
    recording = read.chip(Die.ideal()).run(events, read.network.weights_lsb())
    assert not recording.saturated(-1).any()
    theirs, ours = potentials.argmax(1).numpy(), read.network.scores(recording).argmax(1)
    assert (theirs == digits.test_labels).mean() > 0.8
    assert (ours == theirs).mean() > 0.93
    counts = recording.spikes[0].count_by_channel()
    assert np.corrcoef(counts.ravel(), spikes.numpy().ravel())[0, 1] > 0.95


def test_a_leaky_network_of_snntorch_is_refused_or_runs_as_it_says(tmp_path):
    import snntorch as snn

    beta = [torch.full((n,), 1 - STEP / 6e-6) for n in (5, 3)]
    cells = [
        snn.Leaky(beta=b, threshold=torch.ones(len(b)), init_hidden=True, output=len(b) == 3)
        for b in beta
    ]
    linear = [torch.nn.Linear(6, 5, bias=False), torch.nn.Linear(5, 3, bias=False)]
    made = _exported(torch.nn.Sequential(linear[0], cells[0], linear[1], cells[1]), 6)
    with pytest.raises(SnnlabError, match=r"tau_mem = 0.000705882 s at speedup 1, the chip takes"):
        from_nir(made, dt=1e-4)
    with pytest.warns(UserWarning, match="no synaptic current|never fire|exceed 63 LSB") as said:
        read = from_nir(made, dt=1e-4, speedup=1e-4 / STEP)
    assert len(said) == len(read.notes) >= 3
    # A spike lifts the membrane by its weight: so says snnTorch, and so does the charge.
    charge = read.network.arrays()[0] * CURRENT * read.point.tau_syn
    np.testing.assert_allclose(charge, linear[0].weight.detach().numpy().T, rtol=1e-5)
    biased = torch.nn.Sequential(torch.nn.Linear(6, 3), cells[1])
    with pytest.raises(SnnlabError, match=r"'0' has a bias of up to .* train with bias=False"):
        from_nir(_exported(biased, 6), dt=1e-4, speedup=1e-4 / STEP)


def _trained_in_snntorch(digits):
    import snntorch as snn
    from snntorch import surrogate

    torch.manual_seed(0)
    torch.set_num_threads(1)

    def cell(n, reset, output):
        decay = torch.full((n,), 1 - STEP / 6e-6)
        return snn.Synaptic(
            alpha=decay, beta=decay, threshold=torch.ones(n), spike_grad=surrogate.fast_sigmoid(5),
            reset_mechanism=reset, reset_delay=False, init_hidden=True, output=output,
        )  # fmt: skip

    net = torch.nn.Sequential(
        torch.nn.Linear(256, 40, bias=False), cell(40, "zero", False),
        torch.nn.Linear(40, 10, bias=False), cell(10, "none", True),
    )  # fmt: skip
    with torch.no_grad():
        net[0].weight.mul_(0.3).add_(0.004)
        net[2].weight.mul_(0.2).add_(0.02)
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    events = latency_encode(digits.train_images, 8e-6, 0.1, WINDOW)
    target = torch.from_numpy(digits.train_labels.astype(np.int64))
    rng = np.random.default_rng(0)
    for _ in range(80):
        index = rng.permutation(len(target))[:100]
        potentials, spikes = _forward(net, events.take(index))
        loss = torch.nn.functional.cross_entropy(5 * potentials, target[index])
        optimizer.zero_grad()
        (loss + 1e-2 * (spikes**2).mean()).backward()
        optimizer.step()
    return net


def _forward(net, events):
    """Highest label potentials and hidden spike counts, as snnTorch has them."""
    for cell in (net[1], net[3]):
        cell.reset_mem()
    potentials, spikes = [], 0
    for x in torch.from_numpy(events.to_dense(STEP, STEPS).astype(np.float32)).unbind(1):
        hidden = net[1](net[0](x))
        spikes = spikes + hidden
        potentials.append(net[3](net[2](hidden))[-1])
    return torch.stack(potentials).max(0).values, spikes


def _exported(net, n_inputs):
    from snntorch.export_nir import export_to_nir

    with warnings.catch_warnings():  # snnTorch's exporter calls what nirtorch is giving up
        warnings.filterwarnings("ignore", "nirtorch.extract_nir_graph", DeprecationWarning)
        return export_to_nir(net, torch.zeros(1, n_inputs), ignore_dims=[0])
