"""The row over the views: presets, recipes, chip, undo, sharing, help."""

import panel as pn
import panel_material_ui as pmui

from snnlab.chip.units import CODES, PHYSICAL
from snnlab.recipes import recipes
from snnlab_app.page.presets import PRESETS
from snnlab_app.plots.theme import SWIPED

NONE = "choose one …"


class Toolbar:
    """Calls back by name: preset and recipe with the one chosen, units with those to show, and the
    names of the buttons. ``shown_in``: units to begin with."""

    def __init__(self, shown_in: str, /, **acts):
        self._buttons = {
            name: _button(label, icon, acts[name]) for name, (label, icon) in _BUTTONS.items()
        }
        self._choices = [
            _choice("Preset", PRESETS, self._then(acts["preset"])),
            _choice("Recipe", recipes(), self._then(acts["recipe"])),
        ]
        self._codes = pmui.Switch(
            label="Chip codes", value=shown_in == CODES, size="small", margin=(2, 10),
            stylesheets=[".MuiFormControlLabel-label { font-size: 13px !important }"],
        )  # fmt: skip
        self._codes.param.watch(
            lambda event: acts["units"](CODES if event.new else PHYSICAL), "value"
        )

    def _then(self, act):
        """Act on a choice, after which what was chosen elsewhere holds no more."""

        def chosen(event):
            if event.new != NONE:
                for choice in self._choices:
                    if choice is not event.obj:
                        choice.value = NONE
                act(event.new)

        return chosen

    def panel(self) -> pn.FlexBox:
        """All in rows; on a phone in one that is swiped."""
        return pn.FlexBox(
            *self._choices, self._codes, *self._buttons.values(), align_items="center",
            sizing_mode="stretch_width", margin=(8, 5, 0, 5), gap="2px", stylesheets=[SWIPED],
        )  # fmt: skip

    def show(self, *, twin: bool, measured: bool) -> None:
        """Name what the next click does."""
        for name, label in (
            ("twin", "Real chip" if twin else "Ideal twin"),
            ("recalibrate", "As drawn" if measured else "Recalibrate"),
        ):
            if self._buttons[name].label != label:
                self._buttons[name].label = label


_BUTTONS = {
    "swap": ("Swap chip", "memory"),
    "recalibrate": ("Recalibrate", "tune"),
    "twin": ("Ideal twin", "compare_arrows"),
    "undo": ("Undo", "undo"),
    "redo": ("Redo", "redo"),
    "link": ("Copy link", "link"),
    "share": ("Let watch", "groups"),
    "python": ("Copy as Python", "code"),
    "help": ("What is this?", "help_outline"),
    "tour": ("Tour", "explore"),
}


def _choice(label, names, chosen):
    choice = pmui.Select(
        label=label, options=[NONE, *names], value=NONE, width=170, size="small", margin=(2, 5)
    )
    choice.param.watch(chosen, "value")
    return choice


def _button(label, icon, act):
    button = pmui.Button(label=label, icon=icon, variant="text", size="small", margin=(2, 2))
    button.on_click(lambda _: act())
    return button
