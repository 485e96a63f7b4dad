"""Recordings and runs as HoloViews elements: the one definition of every plot.

The dashboard renders an element once and then writes into its sources, the notebooks show it as it
is. Leaf elements carry labels, by which the dashboard finds them again.
"""

import holoviews as hv
import numpy as np

from snnlab.chip.constants import DT_CADC, INFERENCE_PERIOD
from snnlab.chip.power import PowerEstimate
from snnlab.chip.recording import Recording
from snnlab.events import TICK, Events

hv.extension("bokeh", logo=False)

# Okabe and Ito's colours, told apart by everyone; one meaning each, in all views.
BLUE, ORANGE, GREEN, SKY = "#0072B2", "#E69F00", "#009E73", "#56B4E9"
VERMILION, PURPLE, YELLOW, GREY = "#D55E00", "#CC79A7", "#F0E442", "#8A8F98"
INPUT_COLOR, HIDDEN_COLOR, LABEL_COLOR = GREY, BLUE, ORANGE
TRAIN_COLOR, TEST_COLOR = BLUE, VERMILION
PART_COLORS = {
    "static": GREY, "synaptic": SKY, "spikes": BLUE, "readout": ORANGE, "links": PURPLE,
}  # fmt: skip
"""Parts of the chip's power, the static one at the bottom."""
TRACE_COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)

COLUMNS = 170
"""Columns of the raster; 0.2 µs each in a window of 34 µs."""
GAP_ROWS, LABEL_ROWS = 8, 9
_INPUT, _HIDDEN, _LABEL = 1, 2, 3
"""Cell values: spikes of inputs and neurons, then label potentials from 3 to 255."""
CLEAR = "#00000000"


def microseconds(steps: int) -> np.ndarray:
    """Times of the CADC samples : float64[step], µs."""
    return np.arange(steps) * DT_CADC * 1e6


def raster_cells(
    recording: Recording, sample: int = 0, order: np.ndarray | None = None
) -> np.ndarray:
    """Picture of one sample's activity : uint8[row, column], lowest row first.

    order : int64[neuron], the first hidden layer's neurons from the top, else as numbered.

    From the top: two inputs a row, hidden layers a neuron a row, label potentials as brightness.
    Values: 0 nothing, 1 input spike, 2 hidden spike, 3…255 label potential.
    """
    duration = recording.duration
    inputs = _spike_rows(recording.inputs, sample, duration, _INPUT, pool=2)
    hidden = [_spike_rows(layer, sample, duration, _HIDDEN) for layer in recording.spikes]
    if order is not None:
        hidden[0] = hidden[0][::-1][order][::-1]
    labels = _label_rows(recording, sample)
    gap = np.zeros((GAP_ROWS, COLUMNS), np.uint8)
    blocks = [labels]
    for block in (*reversed(hidden), inputs):
        blocks += [gap, block]
    return np.concatenate(blocks)


