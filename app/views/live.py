"""The live view: what the chip does with one image, and how learning goes."""

import numpy as np
import panel as pn
import panel_material_ui as pmui

from snnlab import plotting
from snnlab_app.live import LivePlot
from snnlab_app.remote import RemoteSession
from snnlab_app.snapshot import Snapshot

TRACES = 6
"""Hidden membranes drawn at once: more cannot be told apart."""


class LiveView:
    """Plots and figures of one session, fed from its snapshots."""

    def __init__(self, session: RemoteSession):
        self._plots: dict[str, LivePlot] = {}
        self._shape = None
        self._neurons = pmui.MultiChoice(
            name="Hidden neurons to watch", value=list(range(TRACES)), options=list(range(246)),
            max_items=TRACES, sizing_mode="stretch_width",
        )  # fmt: skip
        self._image = pmui.IntInput(name="Test image to watch", value=0, start=0, end=0, width=170)
        self._image.param.watch(lambda event: session.show(event.new), "value")
        self._tiles = {name: _Tile(name) for name in _TILES}
        self._summary = pmui.Typography("", variant="body2", sizing_mode="stretch_width")
        self._cards = pn.FlexBox(align_items="stretch", sizing_mode="stretch_width")

    def panel(self) -> pmui.Column:
        """Tiles of figures above, plots below."""
        tiles = pn.FlexBox(*(tile.panel for tile in self._tiles.values()), gap="10px")
        return pmui.Column(tiles, self._cards, sizing_mode="stretch_width")

    def show(self, snapshot: Snapshot) -> None:
        """Draw a snapshot; the first one, and another network or data set, build the plots."""
        recording = snapshot.frame.recording
        neurons = (cadc.shape for cadc in recording.cadc)
        shape = snapshot.classes, recording.inputs.n_channels, *neurons
        if self._shape != shape:
            self._build(snapshot)
            self._shape = shape
        self._show_figures(snapshot)
        self._show_frame(snapshot.frame, snapshot.classes)
        self._show_curves(snapshot)

    def _build(self, snapshot):
        frame, history = snapshot.frame, snapshot.history
        n_hidden = frame.recording.cadc[0].shape[2]
        self._neurons.param.update(
            options=list(range(n_hidden)), value=list(range(min(TRACES, n_hidden)))
        )
        blank = np.zeros(frame.label_traces.shape[0])
        self._image.end = snapshot.test_images - 1
        spikes = plotting.HIDDEN_COLOR
        self._plots = {
            "raster": LivePlot(plotting.raster(frame.recording), 600, follow=""),
            "hidden": LivePlot(
                plotting.membranes({f"slot {k}": blank for k in range(TRACES)}, threshold=1.0), 260
            ),
            "label": LivePlot(plotting.membranes(dict.fromkeys(snapshot.classes, blank)), 320),
            "accuracy": LivePlot(plotting.accuracy_curve(history, snapshot.tests), 210, "x"),
            "loss": LivePlot(plotting.curve(history, "loss", "loss", plotting.BLUE), 210, "xy"),
            "spikes": LivePlot(
                plotting.curve(history, "spikes", "hidden spikes / image", spikes), 210, "xy"
            ),
            "power": LivePlot(plotting.power_curve(history), 210, "xy"),
        }
        self._cards.objects = [
            _card("One test image on the chip", _flex(420), self._image, self._pane("raster"),
                  self._summary),
            pmui.Column(
                _card("Hidden membranes", {}, self._pane("hidden"), self._neurons),
                _card("Label membranes", {}, self._pane("label")),
                styles=_flex(420), margin=0,
            ),
            *(_card(title, _flex(240), self._pane(name)) for name, title in _CURVES.items()),
        ]  # fmt: skip

    def _pane(self, name):
        return self._plots[name].pane(name)

    def _show_figures(self, s):
        recent = {name: np.mean(values[-5:]) for name, values in s.history.items()}
        values = {
            "Test accuracy": f"{s.test_accuracy:.2%}",
            "Batch accuracy": f"{recent['accuracy']:.1%}",
            "Hidden spikes / image": f"{recent['spikes']:.1f}",
            "Chip power (estimate)": _estimated(s.power, "power"),
            "of it by activity (estimate)": _estimated(s.power, "activity"),
            "Emulated": f"{s.images_per_second:,.0f} images/s",
        }  # fmt: skip
        for name, value in values.items():
            self._tiles[name].show(value)

    def _show_frame(self, frame, classes):
        self._plots["raster"].feed_image("raster", plotting.raster_cells(frame.recording))
        time = plotting.microseconds(frame.label_traces.shape[0])
        hidden = frame.recording.traces(0)[0]
        watched = [n for n in self._neurons.value if n < hidden.shape[1]]
        for slot in range(TRACES):
            trace = hidden[:, watched[slot]] if slot < len(watched) else np.full(len(time), np.nan)
            self._plots["hidden"].feed(f"slot {slot}", time, trace)
        names = {f"slot {slot}": f"neuron {n}" for slot, n in enumerate(watched)}
        self._plots["hidden"].rename(names)
        for name, trace in zip(classes, frame.label_traces.T, strict=True):
            self._plots["label"].feed(name, time, trace)
        verdict = "right" if frame.decision == frame.label else "wrong"
        self._summary.object = (
            f"It shows “{frame.label}”; the chip decides “{frame.decision}” ({verdict}) after"
            f" {len(frame.recording.inputs.tick)} input and"
            f" {frame.recording.spikes_per_sample():.0f} hidden spikes."
        )

    def _show_curves(self, s):
        steps = s.history["step"]
        for name in ("loss", "spikes"):
            self._plots[name].feed(name, steps, s.history[name])
        for name in ("power", "power_low", "power_high"):
            self._plots["power"].feed(name, steps, s.history[name])
        self._plots["accuracy"].feed("batches", steps, 100 * s.history["accuracy"])
        tests = s.tests["step"], 100 * s.tests["accuracy"]
        self._plots["accuracy"].feed("test line", *tests)
        self._plots["accuracy"].feed("test", *tests)


