"""Elements of the dashboard's other views: floor plan, confusion matrix, gradient, energy."""

import holoviews as hv
import numpy as np

from snnlab.chip.layout.floor import COLUMNS, NOTHING
from snnlab.plotting import look as p
from snnlab.plotting.raster import CLEAR

STRIP = (128, 164)
"""Height, in rows, of the strip between the two synapse arrays in which circuits are drawn."""
HEIGHT = 128 + STRIP[1]

PUBLISHED = (
    ("TrueNorth", 0.27, 92.7), ("TrueNorth, large", 108.0, 99.4), ("Intel 10 nm", 1.0, 88.0),
    ("Intel 10 nm, large", 1.7, 97.9), ("MorphIC, large", 205.0, 97.8), ("MorphIC", 21.8, 95.9),
    ("SPOON (simulated)", 0.3, 97.5), ("BrainScaleS-2, first spike", 8.4, 96.9),
    ("BrainScaleS-2, paper", 2.4, 97.6),
)  # fmt: skip
"""Published MNIST results: µJ per inference, test accuracy in % (Cramer et al. 2022, Table 2)."""
_BESIDE = ("left", 1.3, 0.0)
_PLACES = {
    "TrueNorth": ("left", 0.8, 0.55), "TrueNorth, large": ("right", 1 / 1.3, 0.0),
    "Intel 10 nm": ("right", 1 / 1.3, 0.0), "Intel 10 nm, large": ("right", 1 / 1.3, 0.9),
    "MorphIC, large": ("left", 1.3, 0.4), "SPOON (simulated)": ("left", 0.8, -0.9),
    "BrainScaleS-2, paper": ("left", 1.35, 0.0),
}  # fmt: skip
"""Text alignment, energy factor and accuracy offset of names that would overlap another name or the
trajectory beside their point."""
_IN_LINES = {
    "Intel 10 nm": "Intel\n10 nm", "Intel 10 nm, large": "Intel 10 nm,\nlarge",
    "MorphIC, large": "MorphIC,\nlarge", "SPOON (simulated)": "SPOON\n(sim.)",
}  # fmt: skip


def weight_cells(weights: np.ndarray) -> np.ndarray:
    """Signed weights as indices of :func:`weight_palette` : uint8, same shape."""
    return np.where(weights == NOTHING, 0, weights.astype(np.int16) + 64).astype(np.uint8)


def weight_palette() -> list[str]:
    """Unused, −63, −62 … +62, +63: zero is clear, clipped weights are yellow."""
    negative = [_alpha(p.VERMILION, k / 62) for k in range(62, 0, -1)]
    positive = [_alpha(p.BLUE, k / 62) for k in range(1, 63)]
    return [_alpha(p.GREY, 0.12), p.YELLOW, *negative, CLEAR, *positive, p.YELLOW]


def _alpha(color, share):
    return f"{color}{round(255 * (0.15 + 0.85 * share) if share > 0.12 else 255 * share * 2):02x}"


def floor_plan() -> hv.Overlay:
    """Empty floor plan of the chip: weights of each row of circuits, and the circuits."""
    empty = np.zeros((128, COLUMNS), np.uint8)
    weights = [
        hv.Image(
            empty, ["column", "row"], "weight", bounds=(0, low, COLUMNS, low + 128), label=name
        ).opts(cmap=weight_palette(), clim=(0, 127))
        for name, low in (("lower weights", 0), ("upper weights", STRIP[1]))
    ]  # fmt: skip
    circuits = hv.Image(
        np.zeros((2, COLUMNS)), ["column", "row"], "value",
        bounds=(0, STRIP[0], COLUMNS, STRIP[1]), label="circuits",
    ).opts(
        cmap="viridis", colorbar=True, clipping_colors={"NaN": CLEAR},
        colorbar_opts={"width": 10, "title": ""},
    )  # fmt: skip
    ticks = [
        (64, "second row's\nsynapses"), (137, "circuits 511–256"), (155, "circuits 0–255"),
        (228, "first row's\nsynapses"),
    ]  # fmt: skip
    edges = hv.Overlay([hv.VLine(128).opts(color=p.GREY, line_dash="dotted", line_width=1)])
    return (hv.Overlay(weights) * circuits * edges).opts(
        xlabel="column (quadrants of 128)", ylabel="", yticks=ticks, ylim=(0, HEIGHT),
        xlim=(0, COLUMNS), show_legend=False, **p.LOOK,
    )  # fmt: skip


def code_histogram(codes: np.ndarray | None = None) -> hv.Histogram:
    """Histogram of signed weights on the chip; codes : int[127], synapses at each weight from −63
    to +63 LSB, None for an empty one."""
    codes = np.zeros(127) if codes is None else codes
    return hv.Histogram((np.arange(-63, 65) - 0.5, codes), kdims="code", vdims="synapses",
                        label="codes").opts(
        color=p.BLUE, line_color=None, xlabel="weight (LSB)", ylabel="synapses", **p.LOOK
    )  # fmt: skip