def raster_ticks(recording: Recording) -> list[tuple[float, str]]:
    """Where each population's name stands on the raster's vertical axis."""
    first = recording.cadc[-1].shape[2] * LABEL_ROWS
    places = [(first / 2, "label")]
    heights = [layer.n_channels for layer in reversed(recording.spikes)]
    names = [f"hidden {k}" for k in range(len(heights), 0, -1)] if len(heights) > 1 else ["hidden"]
    heights.append((recording.inputs.n_channels + 1) // 2)
    for height, name in zip(heights, [*names, "input"], strict=True):
        places.append((first + GAP_ROWS + height / 2, name))
        first += GAP_ROWS + height
    return places


def _spike_rows(events: Events, sample, duration, value, pool=1):
    rows = np.zeros(((events.n_channels + pool - 1) // pool, COLUMNS), np.uint8)
    mine = slice(events.offsets[sample], events.offsets[sample + 1])
    column = (events.tick[mine] * (TICK / duration * COLUMNS)).astype(int)
    row = len(rows) - 1 - events.channel[mine] // pool
    rows[row, np.minimum(column, COLUMNS - 1)] = value
    rows[row, np.minimum(column + 1, COLUMNS - 1)] = value  # two columns wide, to be seen
    return rows


def _label_rows(recording, sample):
    traces = np.clip(recording.traces(-1)[sample], 0.0, 1.5) / 1.5
    cells = np.where(traces > 0.02, _LABEL + np.rint(traces * (255 - _LABEL)), 0).astype(np.uint8)
    column = np.arange(COLUMNS) * len(cells) // COLUMNS
    rows = np.repeat(cells[column].T[::-1], LABEL_ROWS, axis=0)
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
        yticks=raster_ticks(recording), **_LOOK,
    )  # fmt: skip


def membranes(traces: dict[str, np.ndarray], threshold: float | None = None) -> hv.Overlay:
    """Membrane potentials over time, each named; the CADC's samples joined by lines.

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
        **_LOOK,
    )  # fmt: skip


def accuracy_curve(history: dict, tests: dict) -> hv.Overlay:
    """Accuracy of the batches, and on the test images after each epoch, in %."""
    train = hv.Curve(_percent(history), "step", "accuracy", label="batches")
    test_line = hv.Curve(_percent(tests), "step", "accuracy", label="test line")
    test = hv.Scatter(_percent(tests), "step", "accuracy", label="test")
    return (
        train.opts(color=TRAIN_COLOR, line_width=1.5)
        * test_line.opts(color=TEST_COLOR, line_width=2)
        * test.opts(color=TEST_COLOR, size=7)
    ).opts(ylim=(0, 101), ylabel="accuracy (%)", show_legend=False, **_CURVE)


def learning_curve() -> hv.Overlay:
    """Empty curves of accuracy, for a page to feed: also of weights left out of the loop."""
    none = {"step": np.empty(0), "accuracy": np.empty(0)}
    left = hv.Curve(_percent(none), "step", "accuracy", label="without the loop")
    curves = accuracy_curve(none, none) * left.opts(
        color=ORANGE, line_width=2.5, line_dash="dashed"
    )
    return curves.opts(ylim=(0, 101), show_legend=False)


def curve(history: dict, name: str, ylabel: str, color: str, logy: bool = False) -> hv.Curve:
    """One quantity over the training steps."""
    return hv.Curve((history["step"], history[name]), "step", name, label=name).opts(
        color=color, line_width=1.5, ylabel=ylabel, logy=logy, **_CURVE
    )


def power_curve(history: dict) -> hv.Overlay:
    """Estimated power over the training steps between the ends of its range, in mW."""
    ends = [
        hv.Curve((history["step"], history[name]), "step", "power", label=name).opts(
            color=GREY, line_width=1, line_dash="dotted"
        )
        for name in ("power_low", "power_high")
    ]
    value = hv.Curve((history["step"], history["power"]), "step", "power", label="power")
    return hv.Overlay([*ends, value.opts(color=GREEN, line_width=1.5)]).opts(
        ylabel="power (mW, estimate)", show_legend=False, **_CURVE
    )


def accuracy_over_time(time: np.ndarray, accuracy: np.ndarray) -> hv.Overlay:
    """Accuracy if the image ended at each CADC sample; time : s, accuracy : 0…1."""
    points = 1e6 * time, 100.0 * accuracy
    line = hv.Curve(points, "time", "accuracy", label="accuracy over time")
    dots = hv.Scatter(points, "time", "accuracy", label="samples")
    end = hv.VLine(1e6 * INFERENCE_PERIOD, label="end of an image in inference")
    return (
        end.opts(color=GREY, line_dash="dotted", line_width=2)
        * line.opts(color=TEST_COLOR, line_width=2)
        * dots.opts(color=TEST_COLOR, size=6)
    ).opts(
        ylim=(0, 101), xlabel="readout time (µs)", ylabel="accuracy (%)", show_legend=False,
        **_LOOK,
    )  # fmt: skip


def decision_times(times: np.ndarray) -> hv.Overlay:
    """How many images were decided when; times : s after the first input spike, NaN for never."""
    known = 1e6 * times[np.isfinite(times)]
    step = 1e6 * DT_CADC
    edges = np.arange(np.ceil(known.max(initial=0.0) / step + 1e-9) + 1) * step
    counts, edges = np.histogram(known, edges)
    bars = hv.Histogram((edges, counts), kdims="time", vdims="images", label="decision times")
    marks = [hv.VLine(np.median(known), label="median")] if len(known) else []
    return hv.Overlay(
        [
            bars.opts(color=LABEL_COLOR, line_color=None),
            *(mark.opts(color=GREY, line_dash="dotted", line_width=2) for mark in marks),
        ]
    ).opts(
        xlabel="decision after the first input spike (µs)", ylabel="images", show_legend=False,
        **_LOOK,
    )  # fmt: skip


def power_split(estimates: dict[str, PowerEstimate], static: bool = True) -> hv.Overlay:
    """Estimated power by part, a stacked bar for each named estimate, with the range of the whole.

    static=False leaves the static part out: what remains is what regularisation moves. The legend
    gives the range of every part over all bars.
    """
    parts = {part: _range_of(part, estimates) for part in PART_COLORS if static or part != "static"}
    bars = [
        (name, title, 1e3 * getattr(estimate, part), *_milliwatts(estimate, part))
        for name, estimate in estimates.items()
        for part, title in parts.items()
    ]
    whole = "power" if static else "activity"
    ranges = [
        (name, (value := 1e3 * getattr(e, whole)), value - low, high - value)
        for name, e in estimates.items()
        for low, high in [_milliwatts(e, whole)]
    ]
    colors = {title: PART_COLORS[part] for part, title in parts.items()}
    stack = hv.Bars(bars, ["estimate", "part"], [whole, "low", "high"]).opts(
        stacked=True, cmap=colors, tools=["hover"], legend_position="right", line_color=None
    )
    whiskers = hv.ErrorBars(ranges, "estimate", [whole, "below", "above"])
    return (stack * whiskers.opts(line_width=2, hooks=[_above_bars])).opts(
        xlabel="", ylabel=f"{whole} (mW, estimate)", **_LOOK
    )


def _above_bars(plot, element):
    plot.handles["glyph"].level = "annotation"


def _milliwatts(estimate, name):
    return tuple(1e3 * watt for watt in estimate.ranges[name])


def _range_of(part, estimates):
    ends = np.array([_milliwatts(estimate, part) for estimate in estimates.values()])
    low, high = (float(f"{end:.2g}") for end in (ends[:, 0].min(), ends[:, 1].max()))
    return f"{part}, {low:g}–{high:g} mW"


def _percent(history):
    return history["step"], 100.0 * history["accuracy"]


_LOOK = {"responsive": True, "title": "", "toolbar": "above"}
_CURVE = {**_LOOK, "xlabel": "step"}
