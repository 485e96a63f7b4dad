"""The card of a lesson above the displays: predict, then see."""

from collections.abc import Callable, Mapping
from html import escape
from math import isfinite

import panel as pn
import panel_material_ui as pmui

from snnlab.config import Config
from snnlab.data.catalogue import CATALOGUE
from snnlab.lessons import Lesson, Scale
from snnlab.lessons.measures import MEASURES
from snnlab.lessons.reading import MAX_CHOICES
from snnlab.quantities import Quantity
from snnlab.text.numerals import group_digits
from snnlab_app.controls import link as links
from snnlab_app.page.lesson_run import LessonRun, Measured, Phase
from snnlab_app.panel_fixes import Markup
from snnlab_app.plots.cards import as_the_page_is
from snnlab_app.plots.theme import CARD
from snnlab_app.session.control import State, TrainingControl

KEPT = ("dataset", "side")
"""Settings that stay as they are where a lesson does not set them: it works with any images."""
OF_IMAGES = {"dataset": "digits", "side": 16}
"""Settings in their place where these are recordings, which lessons are not made for."""
NO_LINK = links.State({})
NO_RECORDINGS = "Lessons are about images: this one takes the bundled digits."
STAGES = {"Predict": (Phase.PREPARING, Phase.ASKING), "Train": (Phase.RUNNING,),
          "Compare": (Phase.REVEALED,)}  # fmt: skip
_LOOK = """
.stages { display: flex; flex-wrap: wrap; gap: 2px 12px; align-items: baseline }
.stages b { font-weight: 600 }
.stages i { font-style: normal; font-size: 12px; opacity: 0.65 }
.stages [aria-current] { opacity: 1; font-weight: 600; text-decoration: underline;
  text-decoration-thickness: 2px; text-underline-offset: 4px }
p { margin: 4px 0 0 }
[role=progressbar] { background: rgba(124, 130, 140, 0.3); border-radius: 4px; height: 8px;
  margin: 4px 0; width: min(100%, 420px) }
[role=progressbar] span { background: #0072b2; border-radius: 4px; display: block; height: 8px }
svg { display: block; width: min(100%, 420px); height: 40px; overflow: visible }
"""


def settings_for(lesson: Lesson, config: Config, link: links.State = NO_LINK) -> dict:
    """Settings by name with which a lesson begins on a page that has these.

    link : the page's, if it names a lesson: its settings hold instead of defaults.
    """
    kept = {knob: getattr(config, knob) for knob in KEPT}
    if CATALOGUE[config.dataset].recordings:
        kept = OF_IMAGES
    return {**Config().values(), **link.settings, **kept, **lesson.settings}


