"""One image on the chip, in slow motion."""

from math import isqrt

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.models import BoxAnnotation, ColumnDataSource, FreehandDrawTool, Span
from bokeh.plotting import figure

from snnlab import plotting
from snnlab.chip.units import CODES, SCALES, membranes, risen
from snnlab.data.catalogue import CATALOGUE
from snnlab.data.images.drawing import from_strokes, image_like, placing
from snnlab.errors import SnnlabError
from snnlab.events import TICK
from snnlab.model.readout import scores_so_far
from snnlab.plotting import views as plotting_views
from snnlab.studies.decision import decision_time, first_spike
from snnlab_app.controls import upload
from snnlab_app.plots import blank
from snnlab_app.plots.cards import card, flex, row
from snnlab_app.plots.live import LivePlot
from snnlab_app.views.base import View
from snnlab_app.views.frames import (
    feed_labels,
    feed_threshold,
    shape_of,
    spikes_table,
    verdict,
)

TICKS = 200
"""Updates of the page over which an image is played in slow motion: ten seconds."""
TRACES = 6


class SampleView(View):
    """Pixels, latencies, raster, membranes and decision of one image, at any moment."""

    name, title = "sample", "Sample"
    see = (
        "One image: its pixels, when each sends its spike, the raster, the membranes, and what the"
        " labels say so far. The veil covers what has not happened yet."
    )
    attempt = "Draw a digit on the black square, then press Play and watch the microseconds pass."
    matters = "The whole computation takes microseconds; the decision falls long before the end."
    figures = 7

    def __init__(self, session):
        super().__init__(session)
        self._frame, self._shown_in, self._playing = None, self.units, False
        self._time = pmui.FloatSlider(
            label="Time (µs)", start=0.0, end=1.0, step=0.1, value=1.0, sizing_mode="stretch_width"
        )
        self._time.param.watch(lambda event: self._veil(event.new), "value")
        self._play = pmui.Button(label="Play", icon="slow_motion_video", variant="outlined")
        self._play.on_click(lambda _: self._toggle())
        self._pick = pmui.IntSlider(
            label="Test image", start=0, end=9999, value=0, sizing_mode="stretch_width"
        )
        self._pick.param.watch(lambda event: session.show(event.new), "value_throttled")
        self._file = upload.chooser(label="Drop or choose a picture", sizing_mode="stretch_width")
        self._file.param.watch(self._dropped, "value")
        self._clear = pmui.Button(label="Clear drawing", icon="delete", variant="outlined")
        self._clear.on_click(lambda _: self._wipe())

    def pick(self, index: int) -> None:
        """Show a test image."""
        self._pick.value = index
        self.session.show(index)

    def build(self):
        config = self.session.config
        return self._cards(blank.recording_of(config), blank.classes_of(config))

    def _cards(self, recording, classes):
        """New plots for a network, data set and duration of this shape."""
        self._frame, self._shape, self._classes = None, shape_of(recording, classes), classes
        self._side = isqrt(recording.inputs.n_channels)
        still = np.zeros(recording.cadc[0].shape[1])
        end = round(1e6 * recording.duration, 1)
        self._time.param.update(end=end, value=end)
        self.plots = {
            "pixels": LivePlot(plotting_views.pixels(self._side), 250, "", widest=260),
            "latency": LivePlot(
                plotting_views.latency_map(self._side, min(20.0, end)), 250, "", widest=330
            ),
            "raster": LivePlot(plotting.raster(recording), 520, ""),
            "hidden membranes": LivePlot(
                plotting.membranes({f"slot {k}": still for k in range(TRACES)}, threshold=1.0), 240
            ),
            "label membranes": LivePlot(plotting.membranes(dict.fromkeys(classes, still)), 280),
            "labels so far": LivePlot(plotting_views.scores_so_far(self._classes), 250, ""),
        }  # fmt: skip
        self._covers = {
            name: BoxAnnotation(left=end, right=end + 2, fill_color="#7C828C", fill_alpha=0.35,
                                line_color=None, level="overlay")
            for name in ("raster", "hidden membranes", "label membranes")
        }  # fmt: skip
        self._decided = [
            Span(dimension="height", line_color=plotting.GREEN, line_width=2.5, visible=False)
            for _ in self._covers
        ]
        for (name, cover), span in zip(self._covers.items(), self._decided, strict=True):
            self.plots[name].figure.add_layout(cover)
            self.plots[name].figure.add_layout(span)
        pane = {name: plot.pane(name) for name, plot in self.plots.items()}
        return [
            row(card("Time", {"flex": "1 1 100%"},
                     pn.Row(self._play, self._time, sizing_mode="stretch_width"))),
            row(
                card("Draw a digit here", flex(230), self._pad(), self._clear),
                card("Pixels", flex(230), pane["pixels"], self._pick, self._file),
                card("Spike times (µs)", flex(250), pane["latency"]),
                card("Labels so far", flex(250), pane["labels so far"]),
            ),
            row(
                card("Raster", flex(420), pane["raster"]),
                pn.Column(
                    card("Hidden membranes, the busiest", {}, pane["hidden membranes"]),
                    card("Label membranes; green line: the decision falls", {},
                         pane["label membranes"]),
                    styles=flex(420), margin=0,
                ),
            ),
        ]  # fmt: skip

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
        config = self.session.config
        try:
            self.session.draw(make(config.dataset, config.side))
        except SnnlabError as error:
            pn.state.notifications.error(str(error), duration=6000)

    def _toggle(self):
        self._playing = not self._playing
        if self._playing and self._time.value >= self._time.end:
            self._time.value = 0.0
        self._play.label = "Pause playback" if self._playing else "Play"

    @property
    def moves(self):
        return self._playing

    def tick(self):
        if self._playing:
            end = self._time.end
            self._time.value = min(end, round(self._time.value + end / TICKS, 3))
            if self._time.value >= end:
                self._toggle()

    def show(self, snapshot):
        frame = snapshot.frame
        recording = frame.recording
        if self._shape != shape_of(recording, snapshot.classes):
            self._body.objects = self._cards(recording, snapshot.classes)
        if self._pick.end != snapshot.test_images - 1:
            self._pick.end = snapshot.test_images - 1
        self._frame, self._shown_in = frame, snapshot.units
        self._show_image(frame)
        self.plots["raster"].feed_image("raster", plotting.raster_cells(recording))
        self._show_membranes(snapshot)
        self._show_decision(frame)
        self._veil(self._time.value)

    def table(self, plot):
        if plot == "raster" and self._frame:
            return spikes_table(self._frame.recording)
        return super().table(plot)

    def _show_image(self, frame):
        side, inputs = self._side, frame.recording.inputs
        self.plots["pixels"].feed_image("pixels", frame.image[::-1])
        times = np.full(side * side, np.nan, np.float32)
        times[inputs.channel] = inputs.tick * (1e6 * TICK)
        picture = times.reshape(side, side)[::-1]
        self.plots["latency"].feed_image("latency", picture)
        self.plots["latency"].feed_image("veil", picture)

    def _show_membranes(self, s):
        recording, plot = s.frame.recording, self.plots["hidden membranes"]
        hidden = membranes(recording, 0, s.units)[0]
        time = plotting.microseconds(len(hidden))
        busiest = np.argsort(-recording.spikes[0].count_by_channel()[0], kind="stable")[:TRACES]
        for slot, neuron in enumerate(busiest):
            plot.feed(f"slot {slot}", time, hidden[:, neuron])
        plot.rename({f"slot {k}": f"neuron {n}" for k, n in enumerate(busiest)})
        feed_threshold(plot, time, s.units)
        plot.settle()
        feed_labels(self.plots["label membranes"], s)

    def _show_decision(self, frame):
        after = decision_time(frame.recording, frame.readout)[0]
        first = first_spike(frame.recording)[0]
        known = bool(np.isfinite(after))
        for span in self._decided:
            span.update(location=1e6 * (after + first) if known else 0.0, visible=known)
        when = f" The decision falls {1e6 * after:.1f} µs after the first input spike." * known
        self.summary.say(verdict(frame) + when)

    def _veil(self, time):
        if self._frame is None:
            return
        with pn.io.hold():
            for cover in self._covers.values():
                cover.left = time
            self.plots["latency"].glyphs["veil"].color_mapper.high = time
            scores, scale = frame_scores(self._frame, time, self._shown_in), SCALES[self._shown_in]
            self.plots["labels so far"].measure(scale.readout, scale.high)
            self.plots["labels so far"].feed("so far", list(self._classes), scores)


def frame_scores(frame, time: float, units: str) -> np.ndarray:
    """Readout of each label up to ``time`` µs, in thresholds or LSB : float[label]."""
    traces = risen(frame.recording)[0] if units == CODES else frame.label_traces
    step = np.searchsorted(plotting.microseconds(len(traces)), time, side="right")
    return scores_so_far(traces, frame.readout)[max(step, 1) - 1]
