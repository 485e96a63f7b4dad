"""Knobs, generated from the declared configuration."""

from collections.abc import Callable

import panel as pn
import panel_material_ui as pmui
import param

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.model.gradients import EVENTPROP
from snnlab_app.compute.remote import RemoteSession
from snnlab_app.controls import upload
from snnlab_app.controls.knobs import (
    MAX_SLIDER_POSITIONS,
    RECORDINGS,
    ends,
    label,
    move,
    on_page,
    round_step,
    shown,
    span,
    steps,
    stored,
    without_effect,
)
from snnlab_app.controls.undo import Turns
from snnlab_app.plots.theme import DOCK, DONE, INLINE_SLIDER, KNOB

SLIDERS = (pmui.DiscreteSlider, pmui.FloatSlider, pmui.IntSlider)
CHIP_BUTTONS = {"swap": "Swap chip", "twin": "Ideal twin", "recalibrate": "Recalibrate"}
"""Labels of the actions on the chip."""
DOCKED = {
    "description": "", "size": "small", "margin": (0, 14), "height": 44,
    "stylesheets": [INLINE_SLIDER],
}  # fmt: skip
"""Look of the knobs at the bottom of a phone's screen."""
SLIDER = {"tooltips": False}
"""Look of a slider: a bubble with its value would cover the label that says it already."""
FOLDED = {"& .MuiAccordionSummary-root .MuiTypography-root": {"fontSize": "15px"}}
"""Titles of folded groups, no larger than what they hold."""
DATA = "Data"
"""Groups of knobs that are shown as one: which have an effect depends on the data set."""
OWN = "Data of your own"
"""The button for them, as errors call it too."""
FIRST_KNOBS = ("mismatch", "rho_burst", "beta", "surrogate", "dead")
"""What one turns first, while it trains; the rest is folded away."""
DOCKED_KNOBS = FIRST_KNOBS[:3]
"""What a phone shows below the displays."""
OF_SURROGATE = ("beta", "surrogate", "at_spike")
"""Knobs that EventProp does not use."""


