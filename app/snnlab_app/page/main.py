"""The page of one visitor."""

from collections.abc import Callable, Mapping

import panel as pn
import panel_material_ui as pmui

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.lessons import Lesson
from snnlab.recipes import recipe, recipes
from snnlab_app.compute.pool import Compute
from snnlab_app.compute.remote import RemoteSession, session_of
from snnlab_app.compute.sweeps import Sweeps
from snnlab_app.controls.link import State, as_python, describe_ignored, query, read
from snnlab_app.controls.sidebar import Controls
from snnlab_app.controls.undo import Turns
from snnlab_app.page import watching
from snnlab_app.page.actions import Actions, Buttons
from snnlab_app.page.layout import Page, framed, stage
from snnlab_app.page.lesson import NO_LINK, LessonPanel
from snnlab_app.page.scenarios import Gallery
from snnlab_app.page.toolbar import Header
from snnlab_app.page.tour import Help, Tour
from snnlab_app.plots.theme import (
    FRAME,
    PRESENTING,
    RUN_ROW,
    SIDEBAR_WIDTH,
    SIDEBAR_WIDTH_PRESENTING,
)
from snnlab_app.views import NAMES, VIEWS

LESSONS = {**recipes(), "the-papers-network": recipe("paper")}
"""Recipes by the name used in a lesson's link, one of which was renamed."""


