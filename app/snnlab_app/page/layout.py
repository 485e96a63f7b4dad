"""Base of every page of a training: a status line, and a view that is updated."""

from collections.abc import Callable
from math import inf
from time import monotonic, thread_time

import panel as pn
import panel_material_ui as pmui
from bokeh.themes import Theme
from panel.io.resources import LOCAL_DIST
from panel.io.state import set_curdoc

from snnlab.config import Config
from snnlab_app import panel_fixes
from snnlab_app.browser import leaving
from snnlab_app.browser.bridge import Bridge
from snnlab_app.browser.clock import Clock
from snnlab_app.controls.knobs import describe, on_page
from snnlab_app.controls.link import query
from snnlab_app.page.saves import SaveDialog
from snnlab_app.plots.cards import Text, Tiles, small
from snnlab_app.plots.displays import numbers
from snnlab_app.plots.progress import ProgressBar
from snnlab_app.plots.theme import FIRST_PAINT, FRAME, ONE_LINE, STAGE, THEME
from snnlab_app.session.control import LOADED, STARTED, State, TrainingControl
from snnlab_app.session.snapshot import Snapshot
from snnlab_app.views.base import View

CLOCK = Clock()
GONE_AFTER = 2.0
"""Seconds after which a tab that is about to be closed is closed, or stays."""
PLOT_THEME = Theme(json={"attrs": {name: {} for name in (
    "Axis", "ColorBar", "Grid", "Legend", "Plot", "Title",
)}})  # fmt: skip
"""Plot models that keep their own style: the page's library would otherwise set larger fonts and
less readable colours whenever a visitor switches between light and dark."""

pn.extension(notifications=True, reconnect=True, raw_css=[FIRST_PAINT])