class LessonPanel:
    """Shows one lesson at a time.

    turn : sets knobs by name, as one step of undo; begin : starts a lesson or recipe by name;
    link : the page's, if it names a lesson.
    """

    def __init__(
        self,
        session: TrainingControl,
        turn: Callable[[dict], None],
        begin: Callable[[str], None],
        lessons: Mapping[str, Lesson],
        link: links.State = NO_LINK,
    ):
        self._session, self._turn, self._begin, self._lessons = session, turn, begin, lessons
        self._link = link
        self._run: LessonRun | None = None
        self._shown = None
        self._text = Markup("", sizing_mode="stretch_width", margin=0, stylesheets=[_LOOK])
        self._scale = pmui.FloatSlider(label="Your prediction", visible=False, width=300)
        self._predict = _button("Predict", "contained", lambda: self._take(self._scale.value))
        self._choices = [_choice(self._take) for _ in range(MAX_CHOICES)]
        self._next = _button("Next", "contained", self._go_on)
        self._again = _button("Try again", "outlined", lambda: self.start(self._run.lesson.name))
        self._close = _button("End lesson", "text", self.close)
        self._parts = [
            pn.Column(
                self._text, margin=0, sizing_mode="stretch_width",
                styles={"flex": "1 1 420px", "min-width": "min(420px, 100%)"},
            ),
            self._scale, self._predict, *self._choices, self._next, self._again, self._close,
        ]  # fmt: skip
        self._card = pn.FlexBox(
            align_items="center", gap="4px 16px", margin=5, sizing_mode="stretch_width",
            styles={**CARD, "padding": "8px 14px"}, visible=False,
        )  # fmt: skip

    def panel(self) -> pn.FlexBox:
        """The card, hidden while there is no lesson; empty until the first."""
        return self._card

    def start(self, name: str) -> None:
        """Start a lesson."""
        lesson, config = self._lessons[name], self._session.config
        settings = settings_for(lesson, config, self._link)
        if CATALOGUE[config.dataset].recordings > CATALOGUE[settings["dataset"]].recordings:
            pn.state.notifications.info(NO_RECORDINGS, duration=6000)
        self._run = LessonRun(lesson, self._session, self._turn)
        self._run.begin(settings)
        self._offer()
        if not self._card.objects:
            self._card.objects = as_the_page_is(self._parts)
        self._card.visible = True

    def close(self) -> None:
        """End the lesson; the training stays as it is."""
        self._run = None
        self._card.visible = False

    def show_state(self) -> None:
        """Go on after a change of the training."""
        if self._run:
            self._run.see()
            self._show()

    # ── what the visitor does ──

    def _offer(self):
        """Fit the controls to the lesson's answers."""
        lesson = self._run.lesson
        if isinstance(answers := lesson.answers, Scale):
            middle = answers.low + answers.step * round(
                (answers.high - answers.low) / 2 / answers.step
            )
            unit = f" ({lesson.quantity.unit})" if lesson.quantity.unit else ""
            self._scale.param.update(
                label=f"Your prediction{unit}", start=answers.low, end=answers.high,
                step=answers.step, value=middle,
            )  # fmt: skip
        else:
            for button, choice in zip(self._choices, answers, strict=False):
                button.label = choice.text
        self._shown = None
        self._show()

    def _take(self, guess):
        if self._run:
            self._run.predict(guess)
            self._show()

    def _go_on(self):
        if self._run and (name := self._run.lesson.following):
            self.close()
            self._begin(name)

    # ── what is shown ──

    def _show(self):
        run = self._run
        if (now := (run, run.phase)) != self._shown:
            self._shown, lesson = now, run.lesson
            asks = run.phase in (Phase.PREPARING, Phase.ASKING)
            scale, done = isinstance(lesson.answers, Scale), run.phase == Phase.REVEALED
            choices = 0 if scale else len(lesson.answers)
            self._scale.visible = self._predict.visible = asks and scale
            for k, button in enumerate(self._choices):
                button.visible = asks and k < choices
            for button in (self._predict, *self._choices):
                button.disabled = run.phase != Phase.ASKING
            self._again.visible = done or run.phase == Phase.FAILED
            self._next.visible = done and lesson.following is not None
            if lesson.following:
                kind = "lesson" if lesson.following in self._lessons else "scenario"
                self._next.label = f"Next {kind}"
        html = _stages(run) + _body(run, self._session.state)
        if html != self._text.object:
            self._text.object = html


def _button(label, variant, act):
    button = pmui.Button(label=label, variant=variant, size="small", margin=(2, 4))
    button.on_click(lambda _: act())
    return button


def _choice(take):
    button = _button("", "outlined", lambda: take(button.label))
    return button


def _stages(run):
    marks = "".join(
        f"<i{' aria-current=step' * (run.phase in phases)}>{k}. {name}</i>"
        for k, (name, phases) in enumerate(STAGES.items(), start=1)
    )
    return f'<div class="stages"><b>{escape(run.lesson.title)}</b>{marks}</div>'


