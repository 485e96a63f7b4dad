"""Runs beside each other: curves, numbers, and in which knobs they differ."""

import json
from html import escape
from io import StringIO
from typing import NamedTuple

import numpy as np
import panel as pn
import panel_material_ui as pmui

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.experiments.runs import RUNS, Run, list_runs, run_in
from snnlab.plotting import views as plotting_views
from snnlab_app.cards import Text, card, flex, row
from snnlab_app.history import History
from snnlab_app.link import written
from snnlab_app.live import LivePlot
from snnlab_app.saving import csv_of
from snnlab_app.snapshot import Snapshot
from snnlab_app.views.base import View
from snnlab_app.views.plane import smooth

MOST = 6
NOW = "this run"
CHOOSE = "choose one …"
CURVES = ("step", "accuracy", "spikes")
_CELL = '<td style="padding: 6px 12px; {wrap}text-align: {align}">{text}</td>'
_HEAD = (
    '<th scope="col" style="padding: 6px 12px; white-space: nowrap; text-align: {align}">{text}'
    "</th>"
)
_COLUMNS = ("run", "steps", "test", "batches", "spikes / image", "µJ (estimate)", "differs in")


class Pin(NamedTuple):
    """A run as it was when it was pinned or stored.

    test_accuracy : 0…1; energy : J per image, an estimate, NaN where an older run has none;
    history : curves by name, of them "step", "accuracy" and "spikes".
    """

    name: str
    settings: dict
    steps: int
    test_accuracy: float
    energy: float
    history: dict[str, np.ndarray]

    @classmethod
    def of(cls, name: str, settings: dict, s: Snapshot) -> "Pin":
        """The run that goes on."""
        return cls(name, settings, s.step, s.test_accuracy, s.power.energy, s.history)

    @classmethod
    def stored(cls, run: Run) -> "Pin":
        """A run on disk; raises :class:`SnnlabError` if it is damaged or was never tested."""
        summary, history, steps = run.record["summary"], History(), run.steps()
        if "test_accuracy" not in summary:
            raise SnnlabError(f"run {run.name} has not finished an epoch: nothing to compare yet")
        for point in zip(*(steps.get(name, ()) for name in CURVES), strict=True):
            history.add(**dict(zip(CURVES, point, strict=True)))
        curves = {**dict.fromkeys(CURVES, np.empty(0)), **history.arrays()}
        return cls(run.name, run.config.values(), run.record["steps"], summary["test_accuracy"],
                   summary.get("energy", np.nan), curves)  # fmt: skip


