"""The live view: one image on the chip, and training curves."""

from functools import partial

import numpy as np
import panel as pn
import panel_material_ui as pmui

from snnlab import plotting
from snnlab.chip.units import CODES, SCALES, membranes
from snnlab.events import TICK
from snnlab_app.plots import blank
from snnlab_app.plots.cards import Tiles, card, flex, row, small
from snnlab_app.plots.live import LivePlot
from snnlab_app.views.base import View

TRACES = 6
"""Hidden membranes drawn at once; more would be indistinguishable."""
SORTS = ("as numbered", "by spikes of this image", "by first spike")


class LiveView(View):
    """Plots and numbers of one session, updated from its snapshots."""

    name, title = "live", "Live"
    see = (
        "One test image on the chip, again after every few training steps: its pixels as spikes,"
        " the hidden neurons' spikes, the label neurons' potentials. The highest label decides."
    )
    attempt = "Press Train, then drag Mismatch: a new chip is fabricated while it learns."
    matters = "The chip is imperfect; training with it in the loop learns around its faults."
    figures = 7
    has_animation = True

    def __init__(self, session):
        super().__init__(session)
        self._shape, self._turn = None, 0
        self._neurons = pmui.MultiChoice(
            label="Hidden neurons to watch", value=list(range(TRACES)), options=list(range(246)),
            max_items=TRACES, sizing_mode="stretch_width", margin=(12, 10, 5, 10),
        )  # fmt: skip
        self._image = pmui.IntSlider(
            label="Test image to watch", value=0, start=0, end=9999, sizing_mode="stretch_width"
        )
        self._image.param.watch(lambda event: session.show(event.new), "value_throttled")
        self._sort = pmui.Select(
            label="Hidden neurons", options=list(SORTS), value=SORTS[0],
            sizing_mode="stretch_width",
        )  # fmt: skip
        self._sort.param.watch(lambda _: self._again(), "value")
        self._tiles = Tiles()
        self._frame = None

    def build(self):
        config = self.session.config
        return self._cards(blank.recording_of(config), blank.classes_of(config))

    def show(self, snapshot):
        recording = snapshot.frame.recording
        shape = shape_of(recording, snapshot.classes)
        if self._shape != shape:
            self._body.objects = self._cards(recording, snapshot.classes)
        if self._image.end != snapshot.test_images - 1:
            self._image.end = snapshot.test_images - 1
        self._frame = snapshot.frame
        self._show_figures(snapshot)
        self._show_frame(snapshot.frame)
        self._show_rest(snapshot)

    def table(self, plot):
        if plot == "raster" and self._frame:
            return spikes_table(self._frame.recording)
        return super().table(plot)

    def _again(self):
        if self._frame and self.plots:
            self._feed_raster(self._frame.recording)

    def _cards(self, recording, classes):
        """New plots for a network and data set of this shape."""
        self._shape = shape_of(recording, classes)
        n_hidden, steps = recording.cadc[0].shape[2], recording.cadc[0].shape[1]
        self._neurons.param.update(
            options=list(range(n_hidden)), value=list(range(min(TRACES, n_hidden)))
        )
        still, history = np.zeros(steps), blank.curves()
        slots = {f"slot {k}": still for k in range(TRACES)}
        self.plots = {
            "raster": LivePlot(plotting.raster(recording), 600, follow=""),
            "hidden membranes": LivePlot(plotting.membranes(slots, threshold=1.0), 240),
            "label membranes": LivePlot(plotting.membranes(dict.fromkeys(classes, still)), 300),
            "accuracy": LivePlot(plotting.learning_curve(), 210, "x"),
            "loss": LivePlot(plotting.curve(history, "loss", "loss", plotting.BLUE), 210, "xy"),
            "spikes": LivePlot(
                plotting.curve(history, "spikes", "spikes / image", plotting.HIDDEN_COLOR),
                210, "xy",
            ),
            "power": LivePlot(plotting.power_curve(history), 210, "xy"),
        }  # fmt: skip
        return [
            row(self._tiles.panel()),
            row(
                card(
                    "One test image on the chip", flex(420), self._pane("raster"),
                    pn.Row(self._image, self._sort, sizing_mode="stretch_width", margin=(8, 0)),
                ),
                pn.Column(
                    card("Hidden membranes", {}, self._pane("hidden membranes"), self._neurons),
                    card("Label membranes", {}, self._pane("label membranes")),
                    styles=flex(420), margin=0,
                ),
            ),
            row(*(card(title, flex(250), self._pane(name)) for name, title in _CURVES.items())),
        ]  # fmt: skip

    def _pane(self, name):
        return self.plots[name].pane(name)

    def _show_figures(self, s):
        recent = {name: np.mean(values[-5:]) for name, values in s.history.items()}
        self._tiles.show({
            "Test accuracy": f"{s.test_accuracy:.2%} " + small(_when(s)),
            "Batch accuracy": f"{recent['accuracy']:.1%}",
            "Hidden spikes / image": f"{recent['spikes']:.1f}",
            "Chip power (estimate)": _estimated(s.power, "power"),
            "Activity-dependent power (est.)": _estimated(s.power, "activity"),
            "Emulated": f"{s.images_per_second:,.0f} " + small("images/s"),
        })  # fmt: skip

    def _feed_raster(self, recording):
        order = _order(recording, self._sort.value)
        self.plots["raster"].feed_image("raster", plotting.raster_cells(recording, order=order))

    def _show_frame(self, frame):
        self._feed_raster(frame.recording)
        self.summary.say(verdict(frame))

    def _show_hidden(self, s):
        hidden = membranes(s.frame.recording, 0, s.units)[0]
        time = plotting.microseconds(len(hidden))
        watched = [n for n in self._neurons.value if n < hidden.shape[1]]
        plot = self.plots["hidden membranes"]
        for slot in range(TRACES):
            trace = hidden[:, watched[slot]] if slot < len(watched) else np.full(len(time), np.nan)
            plot.feed(f"slot {slot}", time, trace)
        plot.rename({f"slot {slot}": f"neuron {n}" for slot, n in enumerate(watched)})
        feed_threshold(plot, time, s.units)
        plot.settle()

    def _show_labels(self, s):
        feed_labels(self.plots["label membranes"], s)

    def _show_curve(self, name, s):
        _FEED[name](self.plots[name], s)
        self.plots[name].settle()

    def _show_rest(self, s):
        """While training, update one plot at a time, the membranes more often than the slow
        curves, as each costs as much as the raster. At rest, update all.
        """
        membranes = self._show_hidden, self._show_labels
        curves = [partial(self._show_curve, name) for name in _CURVES]
        shown = [*membranes, *curves]
        if self.session.state == "running":
            turns = [show for curve in curves for show in (*membranes, curve)]
            self._turn = (self._turn + 1) % len(turns)
            shown = [turns[self._turn]]
        for show in shown:
            show(s)


