"""The page of one visitor."""

from collections.abc import Callable
from pathlib import Path
from time import thread_time

import panel as pn
import panel_material_ui as pmui
from panel.io.resources import LOCAL_DIST
from panel.io.state import set_curdoc
from panel.util import edit_readonly

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.experiments.runs import Run
from snnlab.recipes import recipe
from snnlab_app.actions import Actions
from snnlab_app.bridge import Bridge
from snnlab_app.buttons import Buttons
from snnlab_app.cards import Text
from snnlab_app.clock import Clock
from snnlab_app.controls import Controls
from snnlab_app.link import State, as_python, query, read
from snnlab_app.pool import Compute
from snnlab_app.presets import PRESETS, slug
from snnlab_app.remote import RemoteSession
from snnlab_app.theme import THEME
from snnlab_app.toolbar import Toolbar
from snnlab_app.tour import Help, Tour
from snnlab_app.undo import Turns
from snnlab_app.views.base import View
from snnlab_app.views.chip import ChipView
from snnlab_app.views.compare import CompareView
from snnlab_app.views.errors import ErrorsView
from snnlab_app.views.learn import LearnView
from snnlab_app.views.live import LiveView
from snnlab_app.views.plane import PlaneView
from snnlab_app.views.sample import SampleView

CLOCK = Clock()
VIEWS: tuple[type[View], ...] = (
    LiveView, ChipView, SampleView, ErrorsView, PlaneView, LearnView, CompareView,
)  # fmt: skip
"""In the order of the tabs."""
NAMES = tuple(view.name for view in VIEWS)
LESSONS = {slug(name): preset for name, preset in PRESETS.items()}
"""Presets by the name that a teacher's link gives them."""

pn.extension(notifications=True, reconnect=True)


