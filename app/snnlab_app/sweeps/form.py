"""The form that starts a sweep: knobs, ranges, and the search method."""

import panel as pn
import panel_material_ui as pmui

from snnlab.config import Config
from snnlab.quantities import objectives
from snnlab.sweeps.plan import Plan
from snnlab_app.controls.knobs import label
from snnlab_app.plots.blank import kind_of
from snnlab_app.plots.cards import Markup
from snnlab_app.plots.words import reword
from snnlab_app.sweeps.ranges import (
    MAX_KNOBS,
    MAX_OBJECTIVES,
    Given,
    around,
    is_choice,
    offered,
    planned,
)

FIRST = ("beta", "rho_burst")
"""Knobs selected by default."""
EPOCHS = 3
"""Default epochs of each trial, unless the training has fewer."""
SAMPLERS = {"TPE: learns from trials": "tpe", "random": "random", "grid: every point": "grid"}
SCALES = {"linear": False, "logarithmic": True}
_NAME = '<div style="font: 600 13px/1.4 system-ui">{}</div>'
_FIELD = {"size": "small", "margin": (8, 5, 6, 5)}


class Form:
    """Widgets of the form; ``plan()`` returns the plan they describe."""

    def __init__(self, config: Config):
        self._config = config
        self._knobs = pmui.MultiChoice(
            label=f"Settings to vary (max {MAX_KNOBS})", max_items=MAX_KNOBS, value=list(FIRST),
            options=offered(config), sizing_mode="stretch_width",
            margin=(10, 10, 4, 10),
        )  # fmt: skip
        self._ranges = {name: _Range(name, config) for name in FIRST}
        self._place = pn.Column(sizing_mode="stretch_width", margin=(0, 5))
        self._sampler = pmui.Select(
            label="Search by", options=SAMPLERS, value="tpe", width=240, **_FIELD
        )
        self._trials = _text("Trials", "20", 115)
        self._epochs = _text("Epochs of each trial", str(min(EPOCHS, config.epochs)), 165)
        self._repeats = _text("Dies for each trial", "1", 165)
        self._objectives = pmui.MultiChoice(
            label=f"Optimise for (max {MAX_OBJECTIVES})", max_items=MAX_OBJECTIVES,
            value=["accuracy"], options=self._goals(),
            sizing_mode="stretch_width", margin=(4, 10),
        )  # fmt: skip
        self._knobs.param.watch(lambda _: self._lay_out(), "value")
        self._sampler.param.watch(lambda _: self._lay_out(), "value")
        self._lay_out()

    def panel(self) -> list:
        """Layout of the form."""
        how = pn.FlexBox(
            self._sampler, self._trials, self._epochs, self._repeats, align_items="center",
            sizing_mode="stretch_width", margin=(0, 5),
        )  # fmt: skip
        return [self._knobs, self._place, how, self._objectives]

    def renew(self) -> None:
        """Update the knobs for the data set, and the ranges around the current settings, except
        those edited by the visitor."""
        knobs = offered(self._config)
        if knobs != self._knobs.options:
            kept = [name for name in self._knobs.value if name in knobs.values()]
            self._knobs.param.update(options=knobs, value=kept or list(FIRST))
            self._objectives.options = self._goals()
        for range_ in self._ranges.values():
            range_.renew()

    def plan(self) -> Plan:
        """The plan; raises :class:`~snnlab.errors.SnnlabError` if it is not valid."""
        return planned(
            self._config,
            {name: self._ranges[name].given() for name in self._knobs.value},
            sampler=self._sampler.value,
            trials=self._trials.value,
            epochs=self._epochs.value,
            objectives=self._objectives.value,
            repeats=self._repeats.value,
        )

    def _goals(self):
        kind = kind_of(self._config)
        return {reword(q.title, kind): name for name, q in objectives().items()}

    def _lay_out(self):
        """One row for each selected knob."""
        grid = self._sampler.value == "grid"
        self._trials.disabled = grid
        for name in self._knobs.value:
            range_ = self._ranges.setdefault(name, _Range(name, self._config))
            range_.in_grid(grid)
        self._place.objects = [self._ranges[name].panel for name in self._knobs.value]


class _Range:
    """Input fields of one knob."""

    def __init__(self, name, config):
        self._name, self._config = name, config
        symbol = Config.param[name].metadata.get("symbol")
        named, title = symbol or Config.param[name].label, label(name)
        self._low, self._high = _text(f"{named} from", "", 165), _text(f"{named} to", "", 165)
        self._scale = pmui.Select(
            label=f"{named} scale", options=SCALES, value=False, width=165, **_FIELD
        )
        self._points = _text(f"{named} points", Given().points, 165)
        self._choices = _text(f"{named} values, separated by commas", "", 340)
        heading = Markup(
            _NAME.format(f"{title}, {symbol}" if symbol else title),
            margin=(4, 6, 0, 6), sizing_mode="stretch_width",
        )  # fmt: skip
        between = (self._low, self._high, self._scale)
        self._fields = [heading, *((self._choices,) if is_choice(name) else between)]
        self.panel = pn.FlexBox(
            *self._fields, align_items="center", sizing_mode="stretch_width", margin=0
        )
        self._offered = None
        self.renew()

    def in_grid(self, grid):
        """Whether a grid of points is searched; a hidden field would take time to lay out, too."""
        points = [self._points] if grid and self._low in self._fields else []
        if self.panel.objects != [*self._fields, *points]:
            self.panel.objects = [*self._fields, *points]

    def renew(self):
        offer = around(self._name, getattr(self._config, self._name))
        if self._offered is None or self.given() == self._offered:
            for field, text in (
                (self._low, offer.low), (self._high, offer.high), (self._choices, offer.choices),
            ):  # fmt: skip
                field.value = text
            self._scale.value = offer.log
            self._offered = self.given()

    def given(self):
        return Given(
            self._low.value, self._high.value, self._scale.value,
            self._points.value, self._choices.value,
        )  # fmt: skip


def _text(label, value, width):
    return pmui.TextInput(label=label, value=value, width=width, **_FIELD)
