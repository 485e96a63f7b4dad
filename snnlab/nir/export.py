"""Networks for other libraries, in the Neuromorphic Intermediate Representation (NIR).

Graphs are in seconds of hardware time and in units of the threshold above leak (about 0.33 V on the
chip), and a spike is a Dirac pulse, as NIR defines it, so the graph alone defines the computation.
A spike through weight w lets the chip's synaptic current jump by ``CURRENT w`` in
dV/dt = −V/tau_mem + i. In NIR, with r = 1, I jumps by w_in w / tau_syn and
i = I / tau_mem; hence ``w_in = CURRENT tau_mem tau_syn`` : s. NIR does not
represent refractory period, steps and LSB: they are in the metadata.

Other libraries use fixed time steps, represent a spike as 1 during one step, and support few NIR
nodes. For them a graph runs slower than the chip by ``speedup``, with ``w_in = tau_syn / STEP``
and ``r = tau_mem / STEP``: a spike through weight w adds w to the current, and the current is added
to the potential. Label neurons are CubaLIF with an unreachable threshold.

J. E. Pedersen et al., Nature Communications 15, 8122 (2024).
"""

from itertools import pairwise
from math import ceil
from pathlib import Path

import nir
import numpy as np

from snnlab.chip.operating_point import OperatingPoint
from snnlab.data.catalogue import CATALOGUE
from snnlab.errors import SnnlabError
from snnlab.install import version
from snnlab.learn.gradient.model import CURRENT
from snnlab.learn.network import Network
from snnlab.nir.file import write_nir
from snnlab.runs.frames import Frames
from snnlab.runs.run import folder_of, load_config, load_weights

LIBRARIES = ("norse", "snntorch")
"""Supported libraries that use fixed time steps."""
STEP = 1e-4
"""Their time step : s. snnTorch supports no other."""
MAX_STEP_RATIO = 0.1
"""Largest step in time constants: libraries decay by 1 − step/tau per step."""
OUT_OF_REACH = 1e9
"""Threshold of label neurons for libraries without CubaLI, relative to that of hidden neurons."""


def to_nir(
    network: Network,
    point: OperatingPoint,
    library: str | None = None,
    *,
    readout: str = "maximum",
) -> nir.NIRGraph:
    """A network as trained, before rounding to LSB, as Linear → CubaLIF → … → Linear → CubaLI.

    A recurrent layer returns to itself through a Linear node of its own.
    library : one of LIBRARIES, for a graph in its time steps; readout : how it decides, noted in
    the metadata. Raises :class:`SnnlabError` for
    another, and for a recurrent network in time steps.
    """
    if library not in (None, *LIBRARIES):
        raise SnnlabError(
            f"NIR for {library!r} is not known: {', '.join(LIBRARIES)}, or none of them for NIR's"
            " own equations"
        )
    returning = network.recurrent_rows()
    if library and returning:
        raise SnnlabError(
            f"NIR for {library} of recurrent network {network.topology} is not supported: libraries"
            " differ in when a spike returns; export it without a library"
        )
    slower, per_weight, neuron = _in_steps(point) if library else _exact(point)
    nodes = {"input": nir.Input({"input": np.array(network.sizes[:1])})}
    back, edges = {}, []
    for k, (weight, scale) in enumerate(zip(network.arrays(), network.scales(), strict=True)):
        is_label = k == len(network.sizes) - 2
        forward = weight[: network.sizes[k]]
        nodes[f"weights_{k}"] = _linear(forward, per_weight, scale)
        neurons = _neurons(weight.shape[1], neuron, is_label, bool(library))
        nodes["label" if is_label else f"hidden_{k}"] = neurons
        if k in returning:
            back[f"recurrent_{k}"] = _linear(weight[returning[k]], per_weight, scale)
            edges += [(f"hidden_{k}", f"recurrent_{k}"), (f"recurrent_{k}", f"hidden_{k}")]
    nodes["output"] = nir.Output({"output": np.array(network.sizes[-1:])})
    steps = {"step": STEP, "speedup": slower} if library else {}
    metadata = {
        "snnlab": version(),
        "units": "s; potentials of threshold above leak; weight_scale in LSB; spikes of area"
        f" {STEP if library else 1:g}",
        "tau_ref": point.tau_ref * slower,
        "dt": point.dt * slower,
        "samples": point.samples,
        "readout": readout,
        **steps,
    }
    return nir.NIRGraph({**nodes, **back}, [*pairwise(nodes), *edges], metadata)


