"""A recording as the few compact arrays from which the browser draws it."""

import numpy as np

from snnlab.chip.layout.floor import COLUMNS, laid_out, users
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.recording import Recording
from snnlab.chip.units import SCALES, membranes
from snnlab.events import TICK
from snnlab.studies.decision import first_spike
from snnlab.studies.paths import lacks_counterpart
from snnlab_app.session.snapshot import IMAGES

FOLD = 32
"""Columns of circuits at which the chip's two rows are folded, see :func:`places`."""
USUAL_SECONDS = 35e-6
"""Time for which an image is emulated at most, unless asked otherwise."""
BUSIEST = 6
"""Hidden neurons whose membranes are drawn; more would be indistinguishable."""


def places(mapping: Mapping) -> list[np.ndarray]:
    """Where the neurons of each layer are drawn : uint16[neuron, (column, row, circuits)].

    The chip has two rows of 256 circuits, a strip too thin to read. It is cut every 32 columns, and
    the pieces lie below each other: a block of 32 columns and 16 rows, in which neighbours of the
    same column stay neighbours. A neuron takes as many columns as it joins circuits; where these
    are cut apart, it lies at the end with its first circuit. Parts of a network that is cut into
    parts follow each other downwards.
    """
    row, column = np.indices((2, COLUMNS))
    place = np.empty((2 * COLUMNS, 2), np.int64)
    place[laid_out(np.arange(2 * COLUMNS))] = np.stack(
        [column % FOLD, 2 * (column // FOLD) + row], axis=-1
    )
    rows = 2 * COLUMNS // FOLD
    laid = [np.zeros((n, 3), np.uint16) for n in mapping.sizes[1:]]
    for k, part in enumerate(mapping.parts):
        for block in part.blocks:
            mine = slice(block.neurons.start, block.neurons.stop)
            at, joined = place[block.circuits], block.circuits.shape[1]
            columns, row = at[..., 0], at[:, 0, 1]
            cut = (at[..., 1] != row[:, None]).any(axis=1)
            ends = np.minimum(columns[:, 0], max(FOLD - joined, 0))
            laid[block.layer][mine, 0] = np.where(cut, ends, columns.min(axis=1))
            laid[block.layer][mine, 1] = row + rows * k
            laid[block.layer][mine, 2] = min(joined, FOLD)
    return laid


def pack_network(
    recording: Recording,
    classes: tuple[str, ...],
    mapping: Mapping,
    units: str,
    readout: str,
    kind: str = IMAGES,
) -> dict:
    """What stays from recording to recording of one network.

    ``pace`` : how much longer an input lasts than an image, so much faster it is played.
    """
    scale, spec = SCALES[units], recording.spec
    layer, neuron = users(mapping)
    return {
        "classes": list(classes),
        "recordings": kind != IMAGES,
        "pace": max(1.0, recording.duration / USUAL_SECONDS),
        "sizes": list(mapping.sizes),
        "steps": recording.cadc[-1].shape[1],
        "period": 1e6 * spec.dt_cadc,
        "places": places(mapping),
        "circuits": {"layer": layer.astype(np.int8), "neuron": neuron.astype(np.int16)},
        "potential": scale.potential,
        "threshold": scale.threshold,
        "threshold_name": scale.named,
        "score": f"{readout} so far, {scale.readout.removeprefix('readout ')}",
        "highest_score": scale.high,
    }


def pack_recording(frame, classes: tuple[str, ...], units: str) -> dict:
    """One image on the chip: spikes, traces of the output neurons and the decision.

    Spikes of inputs and hidden layers lie behind each other, ``counts`` tells them apart.
    """
    recording = frame.recording
    layers = recording.inputs, *recording.spikes
    first, after = first_spike(recording)[0], frame.decided
    return {
        "image": np.ascontiguousarray(frame.image).reshape(-1),
        "columns": frame.image.shape[1],
        "wave": (frame.clip.wave if frame.clip else np.zeros((0, 2), np.float32)).reshape(-1),
        "own": frame.label is None,
        "counts": [len(layer.tick) for layer in layers],
        "ticks": np.concatenate([layer.tick for layer in layers]),
        "channels": np.concatenate([layer.channel for layer in layers]),
        "tick": 1e6 * TICK,
        "links": [np.ascontiguousarray(links) for links in frame.links],
        "traces": frame.outputs(units).astype(np.float32).reshape(-1),
        "scores": frame.scores_so_far(units).astype(np.float32).reshape(-1),
        "decision": classes.index(frame.decision),
        "decided": float(1e6 * (first + after)) if np.isfinite(after) else -1.0,
        "label": classes.index(frame.label) if frame.label in classes else -1,
    }


def pack_hidden(frame, units: str) -> dict:
    """Membranes of the first hidden layer's busiest neurons."""
    spikes = frame.recording.spikes[0]
    busiest = np.argsort(-spikes.count_by_channel()[0], kind="stable")[:BUSIEST]
    traces = membranes(frame.recording, 0, units)[0][:, busiest]
    return {"busiest": busiest.tolist(), "hidden": traces.astype(np.float32).reshape(-1)}


def pack_differing(one: Recording, other: Recording) -> np.ndarray:
    """Which spikes of ``one``, behind each other as in a packed recording, ``other`` lacks."""
    layers = zip((one.inputs, *one.spikes), (other.inputs, *other.spikes), strict=True)
    return np.concatenate([lacks_counterpart(a, b) for a, b in layers]).astype(np.uint8)