_CURVES = {
    "accuracy": "Accuracy",
    "loss": "Loss",
    "spikes": "Hidden spikes",
    "power": "Power",
}
_TILES = (
    "Test accuracy", "Batch accuracy", "Hidden spikes / image", "Chip power (estimate)",
    "of it by activity (estimate)", "Emulated",
)  # fmt: skip


_TILE = """<div role="group" aria-label="{name}" style="padding: 8px 14px">
<div style="font-size: 12px; opacity: 0.75">{name}</div>
<div style="font-size: 20px; font-weight: 600; font-variant-numeric: tabular-nums">{text}</div>
</div>"""


def _estimated(estimate, name):
    """A quantity in mW, and the range it may lie in."""
    low, high = (1e3 * watt for watt in estimate.ranges[name])
    return f"{1e3 * getattr(estimate, name):.1f} mW <small>{low:.0f}–{high:.0f}</small>"


class _Tile:
    """A number with its name."""

    def __init__(self, name):
        self._name = name
        self._html = pn.pane.HTML("", margin=0)
        self.panel = pmui.Paper(self._html, elevation=1, min_width=140)

    def show(self, text: str) -> None:
        html = _TILE.format(name=self._name, text=text)
        if html != self._html.object:
            self._html.object = html


def _flex(width):
    """Grow from ``width`` pixels, wrap when the row is full."""
    return {"flex": f"1 1 {width}px"}


def _card(title, styles, *content):
    return pmui.Paper(
        pmui.Typography(title, variant="subtitle2", margin=(8, 12, 0, 12)),
        *content,
        elevation=1,
        margin=5,
        sizing_mode="stretch_width",
        styles=styles,
    )
