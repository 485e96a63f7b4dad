"""One sample's activity: spikes of all layers, label potentials, membranes."""

import holoviews as hv
import numpy as np

from snnlab.chip.recording import Recording
from snnlab.chip.spec import BRAINSCALES2
from snnlab.events import TICK, Events
from snnlab.plotting.look import GREY, HIDDEN_COLOR, INPUT_COLOR, LABEL_COLOR, LOOK, TRACE_COLORS

COLUMNS = 170
"""Columns of the raster; 0.2 µs each in a window of 34 µs."""
GAP_ROWS, LABEL_ROWS, GAP_COLUMNS = 8, 9, 16
MAX_CHANNELS = 128
"""Inputs up to which each has two rows, the last on top: the channels of a recording. More, such as
pixels, share a row by two, the first on top."""
_INPUT, _HIDDEN, _LABEL = 1, 2, 3
"""Cell values: spikes of inputs and neurons, then label potentials from 3 to 255."""
CLEAR = "#00000000"


def microseconds(steps: int) -> np.ndarray:
    """Times of the CADC samples : float64[step], µs."""
    return np.arange(steps) * BRAINSCALES2.dt_cadc * 1e6


def raster_cells(
    recording: Recording, sample: int = 0, order: np.ndarray | None = None
) -> np.ndarray:
    """Image of one sample's activity : uint8[row, column], lowest row first.

    order : int64[neuron], the first hidden layer's neurons from the top, by default by number.

    From the top: inputs (see MAX_CHANNELS), one hidden neuron per row, label potentials as
    brightness.
    Values: 0 nothing, 1 input spike, 2 hidden spike, 3…255 label potential.
    """
    duration = recording.duration
    inputs = _spike_rows(recording.inputs, sample, duration, _INPUT, True)
    hidden = [_spike_rows(layer, sample, duration, _HIDDEN) for layer in recording.spikes]
    if order is not None:
        hidden[0] = hidden[0][::-1][order][::-1]
    labels = _label_rows(recording, sample)
    gap = np.zeros((GAP_ROWS, COLUMNS), np.uint8)
    blocks = [labels]
    for block in (*reversed(hidden), inputs):
        blocks += [gap, block]
    return np.concatenate(blocks)


def side_by_side(rasters: list[np.ndarray | None]) -> np.ndarray:
    """Several :func:`raster_cells` side by side, labels on one line : uint8[row, column].

    Each has the same width, ``GAP_COLUMNS`` of it empty; None leaves its place empty. Spikes are
    :func:`thicken`-ed, as they are drawn small.
    """
    rows = max((len(cells) for cells in rasters if cells is not None), default=1)
    whole = np.zeros((rows, len(rasters), COLUMNS + GAP_COLUMNS), np.uint8)
    for k, cells in enumerate(rasters):
        if cells is not None:
            whole[: len(cells), k, :COLUMNS] = thicken(cells)
    return whole.reshape(rows, -1)


def thicken(cells: np.ndarray) -> np.ndarray:
    """Raster with each spike extended by one row up and down and one column to the right, into
    empty cells only : uint8[row, column]."""
    rows, columns = cells.shape
    spikes = np.pad(np.where(cells < _LABEL, cells, 0), ((1, 1), (1, 0)))
    grown = np.max(
        [spikes[r : r + rows, c : c + columns] for r in range(3) for c in range(2)], axis=0
    )
    return np.where(cells, cells, grown)


def input_rows(inputs: int) -> int:
    """Rows of all inputs together."""
    return 2 * inputs if inputs <= MAX_CHANNELS else (inputs + 1) // 2


def _rows_of(channel, n, of_inputs):
    """Lowest row of each channel of a layer of ``n``, counted from the layer's lowest."""
    if not of_inputs:
        return n - 1 - channel
    return 2 * channel if n <= MAX_CHANNELS else input_rows(n) - 1 - channel // 2


def lowest_rows(sizes: tuple[int, ...]) -> list[int]:
    """The lowest row of inputs, then of each hidden layer, in a raster of these sizes."""
    first, rows = sizes[-1] * LABEL_ROWS + GAP_ROWS, []
    for n in reversed(sizes[1:-1]):
        rows.append(first)
        first += n + GAP_ROWS
    return [first, *reversed(rows)]


