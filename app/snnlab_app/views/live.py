"""The live screen: one image on the chip, and what the knobs do to accuracy and power."""

from html import escape
from math import ceil
from re import sub

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.events import Tap

from snnlab import plotting
from snnlab.chip.units import SCALES, membranes
from snnlab.config import Config
from snnlab.events import TICK
from snnlab.quantities import LIVE, quantities
from snnlab_app.browser.replay import Replay
from snnlab_app.panel_fixes import Markup
from snnlab_app.plots import blank
from snnlab_app.plots.annotations import EndNames
from snnlab_app.plots.cards import display, enlarge, split_bar, tiny
from snnlab_app.plots.displays import (
    NAME_SHARE,
    AccuracyPlot,
    MembranePlot,
    PowerPlot,
    activity,
    gap,
    tested,
)
from snnlab_app.plots.live import LivePlot
from snnlab_app.plots.template import template
from snnlab_app.plots.theme import (
    INLINE_SLIDER,
    LIVE_GRID,
    LIVE_HEAD,
    NOTE_FONT,
    ONE_LINE,
    SHRINKS,
    TINY_SELECT,
    TITLE_FONT,
)
from snnlab_app.plots.words import reword
from snnlab_app.session.snapshot import IMAGES, SOUNDS
from snnlab_app.views.base import View
from snnlab_app.views.frames import (
    SORTS,
    feed_sound,
    first_of_all,
    neuron_at,
    order_of,
    output_traces,
    picture_of,
    shape_of,
    spikes_table,
    verdict,
)

TRACES = 6
"""Hidden membranes drawn at once; more would be indistinguishable."""
ACTIVE_SPAN = 1.9
"""Time shown unless all of it is asked for, in time constants of the latency code: almost all
spikes fall into it."""
MIN_ACTIVE_SPAN = 4.0
"""Least time shown : µs."""
SPAN_STEP = 20.0
"""Of the time shown of a recording, which ends after its last spike : µs."""
NETWORK = "Network"
CURVES = {"Hidden spikes": "spikes", "Loss": "loss"}
"""What the last display shows in turn: the network, or a further curve."""
NAMES = {
    "raster": "Raster", "hidden membranes": "Hidden membranes",
    "output membranes": "Output membranes", "accuracy": "Accuracy", "power": "Power",
    "spikes": "Hidden spikes",
}  # fmt: skip
"""Titles of the displays, by plot."""
DECIDED = "decided"
"""What is written into the raster."""
MEMBRANES, OFF_PHONE = "membranes", "off-phone"
"""CSS classes of displays of which a phone shows one at a time, and of the one it does not."""
LAST_EVERY = 5
"""Updates while it trains from one of the last display to the next; a network plays by itself."""
_LIVE = quantities(LIVE)
_PARTS = (
    '<span title="Estimate of the whole chip: {0:.0f} to {1:.0f} mW">'
    '<span class="spare">static {static:.0f}<span class="roomy"> mW</span>'
    ' <span class="narrows">{bar}</span></span> active {active}</span>'
)
"""Power in the title of its display: the static base, both parts to scale, and the other part."""


def further_curve():
    """An empty curve over the steps."""
    return plotting.curve(blank.curves(), "spikes", "", plotting.HIDDEN_COLOR)


