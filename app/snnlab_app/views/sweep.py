"""A sweep from the current settings: many short trainings, and their results."""

import re
import shlex
from html import escape
from io import StringIO

import panel as pn
import panel_material_ui as pmui

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.runs.tables import csv_of
from snnlab_app.compute.sweeps import Sweep
from snnlab_app.controls.knobs import label
from snnlab_app.plots.cards import Markup, Text, card, row
from snnlab_app.plots.progress import ProgressBar
from snnlab_app.sweeps.form import Form
from snnlab_app.sweeps.plots import SweepPlots
from snnlab_app.sweeps.ranges import MAX_TRIALS
from snnlab_app.sweeps.words import describe, file_of, loaded, markup, table_of
from snnlab_app.views.base import View

MAX_ROWS = 10
"""Rows of the table."""
NO_TRIAL = {"choose one …": -1}
"""Option of the menu when no trial is chosen."""
BRIGHT = {"all trials": MAX_TRIALS, "best 5": 5, "best 10": 10, "best 25": 25}
_PATH = '<code style="font: 12px/1.5 ui-monospace, monospace; overflow-wrap: anywhere">{}</code>'


class SweepView(View):
    """Form, progress, figures and table of one sweep."""

    name, title = "sweep", "Sweep"
    see = (
        "Many short trainings from the current settings, each with other values of the settings you"
        " choose: the result of every trial, over the values of each setting."
    )
    attempt = (
        "Keep the two chosen settings, press Start sweep, click the best point and load its"
        " settings."
    )
    matters = (
        "Settings interact: the best value of one depends on the others, so they are searched"
        " together."
    )

    def __init__(self, session):
        super().__init__(session)
        self.begin = lambda plan: None
        self.load = lambda settings, restart: None
        self.copy = lambda text: None
        self.built = lambda: None
        self._sweep: Sweep | None = None
        self._drawn: SweepPlots | None = None
        self._seen, self._making = None, False

    @property
    def figures(self):
        return len(self.plots)

    def suit(self, kind):
        self.kind = kind  # a sweep goes on, with the words of its own data set
        if self._built:
            self._form.renew()
        return False

    def _make_buttons(self):
        self._start = pmui.Button(label="Start sweep", icon="travel_explore")
        self._stop = pmui.Button(label="Stop sweep", icon="stop", variant="outlined", disabled=True)
        self._start.on_click(lambda _: self.start())
        self._stop.on_click(lambda _: self._sweep and self._sweep.stop())
        self._status, self._progress = Text(), ProgressBar("Progress of the sweep", visible=False)
        self._path = Markup("", margin=(4, 12), styles={"flex": "1 1 200px"})
        self._copy = pmui.Button(
            label="Copy command", icon="content_copy", variant="text", size="small"
        )
        self._copy.on_click(lambda _: self.copy(self._command()))
        self._place = pn.FlexBox(align_items="center", sizing_mode="stretch_width")
        self._trouble = pn.Column(margin=0, sizing_mode="stretch_width")

    def _make_results(self):
        self._goal = pmui.Select(label="Show", options={}, width=230, size="small", margin=(8, 10))
        self._bright = pmui.Select(
            label="Bright lines", options=BRIGHT, value=MAX_TRIALS, width=150, size="small",
            margin=(8, 10),
        )  # fmt: skip
        self._which = pmui.Select(
            label="Trial", options=NO_TRIAL, value=-1, width=230, size="small", margin=(8, 10)
        )
        for choice in (self._goal, self._bright, self._which):
            choice.param.watch(lambda _: self._draw(), "value")
        self._load = pmui.Button(label="Load these settings", icon="tune", disabled=True)
        self._load.on_click(lambda _: self.load_chosen())
        self._chosen, self._loaded = Text(), Text(polite=True)
        self._table = Markup("", sizing_mode="stretch_width", margin=12)
        self._files = [
            pmui.FileDownload(
                callback=lambda: csv_of(*self.trials_table()), filename="snnlab-sweep.csv",
                label="Trials (CSV)",
            ),
            pmui.FileDownload(
                callback=self.trials_file, filename="snnlab-sweep.json", label="Trials (JSON)"
            ),
        ]  # fmt: skip
        for button in self._files:
            button.variant = "outlined"
        self._results = pn.FlexBox(align_items="stretch", sizing_mode="stretch_width")

    def open(self):
        if self._built:
            self._form.renew()
        super().open()

    def build(self):
        self._form, self._wrong = Form(self.session.config), _alert("error")
        self._make_buttons()
        self._make_results()
        self.summary.say(self._in_words())
        buttons = pn.FlexBox(self._start, self._stop, margin=(4, 0))
        status = self._status, self._progress, self._place
        return [
            row(card("Sweep from here", {"flex": "1 1 100%"}, *self._form.panel(), self._trouble,
                     buttons, *status)),
            self._results,
        ]  # fmt: skip

    # ── begin and end ──

    def start(self) -> None:
        """Start the sweep of the form, or report what is wrong with it."""
        try:
            plan = self._form.plan()
            self.close()
            self._start.disabled = True  # a second click would begin another
            self._sweep = self.begin(plan)
        except SnnlabError as error:
            self._start.disabled = False
            self._wrong.param.update(title=str(error), visible=True)
            self._trouble.objects = [self._wrong]
            return
        self._wrong.visible = False
        self._drawn, self._making = SweepPlots(plan, self.pick), True
        goals = {axis.label: axis.name for axis in self._drawn.found}
        self._goal.param.update(options=goals, value=plan.objectives[0])
        self._goal.visible = len(goals) > 1
        self._which.param.update(options=NO_TRIAL, value=-1)
        self._table.object, self._load.disabled = "", True
        self._chosen.say("")
        self._loaded.say("")
        self._say()
        self.plots, self._results.objects = {}, []
        self.saving.offer()

    def _lay_out(self):
        """Show the figures once all are built."""
        self._making = False
        self.plots, self._results.objects = self._drawn.plots, self._cards()
        self.saving.offer()
        self.built()

    def _cards(self):
        chooser = pn.FlexBox(
            self._which, self._load, align_items="center", sizing_mode="stretch_width"
        )
        show = pn.FlexBox(self._goal, sizing_mode="stretch_width", margin=(0, 5))
        return [
            *((show,) if self._goal.visible else ()),
            *self._drawn.cards(self._bright),
            row(card("Trials, the best first", {"flex": "1 1 100%"}, chooser,
                     self._chosen, self._loaded, self._table,
                     pn.FlexBox(*self._files, margin=(0, 12, 12, 12), gap="8px"))),
        ]  # fmt: skip

    def close(self) -> None:
        """End the running sweep and remove its files, as the visitor has left."""
        if self._sweep:
            self._sweep.forget()

    # ── what is found ──

    @property
    def moves(self):
        return self._making or (self._sweep is not None and self._sweep.heard != self._seen)

    def tick(self):
        if self._making:
            if not self._drawn.build():
                self._lay_out()
        elif self.moves:
            self._seen = self._sweep.heard
            self._offer()
            self._draw()
            self._say()

    def show(self, snapshot):
        """Do nothing: this view shows nothing of the current training."""

    def _say(self):
        sweep = self._sweep
        self._start.disabled, self._stop.disabled = not sweep.over, sweep.over
        self._status.say(describe(sweep))
        self._progress.visible = not sweep.over
        self._progress.show(sweep.fraction if sweep.trials else None)
        kept = sweep.storage is not None and sweep.state in ("running", "finished")
        self._path.object = _PATH.format(escape(self._command())) if kept else ""
        self._place.objects = [self._path, self._copy] if kept else []
        self.summary.say(self._in_words())

    def _command(self):
        return f"optuna-dashboard {shlex.quote(f'sqlite:///{self._sweep.storage}')}"

    def _in_words(self):
        sweep = self._sweep
        if sweep is None:
            return "No sweep yet: choose settings, check their ranges, and press Start sweep."
        best = [row for row in self._ranked() if row["trial"] in sweep.best][:1]
        found = f" The best is trial {best[0]['trial']}: {self._words(best[0])}." if best else ""
        return f"{len(sweep.trials)} of {sweep.plan.trials} trials have ended.{found}"

    def _ranked(self):
        """Successful trials, the best in the shown objective first."""
        goal = next(axis for axis in self._drawn.found if axis.name == self._drawn.goal)
        value = {row["trial"]: goal.read(row) for row in self._sweep.trials}
        rows = [row for row in self._sweep.trials if value[row["trial"]] == value[row["trial"]]]
        high = goal.best_is_high
        return sorted(rows, key=lambda row: value[row["trial"]] * (-1 if high else 1))

    def _offer(self):
        """Offer the trials in the menu."""
        goal = self._drawn.found[self._sweep.plan.objectives.index(self._drawn.goal)]
        options = {
            f"trial {row['trial']}: {goal.text(row)}": row["trial"]
            for row in self._ranked()
        }  # fmt: skip
        if {**NO_TRIAL, **options} != self._which.options:
            self._which.options = {**NO_TRIAL, **options}

    def _draw(self):
        """Draw figures, table and the chosen trial."""
        if self._making or self._sweep is None or not self._sweep.trials:
            return
        sweep, drawn = self._sweep, self._drawn
        drawn.goal, drawn.most = self._goal.value or drawn.goal, self._bright.value
        drawn.feed(sweep.trials, sweep.best, sweep.importance, self._which.value)
        chosen = self._trial()
        self._load.disabled = chosen is None
        self._chosen.say(
            f"Trial {chosen['trial']}: {self._words(chosen)}" if chosen
            else "Click a point or a line, or choose a trial, to load its settings."
        )  # fmt: skip
        axes = [*drawn.found, *drawn.knobs]
        self._table.object = markup(axes, self._ranked()[:MAX_ROWS])

    def _trial(self):
        return next((r for r in self._sweep.trials if r["trial"] == self._which.value), None)

    def _words(self, row):
        found = (with_unit(axis.label, axis.text(row), " ") for axis in self._drawn.found)
        knobs = (with_unit(axis.label, axis.text(row), " = ") for axis in self._drawn.knobs)
        return f"{', '.join(found)} at {', '.join(knobs)}"

    # ── what is done with it ──

    def pick(self, number: int) -> None:
        """Choose a trial."""
        if number in self._which.options.values():
            self._which.value = number

    def load_chosen(self) -> None:
        """Set the page's knobs to those of the chosen trial, except the epochs."""
        if (row := self._trial()) is None:
            return
        plan, now = self._sweep.plan, self.session.config.values()
        settings = plan.config({name: row[name] for name in plan.vary}).values()
        turned = {k: v for k, v in settings.items() if v != now[k] and k != "epochs"}
        restart = [name for name in turned if name not in Config.LIVE]
        self.load(turned, bool(restart))
        self._loaded.say(loaded(row["trial"], turned, restart))

    def trials_table(self) -> tuple[list[str], list[tuple]]:
        """All trials, SI units."""
        return table_of(self._sweep) if self._sweep else (["trial"], [])

    def trials_file(self) -> StringIO:
        """Plan, trials and importance as JSON, SI units."""
        return file_of(self._sweep)

    def table(self, plot):
        if plot == "importance":
            shares = self._sweep.importance.get(self._drawn.goal, {})
            return ["knob", f"share of {self._drawn.goal} (%)"], [
                (label(name), 100 * share) for name, share in shares.items()
            ]
        axes = [*self._drawn.knobs, *self._drawn.found]
        rows = [(r["trial"], *(axis.read(r) for axis in axes)) for r in self._sweep.trials]
        return ["trial", *(axis.label for axis in axes)], rows


def _alert(severity):
    return pmui.Alert(severity=severity, visible=False, sizing_mode="stretch_width")


def with_unit(label: str, value: str, between: str) -> str:
    """A label "name (unit)" with its value in words: "name value unit"."""
    name, unit = re.fullmatch(r"(.*?)(?: \(([^)]*)\))?", label).groups()
    return f"{name}{between}{value}" + f" {unit}" * bool(unit)