def calibration_spreads(spreads: dict[str, tuple[float, float]]) -> hv.Overlay:
    """Spread of every quantity after calibration, relative to that before."""
    names = list(spreads)
    shares = [100.0 * after / max(before, 1e-12) for before, after in spreads.values()]
    bars = hv.Bars((names, shares), "quantity", "left", label="after").opts(
        color=p.GREEN, line_color=None
    )
    line = hv.HLine(100.0).opts(color=p.GREY, line_dash="dotted", line_width=2)
    return (bars * line).opts(
        xlabel="", ylabel="spread left (% of before)", xrotation=40, show_legend=False, **p.LOOK
    )


MAX_ERROR_ALPHA = 0.45
"""Opacity of the strongest error: counts on it are readable, dark on white and white on dark."""


def confusion_map(classes: tuple[str, ...]) -> hv.Overlay:
    """Empty confusion matrix: classes of images as rows, decisions as columns."""
    n = len(classes)
    ticks = [(k + 0.5, name) for k, name in enumerate(classes)]
    wrong = [_opaque(p.VERMILION, MAX_ERROR_ALPHA * k / 127) for k in range(127, -1, -1)]
    right = [_opaque(p.BLUE, k / 127) for k in range(128)]
    cells = hv.Image(
        np.zeros((n, n)), ["decision", "label"], "share", bounds=(0, 0, n, n), label="confusion"
    ).opts(cmap=[*wrong, *right], clim=(-1, 1))
    return (cells * _counts(n, "right") * _counts(n, "wrong")).opts(
        xticks=ticks, yticks=[(n - y, name) for y, name in ticks], xlabel="the chip decides",
        ylabel="the image shows", xrotation=0 if n == 10 and len(classes[0]) == 1 else 40,
        show_legend=False, **p.LOOK,
    )  # fmt: skip


def _opaque(color, alpha):
    return f"{color}{round(255 * alpha):02x}"


def confusion_cells(matrix: np.ndarray) -> np.ndarray:
    """Cells of :func:`confusion_map` : float64[label, decision].

    matrix : int[label, decision]. The diagonal is from 0.8 to 1 by its share of the row; errors are
    from 0 to −1 by the square root of their count relative to the highest, so that single ones are
    visible beside hundreds.
    """
    diagonal = np.eye(len(matrix), dtype=bool)
    errors = np.where(diagonal, 0, matrix)
    share = matrix / matrix.sum(axis=1, keepdims=True).clip(1)
    right = np.where(matrix > 0, 0.8 + 0.2 * share, 0.0)
    return np.where(diagonal, right, -np.sqrt(errors / max(errors.max(), 1)))


def _counts(n, label):
    """Empty texts for the cells of an n×n matrix: "right" on dark cells, "wrong" on light ones."""
    x, y = np.meshgrid(np.arange(n) + 0.5, n - np.arange(n) - 0.5)
    return hv.Labels(
        (x.ravel(), y.ravel(), [""] * n * n), ["decision", "label"], "text", label=label
    ).opts(text_font_size="9pt", text_font_style="bold", text_color=p.GREY)


def reach() -> hv.Overlay:
    """Empty histogram of a batch's membranes, with the surrogate."""
    none = np.zeros(2)
    bars = hv.Area((none, none), "potential", "density", label="membranes")
    slope = hv.Curve((none, none), "potential", "density", label="surrogate")
    band = hv.Area((none, none), "potential", "density", label="reached")
    line = hv.VLine(1.0).opts(color=p.GREY, line_dash="dotted", line_width=2)
    return (
        bars.opts(color=p.SKY, alpha=0.55, line_color=None)
        * band.opts(color=p.GREEN, alpha=0.25, line_color=None)
        * slope.opts(color=p.VERMILION, line_width=2.5)
        * line
    ).opts(
        xlabel="membrane potential (leak 0, threshold 1)", ylabel="share of the highest",
        xlim=(-1.2, 2.2), ylim=(0, 1.05), show_legend=False, **p.LOOK,
    )  # fmt: skip


def gradient_cosines(titles: tuple[str, ...]) -> hv.Overlay:
    """Empty plot of every neuron's gradient by several methods: its cosine with the training's."""
    none = np.empty(0)
    dots = [
        hv.Scatter((none, none), "spikes", "cosine", label=title).opts(
            color=p.TRACE_COLORS[k], size=6, alpha=0.7
        )
        for k, title in enumerate(titles)
    ]
    return hv.Overlay(dots).opts(
        xlabel="spikes per image", ylabel="cosine with the training's",
        ylim=(-1.05, 1.05), legend_position="top", legend_cols=2,
        legend_opts={"label_text_font_size": "9pt", "border_line_alpha": 0,
                     "background_fill_alpha": 0},
        **p.LOOK,
    )  # fmt: skip


