"""Runs beside each other: curves, numbers, and in which knobs they differ."""

import json
from html import escape
from io import StringIO
from typing import NamedTuple

import numpy as np
import panel as pn
import panel_material_ui as pmui

from snnlab.config import Config
from snnlab.plotting import views as plotting_views
from snnlab_app.cards import Text, card, flex, row
from snnlab_app.link import written
from snnlab_app.live import LivePlot
from snnlab_app.snapshot import Snapshot
from snnlab_app.views.base import View
from snnlab_app.views.plane import smooth

MOST = 6
NOW = "this run"
_CELL = '<td style="padding: 6px 12px; text-align: {align}">{text}</td>'
_HEAD = '<th scope="col" style="padding: 6px 12px; text-align: {align}">{text}</th>'
_COLUMNS = ("run", "steps", "test", "batches", "spikes / image", "µJ (estimate)", "differs in")


class Pin(NamedTuple):
    """A run as it was when it was pinned."""

    name: str
    settings: dict
    snapshot: Snapshot


class CompareView(View):
    """Up to six pinned runs over the one that goes on."""

    name, title = "compare", "Compare"
    see = "Accuracy and spikes of the pinned runs over the present one, and what differs."
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
        self._table = pn.pane.HTML("", sizing_mode="stretch_width", margin=12)
        self._settings = pmui.FileDownload(
            callback=self.settings_file, filename="snnlab.json", label="Settings (JSON)"
        )

    def build(self):
        names = [*(f"slot {k}" for k in range(MOST)), NOW]
        self._accuracy = LivePlot(plotting_views.runs(names, "accuracy (%)"), 340, "xy")
        self._spikes = LivePlot(plotting_views.runs(names, "hidden spikes / image"), 340, "xy")
        self.plots = {"accuracy": self._accuracy, "hidden spikes": self._spikes}
        return [
            row(pn.FlexBox(self._pin, self._clear, self._settings)),
            row(
                card("Accuracy of batches, smoothed", flex(440), self._accuracy.pane("accuracy")),
                card("Hidden spikes", flex(440), self._spikes.pane("spikes")),
            ),
            row(card("Runs", {"flex": "1 1 100%", "overflow-x": "auto"}, self._table, self._words)),
        ]  # fmt: skip

    def _keep(self):
        if self._last:
            self._count += 1
            pin = Pin(f"run {self._count}", self.session.config.values(), self._last)
            self.pins = [*self.pins[-MOST + 1 :], pin]
            self.show(self._last)

    def _forget(self):
        self.pins = []
        if self._last:
            self.show(self._last)

    def show(self, snapshot):
        self._last = snapshot
        shown = dict(zip([f"slot {k}" for k in range(MOST)], self.pins, strict=False))
        none = np.empty(0)
        for slot in (f"slot {k}" for k in range(MOST)):
            history = shown[slot].snapshot.history if slot in shown else None
            self._feed(slot, history or {"step": none, "accuracy": none, "spikes": none})
        self._feed(NOW, snapshot.history)
        names = {f"slot {k}": shown[f"slot {k}"].name if f"slot {k}" in shown else "–"
                 for k in range(MOST)}  # fmt: skip
        for plot in (self._accuracy, self._spikes):
            plot.rename(names)
            plot.list_only({slot: slot in shown for slot in names})
            plot.settle()
        now = Pin(NOW, self.session.config.values(), snapshot)
        html = _table([*self.pins, now])
        if html != self._table.object:
            self._table.object = html
        self.summary.say(self._in_words(snapshot))
        self._words.say(
            "Differences are to the settings of this run as they are now; knobs that act at once"
            " may have been turned under way."
        )

    def _feed(self, slot, history):
        self._accuracy.feed(slot, history["step"], 100 * smooth(history["accuracy"]))
        self._spikes.feed(slot, history["step"], smooth(history["spikes"]))

    def _in_words(self, snapshot):
        if not self.pins:
            return f"No run is pinned yet; this one stands at {snapshot.test_accuracy:.2%}."
        best = max(self.pins, key=lambda pin: pin.snapshot.test_accuracy)
        return (
            f"{len(self.pins)} pinned; the best, {best.name}, reached"
            f" {best.snapshot.test_accuracy:.2%} of the test images, this run stands at"
            f" {snapshot.test_accuracy:.2%}."
        )

    def settings_file(self) -> StringIO:
        """All settings, as JSON that ``Config.checked(**…)`` takes."""
        return StringIO(json.dumps(self.session.config.values(), indent=2))


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
    s = run.snapshot
    labels = (f"{Config.param[name].label} {written(a)}" for name, (a, _) in differs.items())
    cells = (
        run.name, f"{s.step:,}", f"{s.test_accuracy:.2%}",
        f"{np.mean(s.history['accuracy'][-9:]):.1%}", f"{np.mean(s.history['spikes'][-9:]):.1f}",
        f"{1e6 * s.power.energy:.2f}", ", ".join(labels) or "–",
    )  # fmt: skip
    return "<tr>" + "".join(
        _CELL.format(text=escape(text), align="left" if k in (0, 6) else "right")
        for k, text in enumerate(cells)
    ) + "</tr>"  # fmt: skip
