"""The layers of a network, from its inputs to its labels."""

from collections.abc import Iterable
from dataclasses import dataclass

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

    Raises :class:`SnnlabError` without a layer, for a recurrent layer, which is not implemented,
    and for a hidden layer that does not spike or a label layer that does.
    """

    inputs: int
    layers: tuple[Layer, ...]

    @classmethod
    def chain(cls, sizes: Iterable[int]) -> "Topology":
        """Feed-forward layers of these sizes: inputs, hidden layers, labels."""
        inputs, *hidden = sizes
        labels = [Layer(hidden.pop(), spiking=False)] if hidden else []
        return cls(inputs, (*map(Layer, hidden), *labels))

    def __post_init__(self):
        if not self.layers:
            raise SnnlabError(f"Network of {self.inputs} inputs has no layer: give its labels, too")
        last = len(self.layers) - 1
        for k, layer in enumerate(self.layers):
            if layer.recurrent:
                raise SnnlabError(
                    f"layer {k} of network {self} is recurrent, which is not implemented: use"
                    " recurrent=False"
                )
            if layer.spiking != (k < last):
                kind = "hidden" if k < last else "label"
                raise SnnlabError(
                    f"layer {k} of network {self} has spiking={layer.spiking}, which is not"
                    f" implemented for a {kind} layer: use spiking={k < last}"
                )

    def __str__(self) -> str:
        return "-".join(map(str, self.sizes))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, neurons of every hidden layer, and labels."""
        return self.inputs, *(layer.size for layer in self.layers)

    @property
    def hidden(self) -> tuple[Layer, ...]:
        """All layers but that of the labels."""
        return self.layers[:-1]
