"""One image on the chip, in slow motion."""

from math import isqrt

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.models import ColumnDataSource, FreehandDrawTool, Span
from bokeh.plotting import figure

from snnlab import plotting
from snnlab.chip.units import SCALES, membranes
from snnlab.data.catalogue import CATALOGUE
from snnlab.data.images.drawing import from_strokes, image_like, placing
from snnlab.errors import SnnlabError
from snnlab.events import TICK
from snnlab.plotting import views as plotting_views
from snnlab.quantities import COMPARISON, quantities
from snnlab.studies.decision import first_spike
from snnlab.studies.paths import count_differing
from snnlab_app.browser.replay import FULL, Replay
from snnlab_app.controls import upload
from snnlab_app.plots.cards import Text, card, flex, row
from snnlab_app.plots.live import LivePlot
from snnlab_app.session.snapshot import IMAGES, SOUNDS
from snnlab_app.views.base import View
from snnlab_app.views.frames import (
    feed_labels,
    feed_sound,
    feed_threshold,
    spikes_table,
    verdict,
)
from snnlab_app.views.speaking import Speaking

TRACES = 6
IN_TITLE = {"position": "absolute", "top": "2px", "right": "8px"}
"""Place of a switch beside the title of its card."""
NO_SOUND = (
    "These recordings are spikes without their sound, so nothing can be said into a microphone or"
    " listened to here; the data set spoken-digits allows both."
)