def energy_plane() -> hv.Overlay:
    """Accuracy over energy with published results, and an empty trajectory of a run."""
    _, energy, accuracy = zip(*PUBLISHED, strict=True)
    dots = hv.Scatter((energy, accuracy), "energy", "accuracy", label="published")
    words = hv.Labels(
        [_named(*point) for point in PUBLISHED], ["energy", "accuracy"], ["name", "side"],
        label="names",
    )  # fmt: skip
    none = np.empty(0)
    trail = hv.Curve((none, none), "energy", "accuracy", label="trail")
    tests = hv.Scatter((none, none), "energy", "accuracy", label="tests")
    now = hv.Scatter((none, none), "energy", "accuracy", label="now")
    span = hv.Curve((none, none), "energy", "accuracy", label="range")
    return (
        dots.opts(color=p.GREY, size=9, marker="diamond")
        * words.opts(text_font_size="8pt", text_color=p.GREY, text_align=hv.dim("side"),
                     xoffset=0, yoffset=0, text_baseline="middle")
        * trail.opts(color=p.BLUE, line_width=1.5, alpha=0.7)
        * span.opts(color=p.GREEN, line_width=4, alpha=0.6)
        * tests.opts(color=p.VERMILION, size=8)
        * now.opts(fill_alpha=0.0, size=14, line_color=p.GREEN, line_width=4)
    ).opts(
        logx=True, xlim=(0.15, 3000), ylim=(80, 101), xlabel="energy per image (µJ)",
        ylabel="test accuracy (%)", show_legend=False, **p.LOOK,
    )  # fmt: skip


def _named(name, energy, accuracy):
    """Position, text and alignment of the name of a published result."""
    side, times, higher = _PLACES.get(name, _BESIDE)
    return times * energy, accuracy + higher, _IN_LINES.get(name, name), side


def latency_map(side: int, latest: float) -> hv.Image:
    """Pixels by spike time in µs."""
    return hv.Image(
        np.zeros((side, side)), ["column", "row"], hv.Dimension("time", unit="µs"),
        bounds=(0, 0, side, side), label="latency",
    ).opts(
        cmap="viridis_r", clim=(0, latest), clipping_colors={"NaN": CLEAR}, colorbar=True,
        colorbar_opts={"width": 10}, xaxis=None, yaxis=None, **p.LOOK,
    )  # fmt: skip


def pixels(side: int, label: str = "pixels") -> hv.Image:
    """An 8-bit image, bright on dark."""
    return hv.Image(
        np.zeros((side, side), np.uint8), ["column", "row"], "brightness",
        bounds=(0, 0, side, side), label=label,
    ).opts(cmap="gray", clim=(0, 255), xaxis=None, yaxis=None, **p.LOOK)  # fmt: skip


def activity_plane() -> hv.Overlay:
    """Empty plot of accuracy over the activity-dependent energy."""
    none = np.empty(0)
    trail = hv.Curve((none, none), "energy", "accuracy", label="trail")
    tests = hv.Scatter((none, none), "energy", "accuracy", label="tests")
    now = hv.Scatter((none, none), "energy", "accuracy", label="now")
    return (
        trail.opts(color=p.BLUE, line_width=1.5, alpha=0.8)
        * tests.opts(color=p.VERMILION, size=8)
        * now.opts(color=p.GREEN, size=13, line_color="white")
    ).opts(
        xlabel="energy from activity per image (µJ, estimate)", ylabel="accuracy (%)",
        show_legend=False, **p.LOOK,
    )  # fmt: skip


def scores_so_far(classes: tuple[str, ...]) -> hv.Bars:
    """Empty bars of every label's readout."""
    return hv.Bars(
        (list(classes), np.zeros(len(classes))), "label", "score", label="so far"
    ).opts(
        color=p.LABEL_COLOR, line_color=None, xlabel="", ylabel="readout (ϑ = 1)",
        ylim=(0, 1.6), xrotation=0 if max(map(len, classes)) < 3 else 40, **p.LOOK,
    )  # fmt: skip


def runs(ylabel: str) -> hv.Curve:
    """Empty curve of the current run over the training steps, bold: others are drawn over it."""
    none = np.empty(0)
    return hv.Curve((none, none), "step", "value", label="this run").opts(
        color=p.GREY, line_width=4, line_alpha=0.6, xlabel="step", ylabel=ylabel, **p.LOOK
    )


def merits() -> hv.Curve:
    """Empty Pareto front of several runs' accuracy over the energy of an image."""
    none = np.empty(0)
    return hv.Curve((none, none), "energy", "value", label="front line").opts(
        color=p.GREY, line_width=1.2, line_dash="dotted",
        xlabel="energy per image (µJ, estimate)", ylabel="test accuracy (%)", **p.LOOK,
    )  # fmt: skip