class Dashboard:
    """Controls and views over one session; pulls the newest snapshot on the page's own clock."""

    def __init__(self, session: RemoteSession, state: State):
        self.session, self.bridge, self._state = session, Bridge(), state
        self._turns = Turns(session.turn, lambda name: getattr(session.config, name))
        self._actions = Actions(session.config, self._turns)
        self._controls = Controls(session, self._turns)
        self._controls.hide(state.hide)
        self._views = [view(session) for view in VIEWS]
        self._tabs = pmui.Tabs(
            *((view.title, view.panel()) for view in self._views),
            dynamic=True, sizing_mode="stretch_width",
            active=NAMES.index(state.view) if state.view else 0,
        )  # fmt: skip
        self._tabs.param.watch(lambda _: self._open(), "active")
        self._buttons = Buttons(session)
        self._tour, self._help = Tour(), Help()
        self._status = Text()
        self._progress = pmui.LinearProgress(sizing_mode="stretch_width")
        self._notice = pmui.Alert(severity="warning", visible=False, sizing_mode="stretch_width")
        self._lesson = pmui.Alert(severity="info", visible=False, sizing_mode="stretch_width")
        self._seen = self._shown = self._heard = self._said = self._turned = None
        self._document = pn.state.curdoc
        self._connect()

    def _connect(self):
        """Let views, buttons and keys act."""
        act, session = self._actions, self.session
        by_name = dict(zip(NAMES, self._views, strict=True))
        for view in self._views:
            view.save = self.bridge.save
        by_name["chip"].kill = self._then_show(act.kill)
        by_name["errors"].visit = lambda index: self._visit(by_name["sample"], index)
        acts = {
            "swap": self._then_show(act.swap_chip), "twin": self._then_show(act.twin),
            "recalibrate": self._then_show(act.recalibrate),
            "undo": self._then_show(self._turns.undo), "redo": self._then_show(self._turns.redo),
            "link": lambda: self.bridge.copy("?" + query(session.config, self.view.name)),
            "python": lambda: self.bridge.copy(as_python(session.config)),
            "help": lambda: self._help.open(self.view), "tour": self._tour.open,
            "preset": self._begin_preset,
            "recipe": lambda name: self._begin(recipe(name).settings, recipe(name).about),
        }  # fmt: skip
        self._toolbar = Toolbar(**acts)
        for message, do in {
            "key  ": self._buttons.toggle, "key .": session.step, "key r": session.reset,
            "key s": acts["swap"], "key ?": self._tour.open, "undo": acts["undo"],
            "redo": acts["redo"],
            "copied": lambda: pn.state.notifications.success("Copied.", duration=3000),
            "not copied": lambda: pn.state.notifications.info(self.bridge.text, duration=0),
        }.items():  # fmt: skip
            self.bridge.when(message, do)

    def _then_show(self, act):
        """Do it, say what is wrong with it, and show the knobs as they are then."""

        def do(*arguments):
            try:
                act(*arguments)
            except SnnlabError as error:
                pn.state.notifications.error(str(error), duration=6000)
            self._controls.refresh()

        return do

    def _visit(self, sample, index):
        sample.pick(index)
        self._tabs.active = NAMES.index("sample")

    def _begin_preset(self, name):
        preset = PRESETS[name]
        self._begin(preset.settings, preset.look_for)
        self._tabs.active = NAMES.index(preset.view)

    def _begin(self, settings, sentence):
        """A new training with these settings and otherwise the defaults."""
        self._then_show(self._turns.turn)({**Config().values(), **settings})
        self.session.reset()
        self._lesson.param.update(title=sentence, visible=True)

    def page(self) -> pmui.Page:
        """The whole page."""
        others = _watching_busy()
        page = pmui.Page(
            title="snnlab",
            sidebar=self._controls.panel(),
            main=[
                self.bridge, self._tour.dialog, self._help.dialog, self._run_row(),
                self._toolbar.panel(), self._notice, self._lesson, self._tabs,
            ],
            theme_config=THEME,
            sidebar_width=320,
            busy_indicator=None,
        )  # fmt: skip
        _let_be_busy(page, others)
        self._page = page
        return page

    def _run_row(self):
        """Train, step and reset, with what is going on: at hand on a phone too."""
        told = pn.Column(
            self._status, self._progress, sizing_mode="stretch_width", margin=0,
            styles={"flex": "1 1 260px"},
        )  # fmt: skip
        return pn.FlexBox(
            self._buttons.panel(), told, align_items="center", sizing_mode="stretch_width",
            margin=(8, 5, 0, 5),
        )  # fmt: skip

    @property
    def view(self) -> View:
        """The one that is looked at."""
        return self._views[self._tabs.active]

    def begin(self) -> None:
        """The page stands: draw its plots, still empty, and feed them from now on."""
        self._open()
        if self._state.ignored:
            words = "ignored in the link: " + "; ".join(self._state.ignored)
            pn.state.notifications.warning(words, duration=0)
        if self._state.lesson:
            sentence = LESSONS[self._state.lesson].look_for
            self._lesson.param.update(title=sentence, visible=True)
        self._fold()
        self.bridge.param.watch(lambda _: self._fold(), "narrow")
        CLOCK.add(self)

    def here(self) -> None:
        """The browser has its copy of the page, for the first time or after a lost connection.

        Panel waits for a word that a browser does not give again to a server that was started anew.
        """
        self._locked(self._load)
        self._seen = self._heard = None

    def _load(self):
        with set_curdoc(self._document):
            pn.state._on_load(self._document)

    def _fold(self):
        """On a phone the knobs would cover everything else."""
        if self.bridge.narrow:
            self._page.sidebar_open = False

    def _open(self):
        self._seen = None
        with pn.io.hold():
            self.view.open()
            self.bridge.send(figures=self.view.figures)
        self.view.look()

    def end(self) -> None:
        """The visitor is gone."""
        self.session.close()
        CLOCK.remove(self)

    @property
    def urgent(self) -> bool:
        """Whether the buttons do not say yet what the session is doing."""
        return self.session.state != self._said

    @property
    def wants(self) -> bool:
        """Whether there is anything new to draw, and the browser has drawn the last."""
        news = self.session.heard != self._heard or self.view is not self._shown
        return (news or self.view.moves) and self.bridge.ready

    def draw(self, done: Callable[[float], None]) -> None:
        """Draw it when nothing else is done with the page, and say what that took."""

        def draw():
            start = thread_time()
            try:
                with set_curdoc(self._document), pn.io.hold():  # one message instead of dozens
                    self.refresh()
            finally:
                done(thread_time() - start)

        self._locked(draw)

    def _locked(self, act):
        """Do it when nobody else changes the page; a callback of Bokeh's may be lost in a hold."""
        context = self._document.session_context
        CLOCK.loop.add_callback(context.session.with_document_locked, act)

    def refresh(self) -> None:
        """Show what the session is doing, and its newest snapshot if there is one."""
        session, view = self.session, self.view
        self._said = session.state
        self._buttons.show(session.state)
        measured = session.config.calibration == "measured"
        self._toolbar.show(twin=self._actions.is_twin, measured=measured)
        if not self.bridge.ready:
            return
        self._heard, self._shown = session.heard, view
        self._show_status()
        view.tick()
        snapshot = session.snapshot
        if snapshot is not self._seen and snapshot and snapshot.view == view.name:
            self._seen = snapshot
            if self._turned != (turned := session.config.values()):
                self._turned = turned
                self._controls.refresh()
            view.show(snapshot)
            self.bridge.send()

    def _show_status(self):
        session, snapshot = self.session, self.session.snapshot
        text = session.message
        if session.state in ("running", "paused", "finished") and snapshot:
            text = f"{session.state}: step {snapshot.step}, epoch {snapshot.epoch}"
        self._status.say(text)
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


