"""The paper's software network: against a twin in torch, in closed form, and that it learns."""

import numpy as np
import pytest
import torch
from builders import random_spikes

from snnlab import Config, SnnlabError, load
from snnlab.chip.spec import BRAINSCALES2
from snnlab.events import TICK, Events
from snnlab.learn.gradient.surrogate import Surrogate
from snnlab.learn.loss import Loss
from snnlab.learn.network import Network
from snnlab.studies.software import Steps, train_software

TAU, SAMPLES, BETA = 6e-6, 20, 5.0


class Spike(torch.autograd.Function):
    """A step whose derivative is SuperSpike."""

    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 1.0).double()

    @staticmethod
    def backward(ctx, grad):
        (v,) = ctx.saved_tensors
        return grad / (BETA * (v - 1.0).abs() + 1.0) ** 2


def twin(dense, weights, spiking):
    """Potentials of every layer, one step after the other : list of float64[input, step, neuron].

    dense : float64[input, step, channel]; spiking : of each layer.
    """
    decay, potentials, source = float(np.exp(-BRAINSCALES2.dt_cadc / TAU)), [], dense.unbind(1)
    for weight, fires in zip(weights, spiking, strict=True):
        v = current = torch.zeros(len(dense), weight.shape[1], dtype=torch.float64)
        seen, spikes = [], []
        for arriving in source:
            seen.append(v)
            spikes.append(Spike.apply(v) if fires else torch.zeros_like(v))
            current = decay * current + arriving @ weight
            v = decay * v + current - spikes[-1].detach()
        potentials.append(torch.stack(seen, 1))
        source = spikes
    return potentials


@pytest.mark.parametrize("hidden", [(30,), (30, 20)])
def test_potentials_and_gradients_are_those_of_torch(hidden):
    rng = np.random.default_rng(3)
    sizes = (40, *hidden, 5)
    events = random_spikes(rng, 6, 40, last=int(SAMPLES * BRAINSCALES2.dt_cadc / TICK))
    weights = Network(sizes, seed=2).weights
    for weight in weights[:-1]:
        weight += 0.08  # so that the neurons fire, some of them twice
    d_traces = rng.normal(size=(6, SAMPLES, 5)).astype(np.float32)
    d_counts = [rng.normal(size=(6, n)).astype(np.float32) for n in hidden]
    run = Steps(TAU, TAU, SAMPLES).run(events, weights)
    mine = run.backward(Surrogate(BETA), d_traces, Loss({}, None, d_counts, [0.0] * len(hidden)))

    dense = torch.from_numpy(events.to_dense(BRAINSCALES2.dt_cadc, SAMPLES)).double()
    theirs = [torch.from_numpy(w).double().requires_grad_() for w in weights]
    potentials = twin(dense, theirs, [True] * len(hidden) + [False])
    for found, expected in zip(run.potentials, potentials, strict=True):
        np.testing.assert_allclose(found, expected.detach(), atol=2e-5)
    assert min(count.mean() for count in run.counts) > 0.3
    assert max(count.max() for count in run.counts) >= 2
    counted = [Spike.apply(v).sum(1) for v in potentials[:-1]]
    value = (potentials[-1] * torch.from_numpy(d_traces)).sum()
    for count, d_count in zip(counted, d_counts, strict=True):
        value = value + (count * torch.from_numpy(d_count)).sum()
    value.backward()
    for found, expected in zip(mine, theirs, strict=True):
        largest = expected.grad.abs().max()
        np.testing.assert_allclose(found, expected.grad, atol=1e-5 * float(largest))


def test_one_spike_gives_the_potential_of_the_published_model():
    """In the next steps 1, 1.51, 1.70, 1.71 times the weight, and a spike takes 1 away."""
    first = 223
    one = Events([0, 1], [first + round(3.5 * BRAINSCALES2.dt_cadc / TICK)], [0], 1, [0])
    model = Steps(TAU, TAU, SAMPLES, first)
    label = model.run(one, [np.full((1, 1), 0.2, np.float32)]).traces[0, :, 0]
    expected = [0, 0, 0, 0, 1, 1.507, 1.702, 1.710]
    np.testing.assert_allclose(label[:8] / 0.2, expected, atol=1e-3)
    weights = [np.full((1, 1), 1.2, np.float32), np.ones((1, 1), np.float32)]
    hidden = model.run(one, weights).potentials[0][0, :, 0]
    decay = np.exp(-BRAINSCALES2.dt_cadc / TAU)
    assert hidden[4] == np.float32(1.2)
    assert hidden[5] == pytest.approx(1.2 * 2 * decay - 1.0)


def test_it_learns_the_digits_the_same_way_every_time():
    config = Config.checked(dataset="digits", epochs=6, hidden=[60], seed=3)
    found = train_software(config, load("digits"))
    assert found.accuracy > 0.85
    assert found.train_accuracy > 0.85
    assert 2.0 < found.spikes < 200.0
    assert train_software(config, load("digits")) == found


def test_what_it_cannot_do_is_refused():
    config = Config.checked(dataset="digits", dropout=0.4)
    with pytest.raises(SnnlabError, match=r"software network with dropout = 0.4: .* 0.0 only"):
        train_software(config, load("digits"))