def _linear(weight, per_weight, scale):
    """weight : float32[source, neuron] in model units; scale : LSB for each of them."""
    linear = nir.Linear(weight.T * np.float32(per_weight))
    linear.metadata = {"weight_scale": scale / per_weight}
    return linear


def step_of(point: OperatingPoint) -> float:
    """Chip time that corresponds to one step of another library : s.

    The emulator's step over a whole number, so that it is short against both time constants.
    """
    longest = MAX_STEP_RATIO * min(point.tau_mem, point.tau_syn)
    return point.dt / ceil(point.dt / longest - 1e-9)


def export_run(folder: Path, path: Path, library: str | None = None) -> tuple[Network, str]:
    """Write the network of a run folder as a NIR file.

    library : as for :func:`to_nir`. Returns the network, and lines on the differences between
    graph and chip due to the library, and on a readout other than the maximum, or "".
    """
    folder = folder_of(folder)
    config = load_config(folder)
    hidden = range(len(config.hidden)) if config.recurrent != "none" else ()
    network = Network.of(load_weights(folder), config.chips, tuple(hidden))
    point = OperatingPoint(
        config.tau_mem, config.tau_syn, config.tau_ref,
        samples=_samples(folder, config), substeps=config.substeps,
    )  # fmt: skip
    write_nir(path, to_nir(network, point, library, readout=config.readout))
    lines = [_differences(library, point)] if library else []
    if config.readout != "maximum":
        lines.append(
            f"it was trained to decide by the readout {config.readout}, which NIR does not define:"
            " snnlab reads it from the metadata, in other libraries choose it yourself"
        )
    return network, "\n".join(lines)


def _samples(folder, config):
    """CADC samples of an input: of recordings as many as those that were watched have."""
    watched = folder / "frames.npz"
    if CATALOGUE[config.dataset].recordings and watched.exists():
        return Frames.load(watched).recording.cadc[-1].shape[1]
    return config.samples


def _differences(library, point):
    step = step_of(point)
    return (
        f"for {library}: spikes are 1 for a step of dt={STEP:g} s that stands for"
        f" {step * 1e6:.3g} µs, weights are times {CURRENT * step:.3g}, label neurons CubaLIF"
        f" that never fire; no refractory period (the chip's is {point.tau_ref * 1e6:g} µs)"
    )


def _exact(point):
    """Slow-down of the graph's clock, factor on weights, and parameters of every neuron."""
    w_in = CURRENT * point.tau_mem * point.tau_syn
    neuron = {"tau_syn": point.tau_syn, "tau_mem": point.tau_mem, "r": 1.0, "w_in": w_in}
    return 1.0, 1.0, neuron


def _in_steps(point):
    """The same for spikes that are 1 during one step."""
    step = step_of(point)
    slower = STEP / step
    tau_syn, tau_mem = slower * point.tau_syn, slower * point.tau_mem
    neuron = {"tau_syn": tau_syn, "tau_mem": tau_mem, "r": tau_mem / STEP, "w_in": tau_syn / STEP}
    return slower, CURRENT * step, neuron


def _neurons(n, neuron, is_label, must_fire):
    def all_of(value):
        return np.full(n, float(value))

    membrane = {name: all_of(value) for name, value in {**neuron, "v_leak": 0}.items()}
    if is_label and not must_fire:
        return nir.CubaLI(**membrane)
    threshold = OUT_OF_REACH if is_label else 1
    return nir.CubaLIF(**membrane, v_threshold=all_of(threshold), v_reset=all_of(0))
