"""The page of one visitor."""

import panel as pn
import panel_material_ui as pmui
from panel.util import edit_readonly

from snnlab.config import Config
from snnlab_app.bridge import Bridge
from snnlab_app.controls import Controls
from snnlab_app.remote import Compute, RemoteSession
from snnlab_app.theme import THEME
from snnlab_app.views.base import View
from snnlab_app.views.chip import ChipView
from snnlab_app.views.errors import ErrorsView
from snnlab_app.views.learn import LearnView
from snnlab_app.views.live import LiveView
from snnlab_app.views.plane import PlaneView
from snnlab_app.views.sample import SampleView

LOOK_EVERY = 50
"""Milliseconds between two looks at the session."""
VIEWS: tuple[type[View], ...] = (
    LiveView, ChipView, SampleView, ErrorsView, PlaneView, LearnView,
)  # fmt: skip
"""In the order of the tabs."""

pn.extension(notifications=True, reconnect=True)


class Dashboard:
    """Controls and views over one session; pulls the newest snapshot on the page's own clock."""

    def __init__(self, session: RemoteSession):
        self.session, self.bridge = session, Bridge()
        self._controls = Controls(session)
        self._views = [view(session) for view in VIEWS]
        self._tabs = pmui.Tabs(
            *((view.title, view.panel()) for view in self._views),
            dynamic=True, sizing_mode="stretch_width",
        )  # fmt: skip
        self._tabs.param.watch(lambda _: self._open(), "active")
        self._buttons = _Buttons(session)
        self._status = pmui.Typography("", variant="body2", sizing_mode="stretch_width")
        self._progress = pmui.LinearProgress(sizing_mode="stretch_width")
        self._notice = pmui.Alert(severity="warning", visible=False, sizing_mode="stretch_width")
        self._seen = None

    def page(self) -> pmui.Page:
        """The whole page."""
        page = pmui.Page(
            title="snnlab",
            sidebar=[self._buttons.panel(), self._status, self._progress, *self._controls.panel()],
            main=[self.bridge, self._notice, self._tabs],
            theme_config=THEME,
            sidebar_width=320,
            busy_indicator=None,
        )
        # The page would mirror the server's busy state, and walks all its models each time: at ten
        # looks a second that costs most of a core.
        with edit_readonly(page):
            page.busy = False
        return page

    @property
    def view(self) -> View:
        """The one that is looked at."""
        return self._views[self._tabs.active]

    def begin(self) -> None:
        """The page stands: draw its plots, still empty, and feed them from now on."""
        self._open()
        pn.state.add_periodic_callback(self.refresh, period=LOOK_EVERY)

    def _open(self):
        self._seen = None
        with pn.io.hold():
            self.view.open()
        self.view.look()

    def refresh(self) -> None:
        """Take the newest snapshot, if there is one and the page has drawn the last."""
        session, view = self.session, self.view
        self._buttons.show(session.state)
        if not self.bridge.ready:
            return
        self._show_status()
        view.tick()
        snapshot = session.snapshot
        if snapshot is not self._seen and snapshot and snapshot.view == view.name:
            self._seen = snapshot
            with pn.io.hold():  # one message to the browser instead of dozens
                self._controls.refresh()
                view.show(snapshot)
                self.bridge.send()

    def _show_status(self):
        session, snapshot = self.session, self.session.snapshot
        text = session.message
        if session.state in ("running", "paused", "finished") and snapshot:
            text = f"{session.state}: step {snapshot.step}, epoch {snapshot.epoch}"
        if self._status.object != text:
            self._status.object = text
        done = session.fraction
        if session.state not in ("loading", "failed") and snapshot:
            done = snapshot.done
        self._progress.param.update(
            variant="indeterminate" if done is None and session.state == "loading"
            else "determinate",
            value=max(1, int(100 * (done or 0.0))),
        )  # fmt: skip
        trouble = session.message if session.state == "failed" else session.notice
        self._notice.param.update(
            title=trouble, visible=bool(trouble),
            severity="error" if session.state == "failed" else "warning",
        )  # fmt: skip


class _Buttons:
    """Play and pause, single step, reset."""

    def __init__(self, session):
        self._session = session
        self._play = pmui.Button(label="Train", icon="play_arrow", color="primary", width=105)
        self._step = pmui.Button(label="Step", icon="skip_next", variant="outlined", width=75)
        self._reset = pmui.Button(label="Reset", icon="replay", variant="outlined", width=85)
        self._play.on_click(self._toggle)
        self._step.on_click(lambda _: session.step())
        self._reset.on_click(lambda _: session.reset())

    def panel(self):
        return pmui.Row(self._play, self._step, self._reset, margin=0)

    def _toggle(self, _):
        running = self._session.state == "running"
        (self._session.pause if running else self._session.play)()

    def show(self, state):
        """Name what the next click does. While loading, a click is kept and acts afterwards."""
        running = state == "running"
        self._play.param.update(
            label="Pause" if running else "Train", icon="pause" if running else "play_arrow"
        )


def dashboard(config: Config, compute: Compute) -> pmui.Page:
    """A fresh page with a session of its own, ended when the visitor leaves."""
    session = RemoteSession(compute, config)
    view = Dashboard(session)
    # Not before the browser has its copy: Panel drops what changes in between, for good.
    pn.state.onload(view.begin)
    pn.state.on_session_destroyed(lambda _: session.close())
    return view.page()