class Page:
    """Shows the newest snapshot of a session when the clock asks; reports whether there is one."""

    def __init__(self, session: TrainingControl):
        self.session, self.bridge, self.saves = session, Bridge(), SaveDialog()
        self.numbers = Tiles(compact=True)
        self._status = Text(margin=(0, 8, 3, 8), stylesheets=[ONE_LINE])
        self._progress = ProgressBar("Progress of the training", margin=(0, 8))
        self._notice = pmui.Alert(severity="warning", visible=False, sizing_mode="stretch_width")
        self._seen = self._shown = self._heard = self._said = None
        self._stayed = -inf
        self._document = pn.state.curdoc

    # ── to be overridden ──

    @property
    def view(self) -> View:
        """The open view."""
        raise NotImplementedError

    def begin(self) -> None:
        """Called when the page is laid out: draw the empty plots and update them from now on."""
        CLOCK.add(self)

    def end(self) -> None:
        """Called when the visitor has left."""
        CLOCK.remove(self)

    def show_state(self) -> None:
        """Update the buttons after a change of state."""

    def follow(self, snapshot: Snapshot) -> None:
        """Receive a new snapshot before the view draws it."""

    # ── lifetime ──

    def stand(self) -> None:
        """Show the state; begin once the browser is ready, end when the visitor leaves."""
        self._show_status()
        # Otherwise a page that reconnects to a restarted server would load styles from a CDN.
        self._document.template_variables["dist_url"] = LOCAL_DIST
        self.bridge.goodbye = leaving.expect(self)
        self.bridge.when("here", self._here)
        # Only once the browser has loaded the page: Panel drops earlier changes.
        pn.state.onload(self.begin)
        pn.state.on_session_destroyed(lambda _: self._gone())

    def leaves(self) -> None:
        """The tab is about to be closed: if it is gone soon, then because it was."""
        CLOCK.loop.call_later(GONE_AFTER, self._leave_if_gone)

    def stays(self) -> None:
        """The tab is not closed after all; may be heard before that it is about to be."""
        self._stayed = monotonic()

    def left(self) -> None:
        """The tab was closed, so no reconnection will follow."""
        self._locked(self._leave)

    def _leave_if_gone(self):
        context, stays = self._document.session_context, monotonic() < self._stayed + 2 * GONE_AFTER
        if not stays and context is not None and context.session.connection_count == 0:
            self.left()

    def _leave(self):
        self.end()
        self._document.session_context.session.request_expiration()

    def _gone(self):
        leaving.forget(self.bridge.goodbye)
        self.end()
        panel_fixes.free(self._document)

    def _here(self):
        """The browser has loaded the page, for the first time or after a lost connection."""
        self._locked(lambda: panel_fixes.load(self._document))
        self._seen = self._heard = None

    # ── drawing ──

    @property
    def urgent(self) -> bool:
        """Whether the buttons do not yet show the session's state."""
        return self.session.state != self._said

    @property
    def wants(self) -> bool:
        """Whether there is a new snapshot, and the browser has drawn the previous one."""
        news = self.session.heard != self._heard or self.view is not self._shown
        return (news or self.view.moves) and self.bridge.ready

    def draw(self, done: Callable[[float], None]) -> None:
        """Draw the snapshot while the page is locked, and pass the time taken to ``done``."""

        def draw():
            start = thread_time()
            try:
                with set_curdoc(self._document), pn.io.hold():  # one message instead of dozens
                    self.refresh()
            finally:
                done(thread_time() - start)

        self._locked(draw)

    def _locked(self, act):
        """Run a call while the page is locked; a Bokeh callback may be lost during a hold."""
        context = self._document.session_context
        CLOCK.loop.add_callback(context.session.with_document_locked, act)

    def run_soon(self, act: Callable[[], None]) -> None:
        """Run a call while the page is locked, unless it is gone; may be called from any thread."""

        def run():
            with set_curdoc(self._document):
                act()

        if self._document.session_context is not None:
            self._locked(run)

    def describe(self, snapshot: Snapshot | None) -> dict[str, str]:
        """The settings in force that differ from the defaults, in words, and the link to all."""
        config = Config.checked(**snapshot.settings) if snapshot else self.session.config
        link = "./?" + query(config, self.view.name, self.view.units)
        return {"settings": describe(config), "link": link}

    def refresh(self) -> None:
        """Show the session's state, and its newest snapshot if there is one."""
        session, view = self.session, self.view
        self._said = session.state
        self.show_state()
        self._show_status()
        if not (self.bridge.ready and view.is_built):
            return
        self._heard, self._shown = session.heard, view
        view.tick()
        snapshot = session.snapshot
        if snapshot is not self._seen and snapshot and snapshot.view == view.name:
            if view.suit(snapshot.kind):  # it has new figures: wait until they are laid out
                self._heard = None
                self.bridge.send(figures=view.figures)
                return
            self._seen = snapshot
            self.show_numbers(snapshot)
            self.follow(snapshot)
            view.show(snapshot)
            view.saving.see(snapshot)
            self.bridge.send()

    def show_numbers(self, snapshot: Snapshot) -> None:
        """Show the numbers of this moment."""
        now = numbers(snapshot)
        self.numbers.show({
            self.view.words(name): f"{text} {small(note)}" for name, (text, note) in now.items()
        })  # fmt: skip

    def turn_to(self, view: View) -> None:
        """Build a view if necessary, and wait until the browser has laid it out."""
        self._seen = None
        if view.is_built:
            self._lay_out(view)
        else:  # after this call, so that its empty boxes are shown meanwhile
            self._locked(lambda: self._lay_out(view))

    def _lay_out(self, view):
        if view is self.view:
            with set_curdoc(self._document), pn.io.hold():
                view.open()
                self.bridge.send(figures=view.figures)

    def status(self) -> pn.Column:
        """State of the training as text and progress bar."""
        return pn.Column(
            self._status, self._progress, sizing_mode="stretch_width", margin=0, min_width=120,
            css_classes=["status"],
        )  # fmt: skip

    def _show_status(self):
        session, snapshot = self.session, self.session.snapshot
        text, more = on_page(session.message), ""
        if session.state in STARTED and snapshot:
            text, more = f"{session.state}: step {snapshot.step}", f", epoch {snapshot.epoch}"
        self._status.say(text, more)
        done = session.fraction
        if session.state in LOADED and snapshot:
            done = snapshot.done
        unknown = done is None and session.state == State.LOADING
        self._progress.show(None if unknown else done or 0.0)
        trouble = text if session.state == State.FAILED else session.notice
        self._notice.param.update(
            title=trouble, visible=bool(trouble),
            severity="error" if session.state == State.FAILED else "warning",
        )  # fmt: skip


def framed(**content) -> pmui.Page:
    """A themed page with this content."""
    pn.state.curdoc.theme = PLOT_THEME
    return panel_fixes.without_busy(
        lambda: pmui.Page(
            title="snnlab",
            theme_config=THEME,
            busy_indicator=None,
            sx=FRAME,
            sidebar_resizable=False,
            **content,
        )
    )


def stage(*content) -> pn.Column:
    """What is below the header: as high as the window, and scrolled if it needs more."""
    return pn.Column(*content, sizing_mode="stretch_both", margin=0, stylesheets=[STAGE])
