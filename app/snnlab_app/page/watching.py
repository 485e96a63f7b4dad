"""The read-only page on another visitor's training, e.g. for a class on its teacher's.

It shows the view that is open there.
"""

from hashlib import sha256

import panel as pn
import panel_material_ui as pmui

from snnlab.config import Config
from snnlab_app.compute.pool import Compute
from snnlab_app.controls.knobs import describe
from snnlab_app.controls.link import query
from snnlab_app.page.layout import Page, framed, stage
from snnlab_app.plots.cards import Text
from snnlab_app.plots.theme import RUN_ROW
from snnlab_app.session.control import Order, State, TrainingControl
from snnlab_app.views import VIEWS

NOT_SHARED = (
    "nobody shares a training under this link now; it appears here as soon as somebody does"
)
READ_ONLY = (
    "You are watching: only whoever shared this can change it. “Try it yourself” makes a copy."
)
ELSEWHERE = "The view that is open there is not shown here. "
PATH = "watch"
KINDS = {kind.name: kind for kind in VIEWS if kind.name not in ("compare", "sweep")}
"""Views that can be followed; comparisons and sweeps exist only on the visitor's own page."""


def name_of(visitor: str) -> str:
    """The public name of a visitor's training, from which the visitor's id cannot be derived."""
    return sha256(b"watch " + visitor.encode()).hexdigest()[:32]


def link(visitor: str) -> str:
    """Address at which a visitor's training is watched, relative to the dashboard."""
    return f"{PATH}?of={name_of(visitor)}"


class Watched(TrainingControl):
    """Read-only access to a visitor's session: every order is refused."""

    def __init__(self, compute: Compute, name: str):
        self._compute, self._name = compute, name
        self._nobody = _Nobody()

    def order(self, order: Order) -> None:
        pn.state.notifications.info(READ_ONLY, duration=6000)

    @property
    def _seen(self):
        session = self._compute.shared.get(self._name)
        gone = session is None or session.state == State.CLOSED
        return self._nobody if gone else session

    config = property(lambda self: self._seen.config)
    state = property(lambda self: self._seen.state)
    message = property(lambda self: self._seen.message)
    fraction = property(lambda self: self._seen.fraction)
    notice = property(lambda self: self._seen.notice)
    snapshot = property(lambda self: self._seen.snapshot)
    failures = property(lambda self: self._seen.failures)
    heard = property(lambda self: self._seen.heard)


class _Nobody:
    """Nobody's session."""

    state, message, fraction, notice = State.LOADING, NOT_SHARED, None, ""
    snapshot, failures, heard = None, 0, -1

    def __init__(self):
        self.config = Config()


class Watching(Page):
    """Follows one training, view by view; empty until there is one."""

    def __init__(self, session: Watched):
        super().__init__(session)
        self._views, self._panels = {}, {}
        self._view = self._made("live")
        self._place = pn.Column(sizing_mode="stretch_both", margin=0)
        self._knobs, self._followed, self._elsewhere = Text(), None, None
        self._copy = pmui.Button(
            label="Try it yourself", icon="content_copy", variant="outlined", width=165,
            href="./", target="_blank",
        )  # fmt: skip

    @property
    def view(self):
        return self._view

    def page(self) -> pmui.Page:
        """The whole page."""
        row = pn.Row(
            self._copy, self.status(), self.numbers.panel(), margin=0,
            sizing_mode="stretch_width", stylesheets=[RUN_ROW],
        )  # fmt: skip
        return framed(main=[stage(
            self.bridge, self.saves.dialog, row, self._knobs, self._notice, self._place
        )])  # fmt: skip

    def refresh(self):
        heard = self.session.heard  # first: what comes meanwhile is drawn next time
        snapshot = self.session.snapshot
        wanted = snapshot.view if snapshot else None
        begun = bool(self._place.objects)
        if wanted in KINDS and not (begun and wanted == self.view.name) and self.bridge.ready:
            self._view = self._views.get(wanted) or self._made(wanted)
            # Hidden, not removed: BokehJS keeps removed figures in memory.
            self._place.objects = list(self._panels.values())
            for name, panel in self._panels.items():
                panel.visible = name == wanted
            self.turn_to(self._view)
        super().refresh()
        if wanted not in KINDS:
            self._heard, self._shown = heard, self.view
            if snapshot and snapshot is not self._elsewhere:
                self._elsewhere = snapshot
                if not self.view.is_built:
                    self.view.suit(snapshot.kind)  # for the words of the numbers
                self.show_numbers(snapshot)
                self.follow(snapshot)

    def _made(self, name):
        view = self._views[name] = KINDS[name](self.session)
        view.saving.page, view.watches = self, True
        self._panels[name] = view.panel()
        return view

    def follow(self, snapshot):
        elsewhere = snapshot.view not in KINDS
        now = snapshot.settings, snapshot.units, self.view.name, elsewhere
        if self._followed != now:
            self._followed, config = now, Config.checked(**snapshot.settings)
            self._knobs.say(ELSEWHERE * elsewhere + describe(config))
            self._copy.href = "./?" + query(config, self.view.name, snapshot.units)


def watching(compute: Compute) -> pmui.Page:
    """The page of the training that the address names."""
    name = (pn.state.session_args.get("of") or [b""])[0].decode(errors="replace")
    page = Watching(Watched(compute, name))
    page.stand()
    return page.page()
