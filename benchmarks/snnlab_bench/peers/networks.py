"""The same network in other libraries, as in their tutorials: dense spikes [step, image, channel].

A time step is a CADC period. Both time constants are equal, so with ``decay`` per step and weights
scaled by ``jump`` (the potential one step after a spike) each library's step is the exact solution
between spikes on that grid. The refractory period is one step (by hand, snnTorch) or zero (Norse,
SpikingJelly); the chip's is 2 µs. No peer models mismatch, 8-bit CADC samples or noise.
"""

import torch
from torch import nn
from torch.nn.functional import cross_entropy

STEEPNESS = 10.0


class _SuperSpike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 0).float()

    @staticmethod
    def backward(ctx, grad):
        (v,) = ctx.saved_tensors
        return grad / (STEEPNESS * v.abs() + 1.0) ** 2


class _Peer(nn.Module):
    """weights : float32[input, neuron] of two layers; returns label traces and hidden spikes."""

    gain = 1.0

    def __init__(self, weights, decay, jump):
        super().__init__()
        self.decay = decay
        self.hidden, self.label = (nn.Linear(*w.shape, bias=False) for w in weights)
        with torch.no_grad():
            for layer, weight in zip((self.hidden, self.label), weights, strict=True):
                layer.weight.copy_(weight.T * jump * self.scale())

    def scale(self) -> float:
        """Factor that compensates the input gain of the library's step."""
        return 1.0


class ByHand(_Peer):
    """A plain loop in torch."""

    def forward(self, x):
        decay, spikes, traces = self.decay, [], []
        drives = self.hidden(x).unbind(0)
        i = u = z = torch.zeros_like(drives[0])
        for drive in drives:
            i = decay * i + drive
            u = (decay * u + i) * (1.0 - z.detach())
            z = _SuperSpike.apply(u - 1.0)
            spikes.append(z)
        spikes = torch.stack(spikes)
        drives = self.label(spikes).unbind(0)
        i = u = torch.zeros_like(drives[0])
        for drive in drives:
            i = decay * i + drive
            u = decay * u + i
            traces.append(u)
        return torch.stack(traces), spikes


class SnnTorch(_Peer):
    """snnTorch's second-order neurons, stepped by hand as in its tutorials."""

    def __init__(self, weights, decay, jump):
        import snntorch
        from snntorch.surrogate import fast_sigmoid

        super().__init__(weights, decay, jump)
        spike = fast_sigmoid(slope=STEEPNESS)
        self.lif = snntorch.Synaptic(decay, decay, spike_grad=spike, reset_mechanism="zero")
        self.li = snntorch.Synaptic(decay, decay, reset_mechanism="none")

    def forward(self, x):
        spikes, traces = [], []
        (i, u), (i_out, u_out) = self.lif.reset_mem(), self.li.reset_mem()
        for drive in self.hidden(x).unbind(0):
            z, i, u = self.lif(drive, i, u)
            _, i_out, u_out = self.li(self.label(z), i_out, u_out)
            spikes.append(z)
            traces.append(u_out)
        return torch.stack(traces), torch.stack(spikes)


class Norse(_Peer):
    """Norse's layers over time; Euler steps, with rates chosen to give the exact decay."""

    def __init__(self, weights, decay, jump):
        import norse.torch as norse

        super().__init__(weights, decay, jump)
        rates = {name: torch.tensor(1.0 - decay) for name in ("tau_syn_inv", "tau_mem_inv")}
        neuron = norse.LIFParameters(**rates, method="super", alpha=STEEPNESS)
        self.lif = norse.LIF(neuron, dt=1.0)
        self.li = norse.LI(norse.LIParameters(**rates), dt=1.0)

    def scale(self):
        return 1.0 / (1.0 - self.decay)

    def forward(self, x):
        spikes, _ = self.lif(self.hidden(x))
        traces, _ = self.li(self.label(spikes))
        return traces, spikes


class SpikingJelly(_Peer):
    """SpikingJelly's current-based neurons in multi-step mode."""

    def __init__(self, weights, decay, jump):
        from spikingjelly.activation_based import functional, neuron, surrogate

        super().__init__(weights, decay, jump)
        self._reset = functional.reset_net
        self.lif = neuron.CUBALIFNode(decay, decay, 1.0, 0.0, surrogate.SuperSpike())
        self.lif.detach_reset = True
        self.li = neuron.CUBALIFNode(decay, decay, 1e9, 0.0, surrogate.SuperSpike())
        self.li.store_v_seq = True
        functional.set_step_mode(self, "m")

    def forward(self, x):
        self._reset(self)
        spikes = self.lif(self.hidden(x))
        self.li(self.label(spikes))
        return self.li.v_seq, spikes


PEERS = {
    "torch by hand": ByHand,
    "snnTorch": SnnTorch,
    "Norse": Norse,
    "SpikingJelly": SpikingJelly,
}


def loss(traces, spikes, labels, weight):
    """snnlab's loss: cross-entropy of ten times the peaks, plus its two default penalties."""
    classified = cross_entropy(10.0 * traces.amax(0), labels)
    return classified + 5e-4 * (spikes.sum(0) ** 2).mean() + 0.1 * (weight**2).mean()
