"""One image on the chip: what several views draw, list and say of it."""

from base64 import b64encode
from html import escape
from io import BytesIO

import numpy as np
from PIL import Image

from snnlab import plotting
from snnlab.chip.units import SCALES
from snnlab.config import Config
from snnlab.events import TICK
from snnlab.plotting.raster import lowest_rows, sizes_of
from snnlab_app.plots.live import LivePlot
from snnlab_app.plots.words import reword
from snnlab_app.session.snapshot import IMAGES

SORTS = ("index", "spike count", "first spike")
"""Orders of the hidden neurons in the raster."""


def shape_of(recording, classes) -> tuple:
    """Shape of a recording; the plots must be rebuilt when it changes."""
    return classes, recording.inputs.n_channels, *(cadc.shape for cadc in recording.cadc)


def order_of(recording, sort: str) -> np.ndarray | None:
    """Neurons of the first hidden layer from the top : int64[neuron], None for by index."""
    spikes = recording.spikes[0]
    if sort == SORTS[1]:
        return np.argsort(-spikes.count_by_channel()[0], kind="stable")
    if sort == SORTS[2]:
        first = np.full(spikes.n_channels, 1 << 16)
        np.minimum.at(first, spikes.channel, spikes.tick.astype(int))
        return np.argsort(first, kind="stable")
    return None


def neuron_at(recording, row: float, order: np.ndarray | None) -> int | None:
    """Neuron of the first hidden layer drawn at a height of the raster, None for another place."""
    n = recording.spikes[0].n_channels
    from_top = n - 1 - int(np.floor(row - lowest_rows(sizes_of(recording))[1]))
    if not 0 <= from_top < n:
        return None
    return from_top if order is None else int(order[from_top])


def output_traces(s) -> dict[str, np.ndarray]:
    """Membranes of the output neurons of a snapshot, in its units, by class : float[step]."""
    return dict(zip(s.classes, s.frame.outputs(s.units).T, strict=True))


def feed_threshold(plot: LivePlot, time: np.ndarray, units: str) -> None:
    """Set the units of a plot of hidden membranes and the position of the threshold."""
    scale = SCALES[units]
    plot.measure(scale.potential)
    plot.feed("threshold", time[[0, -1]], np.full(2, scale.threshold))
    plot.rename({"threshold": scale.named})


def feed_labels(plot: LivePlot, s) -> None:
    """Draw the membranes of the output neurons of a snapshot."""
    plot.measure(SCALES[s.units].potential)
    for name, trace in output_traces(s).items():
        plot.feed(name, plotting.microseconds(len(trace)), trace)
    plot.settle()


def feed_sound(plot: LivePlot, frame) -> None:
    """Draw the waveform and the cochleagram of a frame into a raster with sound."""
    recording = frame.recording
    wave = frame.clip.wave if frame.clip else np.zeros((1, 2))
    plot.feed_image("cochleagram", frame.image[::-1])
    outline = plotting.wave_outline(wave, plotting.sizes_of(recording), recording.duration)
    plot.write("sound", *outline)


def spikes_table(recording) -> tuple[list[str], list[tuple]]:
    """Spikes of the first image: time, layer and neuron."""
    layers = {"input": recording.inputs}
    layers |= {f"hidden {k}": spikes for k, spikes in enumerate(recording.spikes, start=1)}
    rows = [
        (1e6 * TICK * tick, name, channel)
        for name, spikes in layers.items()
        for tick, channel in zip(spikes.tick.tolist(), spikes.channel.tolist(), strict=True)
    ]
    return ["time (µs)", "layer", "neuron"], rows


def verdict(frame) -> str:
    """The chip's decision on an input, in a sentence."""
    sentence = f"It decides “{frame.decision}”"
    if frame.label is not None:
        right = "right" if frame.decision == frame.label else "wrong"
        shows = reword("It shows", frame.kind)
        sentence = f"{shows} “{frame.label}”; the chip decides “{frame.decision}” ({right})"
    return (
        f"{sentence} after {len(frame.recording.inputs.tick)} input and"
        f" {frame.recording.spikes_per_sample():.0f} hidden spikes."
    )


def first_of_all(s) -> str:
    """What a snapshot's verdict begins with: that nothing can be learned, or that the chip is the
    ideal one; else empty."""
    twin = s.settings["die"] == Config.IDEAL["die"]
    return "Learning stalls, see Learn. " * s.silent + "Ideal twin: " * twin


def name_input(label: str | None, kind: str) -> str:
    """What an input is: "test image of “7”", or one of the visitor's own."""
    if label is None:
        return "drawing" if kind == IMAGES else "own recording"
    return reword(f"test image of “{label}”", kind)


def png_of(image: np.ndarray) -> str:
    """An image : uint8[row, column] as a PNG file in base64."""
    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(image, np.uint8)).save(file, "PNG")
    return b64encode(file.getvalue()).decode()


def picture_of(frame, size: int = 22) -> str:
    """HTML of the picture of an input, ``size`` pixels high; a recording's is as wide as two."""
    name = escape(name_input(frame.label, frame.kind), quote=True)
    wide = size if frame.kind == IMAGES else 2 * size
    return (
        f'<img src="data:image/png;base64,{png_of(frame.image)}" alt="{name}" width="{wide}"'
        f' height="{size}" style="display: block; border-radius: 3px; image-rendering: pixelated">'
    )
