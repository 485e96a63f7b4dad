"""Knobs, generated from the declared configuration."""

import panel as pn
import panel_material_ui as pmui
import param

from snnlab.config import Config, Quantity
from snnlab.errors import SnnlabError
from snnlab_app.remote import RemoteSession
from snnlab_app.undo import Turns

FOLDED = {"& .MuiAccordionSummary-root .MuiTypography-root": {"fontSize": "15px"}}
"""Titles of folded groups, no larger than what they hold."""
FIRST = ("mismatch", "dead", "rho_burst", "beta")
"""What one turns first, while it trains; the rest is folded away."""
STEPS_PER_DECADE = (1.0, 2.0, 5.0)
MOST_ON_SLIDER = 200


class Controls:
    """A widget for every knob of a session's configuration."""

    def __init__(self, session: RemoteSession, turns: Turns):
        self._session, self._turns = session, turns
        self._widgets = {name: _widget(name, session.config) for name in Config.knobs()}
        for name, widget in self._widgets.items():
            widget.param.watch(lambda event, name=name: self._turned(name, event), "value")

    def _turned(self, name, event):
        if event.new == _shown(name, getattr(self._session.config, name)):
            return  # it shows what is set, perhaps rounded
        try:
            self._turns.turn({name: _stored(name, event.new)})
        except SnnlabError as error:
            pn.state.notifications.error(str(error), duration=6000)

    def refresh(self) -> None:
        """Show the configuration where it was changed by something else than its widget."""
        for name, widget in self._widgets.items():
            shown = _shown(name, getattr(self._session.config, name))
            if widget.value != shown:
                widget.param.update(**_steps(name, shown), value=shown)

    def hide(self, names: tuple[str, ...]) -> None:
        """Leave knobs out of the page."""
        for name in names:
            self._widgets[name].visible = False

    def panel(self) -> list:
        """First the few that matter most, then everything by group."""
        rest = {
            title: [self._widgets[n] for n in names if n not in FIRST]
            for title, names in Config.GROUPS.items()
        }
        return [
            pmui.Typography("Turn these while it trains", variant="subtitle2"),
            *(self._widgets[name] for name in FIRST),
            pmui.Accordion(
                *((title, pmui.Column(*widgets)) for title, widgets in rest.items()),
                sizing_mode="stretch_width",
                disable_gutters=True,
                dynamic=True,
                sx=FOLDED,
            ),
        ]


def _title(name):
    knob = Config.param[name]
    unit = getattr(knob, "shown", "")
    restarts = "" if name in Config.LIVE else " · restarts"
    return knob.label + (f" ({unit})" if unit else "") + restarts


def _help(name):
    acts = "Acts now." if name in Config.LIVE else "Needs a reset."
    return f"{Config.param[name].doc} {acts}"


def _widget(name, config):
    knob, value = Config.param[name], _shown(name, getattr(config, name))
    look = {
        "label": _title(name), "description": _help(name), "value": value,
        "sizing_mode": "stretch_width",
    }  # fmt: skip
    if isinstance(knob, param.Selector):
        return pmui.Select(options=knob.objects, **look)
    if isinstance(knob, param.List):
        return pmui.TextInput(**look)
    if isinstance(knob, param.Integer):
        return _whole_number(knob, look)
    if steps := _steps(name, value):
        return pmui.DiscreteSlider(**steps, **look)
    low, high = (bound * knob.factor for bound in knob.bounds)
    return pmui.FloatSlider(start=low, end=high, step=_round_step(high - low), **look)


def _whole_number(knob, look):
    low, high = knob.bounds
    if _span(knob) <= MOST_ON_SLIDER:
        return pmui.IntSlider(start=low, end=high, **look)
    # A text field: the buttons of the library's number field have no names.
    return pmui.TextInput(**{**look, "value": str(look["value"])})


def _steps(name, value):
    """Positions of a slider in steps, among them where it stands; nothing for other widgets."""
    knob = Config.param[name]
    if not getattr(knob, "log", False):
        return {}
    low, high = (bound * knob.factor for bound in knob.bounds)
    steps = sorted({*_log_steps(low, high), knob.default * knob.factor, value})
    return {"options": {f"{step:.12g}": step for step in steps}}


def _log_steps(low, high):
    """1, 2, 5 in every decade; from zero if the knob may be off."""
    lowest = low if low > 0 else high * 1e-6
    decades = (10.0**k for k in range(-9, 10))
    steps = [float(f"{d * m:g}") for d in decades for m in STEPS_PER_DECADE]
    return ([0.0] if low == 0 else []) + [s for s in steps if lowest <= s <= high]


def _round_step(span):
    return 1.0 if span >= 40 else 0.1 if span >= 4 else 0.01


def _shown(name, value):
    """A stored value as its widget has it: in the unit people read."""
    if isinstance(value, list):
        return "-".join(map(str, value))
    knob = Config.param[name]
    if isinstance(knob, param.Integer) and _span(knob) > MOST_ON_SLIDER:
        return str(value)
    return round(value * knob.factor, 9) if isinstance(knob, Quantity) else value


def _span(knob):
    return knob.bounds[1] - knob.bounds[0]


def _stored(name, value):
    """A widget's value as the configuration has it."""
    knob = Config.param[name]
    if isinstance(knob, Quantity):
        return round(value / knob.factor, 15)
    return Config.read(name, str(value))
