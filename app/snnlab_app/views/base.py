"""What all views have in common."""

import panel as pn

from snnlab.chip.units import PHYSICAL
from snnlab_app.plots.cards import Text
from snnlab_app.plots.live import LivePlot
from snnlab_app.plots.saving import Saving
from snnlab_app.session.control import TrainingControl
from snnlab_app.session.snapshot import Snapshot


class View:
    """One question a person asks, with the plots that answer it.

    A view is built when it is first looked at, and fed only while it is.
    """

    name = ""
    title = ""
    see = ""
    """What one sees here."""
    attempt = ""
    """What to try."""
    matters = ""
    """Why it matters."""
    watches = False
    """Whether it shows what somebody else wished to see."""
    figures = 1
    """How many figures it has."""

    def __init__(self, session: TrainingControl):
        self.session, self.units = session, PHYSICAL
        self.summary = Text(polite=True)
        self.plots: dict[str, LivePlot] = {}
        self.save = lambda figure, kind, name: None
        self._saving = Saving(self)
        self._built = False
        self._body = pn.FlexBox(align_items="stretch", sizing_mode="stretch_width")

    def panel(self) -> pn.Column:
        """Its summary in words, a box that is filled when it is first shown, and what to save."""
        return pn.Column(
            self.summary, self._body, self._saving.panel(), sizing_mode="stretch_width", margin=0
        )

    def wishes(self) -> dict:
        """What the session needs to know to take its picture."""
        return {}

    def look(self) -> None:
        """Have the session take this view's pictures from now on."""
        self.session.look_at(self.name, {**self.wishes(), "units": self.units})

    def measure_in(self, units: str) -> None:
        """Wish for pictures in these units from the next look on."""
        self.units = units

    def open(self) -> None:
        """Be looked at: build what is not yet there."""
        if not self._built:
            self._built = True
            self._body.objects = self.build()
            self._saving.offer()

    def table(self, plot: str) -> tuple[list[str], list[tuple]]:
        """What a plot shows, as names of columns with units, and rows."""
        return self.plots[plot].table()

    def build(self) -> list:
        """Its cards; enters its plots by name."""
        raise NotImplementedError

    def show(self, snapshot: Snapshot) -> None:
        """Draw a snapshot that was taken for this view."""
        raise NotImplementedError

    @property
    def moves(self) -> bool:
        """Whether something moves by itself now, so that it must ``tick``."""
        return False

    def tick(self) -> None:
        """Go on with what moves by itself; called many times a second while looked at."""
