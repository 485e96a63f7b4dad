"""The network being trained: float weights, and their rounded image on the chip."""

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from snnlab.arrays import as_arrays
from snnlab.chip.compiled import compiled
from snnlab.chip.emulator import Chip
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.recording import Recording
from snnlab.chip.spec import BRAINSCALES2, ChipSpec
from snnlab.chip.threads import guarded
from snnlab.errors import SnnlabError
from snnlab.events import Events
from snnlab.install import install_command
from snnlab.learn.gradient.methods import Gradient
from snnlab.model.readout import scores
from snnlab.model.topology import Layer, Topology
from snnlab.seeding import stream

if TYPE_CHECKING:
    import torch

INIT_STD = 0.7 * (1.0 - np.exp(-BRAINSCALES2.dt_cadc / OperatingPoint.tau_syn))
INIT_MEAN = 1e-3
"""Initial weights: normal, std INIT_STD / sqrt(inputs), hidden mean 1e-3 (released code); recurrent
ones apart, std INIT_STD / sqrt(neurons), mean 0."""
_LARGEST = BRAINSCALES2.weight_max_lsb / BRAINSCALES2.weight_scale


class Network:
    """Weights of a network in model units.

    topology : its layers, or the sizes of a chain, e.g. ``(256, 246, 10)``; seed : of the initial
    weights. weights : float32[source, neuron] for each layer; the sources of a recurrent one are
    those before it, then its own neurons. Hidden weights stay within ±63/240.
    """

    def __init__(self, topology: Topology | Iterable[int], seed: int = 1):
        if not isinstance(topology, Topology):
            topology = Topology.chain(topology)
        self.topology = topology
        self.weights = [
            _initial(layer, topology.sizes[k], seed, k) for k, layer in enumerate(topology.layers)
        ]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, neurons of every hidden layer, and labels."""
        return self.topology.sizes

    @classmethod
    def of(
        cls, weights: list[np.ndarray], chips: int = 1, recurrent: tuple[int, ...] = ()
    ) -> "Network":
        """The network of these weights; raises :class:`SnnlabError` if the chips cannot hold it.

        recurrent : numbers of the recurrent layers, whose own neurons are the last of the sources.
        """
        weights = as_arrays(weights, "weights")
        sizes = [n for k, w in enumerate(weights) for n in (*w.shape[: k == 0], *w.shape[1:2])]
        if 0 in recurrent:
            sizes[0] -= sizes[1]
        Mapping(sizes, chips, recurrent=recurrent)
        last = len(sizes) - 2
        layers = (Layer(n, k in recurrent, k < last) for k, n in enumerate(sizes[1:]))
        network = cls(Topology(int(sizes[0]), tuple(layers)))
        network.load_weights(weights)
        return network

    def load_weights(self, weights: list[np.ndarray]) -> None:
        """Set the weights, given as arrays, lists or tensors.

        Raises :class:`SnnlabError` for other shapes, NaN or infinity.
        """
        weights = as_arrays(weights, "weights")
        if len(weights) != len(self.weights):
            raise SnnlabError(
                f"{len(weights)} weight matrices given, network {self.topology} has"
                f" {len(self.weights)}"
            )
        for layer, (mine, given) in enumerate(zip(self.weights, weights, strict=True)):
            if given.shape != mine.shape:
                raise SnnlabError(
                    f"weights of layer {layer} have shape {given.shape},"
                    f" network {self.topology} takes {mine.shape}"
                )
            if given.dtype.kind not in "iuf":
                raise SnnlabError(f"weights of layer {layer} are {given.dtype}: give numbers")
            bad = int((~np.isfinite(given)).sum())
            if bad:
                raise SnnlabError(
                    f"weights of layer {layer} hold {bad} NaN or infinite values of {given.size}:"
                    " the file is damaged or its training diverged"
                )
        for mine, given in zip(self.weights, weights, strict=True):
            mine[...] = given

    def recurrent_rows(self) -> dict[int, slice]:
        """Where the weights of returning spikes stand in those of each recurrent layer."""
        sizes = self.topology.sizes
        return {k: slice(sizes[k], None) for k in self.topology.recurrent}

    def shuffle_recurrent(self, seed: int) -> None:
        """Exchange the recurrent weights of each layer at random: their values stay, what they
        connect does not."""
        for k, rows in self.recurrent_rows().items():
            values = self.weights[k][rows]
            values[...] = (
                stream(seed, "shuffle", k).permutation(values.ravel()).reshape(values.shape)
            )

    def clamp(self) -> None:
        """Keep hidden weights where 6 bits reach, ±63/240."""
        for values in self.weights[:-1]:
            np.clip(values, -_LARGEST, _LARGEST, out=values)

    def arrays(self) -> list[np.ndarray]:
        """Copies of the weights."""
        return [values.copy() for values in self.weights]

    def scales(self) -> list[float]:
        """LSB per model unit of each layer; the label layer's follows its largest weight."""
        largest = max(float(self.weights[-1].max()), -float(self.weights[-1].min()))
        fits = BRAINSCALES2.weight_max_lsb / max(largest, 1e-12)
        hidden = [BRAINSCALES2.weight_scale] * (len(self.weights) - 1)
        return [*hidden, min(fits, BRAINSCALES2.weight_scale_out)]

    def weights_lsb(self, spec: ChipSpec = BRAINSCALES2) -> list[np.ndarray]:
        """Weights as written to the synapses : int8[input, neuron] for each layer.

        spec : of the chip they are for; see :meth:`~snnlab.chip.spec.ChipSpec.rounded`.
        """
        pairs = zip(self.weights, self.scales(), strict=True)
        with np.errstate(over="ignore"):  # values that overflow are clipped below
            scaled = [values * np.float32(scale) for values, scale in pairs]
        return [spec.rounded(w) for w in scaled]

    @cached_property
    def _parameters(self):
        try:
            from snnlab.learn import autograd
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise SnnlabError(
                "a network as a differentiable function needs PyTorch, and Trainer(…) does without:"
                f" {install_command('torch')}"
            ) from None
        return autograd.parameters_of(self.weights)

    def parameters(self) -> list["torch.Tensor"]:
        """The weights as tensors on the same memory, for an optimizer of torch.

        Raises :class:`SnnlabError` where torch is not installed.
        """
        return self._parameters

    def in_the_loop(
        self,
        chip: Chip,
        events: Events,
        gradient: Gradient,
        trial: int,
        silent: tuple[np.ndarray, ...] = (),
    ) -> tuple[Recording, "torch.Tensor", list["torch.Tensor"]]:
        """Forward on the chip, backward by a gradient method, as a function of torch.

        silent : bool[neuron] of each hidden layer, neurons that may not fire and do not learn.
        Returns the :class:`Recording`, label traces float32[image, step, label] in model units
        and, for each hidden layer, spike counts float32[image, neuron]; both differentiable with
        respect to :meth:`parameters`. Raises :class:`SnnlabError` where torch is not installed.
        """
        parameters = self.parameters()
        from snnlab.learn.autograd import differentiable

        run = Pass.forward(self, chip, events, trial, silent)
        traces, *counts = differentiable(run, gradient, parameters)
        return run.recording, traces, counts

    def scores(self, recording: Recording, readout: str = "maximum") -> np.ndarray:
        """Score of each label in model units : float32[image, label]; the highest decides.

        readout : of :func:`~snnlab.model.readout.scores`.
        """
        return scores(decode(recording, self.scales()[-1]), readout)


