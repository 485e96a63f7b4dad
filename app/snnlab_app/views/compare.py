"""Comparison of runs: curves, results, rasters, and knobs that differ."""

import json
from io import StringIO
from textwrap import wrap

import panel as pn
import panel_material_ui as pmui
from bokeh.models import FixedTicker

from snnlab.config import Config
from snnlab.plotting import views as plotting_views
from snnlab.plotting.raster import COLUMNS, GAP_COLUMNS, rasters, side_by_side
from snnlab.quantities import COMPARISON, STEP, quantities
from snnlab.runs.tables import csv_of
from snnlab_app.controls.link import written
from snnlab_app.plots.cards import Text, card, flex, row
from snnlab_app.plots.displays import accuracy_of, images_of_test, newest_test, smooth
from snnlab_app.plots.live import LivePlot
from snnlab_app.plots.template import template
from snnlab_app.views.base import View
from snnlab_app.views.pins import Pin, comparable, front, table_of
from snnlab_app.views.runs import NOW, MeritsPlot, RunsPlot
from snnlab_app.views.stored import StoredRuns

MAX_PINNED_RUNS = 6
MIDDLE = COLUMNS / (COLUMNS + GAP_COLUMNS) / 2
"""Centre of a raster, as a share of its width."""
WIDE = 14
"""Characters per line under a raster."""


