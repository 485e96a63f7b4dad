"""Networks for other libraries, in the Neuromorphic Intermediate Representation (NIR).

Graphs are in seconds of hardware time and in units of the threshold above leak (about 0.33 V on the
chip), and a spike is a Dirac pulse, as in NIR's own definition of a threshold: so the graph alone
says what it computes. A spike through weight w lets the chip's synaptic current jump by
``CURRENT w`` in dV/dt = −V/tau_mem + i. In NIR, with r = 1, I jumps by w_in w / tau_syn and
i = I / tau_mem; hence ``w_in = CURRENT tau_mem tau_syn`` : s. For a refractory period, steps and
LSB NIR has no place: they are in the metadata.

J. E. Pedersen et al., Nature Communications 15, 8122 (2024).
"""

from itertools import pairwise
from pathlib import Path

import nir
import numpy as np

from snnlab.chip.operating_point import OperatingPoint
from snnlab.experiments.nir_file import write_nir
from snnlab.experiments.runs import load_config, load_weights
from snnlab.install import version
from snnlab.learn.model import CURRENT
from snnlab.learn.network import Network


def to_nir(network: Network, point: OperatingPoint) -> nir.NIRGraph:
    """A network as trained, before rounding to LSB, as Linear → CubaLIF → … → Linear → CubaLI."""
    nodes = {"input": nir.Input({"input": np.array(network.sizes[:1])})}
    for k, (weight, scale) in enumerate(zip(network.arrays(), network.scales(), strict=True)):
        is_label = k == len(network.sizes) - 2
        nodes[f"weights_{k}"] = nir.Linear(weight.T, metadata={"weight_scale": scale})
        nodes["label" if is_label else f"hidden_{k}"] = _neurons(weight.shape[1], point, is_label)
    nodes["output"] = nir.Output({"output": np.array(network.sizes[-1:])})
    metadata = {
        "snnlab": version(),
        "units": "s; potentials of threshold above leak; weight_scale in LSB; spikes of area 1",
        "tau_ref": point.tau_ref,
        "dt": point.dt,
    }
    return nir.NIRGraph(nodes, list(pairwise(nodes)), metadata)


def export_run(folder: Path, path: Path) -> Network:
    """Write the network of a run folder as a NIR file; returns it."""
    config = load_config(folder)
    network = Network.of(load_weights(folder), config.chips)
    point = OperatingPoint(config.tau_mem, config.tau_syn, config.tau_ref, substeps=config.substeps)
    write_nir(path, to_nir(network, point))
    return network


def _neurons(n, point, is_label):
    def all_of(value):
        return np.full(n, float(value))

    membrane = {
        "tau_syn": all_of(point.tau_syn),
        "tau_mem": all_of(point.tau_mem),
        "r": all_of(1),
        "v_leak": all_of(0),
        "w_in": all_of(CURRENT * point.tau_mem * point.tau_syn),
    }
    if is_label:
        return nir.CubaLI(**membrane)
    return nir.CubaLIF(**membrane, v_threshold=all_of(1), v_reset=all_of(0))
