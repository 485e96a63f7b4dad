"""The layers of a network, from its inputs to its labels."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from snnlab.errors import SnnlabError


@dataclass(frozen=True)
class Layer:
    """Neurons that receive the spikes of the layer before, and their own if ``recurrent``.

    A neuron that is not ``spiking`` has no threshold: it integrates, as label neurons do.
    """

    size: int
    recurrent: bool = False
    spiking: bool = True


@dataclass(frozen=True)
class Topology:
    """A chain of layers behind ``inputs`` channels; all spike but the last, that of the labels.

    Raises :class:`SnnlabError` without a layer, and for a hidden layer that does not spike or a
    label layer that does or is recurrent.
    """

    inputs: int
    layers: tuple[Layer, ...]

    @classmethod
    def chain(cls, sizes: Iterable[int], recurrent: bool = False) -> "Topology":
        """Layers of these sizes: inputs, hidden layers, labels; recurrent : all hidden layers."""
        inputs, *hidden = sizes
        labels = [Layer(hidden.pop(), spiking=False)] if hidden else []
        return cls(inputs, (*(Layer(n, recurrent) for n in hidden), *labels))

    def __post_init__(self):
        if not self.layers:
            raise SnnlabError(f"Network of {self.inputs} inputs has no layer: give its labels, too")
        last = len(self.layers) - 1
        for k, layer in enumerate(self.layers):
            if layer.recurrent and not layer.spiking:
                raise SnnlabError(
                    f"layer {k} of network {self} is recurrent, but without spikes nothing returns"
                    " to it: use recurrent=False"
                )
            if layer.spiking != (k < last):
                kind = "hidden" if k < last else "label"
                raise SnnlabError(
                    f"layer {k} of network {self} has spiking={layer.spiking}, which is not"
                    f" implemented for a {kind} layer: use spiking={k < last}"
                )

    def __str__(self) -> str:
        return name_network(self.sizes, self.recurrent)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, neurons of every hidden layer, and labels."""
        return self.inputs, *(layer.size for layer in self.layers)

    @property
    def hidden(self) -> tuple[Layer, ...]:
        """All layers but that of the labels."""
        return self.layers[:-1]

    @property
    def recurrent(self) -> tuple[int, ...]:
        """Numbers of the recurrent layers, 0 the first hidden one."""
        return tuple(k for k, layer in enumerate(self.layers) if layer.recurrent)

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Sources and neurons of every layer: the shape of its weights."""
        return find_shapes(self.sizes, self.recurrent)


def find_shapes(sizes: Sequence[int], recurrent: Collection[int] = ()) -> tuple:
    """Sources and neurons of every layer; the sources of a recurrent one are those before it, then
    its own neurons.

    sizes : inputs, neurons of every layer; recurrent : numbers of the recurrent layers.
    """
    return tuple(
        (before + n * (k in recurrent), n) for k, (before, n) in enumerate(pairwise(sizes))
    )


def name_network(sizes: Sequence[int], recurrent: Collection[int] = ()) -> str:
    """Sizes as in ``70-186R-10``; R follows recurrent layers."""
    return "-".join(f"{n}{'R' * (k - 1 in recurrent)}" for k, n in enumerate(sizes))