def spike_points(
    recording: Recording, sample: int = 0, order: np.ndarray | None = None
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Times in µs and rows of one sample's spikes, of "input" and "hidden" : float64[spike].

    order : int64[neuron], the first hidden layer's neurons from the top, by default by number.
    """
    points = []
    rows = lowest_rows(sizes_of(recording))
    for k, layer in enumerate((recording.inputs, *recording.spikes)):
        mine = slice(layer.offsets[sample], layer.offsets[sample + 1])
        channel = layer.channel[mine].astype(int)
        if k == 1 and order is not None:
            channel = np.argsort(order)[channel]
        row = rows[k] + _rows_of(channel, layer.n_channels, k == 0)
        middle = 1.0 if k == 0 and layer.n_channels <= MAX_CHANNELS else 0.5
        points.append((1e6 * TICK * layer.tick[mine], row + middle))
    time, row = (np.concatenate(parts) for parts in zip(*points[1:], strict=True))
    return {"input": points[0], "hidden": (time, row)}


def output_cells(recording: Recording, sample: int = 0) -> np.ndarray:
    """Potentials of the output neurons as cells of :func:`raster_cells` : uint8[neuron, step].

    The lowest row, which is the last neuron, comes first.
    """
    traces = np.clip(recording.traces(-1)[sample], 0.0, 1.5) / 1.5
    cells = np.where(traces > 0.02, _LABEL + np.rint(traces * (255 - _LABEL)), 0).astype(np.uint8)
    return cells.T[::-1]


def output_row(neuron: int, neurons: int) -> float:
    """Middle of an output neuron's row of :func:`raster_cells`, the first neuron on top."""
    return (neurons - neuron - 0.5) * LABEL_ROWS


def spike_raster(
    sizes: tuple[int, ...], steps: int, dots: tuple[float, float] = (3, 5)
) -> hv.Overlay:
    """An empty raster as :func:`raster`, its spikes as points, which are seen at any size.

    sizes : of the layers, inputs first, see :func:`sizes_of`; steps : CADC samples; dots : widths
    of the points of inputs and of hidden neurons in pixels.
    """
    duration = float(microseconds(steps + 1)[-1])
    rows, none = lowest_rows(sizes), np.empty(0)
    image = hv.Image(
        np.zeros((sizes[-1], steps), np.uint8), ["time", "row"], "cell", label="outputs",
        bounds=(0, 0, duration, sizes[-1] * LABEL_ROWS),
    ).opts(cmap=raster_palette(), clim=(0, 255))  # fmt: skip
    looks = zip(("input", "hidden"), (INPUT_COLOR, HIDDEN_COLOR), dots, strict=True)
    points = [
        hv.Scatter((none, none), "time", "row", label=name).opts(
            color=color, size=size, marker="square"
        )
        for name, color, size in looks
    ]
    return (image * points[0] * points[1]).opts(
        xlabel="time (µs)", ylabel="", yticks=raster_names(sizes), xlim=(0, duration),
        ylim=(0, rows[0] + input_rows(sizes[0])), show_legend=False, **LOOK,
    )  # fmt: skip


def raster_ticks(recording: Recording) -> list[tuple[float, str]]:
    """Position of each population's name on the raster's vertical axis."""
    return raster_names(sizes_of(recording))


def sizes_of(recording: Recording) -> tuple[int, ...]:
    """Numbers of inputs, of the neurons of each hidden layer, and of output neurons."""
    layers = (layer.n_channels for layer in (recording.inputs, *recording.spikes))
    return *layers, recording.cadc[-1].shape[2]


def raster_names(sizes: tuple[int, ...]) -> list[tuple[float, str]]:
    """Position and name of each population in a raster of layers of these sizes."""
    places = [(sizes[-1] * LABEL_ROWS / 2, "output")]
    names = [f"hidden {k}" for k in range(1, len(sizes) - 1)] if len(sizes) > 3 else ["hidden"]
    heights = input_rows(sizes[0]), *sizes[1:-1]
    for first, height, name in zip(lowest_rows(sizes), heights, ["input", *names], strict=True):
        places.append((first + height / 2, name))
    return places


def _spike_rows(events: Events, sample, duration, value, of_inputs=False):
    n = events.n_channels
    rows = np.zeros((input_rows(n) if of_inputs else n, COLUMNS), np.uint8)
    mine = slice(events.offsets[sample], events.offsets[sample + 1])
    column = (events.tick[mine] * (TICK / duration * COLUMNS)).astype(int)
    lowest = _rows_of(events.channel[mine].astype(int), n, of_inputs)
    for row in (lowest, lowest + 1) if of_inputs and n <= MAX_CHANNELS else (lowest,):
        rows[row, np.minimum(column, COLUMNS - 1)] = value
        rows[row, np.minimum(column + 1, COLUMNS - 1)] = value  # two columns wide, to be visible
    return rows


def _label_rows(recording, sample):
    cells = output_cells(recording, sample)
    column = np.arange(COLUMNS) * cells.shape[1] // COLUMNS
    rows = np.repeat(cells[:, column], LABEL_ROWS, axis=0)
    rows[LABEL_ROWS - 1 :: LABEL_ROWS] = 0
    return rows


def raster_palette() -> list[str]:
    """Colours of :func:`raster_cells`, clear where nothing happens."""
    red, green, blue = (int(LABEL_COLOR[k : k + 2], 16) for k in (1, 3, 5))
    faded = [f"#{red:02x}{green:02x}{blue:02x}{a:02x}" for a in range(_LABEL, 256)]
    return [CLEAR, INPUT_COLOR, HIDDEN_COLOR, *faded]


def raster(recording: Recording, sample: int = 0) -> hv.Image:
    """Input spikes, hidden spikes and label potentials of one sample over time."""
    cells = raster_cells(recording, sample)
    bounds = (0, 0, recording.duration * 1e6, len(cells))
    image = hv.Image(cells[::-1], ["time", "row"], "cell", bounds=bounds, label="raster")
    return image.opts(
        cmap=raster_palette(), clim=(0, 255), xlabel="time (µs)", ylabel="",
        yticks=raster_ticks(recording), **LOOK,
    )  # fmt: skip


def rasters() -> hv.Image:
    """Empty rasters of several runs for one image, side by side."""
    image = hv.Image(np.zeros((1, 1), np.uint8), ["run", "row"], "cell", bounds=(0, 0, 1, 1),
                     label="rasters")  # fmt: skip
    return image.opts(
        cmap=raster_palette(), clim=(0, 255), xlabel="", ylabel="", yaxis=None, **LOOK
    )


def membranes(traces: dict[str, np.ndarray], threshold: float | None = None) -> hv.Overlay:
    """Membrane potentials over time by name; CADC samples joined by lines.

    traces : float[step] by name, in thresholds above leak.
    """
    curves = [
        hv.Curve((microseconds(len(trace)), trace), "time", "potential", label=name).opts(
            color=TRACE_COLORS[k % len(TRACE_COLORS)],
            line_width=2,
            line_dash=("solid", "dashed")[k // len(TRACE_COLORS) % 2],
        )
        for k, (name, trace) in enumerate(traces.items())
    ]
    if threshold is not None:
        ends = microseconds(len(next(iter(traces.values()))))[[0, -1]]
        line = hv.Curve((ends, [threshold, threshold]), "time", "potential", label="threshold")
        curves.append(line.opts(color=GREY, line_dash="dotted", line_width=2))
    return hv.Overlay(curves).opts(
        xlabel="time (µs)", ylabel="potential (ϑ = 1)", legend_position="right",
        legend_opts={"label_text_font_size": "8pt", "spacing": 0, "padding": 2, "margin": 2,
                     "glyph_width": 14, "border_line_alpha": 0, "background_fill_alpha": 0},
        **LOOK,
    )  # fmt: skip


def membrane_axes(threshold: bool) -> hv.Curve:
    """Axes for membrane potentials over time, with a line for the ``threshold`` or without."""
    ends = (np.zeros(2), np.full(2, 1.0 if threshold else np.nan))
    return hv.Curve(ends, "time", "potential", label="threshold").opts(
        color=GREY, line_dash="dotted", line_width=2, xlabel="time (µs)",
        ylabel="potential (ϑ = 1)", xlim=(0, 1), **LOOK,
    )  # fmt: skip
