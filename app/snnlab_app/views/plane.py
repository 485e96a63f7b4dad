"""Accuracy over energy: the trajectory of the run, and published results."""

import numpy as np

from snnlab.plotting import views as plotting_views
from snnlab_app.plots.cards import Text, card, flex, row
from snnlab_app.plots.live import LivePlot
from snnlab_app.views.base import View


class PlaneView(View):
    """The trajectory of a run in the accuracy–energy plane."""

    name, title = "plane", "Energy"
    see = (
        "Estimated energy per image to the right, accuracy upwards. The blue trail is this run's"
        " batches, red its tests, green where it is now with the estimate's range. Grey diamonds"
        " are published results of other chips on MNIST."
    )
    attempt = "Raise burst regularisation while it trains: spikes fall, the trail moves left."
    matters = "Spikes cost energy. The best networks are in the upper left corner."
    figures = 2

    def __init__(self, session):
        super().__init__(session)
        self._note = Text()

    def build(self):
        self._plot = LivePlot(plotting_views.energy_plane(), 560, follow="")
        self._zoom = LivePlot(plotting_views.activity_plane(), 560, follow="xy")
        self.plots = {"energy": self._plot, "energy of activity": self._zoom}
        return [row(
            card("Accuracy and energy, with published results", flex(460),
                 self._plot.pane("plane"), self._note),
            card("Accuracy and the energy of activity (estimate)", flex(400),
                 self._zoom.pane("activity")),
        )]  # fmt: skip

    def table(self, plot):
        header, rows = super().table(plot)
        own = [row for row in rows if row[0] not in ("published", "names")]
        return header, own + list(plotting_views.PUBLISHED) * (plot == "energy")

    def show(self, snapshot):
        history, tests, latency = snapshot.history, snapshot.tests, snapshot.power.latency
        energy = smooth(history["power"]) * latency * 1e3  # mW · s in µJ
        accuracy = smooth(100 * history["accuracy"])
        at = np.interp(tests["step"], history["step"], energy)
        low, high = (e * 1e6 for e in snapshot.power.ranges["energy"])
        now = 1e6 * snapshot.power.energy
        shown = accuracy[-1]
        self._plot.feed("trail", energy, accuracy)
        self._plot.feed("tests", at, 100 * tests["accuracy"])
        self._plot.feed("now", [now], [shown])
        self._plot.feed("range", [low, high], [shown, shown])
        spent = smooth(history["activity"]) * latency * 1e3
        at = np.interp(tests["step"], history["step"], spent)
        self._zoom.feed("trail", spent, accuracy)
        self._zoom.feed("tests", at, 100 * tests["accuracy"])
        self._zoom.feed("now", spent[-1:], accuracy[-1:])
        self._zoom.settle()
        self._note.say(
            f"All energies of this run are estimates for {1e6 * latency:.1f} µs an image; most of"
            " the chip's power is static, so the other plot shows the part that activity moves."
        )
        self.summary.say(
            f"About {now:.2f} µJ an image (estimate, {low:.2f}–{high:.2f}), of which"
            f" {spent[-1]:.2f} µJ by activity, at {shown:.1f} % of the latest batches and"
            f" {100 * snapshot.test_accuracy:.1f} % of the test images."
        )


def smooth(values: np.ndarray, window: int = 9) -> np.ndarray:
    """Moving average over each value and up to ``window`` − 1 before it."""
    total = np.cumsum(np.insert(np.asarray(values, float), 0, 0.0))
    end = np.arange(1, len(total))
    start = np.maximum(end - window, 0)
    return (total[end] - total[start]) / (end - start)
