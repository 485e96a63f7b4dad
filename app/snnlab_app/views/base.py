"""What all views have in common."""

import panel as pn

from snnlab.chip.units import PHYSICAL
from snnlab_app.panel_fixes import Markup
from snnlab_app.plots import blank
from snnlab_app.plots.cards import Text, as_the_page_is
from snnlab_app.plots.live import LivePlot
from snnlab_app.plots.saving import Saving
from snnlab_app.plots.words import reword
from snnlab_app.session.control import TrainingControl
from snnlab_app.session.snapshot import Snapshot

_SKELETON = (
    '<div aria-hidden="true" style="display: flex; flex-wrap: wrap; gap: 10px; padding: 5px">'
    + 2 * (
        '<div style="flex: 1 1 380px; height: 420px; border-radius: 8px;'
        ' background: rgba(124, 130, 140, 0.12)"></div>'
    ) + "</div>"
)  # fmt: skip
"""Boxes shown from a click on a tab until the view is built."""


class View:
    """One question of a user, with the plots that answer it.

    A view is built when first opened, and updated only while open.
    """

    name = ""
    title = ""
    see = ""
    """What the view shows."""
    attempt = ""
    """Something to try."""
    matters = ""
    """Why the topic matters."""
    watches = False
    """Whether it belongs to a watcher's page, which follows another visitor's choices."""
    figures = 1
    """Number of figures."""
    has_animation = False
    """Whether an animation of its last seconds can be saved."""
    has_pictures = False
    """Whether it has pictures to save that are no figures."""
    drawings: tuple[tuple, ...] = ()
    """Its figures whose shape is known before a training: each the arguments of ``template``."""
    narrow = False
    """Whether the page is narrow: a phone, or a window enlarged to 200 %."""

    def __init__(self, session: TrainingControl):
        self.session, self.units = session, PHYSICAL
        self.kind = blank.kind_of(session.config)
        self.summary = Text(polite=True)
        self.plots: dict[str, LivePlot] = {}
        self.saving = Saving(self)
        self._built = self._large = False
        self._body = pn.FlexBox(
            Markup(_SKELETON, sizing_mode="stretch_width"), align_items="stretch",
            sizing_mode="stretch_width",
        )  # fmt: skip

    def panel(self) -> pn.Column:
        """A text summary, a box filled when first shown, and the menu for saving."""
        return pn.Column(
            self.summary, self._body, self.saving.panel(), sizing_mode="stretch_width", margin=0,
            styles={"max-height": "none"},  # Bokeh's is the window, and the rest would overflow
        )  # fmt: skip

    def words(self, text: str) -> str:
        """A text about images, reworded for the inputs of this training."""
        return reword(text, self.kind)

    def suit(self, kind: str) -> bool:
        """Switch to this kind of input; returns whether the view must be laid out again."""
        if kind == self.kind:
            return False
        self.kind = kind
        if self._built:
            self._build()
        return self._built

    def wishes(self) -> dict:
        """Parameters that the session needs to record this view."""
        return {}

    def look(self) -> None:
        """Tell the session to record this view from now on."""
        self.session.look_at(self.name, {**self.wishes(), "units": self.units})

    def fit(self, narrow: bool) -> None:
        """Fit a narrow page, or a wide one."""
        self.narrow = narrow
        for plot in self.plots.values():
            plot.fit(narrow)

    def measure_in(self, units: str) -> None:
        """Request these units from the next snapshot on."""
        self.units = units

    def enlarge(self, on: bool) -> None:
        """Draw for an audience that sits far away, or as usual again."""
        self._large = on
        for plot in self.plots.values():
            plot.enlarge(on)

    @property
    def is_built(self) -> bool:
        """Whether it has been open already."""
        return self._built

    def open(self) -> None:
        """Open the view, building it if necessary."""
        if not self._built:
            self._built = True
            self._build()

    def _build(self):
        cards = self.build()
        self.enlarge(self._large)
        for plot in self.plots.values():
            plot.fit(self.narrow)
        self._body.objects = as_the_page_is(cards)
        self.saving.offer()

    def caption(self, plot: str) -> str:
        """What a plot shows, with its units where its axes do not say them."""
        return plot

    def table(self, plot: str) -> tuple[list[str], list[tuple]]:
        """Data of a plot: column names with units, and rows."""
        return self.plots[plot].table()

    def build(self) -> list:
        """Build the cards and register the plots by name."""
        raise NotImplementedError

    def show(self, snapshot: Snapshot) -> None:
        """Draw a snapshot recorded for this view."""
        raise NotImplementedError

    @property
    def moves(self) -> bool:
        """Whether an animation is running, so that ``tick`` must be called."""
        return False

    def tick(self) -> None:
        """Advance the animation; called many times a second while the view is open."""
