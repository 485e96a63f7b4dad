"""Accuracy over energy: the trajectory of the run, and published results."""

import numpy as np
from bokeh.models import FixedTicker

from snnlab.plotting import views as plotting_views
from snnlab.plotting.search import round_numbers
from snnlab.quantities import COMPARISON, LIVE, quantities
from snnlab_app.panel_fixes import Markup
from snnlab_app.plots.cards import Text, card, flex, row, split_bar
from snnlab_app.plots.displays import accuracy_of, activity, images_of_test, newest_test, smooth
from snnlab_app.plots.live import LivePlot, pad_range
from snnlab_app.plots.template import template
from snnlab_app.session.snapshot import IMAGES
from snnlab_app.views.base import View

TOP = 101.0
"""End of an axis of accuracies in %."""
OF_RECORDINGS = {"x_range": (10, 1000), "y_range": (0, TOP)}
"""Axes of the plane for recordings: µJ, %."""


class PlaneView(View):
    """The trajectory of a run in the accuracy–energy plane."""

    name, title = "plane", "Energy"
    see = (
        "Estimated energy per image to the right, accuracy upwards. Blue: the batches of this run;"
        " red: its tests; green: its newest test with the range of the estimate. Grey diamonds:"
        " published results of other chips on MNIST."
    )
    attempt = "Raise burst regularisation during training: spikes fall, the curve moves left."
    matters = "Spikes cost energy. The best networks are in the upper left corner."
    figures = 2
    drawings = ((plotting_views.energy_plane,), (plotting_views.activity_plane,))

    def __init__(self, session):
        super().__init__(session)
        self._note, self._split = Text(), Text()
        self._bar = Markup("", margin=(6, 12, 2, 12), sizing_mode="stretch_width")

    def build(self):
        published, spent = (template(*each) for each in self.drawings)
        self._plot = LivePlot(published, 480, follow="")
        self._zoom = LivePlot(spent, 480, follow="xy", pads={"y": _below_top})
        for plot in (self._plot, self._zoom):
            axis = plot.figure.xaxis[0]
            axis.axis_label = self.words(axis.axis_label)
        if self.kind != IMAGES:  # the published results are of images
            for label in ("published", "names"):
                source = self._plot.source(label)
                source.data = {name: [] for name in source.column_names}
            for name, (start, end) in OF_RECORDINGS.items():
                getattr(self._plot.figure, name).update(start=start, end=end)
            # Within two decades Bokeh would write every multiple, over one another.
            self._plot.figure.xaxis[0].ticker = FixedTicker(ticks=round_numbers(10, 1000))
        self.plots = {"energy": self._plot, "energy of activity": self._zoom}
        return [
            row(card("Power (est.): static base and activity", {"flex": "1 1 100%"}, self._bar,
                     self._split)),
            row(
                card("Accuracy and energy" + ", with published results" * (self.kind == IMAGES),
                     flex(460),
                     self._plot.pane("plane"), self._note),
                card("Accuracy and energy from activity (est.)", flex(400),
                     self._zoom.pane("activity")),
            ),
        ]  # fmt: skip

    def table(self, plot):
        header, rows = super().table(plot)
        own = [row for row in rows if row[0] not in ("published", "names")]
        published = plot == "energy" and self.kind == IMAGES
        return header, own + list(plotting_views.PUBLISHED) * published

    def show(self, snapshot):
        history, tests, latency = snapshot.history, snapshot.tests, snapshot.power.latency
        spent = 1e6 * smooth(history["activity"]) * latency  # µJ
        energy = 1e6 * snapshot.power.static * latency + spent
        accuracy = smooth(100 * history["accuracy"])
        at = np.interp(tests["step"], history["step"], energy)
        low, high = (e * 1e6 for e in snapshot.power.ranges["energy"])
        now = 1e6 * snapshot.power.energy
        tested, which = newest_test(snapshot)
        shown = 100 * tested
        self._plot.feed("trail", energy, accuracy)
        self._plot.feed("tests", at, 100 * tests["accuracy"])
        self._plot.feed("now", [now], [shown])
        self._plot.feed("range", [low, high], [shown, shown])
        at = np.interp(tests["step"], history["step"], spent)
        self._zoom.feed("trail", spent, accuracy)
        self._zoom.feed("tests", at, 100 * tests["accuracy"])
        self._zoom.feed("now", spent[-1:], [shown])
        self._zoom.settle()
        self._note.say(
            self.words(
                f"Estimates for {1e6 * latency:.1f} µs an image. Most of the power is static; the"
                " other plot shows the rest, of spikes and of the converter."
            )
            + self._others(snapshot.settings["dataset"])
        )
        self._show_split(snapshot)
        known, micro = quantities(COMPARISON), quantities(COMPARISON)["energy"].format
        self.summary.say(self.words(
            f"About {micro(snapshot.power.energy)} an image (estimate, {low:.2f}–{high:.2f}), of"
            f" which {micro(1e-6 * spent[-1])} from activity; accuracy"
            f" {known['accuracy'].format(accuracy[-1] / 100)} on the latest batches,"
            f" {accuracy_of(tested, images_of_test(snapshot))} {which}."
        ))  # fmt: skip

    def _others(self, dataset):
        """What the published results are of, if not of these data."""
        if self.kind != IMAGES:
            return " Published results are of images and cannot be compared."
        return "" if dataset == "mnist" else " Published results are of MNIST, this run is not."

    def _show_split(self, snapshot):
        """Power as its static base and what activity adds, and how that has changed."""
        static, (added, since) = snapshot.power.static, activity(snapshot)
        self._bar.object = split_bar(static, added, "width: 100%; height: 14px")
        live, since = quantities(LIVE), f" ({since})" * bool(since)
        words = f"{live['activity'].format(added)} from activity{since}"
        self._split.say(f"{live['power'].format(static)} static, {words}.")


def _below_top(low, high, now):
    start, end = pad_range(low, high, now)
    return start, min(end, TOP)