class SampleView(View):
    """One image on its way to a decision: network, raster and membranes at any moment."""

    name, title = "sample", "Sample"
    see = (
        "One image: when each pixel sends its spike, which neurons fire, the membranes, and the"
        " score of each output neuron. What lies after the cursor is faint."
    )
    attempt = "Draw a digit on the black square, then press Play and watch the microseconds pass."
    matters = "The whole computation takes microseconds; the decision is made long before the end."
    has_pictures = True

    def __init__(self, session):
        super().__init__(session)
        self._snapshot = self._drawn = self._side = None
        self.replay = Replay(mode=FULL, sizing_mode="stretch_width", margin=(2, 12, 10, 12))
        self._beside = pmui.Switch(label="Beside the ideal twin", value=False, margin=(2, 12))
        self._beside.param.watch(lambda _: self.look(), "value")
        self._speaking = Speaking(session, decided)
        self._pick = pmui.IntSlider(
            label=self.words("Test image"), start=0, end=9999, value=0, sizing_mode="stretch_width"
        )
        self._pick.param.watch(lambda event: session.show(event.new), "value_throttled")
        self._file = upload.chooser(label="Drop or choose a picture", sizing_mode="stretch_width")
        self._file.param.watch(self._dropped, "value")
        self._clear = pmui.Button(label="Clear drawing", icon="delete", variant="outlined")
        self._clear.on_click(lambda _: self._wipe())
        self._draw_still = pmui.Button(label="Figures to save", icon="image", variant="text")
        self._draw_still.on_click(lambda _: self.draw_figures())
        self._still = pn.FlexBox(align_items="stretch", sizing_mode="stretch_width")

    def wishes(self):
        return {"twin": True} if self._beside.value else {}

    def pick(self, index: int) -> None:
        """Show a test image."""
        self._pick.value = index
        self.session.show(index)

    def build(self):
        self._pick.label = self.words("Test image")
        self._still.objects, self.plots = [], {}
        self._show_at_once()
        self._side = pn.Column(*self._own_inputs(), margin=0, sizing_mode="stretch_width")
        self._place_side()
        return [
            row(
                card(self.words("One image on the chip"), flex(560, 12), self._beside, self.replay),
                self._side,
            ),
            row(self._draw_still),
            self._still,
        ]  # fmt: skip

    def fit(self, narrow):
        super().fit(narrow)
        self._place_side()

    def _place_side(self):
        """On a narrow page, the microphone comes first, and the switch has a line of its own."""
        self._beside.styles = {} if self.narrow else IN_TITLE
        first = self.narrow and self.kind == SOUNDS
        if self._side is not None:
            self._side.styles = {**flex(250), "order": "-1" if first else "0"}

    def _own_inputs(self):
        """Cards for the visitor's inputs, and for those of the test set."""
        if self.kind == IMAGES:
            return [
                card("Draw a digit here", {}, self._pad(), self._clear),
                card("Or take a picture", {}, self._pick, self._file),
            ]
        if self.kind == SOUNDS:
            return [*self._speaking.cards(), card("Or take a test recording", {}, self._pick)]
        words = Text()
        words.say(NO_SOUND)
        return [card("Take a test recording", {}, self._pick, words)]

    def _show_at_once(self):
        """Play what another view has had recorded, until there is a recording for this one."""
        snapshot = self.session.snapshot
        if snapshot and snapshot.frame:
            self.show(snapshot)

    def _pad(self):
        self._strokes = ColumnDataSource({"xs": [], "ys": []})
        pad = figure(
            height=240, sizing_mode="stretch_width", min_width=200, max_width=260,
            x_range=(0, 1), y_range=(0, 1), tools="", toolbar_location=None,
            background_fill_color="black", border_fill_alpha=0, outline_line_color=plotting.GREY,
            min_border=0, margin=(4, 12, 4, 12),
        )  # fmt: skip
        pad.axis.visible = pad.grid.visible = False
        pen = pad.multi_line(
            "xs", "ys", source=self._strokes, line_color="white", line_width=16,
            line_cap="round", line_join="round",
        )  # fmt: skip
        pen.nonselection_glyph = None
        tool = FreehandDrawTool(renderers=[pen])
        pad.add_tools(tool)
        pad.toolbar.active_drag = tool
        self._strokes.on_change("data", self._drew)
        return pn.pane.Bokeh(pad, name="pad", sizing_mode="stretch_width", max_width=260)

    def _drew(self, attr, old, new):
        data = self._strokes.data
        strokes = [
            np.column_stack([xs, 1.0 - np.asarray(ys, float)])
            for xs, ys in zip(data["xs"], data["ys"], strict=True)
            if len(xs)
        ]
        if strokes:
            self._offer(lambda name, side: from_strokes(strokes, side, *placing(name)))

    def _wipe(self):
        self._strokes.data = {"xs": [], "ys": []}
        self.session.show(self._pick.value)

    def _dropped(self, event):
        if event.new:
            self._offer(lambda name, side: self._like(name, upload.read_upload(event.new), side))
            self._file.value = None  # so that choosing the same picture again counts as a change

    def _like(self, name, picture, side):
        """A picture in the format of the data set; for own data neither boxed nor centred."""
        snapshot = self.session.snapshot
        look = snapshot.look if snapshot and CATALOGUE[name].own else None
        return look.prepare(picture, side) if look else image_like(name, picture, side)

    def _offer(self, make):
        """Run a visitor's own picture on the chip, or report why it is refused."""
        snapshot = self.session.snapshot
        now = snapshot.settings if snapshot else self.session.config.values()
        try:
            self.session.draw(make(now["dataset"], now["side"]))
        except SnnlabError as error:
            pn.state.notifications.error(str(error), duration=6000)

    def show(self, snapshot):
        if self._pick.end != snapshot.test_inputs - 1:
            self._pick.end = snapshot.test_inputs - 1
        self._snapshot, frame = snapshot, snapshot.frame
        wanted = self._beside.value or self.watches
        twin = snapshot.twin if wanted else None
        if self.kind == SOUNDS:
            self._speaking.show(snapshot)
        self.replay.show(
            frame, snapshot.classes, units=snapshot.units, step=snapshot.step, twin=twin,
            words=describe(frame) + (compare(frame, twin) if twin else ""),
        )  # fmt: skip

    # ── figures to save ──

    def draw_figures(self) -> None:
        """Draw the newest recording as figures, which can be saved."""
        if self._snapshot is None:
            return
        self._drawn = self._snapshot
        self.plots = still_figures(self._drawn)
        cards = (card(name.capitalize(), flex(250), p.pane(name)) for name, p in self.plots.items())
        self._still.objects = list(cards)
        self.saving.offer()

    def table(self, plot):
        if plot == "raster":
            return spikes_table(self._drawn.frame.recording)
        return super().table(plot)


