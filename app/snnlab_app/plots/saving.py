"""Saving a view's figures as PNG or SVG, drawn by the browser, and their data as CSV."""

from io import StringIO

import panel as pn
import panel_material_ui as pmui

from snnlab.runs.tables import csv_of

PICTURES = ("PNG", "SVG")


class Saving:
    """Controls under a view: figure and file format."""

    def __init__(self, view):
        self._view = view
        self._which = pmui.Select(label="Save", options=[], width=150, size="small", margin=(2, 5))
        self._which.param.watch(lambda _: self._rename(), "value")
        self._csv = pmui.FileDownload(callback=self.file, label="CSV", size="small", margin=(2, 0))
        self._csv.variant = "text"
        self._pictures = [self._picture(kind) for kind in PICTURES]
        self._row = pn.FlexBox(
            self._which, *self._pictures, self._csv, align_items="center",
            sizing_mode="stretch_width", margin=(8, 5), gap="2px",
        )  # fmt: skip

    def _picture(self, kind):
        button = pmui.Button(label=kind, icon="image", variant="text", size="small", margin=(2, 0))
        button.on_click(lambda _: self._draw(kind.lower()))
        return button

    def panel(self) -> pn.FlexBox:
        """The controls in one row."""
        return self._row

    def offer(self) -> None:
        """Offer the view's current figures; hide the controls if there are no figures."""
        names = list(self._view.plots)
        self._row.visible = bool(names)
        if self._which.options != names:
            self._which.param.update(options=names, value=next(iter(names), None))

    def _rename(self):
        self._csv.filename = self._name + ".csv"

    @property
    def _name(self):
        return f"snnlab-{self._view.name}-{self._which.value}".replace(" ", "-")

    def _draw(self, kind):
        self._view.save(self._view.plots[self._which.value].figure.id, kind, self._name)

    def file(self) -> StringIO:
        """The chosen figure's data, as CSV with units in the first line."""
        return csv_of(*self._view.table(self._which.value))
