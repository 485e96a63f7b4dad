"""Small networks and their NIR graphs."""

import nir
import numpy as np

from snnlab.chip.operating_point import OperatingPoint
from snnlab.learn.network import Network
from snnlab.nir.export import to_nir

SIZES = (24, 8, 4)


def network(rng, sizes=SIZES, mean=40.0):
    """Weights that the chip has exactly, so that rounding is no difference."""
    made = Network(sizes)
    scales = [240.0] * (len(sizes) - 2) + [250.0]
    spreads = [25.0] * (len(sizes) - 2) + [4.0]
    means = [mean] * (len(sizes) - 2) + [2.0]
    made.load_weights(
        [
            (np.rint(rng.normal(m, s, w.shape)).clip(-63, 63) / scale).astype(np.float32)
            for w, m, s, scale in zip(made.arrays(), means, spreads, scales, strict=True)
        ]
    )
    return made


def graph(**changes):
    """A small graph of ours, some of whose nodes' parameters are replaced."""
    made = to_nir(network(np.random.default_rng(0)), OperatingPoint())
    for name, value in changes.items():
        node, parameter = name.split("__")
        setattr(made.nodes[node], parameter, value)
    return made


def chained(*nodes):
    """Nodes one after the other, unchecked by nir, as other libraries build them in memory."""
    names = [*map(str, range(len(nodes)))]
    ends = {"input": nir.Input({"input": np.array([4])}), "output": nir.Output({"output": None})}
    inner = dict(zip(names, nodes, strict=True))
    edges = list(zip(["input", *names], [*names, "output"], strict=True))
    return nir.NIRGraph({**ends, **inner}, edges, {}, type_check=False)


def cuba(n, kind=nir.CubaLIF, **changes):
    fires = {"v_threshold": 1.0} if kind in (nir.CubaLIF, nir.LIF) else {}
    times = {"tau": 6e-6} if kind in (nir.LIF, nir.LI) else {"tau_mem": 6e-6, "tau_syn": 6e-6}
    values = {**times, "r": 1.0, "v_leak": 0.0, **fires, **changes}
    return kind(**{name: np.full(n, value) for name, value in values.items()})


def weights(*shape, value=5e-6):
    return np.full(shape, value)