def describe(frame) -> str:
    """The decision on an input, when it was taken, and its energy, in words."""
    return f"{verdict(frame)} {decided(frame)}".rstrip()


def decided(frame) -> str:
    """When the decision on an input was taken, and the energy of its run, in words."""
    after = frame.decided
    when = f"Decided {1e6 * after:.1f} µs after the first spike." if np.isfinite(after) else ""
    cost = quantities(COMPARISON)["energy"].format(frame.energy)
    return f"{when} About {cost} (estimate).".lstrip() if cost else when


def compare(frame, twin) -> str:
    """How many hidden spikes differ on the ideal twin, in words."""
    either, here, there = count_differing(frame.recording, twin.recording)
    return (
        f" {here + there} of {either} hidden spikes differ: {here} only on this die, {there} only"
        f" on the ideal twin, which decides “{twin.decision}”."
    )


def still_figures(s) -> dict[str, LivePlot]:
    """The recording of a snapshot as figures by name."""
    frame, recording = s.frame, s.frame.recording
    still = np.zeros(recording.cadc[0].shape[1])
    plots = _pixel_figures(frame) if s.kind == IMAGES else {}
    plots |= {
        "raster": _raster_figure(frame),
        "hidden membranes": LivePlot(
            plotting.membranes({f"slot {k}": still for k in range(TRACES)}, threshold=1.0), 240
        ),
        "output membranes": LivePlot(plotting.membranes(dict.fromkeys(s.classes, still)), 280),
        "scores so far": LivePlot(plotting_views.scores_so_far(s.classes), 250, ""),
    }  # fmt: skip
    _feed_hidden(plots["hidden membranes"], s)
    feed_labels(plots["output membranes"], s)
    _mark_decision(plots, frame)
    scale = SCALES[s.units]
    plots["scores so far"].measure(scale.readout, scale.high)
    plots["scores so far"].feed("so far", list(s.classes), frame.scores_so_far(s.units)[-1])
    return plots


def _pixel_figures(frame):
    """An image, and the time of each pixel's spike."""
    inputs, end = frame.recording.inputs, 1e6 * frame.recording.duration
    side = isqrt(inputs.n_channels)
    latest = min(20.0, end)
    plots = {
        "pixels": LivePlot(plotting_views.pixels(side), 250, "", widest=260),
        "latency": LivePlot(plotting_views.latency_map(side, latest), 250, "", widest=330),
    }
    plots["pixels"].feed_image("pixels", frame.image[::-1])
    times = np.full(side * side, np.nan, np.float32)
    times[inputs.channel] = inputs.tick * (1e6 * TICK)
    plots["latency"].feed_image("latency", times.reshape(side, side)[::-1])
    return plots


def _raster_figure(frame):
    """The raster, of a sound below its waveform."""
    recording = frame.recording
    if frame.kind != SOUNDS:
        return LivePlot(plotting.raster(recording), 420, "")
    sizes = plotting.sizes_of(recording)
    plot = LivePlot(plotting.sound_raster(sizes, recording.cadc[0].shape[1]), 460, "")
    feed_sound(plot, frame)
    for layer, points in plotting.spike_points(recording).items():
        plot.write(layer, *points)
    plot.feed_image("outputs", plotting.output_cells(recording))
    return plot


def _feed_hidden(plot, s):
    recording = s.frame.recording
    hidden = membranes(recording, 0, s.units)[0]
    time = plotting.microseconds(len(hidden))
    busiest = np.argsort(-recording.spikes[0].count_by_channel()[0], kind="stable")[:TRACES]
    for slot, neuron in enumerate(busiest):
        plot.feed(f"slot {slot}", time, hidden[:, neuron])
    plot.rename({f"slot {k}": f"neuron {n}" for k, n in enumerate(busiest)})
    feed_threshold(plot, time, s.units)
    plot.settle()


def _mark_decision(plots, frame):
    after = frame.decided
    if np.isfinite(after):
        at = 1e6 * (after + first_spike(frame.recording)[0])
        for name in ("raster", "hidden membranes", "output membranes"):
            line = Span(location=at, dimension="height", line_color=plotting.GREEN, line_width=2.5)
            plots[name].figure.add_layout(line)