def _body(run, state):
    lesson = run.lesson
    if run.phase == Phase.FAILED:
        return _say(run.trouble)
    if run.phase == Phase.PREPARING:
        return _say(lesson.question) + _progress(run, state, "Training first")
    if run.phase == Phase.ASKING:
        measured = isfinite(run.before[lesson.measure].value)
        now = lesson.measure if measured else "accuracy"
        return _say(f"{lesson.question} Now: {_interval(MEASURES[now], run.before[now])}.")
    if run.phase == Phase.RUNNING:
        return _say(f"You predicted {_guess(run)}.") + _progress(run, state, "Training")
    return _say(f"{_verdict(run)} {run.explanation}") + _drawing(run)


def _say(text):
    return f'<p role="status" style="font: 14px/1.45 system-ui">{escape(text)}</p>'


def _progress(run, state, what):
    paused = state == State.PAUSED and 0 < run.share < 1
    label = "Paused: press Train to go on with the lesson." if paused else f"{what} …"
    if state == State.FAILED:
        label = "The training has failed and is started again …"
    percent = f"{100 * min(1.0, run.share):.0f}"
    return (
        f'<p style="font: 13px/1.4 system-ui">{label}</p>'
        f'<div role="progressbar" aria-label="{what}" aria-valuenow="{percent}">'
        f'<span style="width: {percent}%"></span></div>'
    )


def _guess(run):
    guess, unit = run.guess, run.lesson.quantity.unit
    return f"“{guess}”" if isinstance(guess, str) else f"{guess:g} {unit}".rstrip()


def _interval(quantity: Quantity, measured: Measured):
    """A value and its interval: "test accuracy 94.4 % (91.0 % to 96.6 %)"."""
    value, low, high = (
        quantity.format(number) for number in (measured.value, measured.low, measured.high)
    )
    estimate = "estimate, " if quantity.estimate else ""
    between = f" ({estimate}{low} to {high})" if measured.low < measured.high else ""
    return f"{quantity.label} {value or '(not measured)'}{between}"


def _verdict(run):
    lesson = run.lesson
    measured = _interval(lesson.quantity, run.after[lesson.measure])
    said = f"You predicted {_guess(run)}. Measured after {_steps(run)}: {measured}."
    values = run.values()
    if isinstance(run.guess, str):
        right = [choice.text for choice in lesson.right(values)]
        if run.guess in right:
            return f"{said} Correct."
        return f"{said} That was “{right[0]}”." if right else said
    return f"{said} Correct." if values["low"] <= run.guess <= values["high"] else said


def _steps(run):
    before, after = run.steps
    steps = after if run.lesson.restart else after - before
    return f"{group_digits(steps)} steps"


def _drawing(run):
    """The prediction beside the measured value on the scale of the answers."""
    if not isinstance(scale := run.lesson.answers, Scale):
        return ""
    values = run.values()

    def place(value):
        return 10 + 400 * min(1.0, max(0.0, (value - scale.low) / (scale.high - scale.low)))

    guess, measured = place(values["guess"]), place(values["measured"])
    low, high = place(values["low"]), place(values["high"])
    if not isfinite(values["measured"]):
        return ""
    name = escape(f"Prediction {_guess(run)}, measured {values['measured']:.1f}")
    return (
        f'<svg viewBox="0 0 420 44" role="img" aria-label="{name}" preserveAspectRatio="xMinYMid">'
        '<line x1="10" x2="410" y1="22" y2="22" stroke="currentColor" opacity="0.35"/>'
        f'<rect x="{low:.1f}" width="{max(2.0, high - low):.1f}" y="17" height="10" rx="3"'
        ' fill="#0072b2" opacity="0.4"/>'
        f'<circle cx="{measured:.1f}" cy="22" r="5" fill="#0072b2"/>'
        f'<circle cx="{guess:.1f}" cy="22" r="6" fill="none" stroke="#d55e00" stroke-width="2.5"/>'
        f"{_label(guess, 11, 'your prediction')}{_label(measured, 41, 'measured')}</svg>"
    )


def _label(x, y, text):
    anchor = "start" if x < 60 else "end" if x > 360 else "middle"
    return (
        f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" fill="currentColor"'
        f' style="font: 12px system-ui">{text}</text>'
    )