class LiveView(View):
    """Plots and numbers of one session, updated from its snapshots."""

    name, title = "live", "Live"
    see = (
        "One test image on the chip, again after every few training steps: its pixels as spikes,"
        " the spikes of the hidden neurons, the membranes of the output neurons, of which the"
        " one with the highest score decides (by default its highest potential). Below, accuracy"
        " and estimated power over the training, with a mark wherever a knob was turned."
    )
    attempt = "Press Train, then drag Mismatch: the circuits grow more unequal while it learns."
    matters = "The chip is imperfect; training with it in the loop learns around its faults."
    drawings = (
        (plotting.spike_raster, (256, 246, 10), Config().samples),
        (plotting.membrane_axes, True), (plotting.membrane_axes, False),
        (plotting.learning_curve,), (plotting.power_curve,), (further_curve,),
    )  # fmt: skip
    has_animation = True

    def __init__(self, session):
        super().__init__(session)
        self._shape, self._snapshot, self._turn, self._full = None, None, 0, False
        self._watched = list(range(TRACES))
        self._titles = {
            name: Markup("", margin=(3, 8, 0, 8), stylesheets=[ONE_LINE], styles=SHRINKS)
            for name in NAMES
        }
        self._digit, self._pixels, self._last_tick = Markup("", margin=(0, 0, 0, 8)), None, 0
        self.summary.param.update(stylesheets=[ONE_LINE], margin=(2, 8))
        self._sort = pmui.Select(
            label="Sort", options=list(SORTS), value=SORTS[0], width=112, size="small", margin=0,
            stylesheets=[TINY_SELECT],
        )  # fmt: skip
        self._sort.param.watch(lambda _: self._again(), "value")
        self._span = tiny("Full time", self._switch_span)
        self._others = [
            tiny(label, self._switch_membranes, visible=False) for label in ("⇄ Output", "⇄ Hidden")
        ]
        self._curve = pmui.Select(
            label="Display", options=[NETWORK, *CURVES], value=NETWORK, width=112,
            size="small", margin=0, stylesheets=[TINY_SELECT],
        )  # fmt: skip
        self._curve.param.watch(lambda _: self._switch_last(), "value")
        self._network = Replay(mode="network", sizing_mode="stretch_both", margin=0)
        self.built = lambda: None
        self._image = pmui.IntSlider(
            label=self.words("Test image"), value=0, start=0, end=9999, width=260, size="small",
            margin=(0, 12), stylesheets=[INLINE_SLIDER], css_classes=["on-desk"],
        )  # fmt: skip
        self._image.param.watch(lambda event: session.show(event.new), "value_throttled")
        # In place of the slider while an input of the visitor's own is on the chip.
        self._back = tiny("", lambda: session.show(self._image.value), visible=False)
        self._captions: dict[str, str] = {}
        self._body = pn.Column(sizing_mode="stretch_both", margin=0, stylesheets=[LIVE_GRID])

    def fit(self, narrow):
        super().fit(narrow)
        for button in self._others:
            button.visible = narrow

    @property
    def figures(self):
        """Figures that are laid out: on a phone one kind of membranes at a time."""
        return len(NAMES) - self.narrow  # the network or a curve is one

    def panel(self):
        head = pn.Row(
            self._digit, self.summary, self._image, self._back, self.saving.panel(in_line=True),
            sizing_mode="stretch_width", margin=0, stylesheets=[LIVE_HEAD],
        )  # fmt: skip
        return pn.Column(head, self._body, sizing_mode="stretch_both", margin=0)

    def enlarge(self, on):
        super().enlarge(on)
        for title in self._titles.values():
            enlarge(title, on)

    def build(self):
        config = self.session.config
        return self._displays(blank.recording_of(config), blank.classes_of(config))

    def _displays(self, recording, classes):
        """New plots for a network and data set of this shape."""
        self._shape, self._pixels = shape_of(recording, classes), None
        self._image.label = self.words("Test image")
        raster = plotting.sound_raster if self.kind == SOUNDS else plotting.spike_raster
        steps, n_hidden = recording.cadc[0].shape[1:]
        self._watched = [n for n in self._watched if n < n_hidden]
        slots = [f"slot {k}" for k in range(TRACES)]
        self.plots = {
            "raster": LivePlot(template(raster, plotting.sizes_of(recording), steps), follow=""),
            "hidden membranes": MembranePlot(slots, has_threshold=True),
            "output membranes": MembranePlot(list(classes)),
            "accuracy": AccuracyPlot(),
            "power": PowerPlot(),
            "spikes": LivePlot(template(further_curve), follow="xy"),
        }
        for name, label in NAMES.items():
            over_steps = name in ("accuracy", "power", "spikes")
            self.plots[name].stand_alone(label, "training step" if over_steps else "")
            self.plots[name].fit(self.narrow)
            self.plots[name].enlarge(self._large)
            self._say(name, "time in µs" if name == "raster" else "")
        figure = self.plots["raster"].figure
        figure.on_event(Tap, self._watch_row)
        self._decided = EndNames(figure, {DECIDED: plotting.LABEL_COLOR})
        self._show_span(steps)
        controls = {
            "raster": (self._sort, self._span), "hidden membranes": self._others[:1],
            "output membranes": self._others[1:], "spikes": (self._curve,),
        }  # fmt: skip
        panes = {name: [plot.pane(name)] for name, plot in self.plots.items()}
        self._last = panes["spikes"][0]
        panes["spikes"].append(self._network)
        self._show_last()
        boxes = {
            name: display(name.replace(" ", "-"), self._titles[name], pane, *controls.get(name, ()))
            for name, pane in panes.items()
        }
        self._membranes = boxes["hidden membranes"], boxes["output membranes"]
        self._membranes[0].css_classes = [MEMBRANES, OFF_PHONE]
        self._membranes[1].css_classes = [MEMBRANES]
        return list(boxes.values())

    def show(self, snapshot):
        self._snapshot, recording = snapshot, snapshot.frame.recording
        if self._shape != shape_of(recording, snapshot.classes):
            self._body.objects = self._displays(recording, snapshot.classes)
        if self._image.end != snapshot.test_inputs - 1:
            self._image.end = snapshot.test_inputs - 1
        self._show_verdict(snapshot)
        self._offer_image(is_own=snapshot.frame.label is None)
        self._show_raster(recording)
        self._name_decided(snapshot)
        for draw in self._due():
            draw(snapshot)

    def table(self, plot):
        if plot == "raster" and self._snapshot:
            return spikes_table(self._snapshot.frame.recording)
        return super().table(plot)

    def caption(self, plot):
        return " · ".join(filter(None, (NAMES.get(plot, plot), self._captions.get(plot))))

    # ── controls ──

    def _offer_image(self, is_own):
        """The slider of test images, or the way back to them."""
        if self._back.visible != is_own:
            named = self.words("test image")
            self._back.label = f"Back to {named} {self._image.value}"
            self._back.visible, self._image.visible = is_own, not is_own

    def _again(self):
        if self._snapshot and self.plots:
            self._show_raster(self._snapshot.frame.recording)

    def _switch_last(self):
        """Show the network or another curve, and have the page wait until it is laid out."""
        self._show_last()
        self.built()

    def _show_last(self):
        shows = self._curve.value == NETWORK
        self._network.visible, self._last.visible = shows, not shows
        self._say("spikes")

    def _switch_span(self):
        self._full = not self._full
        self._span.label = "Active time" if self._full else "Full time"
        self._show_span(self._shape[-1][1])

    def _show_span(self, steps):
        """Set the time that raster and membranes show."""
        whole = float(plotting.microseconds(steps + 1)[-1])
        active = max(MIN_ACTIVE_SPAN, 1e6 * ACTIVE_SPAN * self.session.config.tau_in)
        if self.kind != IMAGES:
            active = SPAN_STEP * ceil((1e6 * TICK * self._last_tick or whole) / SPAN_STEP)
        end = (1 + NAME_SHARE) * (whole if self._full else min(whole, active))
        for name in ("raster", "hidden membranes", "output membranes"):
            if self.plots[name].figure.x_range.end != end:
                self.plots[name].figure.x_range.update(
                    start=0, end=end, reset_start=0, reset_end=end
                )

    def _switch_membranes(self):
        """On a phone, show the other kind of membranes."""
        for box in self._membranes:
            off = OFF_PHONE in box.css_classes
            box.css_classes = [MEMBRANES] if off else [MEMBRANES, OFF_PHONE]

    def _watch_row(self, event):
        """Watch the membrane of the neuron whose row of the raster was clicked."""
        if self._snapshot is None or event.y is None:
            return
        recording = self._snapshot.frame.recording
        neuron = neuron_at(recording, event.y, order_of(recording, self._sort.value))
        if neuron is not None and neuron not in self._watched:
            self._watched = [*self._watched[1 - TRACES :], neuron]
            self._show_hidden(self._snapshot)

    # ── drawing ──

    def _show_verdict(self, s):
        frame = s.frame
        if not np.array_equal(frame.image, self._pixels):
            self._pixels = frame.image
            self._digit.object = picture_of(frame)
            self._show_sound(frame)
        self.summary.say(first_of_all(s) + verdict(frame))

    def _show_sound(self, frame):
        """The picture of a recording behind its spikes, and its waveform above them."""
        if self.kind == IMAGES:
            return
        recording = frame.recording
        self._last_tick = max(
            int(layer.tick.max(initial=0)) for layer in (recording.inputs, *recording.spikes)
        )
        self._show_span(recording.cadc[0].shape[1])
        if self.kind == SOUNDS:
            feed_sound(self.plots["raster"], frame)

    def _show_raster(self, recording):
        order, plot = order_of(recording, self._sort.value), self.plots["raster"]
        for layer, points in plotting.spike_points(recording, order=order).items():
            plot.write(layer, *points)
        plot.feed_image("outputs", plotting.output_cells(recording))

    def _name_decided(self, s):
        """The label that is decided for, at the beginning of its row of the raster."""
        row = plotting.output_row(s.classes.index(s.frame.decision), len(s.classes))
        self._decided.write({DECIDED: (0.0, row, s.frame.decision)})

    def _due(self):
        """What is drawn beside the raster: all of it, or while it trains half of it in turn, as
        each costs the browser as much as the raster, and the training those cores."""
        if self.session.state != "running":
            return (
                self._show_hidden, self._show_outputs, self._show_accuracy, self._show_power,
                self._show_curve,
            )  # fmt: skip
        self._turn += 1
        halves = (self._show_hidden, self._show_accuracy), (self._show_outputs, self._show_power)
        last = (self._show_curve,) if self._turn % LAST_EVERY == 0 else ()
        return (*halves[self._turn % 2], *last)

    def _is_off(self, box):
        return self.narrow and OFF_PHONE in box.css_classes

    def _show_outputs(self, s):
        if self._is_off(self._membranes[1]):
            return
        traces, quantity = output_traces(s), SCALES[s.units].potential
        named = {name: (name, trace) for name, trace in traces.items()}
        self.plots["output membranes"].draw(named, quantity)
        self._say("output membranes", f"{quantity}, over µs")

    def _show_hidden(self, s):
        if self._is_off(self._membranes[0]):
            return
        hidden = membranes(s.frame.recording, 0, s.units)[0]
        missing, scale = np.full(len(hidden), np.nan), SCALES[s.units]
        traces = {f"slot {k}": (f"{n}", hidden[:, n]) for k, n in enumerate(self._watched)}
        traces |= {f"slot {k}": ("", missing) for k in range(len(traces), TRACES)}
        threshold = scale.named, scale.threshold
        self.plots["hidden membranes"].draw(traces, scale.potential, threshold)
        self._say("hidden membranes", "click a row of the raster to watch its neuron")
        self._captions["hidden membranes"] = f"{scale.potential}, over µs"

    def _show_accuracy(self, s):
        self.plots["accuracy"].draw(s)
        self._say("accuracy", reword(gap(s) or tested(s), s.kind))

    def _show_power(self, s):
        self.plots["power"].draw(s)
        static, active = s.power.static, activity(s)[0]
        self._say("power", markup=_PARTS.format(
            *(1e3 * watt for watt in s.power.ranges["power"]), static=1e3 * static,
            bar=split_bar(static, active, "width: 36px; height: 9px"),
            active=_LIVE["activity"].format(active),
        ))  # fmt: skip

    def _show_curve(self, s):
        if self._curve.value == NETWORK:
            self._network.show(s.frame, s.classes, units=s.units, step=s.step)
            return
        curve = s.history[CURVES[self._curve.value]]
        self.plots["spikes"].feed("spikes", s.history["step"], curve)
        self.plots["spikes"].settle()
        self._say("spikes")

    def _say(self, name, words="", markup=""):
        """Write a display's title and what it says at this moment, as plain text or ``markup``."""
        self._captions[name] = words or sub("<[^>]*>", "", markup).strip()
        named = "" if name == "spikes" else escape(NAMES[name])  # its select says what it shows
        title = (
            f'<b style="{TITLE_FONT}">{named}</b>'
            f' <span style="{NOTE_FONT}">{markup or escape(words)}</span>'
        )
        if self._titles[name].object != title:
            self._titles[name].object = title