def _watching_busy():
    """Who is told whenever the server begins or ends with something."""
    return list(pn.state.param.watchers.get("busy", {}).get("value", []))


def _let_be_busy(page, others):
    """Have a page not mirror whether the server is busy, of which there were ``others``.

    It walks all its models each time, and every page does with every event of any visitor: with
    thirty of them that costs more than all the rest.
    """
    for watcher in _watching_busy():
        if watcher not in others:
            pn.state.param.unwatch(watcher)
    with edit_readonly(page):
        page.busy = False


def found(folder: Path | None) -> Config | None:
    """Settings of the training that a visitor comes back to, after the server was started anew."""
    try:
        return Run.open(folder).config if folder else None
    except SnnlabError:
        return None


def _leave(session, context):
    """The tab was closed: nobody will come back to it, as after a lost connection."""
    session.close()
    context.session.request_expiration()


def dashboard(config: Config, compute: Compute) -> pmui.Page:
    """A fresh page with a session of its own, ended when the visitor leaves."""
    state = read(pn.state.location.search or "", NAMES, tuple(LESSONS))
    begin = LESSONS[state.lesson].settings if state.lesson else {}
    for name, value in {**begin, **state.settings}.items():
        config.set(name, value)
    if state.lesson and not state.view:
        state = state._replace(view=LESSONS[state.lesson].view)
    document = pn.state.curdoc
    context = document.session_context
    # Else a page that comes back to a server started anew would ask a distant one for its styles.
    document.template_variables["dist_url"] = LOCAL_DIST
    folder = compute.store.folder(context.id) if compute.store else None
    session = RemoteSession(compute, found(folder) or config, folder)
    view = Dashboard(session, state)
    view.bridge.when("left", lambda: _leave(session, context))
    view.bridge.when("here", view.here)
    # Not before the browser has its copy: Panel drops what changes in between, for good.
    pn.state.onload(view.begin)
    pn.state.on_session_destroyed(lambda _: view.end())
    return view.page()