def decode(recording: Recording, scale: float) -> np.ndarray:
    """Label traces in units of the float weights : float32[image, step, label].

    NaN where the float weights hold NaN or infinity: their scale is then 0.
    """
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return recording.traces(-1) * np.float32(np.float64(BRAINSCALES2.weight_scale) / scale)


def _initial(layer, n_in, seed, number):
    """Initial weights of a layer : float32[source, neuron]; those of a recurrent one's inputs are
    as without recurrence."""
    n, mean = layer.size, INIT_MEAN if layer.spiking else 0.0
    normal = stream(seed, "weights", number).standard_normal((n_in, n))
    forward = (normal * INIT_STD / np.sqrt(n_in) + mean).astype(np.float32)
    if not layer.recurrent:
        return forward
    normal = stream(seed, "recurrent weights", number).standard_normal((n, n))
    returning = (normal * INIT_STD / np.sqrt(n)).astype(np.float32)
    return np.concatenate([forward, returning])


@guarded
@compiled(nogil=True)
def count(offsets, channel, n_channels):
    """As :meth:`Events.count_by_channel`, for gradients : float32[image, channel]."""
    counts = np.zeros((offsets.shape[0] - 1, n_channels), np.float32)
    for b in range(counts.shape[0]):
        for e in range(offsets[b], offsets[b + 1]):
            counts[b, channel[e]] += np.float32(1.0)
    return counts


class Pass(NamedTuple):
    """One forward pass on the chip, with all that the backward pass needs.

    traces : float32[image, step, label], decoded, in model units; counts : float32[image, neuron]
    of each hidden layer; weights : float32[input, neuron] of each layer, those the chip really had,
    in model units; silent : bool[neuron] of each hidden layer.
    """

    recording: Recording
    traces: np.ndarray
    counts: list[np.ndarray]
    weights: list[np.ndarray]
    silent: tuple[np.ndarray, ...]

    @classmethod
    def forward(cls, network, chip, events, trial, silent=()) -> "Pass":
        """Arguments as for :meth:`Network.in_the_loop`."""
        scales, written = network.scales(), network.weights_lsb(chip.spec)
        recording = chip.run(events, written, trial=trial, silent=silent)
        counts = [count(s.offsets, s.channel, s.n_channels) for s in recording.spikes]
        pairs = zip(written, scales, strict=True)
        weights = [w.astype(np.float32) / np.float32(scale) for w, scale in pairs]
        return cls(recording, decode(recording, scales[-1]), counts, weights, silent)

    def backward(self, gradient, d_traces, d_counts) -> list[np.ndarray]:
        """See :meth:`~snnlab.learn.gradient.methods.Gradient.backward`."""
        return gradient.backward(self.recording, self.weights, d_traces, d_counts, self.silent)