class CompareView(View):
    """Up to six pinned or stored runs, compared with the current one."""

    name, title = "compare", "Compare"
    see = "Curves, spikes and results of pinned and stored runs beside the current one."
    attempt = "Pin the run, press Reset, turn one knob, press Train: only that knob differs."
    matters = "Seeds, images and noise are the same, so every difference is caused by the knob."
    figures = 4
    drawings = (
        (plotting_views.runs, quantities(STEP)["accuracy"].title),
        (plotting_views.runs, quantities(STEP)["spikes"].title),
        (plotting_views.merits,),
        (rasters,),
    )

    def __init__(self, session):
        super().__init__(session)
        self.pins: list[Pin] = []
        self._count, self._last, self._words = 0, None, Text()
        self._pin = pmui.Button(label="Pin run", icon="push_pin")
        self._clear = pmui.Button(label="Remove pins", icon="delete", variant="outlined")
        self._pin.on_click(lambda _: self._keep())
        self._clear.on_click(lambda _: self._forget())
        self.stored = StoredRuns(lambda run: self._put(Pin.stored(run)))
        self._table = pn.pane.HTML("", sizing_mode="stretch_width", margin=12)
        self._image = pmui.Select(label="Image", size="small", width=205, margin=(6, 12))
        self._image.param.watch(lambda _: self._again(), "value")
        self._settings = pmui.FileDownload(
            callback=self.settings_file, filename="snnlab.json", label="Settings (JSON)"
        )
        self._runs = pmui.FileDownload(
            callback=lambda: csv_of(*self.runs_table()), filename="snnlab-runs.csv",
            label="Runs (CSV)",
        )  # fmt: skip
        for button in (self._settings, self._runs):
            button.variant = "outlined"

    def open(self):
        self.stored.read()
        super().open()

    def build(self):
        self._rest = row()  # a place of its own: what stands above is not laid out again
        most, titles = MAX_PINNED_RUNS + 1, quantities(STEP)
        self._accuracy = RunsPlot(most, titles["accuracy"].title)
        self._spikes = RunsPlot(most, titles["spikes"].title)
        self._merits = MeritsPlot(most)
        self._rasters = LivePlot(template(rasters), 340, "")
        self._rasters.figure.grid.visible = False
        self._rasters.figure.xaxis[0].ticker = FixedTicker(ticks=[])
        self._image.label = self.words("Image")
        for axis in (self._merits.figure.xaxis[0], self._spikes.figure.yaxis[0]):
            axis.axis_label = self.words(axis.axis_label)
        self.plots = {
            "accuracy": self._accuracy, "hidden spikes": self._spikes,
            "accuracy over energy": self._merits, "rasters": self._rasters,
        }  # fmt: skip
        return [
            row(pn.FlexBox(
                self._pin, self._clear, self._settings, self._runs, align_items="center",
            )),
            row(
                card("Accuracy of batches, smoothed", flex(440), self._accuracy.pane("accuracy")),
                card("Hidden spikes", flex(440), self._spikes.pane("spikes")),
            ),
            row(
                card("Accuracy and energy", flex(340), self._merits.pane("merits")),
                card(self.words("One test image on each chip"), flex(540, 2), self._image,
                     self._rasters.pane("rasters")),
            ),
            row(card("Runs", {"flex": "1 1 100%"}, self._table, self._words)),
            self._rest,
        ]  # fmt: skip

    def _keep(self):
        if snapshot := self._last or self.session.snapshot:
            self._count += 1
            self._put(Pin.of(f"run {self._count}", snapshot))

    def _put(self, pin):
        others = [other for other in self.pins if other.name != pin.name]
        self.pins = [*others[-MAX_PINNED_RUNS + 1 :], pin]
        self._again()

    def _forget(self):
        self.pins = []
        self._again()

    def _again(self):
        if self._last:
            self.show(self._last)

    def show(self, snapshot):
        if not self._rest.objects:  # below what is seen first, and laid out after it
            self._rest.append(self.stored.panel())
        self._last = snapshot
        now = Pin.of(NOW, snapshot)
        shown = {pin.name: pin for pin in (*self.pins, now)}
        curves = comparable({name: pin.history for name, pin in shown.items()})
        for plot, column, factor in (
            (self._accuracy, "accuracy", 100.0), (self._spikes, "spikes", 1.0),
        ):  # fmt: skip
            plot.draw({
                name: (curve["step"], factor * smooth(curve[column]))
                for name, curve in curves.items()
            })  # fmt: skip
        runs = list(shown.values())
        merits = {pin.name: (1e6 * pin.energy, 100 * pin.test_accuracy) for pin in runs}
        self._merits.draw(merits, front(runs))
        self._show_rasters(runs)
        html = table_of(runs, self.words)
        if html != self._table.object:
            self._table.object = html
        self.summary.say(self._in_words(snapshot))
        self._words.say(
            "Runs are compared with this run's present settings; some knobs may have been turned"
            " during a run."
        )

    def _show_rasters(self, pins):
        now = pins[-1]
        options = {self.words(f"test image {index}"): index for index in now.images()}
        if self._image.options != options:
            self._image.param.update(options=options, value=next(iter(options.values()), None))
        cells = side_by_side([pin.raster(self._image.value, now.tested_on) for pin in pins])
        self._rasters.feed_image("rasters", cells, dw=len(pins), dh=len(cells))
        figure = self._rasters.figure
        names = {k + MIDDLE: _under_raster(pin) for k, pin in enumerate(pins)}
        axis = figure.xaxis[0]
        if axis.major_label_overrides != names:
            axis.ticker.ticks = list(names)
            axis.major_label_overrides = names
        ends = {"x_range": len(pins), "y_range": len(cells)}
        for name, end in ends.items():
            if getattr(figure, name).end != end:
                getattr(figure, name).update(start=0, end=end, reset_start=0, reset_end=end)

    def _in_words(self, snapshot):
        tested, which = newest_test(snapshot)
        now = self.words(f"this run {accuracy_of(tested, images_of_test(snapshot))} {which}")
        if not self.pins:
            return f"No run is pinned; {now}."
        best = max(self.pins, key=lambda pin: pin.test_accuracy)
        reached = f"{best.name}, {best.tested}"
        return f"{len(self.pins)} pinned; the best, {reached}; {now}."

    def _all(self):
        """Pinned and stored runs, the current one last."""
        now = [Pin.of(NOW, self._last)] if self._last else []
        return [*self.pins, *now]

    def settings_file(self) -> StringIO:
        """All settings, as JSON that ``Config.checked(**…)`` takes."""
        return StringIO(json.dumps(self.session.config.values(), indent=2))

    def runs_table(self) -> tuple[list[str], list[tuple]]:
        """Results in displayed units and all settings in SI units, a row per run."""
        units = {name: getattr(Config.param[name], "unit", "") for name in Config.knobs()}
        knobs = [f"{name} ({unit})" if unit else name for name, unit in units.items()]
        results = quantities(COMPARISON)
        rows = [
            (run.name, run.steps, *(q.shown(run.result(name)) for name, q in results.items()),
             *map(written, run.settings.values()))
            for run in self._all()
        ]  # fmt: skip
        titles = (self.words(q.title) for q in results.values())
        return ["run", "steps", *titles, *knobs], rows


def _under_raster(pin):
    """Its time, and its name in two lines; dollar signs are removed: they would start a formula."""
    lines = wrap(pin.name.replace("$", "＄"), WIDE)[:2]
    if pin.frames:
        lines.insert(0, f"0 – {1e6 * pin.frames.recording.duration:.3g} µs")
    return "\n".join(lines)