class Controls:
    """A widget for every knob of a session's configuration."""

    def __init__(self, session: RemoteSession, turns: Turns, max_bytes: int = upload.MAX_BYTES):
        self._session, self._turns = session, turns
        self._file = upload.chooser(
            max_bytes, accept=".zip,.npz,.csv", label=OWN, sizing_mode="stretch_width",
            variant="outlined",
            description="A zip with a sub-folder of pictures for each class, a CSV file with a"
            " label and pixels in each line, or an npz file of images and labels. For you alone,"
            " until you leave.",
        )  # fmt: skip
        self._file.param.watch(self._given, "value")
        self._widgets = {
            name: _widget(name, session.config, stylesheets=[KNOB]) for name in Config.knobs()
        }
        self._docked = {name: _widget(name, session.config, **DOCKED) for name in DOCKED_KNOBS}
        for widgets in (self._widgets, self._docked):
            for name, widget in widgets.items():
                widget.param.watch(lambda event, name=name: self._turned(name, event), "value")
        self._chip: dict[str, pmui.Button] = {}
        self._hidden: set[str] = set()
        self._show_effective()

    def _turned(self, name, event):
        if event.new == shown(name, getattr(self._session.config, name)):
            return  # it shows what is set, perhaps rounded
        try:
            value = stored(name, event.new)
            if isinstance(event.obj, SLIDERS):
                self._turns.drag(name, value)
            else:
                self._turns.turn({name: value})
            if name not in Config.LIVE:
                said = f"“{Config.param[name].label}” acts once you press Reset."
                pn.state.notifications.info(said, duration=4000)
        except SnnlabError as error:
            said = str(error).replace(f"{name} = ", f"{label(name)} = ", 1)
            pn.state.notifications.error(said, duration=6000)
            self.refresh()

    def _given(self, event):
        """A data set was dropped: train on it."""
        if not event.new:
            return
        try:
            self._session.upload(event.new)
            self._turns.turn({"dataset": "folder"})
            self._session.reset()
        except SnnlabError as error:
            pn.state.notifications.error(str(error), duration=6000)
        self._file.value = None  # the page need not hold it
        self.refresh()

    def refresh(self) -> None:
        """Show the configuration where it was changed by something else than its widget."""
        for widgets in (self._widgets, self._docked):
            for name, widget in widgets.items():
                move(widget, name, shown(name, getattr(self._session.config, name)))
        self._show_effective()

    def _show_effective(self):
        """Show the knobs that have an effect on the data set, unless they are to be hidden."""
        others = without_effect(self._session.config)
        for name, widget in self._widgets.items():
            visible = name not in others and name not in self._hidden
            if widget.visible != visible:
                widget.visible = visible
        self._show_used()

    def hide(self, names: tuple[str, ...]) -> None:
        """Leave knobs out of the page."""
        self._hidden.update(names)
        self._show_effective()
        for name in names:
            if name in self._docked:
                self._docked[name].visible = False

    def _show_used(self):
        """Disable the knobs of the surrogate where the gradient does without it."""
        unused = self._session.config.gradient == EVENTPROP
        for widgets in (self._widgets, self._docked):
            for name in OF_SURROGATE:
                if name in widgets and widgets[name].disabled != unused:
                    widgets[name].disabled = unused
        for name in OF_SURROGATE:  # a phone has no room for it
            self._widgets[name].label = _title(name) + " · not used by EventProp" * unused

    def add_chip_buttons(self, **acts) -> None:
        """Offer the actions on the chip, by name, below the first knobs."""
        for name, act in acts.items():
            button = pmui.Button(label=CHIP_BUTTONS[name], variant="outlined", size="small",
                                 margin=(4, 3))  # fmt: skip
            button.on_click(lambda _, act=act: act())
            self._chip[name] = button

    def show_chip(self, *, twin: bool, measured: bool) -> None:
        """Update the labels of the actions on the chip."""
        self._chip["twin"].label = "Back to the real chip" if twin else CHIP_BUTTONS["twin"]
        undo = "Undo calibration" if measured else CHIP_BUTTONS["recalibrate"]
        self._chip["recalibrate"].label = undo

    def enlarge(self, on: bool) -> None:
        """Leave only the first knobs, for an audience, or show all again."""
        self._rest.visible = not on

    def dock(self) -> pn.Column:
        """The first knobs once more, for the bottom of a phone's screen."""
        return pn.Column(
            *self._docked.values(), sizing_mode="stretch_width", margin=0, stylesheets=[DOCK]
        )

    def panel(self, close: Callable[[], None]) -> list:
        """First the few that matter most, then everything by group.

        Where they cover the displays, a button above them calls ``close`` to put them away.
        """
        done = pmui.Button(
            label="Done", variant="text", margin=0, sizing_mode="stretch_width", stylesheets=[DONE],
        )  # fmt: skip
        done.on_click(lambda _: close())
        rest = {
            title: [self._widgets[n] for n in names if n not in FIRST_KNOBS]
            for title, names in Config.GROUPS.items()
        }
        rest[DATA] = [rest[DATA][0], self._file, *rest[DATA][1:], *rest.pop(RECORDINGS)]
        self._rest = pmui.Accordion(
            *((title, pmui.Column(*widgets)) for title, widgets in rest.items()),
            sizing_mode="stretch_width",
            disable_gutters=True,
            dynamic=True,
            sx=FOLDED,
        )
        buttons = pn.FlexBox(*self._chip.values(), sizing_mode="stretch_width", margin=(0, 7))
        return [done, *(self._widgets[name] for name in FIRST_KNOBS), buttons, self._rest]


def _title(name):
    return label(name) + ("" if name in Config.LIVE else " · at reset")


def _help(name):
    acts = "Acts now." if name in Config.LIVE else "Needs a reset."
    return f"{on_page(Config.param[name].doc)} {acts}"


def _widget(name, config, **changes):
    knob, value = Config.param[name], shown(name, getattr(config, name))
    look = {
        "label": _title(name), "description": _help(name), "value": value,
        "sizing_mode": "stretch_width", **changes,
    }  # fmt: skip
    if isinstance(knob, param.Selector):
        return pmui.Select(options=knob.objects, **look)
    if isinstance(knob, param.List):
        return pmui.TextInput(**look)
    if isinstance(knob, param.Integer):
        return _whole_number(knob, look)
    if options := steps(name, value):
        return pmui.DiscreteSlider(**options, **SLIDER, **look)
    low, high = ends(knob)
    return pmui.FloatSlider(start=low, end=high, step=round_step(high - low), **SLIDER, **look)


def _whole_number(knob, look):
    low, high = knob.bounds
    if span(knob) <= MAX_SLIDER_POSITIONS:
        return pmui.IntSlider(start=low, end=high, **SLIDER, **look)
    # A text field: the buttons of the library's number field have no names.
    return pmui.TextInput(**{**look, "value": str(look["value"])})