def feed_threshold(plot: LivePlot, time: np.ndarray, units: str) -> None:
    """Set the units of a plot of hidden membranes and the position of the threshold."""
    scale = SCALES[units]
    plot.measure(scale.potential)
    plot.feed("threshold", time[[0, -1]], np.full(2, scale.threshold))
    plot.rename({"threshold": scale.named})


def feed_labels(plot: LivePlot, s) -> None:
    """Draw the label membranes of a snapshot."""
    frame = s.frame
    traces = membranes(frame.recording, -1, CODES)[0] if s.units == CODES else frame.label_traces
    plot.measure(SCALES[s.units].potential)
    time = plotting.microseconds(len(traces))
    for name, trace in zip(s.classes, traces.T, strict=True):
        plot.feed(name, time, trace)
    plot.settle()


def _when(s):
    """Number of epochs after which the test images were evaluated."""
    return "untrained" if len(s.tests["step"]) < 2 else f"after epoch {s.epoch}"


def shape_of(recording, classes) -> tuple:
    """Shape of a recording; the plots must be rebuilt when it changes."""
    return classes, recording.inputs.n_channels, *(cadc.shape for cadc in recording.cadc)


def _order(recording, sort):
    """Display order of the first hidden layer : int64[neuron], None for the original order."""
    spikes = recording.spikes[0]
    if sort == SORTS[1]:
        return np.argsort(-spikes.count_by_channel()[0], kind="stable")
    if sort == SORTS[2]:
        first = np.full(spikes.n_channels, 1 << 16)
        np.minimum.at(first, spikes.channel, spikes.tick.astype(int))
        return np.argsort(first, kind="stable")
    return None


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
    """The chip's decision on an image, in a sentence."""
    sentence = f"It decides “{frame.decision}”"
    if frame.label is not None:
        right = "right" if frame.decision == frame.label else "wrong"
        sentence = f"It shows “{frame.label}”; the chip decides “{frame.decision}” ({right})"
    return (
        f"{sentence} after {len(frame.recording.inputs.tick)} input and"
        f" {frame.recording.spikes_per_sample():.0f} hidden spikes."
    )


def _feed_accuracy(plot, s):
    plot.feed("batches", s.history["step"], 100 * s.history["accuracy"])
    tests = s.tests["step"], 100 * s.tests["accuracy"]
    plot.feed("test line", *tests)
    plot.feed("test", *tests)
    left = s.transferred
    plot.feed("without the loop", left["step"], 100 * left["left"])


def _feed_power(plot, s):
    for name in ("power", "power_low", "power_high"):
        plot.feed(name, s.history["step"], s.history[name])


_FEED = {
    "accuracy": _feed_accuracy,
    "loss": lambda plot, s: plot.feed("loss", s.history["step"], s.history["loss"]),
    "spikes": lambda plot, s: plot.feed("spikes", s.history["step"], s.history["spikes"]),
    "power": _feed_power,
}
_CURVES = {
    "accuracy": "Accuracy",
    "loss": "Loss",
    "spikes": "Hidden spikes",
    "power": "Power (estimate)",
}


def _estimated(estimate, name):
    """A quantity in mW, with its uncertainty range."""
    low, high = (1e3 * watt for watt in estimate.ranges[name])
    return f"{1e3 * getattr(estimate, name):.1f} " + small(f"mW, {low:.0f}–{high:.0f}")