class CompareView(View):
    """Up to six runs, pinned or stored, over the one that goes on."""

    name, title = "compare", "Compare"
    see = "Accuracy and spikes of pinned and stored runs over the present one, and what differs."
    attempt = "Pin the run, press Reset, turn one knob, press Train: only that knob differs."
    matters = "Seeds, images and noise are the same, so what differs is the knob's doing."
    figures = 2

    def __init__(self, session):
        super().__init__(session)
        self.pins: list[Pin] = []
        self._count, self._last, self._words = 0, None, Text()
        self._pin = pmui.Button(label="Pin this run", icon="push_pin")
        self._clear = pmui.Button(label="Remove pins", icon="delete", variant="outlined")
        self._pin.on_click(lambda _: self._keep())
        self._clear.on_click(lambda _: self._forget())
        self._stored = pmui.Select(
            label="Add a stored run", options=[CHOOSE], value=CHOOSE, width=240, size="small",
            margin=(10, 5),
        )  # fmt: skip
        self._stored.param.watch(lambda event: self._add(event.new), "value")
        self._table = pn.pane.HTML("", sizing_mode="stretch_width", margin=12)
        self._settings = pmui.FileDownload(
            callback=self.settings_file, filename="snnlab.json", label="Settings (JSON)"
        )
        self._runs = pmui.FileDownload(
            callback=lambda: csv_of(*self.runs_table()), filename="snnlab-runs.csv",
            label="Runs (CSV)",
        )  # fmt: skip

    def open(self):
        runs, _ = list_runs(RUNS)
        names = [run.folder.name for run in runs if not run.folder.is_symlink()]
        self._stored.param.update(options=[CHOOSE, *names], value=CHOOSE)
        super().open()

    def build(self):
        names = [*(f"slot {k}" for k in range(MOST)), NOW]
        self._accuracy = LivePlot(plotting_views.runs(names, "accuracy (%)"), 340, "xy")
        self._spikes = LivePlot(plotting_views.runs(names, "hidden spikes / image"), 340, "xy")
        self.plots = {"accuracy": self._accuracy, "hidden spikes": self._spikes}
        return [
            row(pn.FlexBox(
                self._pin, self._clear, self._stored, self._settings, self._runs,
                align_items="center",
            )),
            row(
                card("Accuracy of batches, smoothed", flex(440), self._accuracy.pane("accuracy")),
                card("Hidden spikes", flex(440), self._spikes.pane("spikes")),
            ),
            row(card("Runs", {"flex": "1 1 100%", "overflow-x": "auto"}, self._table, self._words)),
        ]  # fmt: skip

    def _keep(self):
        if snapshot := self.session.snapshot:
            self._count += 1
            self._put(Pin.of(f"run {self._count}", self.session.config.values(), snapshot))

    def _put(self, pin):
        others = [other for other in self.pins if other.name != pin.name]
        self.pins = [*others[-MOST + 1 :], pin]
        if self._last:
            self.show(self._last)

    def _add(self, name):
        """Put a run beside the others, if it is one of those on the server."""
        if name in self._stored.options and name != CHOOSE:
            try:
                self._put(Pin.stored(run_in(RUNS, name)))
            except SnnlabError as error:
                pn.state.notifications.error(str(error), duration=6000)
            self._stored.value = CHOOSE

    def _forget(self):
        self.pins = []
        if self._last:
            self.show(self._last)

    def show(self, snapshot):
        self._last = snapshot
        shown = dict(zip([f"slot {k}" for k in range(MOST)], self.pins, strict=False))
        none = np.empty(0)
        for slot in (f"slot {k}" for k in range(MOST)):
            self._feed(slot, shown[slot].history if slot in shown else dict.fromkeys(CURVES, none))
        self._feed(NOW, snapshot.history)
        names = {f"slot {k}": shown[f"slot {k}"].name if f"slot {k}" in shown else "–"
                 for k in range(MOST)}  # fmt: skip
        for plot in (self._accuracy, self._spikes):
            plot.rename(names)
            plot.list_only({slot: slot in shown for slot in names})
            plot.settle()
        html = _table(self._all())
        if html != self._table.object:
            self._table.object = html
        self.summary.say(self._in_words(snapshot))
        self._words.say(
            "Differences are to the settings of this run as they are now; knobs that act at once"
            " may have been turned under way."
        )

    def _all(self):
        """Pinned and stored runs, the present one last."""
        return [*self.pins, Pin.of(NOW, self.session.config.values(), self._last)]

    def _feed(self, slot, history):
        self._accuracy.feed(slot, history["step"], 100 * smooth(history["accuracy"]))
        self._spikes.feed(slot, history["step"], smooth(history["spikes"]))

    def _in_words(self, snapshot):
        if not self.pins:
            return f"No run is pinned yet; this one stands at {snapshot.test_accuracy:.2%}."
        best = max(self.pins, key=lambda pin: pin.test_accuracy)
        return (
            f"{len(self.pins)} pinned; the best, {best.name}, reached"
            f" {best.test_accuracy:.2%} of the test images, this run stands at"
            f" {snapshot.test_accuracy:.2%}."
        )

    def settings_file(self) -> StringIO:
        """All settings, as JSON that ``Config.checked(**…)`` takes."""
        return StringIO(json.dumps(self.session.config.values(), indent=2))

    def runs_table(self) -> tuple[list[str], list[tuple]]:
        """Results and all settings of the runs, SI units."""
        units = {name: getattr(Config.param[name], "unit", "") for name in Config.knobs()}
        knobs = [f"{name} ({unit})" if unit else name for name, unit in units.items()]
        rows = [
            (run.name, run.steps, 100 * run.test_accuracy, 1e6 * run.energy,
             *map(written, run.settings.values()))
            for run in (self._all() if self._last else self.pins)
        ]  # fmt: skip
        return ["run", "steps", "test accuracy (%)", "energy (µJ, estimate)", *knobs], rows


def difference(a: dict, b: dict) -> dict[str, tuple]:
    """Knobs in which two settings differ, with both values."""
    return {name: (a[name], b[name]) for name in a if a[name] != b[name]}


def _table(runs):
    now = runs[-1]
    lines = "".join(_line(run, difference(run.settings, now.settings)) for run in runs)
    head = "".join(
        _HEAD.format(text=name, align="left" if name in ("run", "differs in") else "right")
        for name in _COLUMNS
    )
    return (
        '<table style="border-collapse: collapse; font: 14px/1.4 system-ui; min-width: 100%">'
        f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
    )


def _line(run, differs):
    labels = (f"{Config.param[name].label} {written(a)}" for name, (a, _) in differs.items())
    cells = (
        run.name, f"{run.steps:,}", f"{run.test_accuracy:.2%}",
        _known(_latest(run.history["accuracy"]), ".1%"),
        _known(_latest(run.history["spikes"]), ".1f"),
        _known(1e6 * run.energy, ".2f"), ", ".join(labels) or "–",
    )  # fmt: skip
    return "<tr>" + "".join(
        _CELL.format(
            text=escape(text), align="left" if k in (0, 6) else "right",
            wrap="white-space: nowrap; " if k < 6 else "min-width: 180px; ",
        )
        for k, text in enumerate(cells)
    ) + "</tr>"  # fmt: skip


def _latest(values):
    return float(np.mean(values[-9:])) if len(values) else np.nan


def _known(number, form):
    """A number as text; a dash where an older run has none."""
    return format(number, form) if np.isfinite(number) else "–"