class Dashboard(Page):
    """Controls and views of the visitor's own session; it starts over with ``defaults``."""

    def __init__(
        self,
        session: RemoteSession,
        defaults: Mapping[str, object],
        state: State,
        sweeps: Sweeps,
        max_bytes: int,
        lessons: Mapping[str, Lesson],
    ):
        super().__init__(session)
        self._state, self._sweeps, self._defaults = state, sweeps, defaults
        self._turns = Turns(session.turn, lambda name: getattr(session.config, name))
        self._actions = Actions(session.config, self._turns)
        self._controls = Controls(session, self._turns, max_bytes)
        self._controls.hide(state.hide)
        self._views = [view(session) for view in VIEWS]
        self._measure_in(state.units)
        self._panels = [view.panel() for view in self._views]
        for view, panel in zip(self._views, self._panels, strict=True):
            panel.css_classes = ["view", view.title.lower()]  # names for scripts and tests
        self._buttons, self._presenting = Buttons(session), False
        self._way_out = pmui.Button(
            label="Leave", icon="close", variant="outlined", size="small", width=80, margin=(2, 3),
            visible=False, description="Leave presenter mode (P or Esc)",
        )  # fmt: skip
        self._way_out.on_click(lambda _: self._present())
        self._tour, self._help = Tour(), Help()
        self._lessons, self._gallery = lessons, Gallery(self._begin_scenario, lessons)
        self._lesson_panel = LessonPanel(
            session, self._then_show(self._turns.turn), self._begin_scenario, lessons,
            state if state.lesson in lessons else NO_LINK,
        )  # fmt: skip
        self._lesson = pmui.Alert(severity="info", visible=False, sizing_mode="stretch_width")
        self._turned = None
        self._connect()

    def _connect(self):
        """Connect views, buttons and keys."""
        act, session = self._actions, self.session
        by_name = dict(zip(NAMES, self._views, strict=True))
        for view in self._views:
            view.saving.page = self
        by_name["live"].built = lambda: self.turn_to(by_name["live"])
        by_name["chip"].kill = self._then_show(act.kill)
        by_name["errors"].visit = lambda index: self._visit(by_name["sample"], index)
        self._connect_sweep(by_name["sweep"])
        acts = {
            "undo": self._then_show(self._turns.undo), "redo": self._then_show(self._turns.redo),
            "defaults": lambda: self._start_over(self._defaults),
            "link": lambda: self.bridge.copy("?" + self._query()),
            "share": lambda: self.bridge.copy(watching.link(self._document.session_context.id)),
            "python": lambda: self.bridge.copy(as_python(session.config)),
            "picture": lambda: self.view.saving.save_view(),
            "animation": lambda: by_name["live"].saving.save_animation(),
            "help": lambda: self._help.open(self.view), "tour": self._open_tour,
            "scenarios": self._gallery.open, "units": self._change_units, "present": self._present,
        }  # fmt: skip
        chip = {
            "swap": self._then_show(act.swap_chip), "twin": self._then_show(act.twin),
            "recalibrate": self._then_show(act.recalibrate),
        }  # fmt: skip
        self._controls.add_chip_buttons(**chip)
        titles = [view.title for view in self._views]
        begin = NAMES.index(self._state.view) if self._state.view else 0
        self._header = Header(titles, begin, self._units, **acts)
        self._tabs = self._header.tabs
        self._tabs.param.watch(lambda _: self._open(), "active")
        for message, do in {
            "key  ": session.toggle, "key .": session.step, "key r": session.reset,
            "key s": chip["swap"], "key ?": self._open_tour, "key p": self._present,
            "key escape": lambda: self._presenting and self._present(),
            "undo": acts["undo"], "redo": acts["redo"],
            "copied": lambda: pn.state.notifications.success("Copied.", duration=3000),
        }.items():  # fmt: skip
            self.bridge.when(message, do)

    def _connect_sweep(self, view):
        view.load, view.copy = self._load_trial, self.bridge.copy
        view.begin = self._begin_sweep
        view.built = lambda: self.turn_to(view)
        self._end_sweep = view.close

    def _begin_sweep(self, plan):
        """Start a sweep, on the visitor's own data if they are in use."""
        session = self.session
        own = session.given if session.config.dataset == "folder" else None
        return self._sweeps.begin(plan, own)

    def _load_trial(self, settings, restart):
        """Set a trial's settings; restart the training if one of them requires it."""
        self._then_show(self._turns.turn)(settings)
        if restart:
            self.session.reset()

    def _then_show(self, act):
        """Run a call, report its error, and refresh the knobs."""

        def do(*arguments):
            try:
                act(*arguments)
            except SnnlabError as error:
                pn.state.notifications.error(str(error), duration=6000)
            self._controls.refresh()

        return do

    def _open_tour(self):
        self._tour.open(self.view.kind)

    def _measure_in(self, units):
        self._units = units
        for view in self._views:
            view.measure_in(units)

    def _change_units(self, units):
        self._measure_in(units)
        self.view.look()

    def _query(self):
        return query(self.session.config, self.view.name, self._units)

    def _visit(self, sample, index):
        sample.pick(index)
        self._tabs.active = NAMES.index("sample")

    def _begin_scenario(self, name):
        """Start a lesson, or a training with a recipe's settings, all others at their defaults."""
        if name in self._lessons:
            self._lesson.visible = False
            self._tabs.active = NAMES.index("live")
            self._lesson_panel.start(name)
            return
        chosen = recipe(name)
        self._start_over({**Config().values(), **chosen.settings})
        if chosen.view:
            self._tabs.active = NAMES.index(chosen.view)
        self._teach(chosen)

    def _start_over(self, settings):
        """Set every knob, end a lesson, and begin a new training."""
        self._lesson_panel.close()
        self._lesson.visible = False
        self._then_show(self._turns.turn)(settings)
        self.session.reset()

    def _teach(self, chosen):
        """Describe a recipe and what to look for."""
        title = f"{chosen.about} {chosen.look_for}".rstrip()
        self._lesson.param.update(title=title, visible=True)

    def page(self) -> pmui.Page:
        """The whole page."""
        self._page = framed(
            header=self._header.panel(), sidebar=self._controls.panel(self._put_away),
            main=[stage(
                self.bridge, self._tour.dialog, self._help.dialog, self._gallery.dialog,
                self.saves.dialog,
                self._run_row(), self._notice, self._lesson, self._lesson_panel.panel(),
                *self._panels, self._controls.dock(),
            )],
            sidebar_width=SIDEBAR_WIDTH,
        )  # fmt: skip
        self._show_view()
        return self._page

    def _run_row(self):
        """The row of the run's controls, its state, and the numbers of this moment."""
        return pn.Row(
            self._buttons.panel(), self._way_out, self.status(), self.numbers.panel(), margin=0,
            sizing_mode="stretch_width", stylesheets=[RUN_ROW],
        )  # fmt: skip

    def _present(self):
        """Switch presenter mode: large type and lines, the displays and the first knobs only."""
        self._presenting = on = not self._presenting
        with pn.io.hold():
            for view in self._views:
                view.enlarge(on)
            self._controls.enlarge(on)
            self.numbers.enlarge(on)
            self._header.show(presenting=on)
            self._way_out.visible = on
            self._page.sidebar_width = SIDEBAR_WIDTH_PRESENTING if on else SIDEBAR_WIDTH
            self._page.sx = PRESENTING if on else FRAME

    @property
    def view(self):
        return self._views[self._tabs.active]

    def begin(self):
        self._open()
        if self._state.ignored:
            pn.state.notifications.warning(describe_ignored(self._state.ignored), duration=0)
        if self._state.lesson in self._lessons:
            self._lesson_panel.start(self._state.lesson)
        elif self._state.lesson:
            self._teach(LESSONS[self._state.lesson])
        self._fold()
        self.bridge.param.watch(lambda _: self._fold(), "narrow")
        super().begin()

    def _fold(self):
        """Where the page is narrow, put the sidebar away: it would cover the displays."""
        narrow = self.bridge.narrow
        for view in self._views:
            view.fit(narrow)
        self._page.param.update(
            sidebar_open=not narrow, sidebar_variant="temporary" if narrow else "persistent"
        )

    def _put_away(self):
        """Close the sidebar."""
        self._page.sidebar_open = False

    def _show_view(self):
        # Hidden, not removed: BokehJS keeps removed figures in memory.
        for view, panel in zip(self._views, self._panels, strict=True):
            panel.visible = view is self.view

    def _open(self):
        self._show_view()
        self.turn_to(self.view)
        self.view.look()

    def end(self):
        self._end_sweep()
        self.session.close()
        super().end()

    def show_state(self):
        session = self.session
        self._buttons.show(session.state, self._waits())
        self._lesson_panel.show_state()
        measured = session.config.calibration == "measured"
        self._controls.show_chip(twin=self._actions.is_twin, measured=measured)

    def _waits(self):
        """Whether a knob was turned that acts at the next reset."""
        snapshot, config = self.session.snapshot, self.session.config
        if snapshot is None:
            return False
        values, now = config.values(), snapshot.settings
        return any(values[name] != now[name] for name in values if name not in Config.LIVE)

    def follow(self, snapshot):
        if self._turned != (turned := self.session.config.values()):
            self._turned = turned
            self._controls.refresh()


def dashboard(
    config: Config,
    compute: Compute,
    lessons: Mapping[str, Lesson],
    when_visited: Callable[[str, Callable[[], None]], None] = lambda visitor, act: act(),
) -> pmui.Page:
    """A new page with its own session, which begins ``when_visited`` and ends when the visitor
    leaves."""
    linked = {**LESSONS, **lessons}
    state, defaults = read(pn.state.location.search or "", NAMES, tuple(linked)), config.values()
    begin = linked[state.lesson].settings if state.lesson else {}
    above = begin if state.lesson in lessons else {}  # its question is about these
    for name, value in {**begin, **state.settings, **above}.items():
        config.set(name, value)
    if state.lesson in LESSONS and not state.view:
        state = state._replace(view=LESSONS[state.lesson].view)
    visitor = pn.state.curdoc.session_context.id
    session = session_of(visitor, compute, config)
    if session.continues and state.lesson in lessons:  # to begin it would end that training
        state = state._replace(lesson=None)
    when_visited(visitor, session.begin)
    compute.shared[watching.name_of(visitor)] = session
    page = Dashboard(
        session, defaults, state, compute.sweeps, 10**6 * compute.limits.upload, lessons
    )
    page.stand()
    return page.page()
