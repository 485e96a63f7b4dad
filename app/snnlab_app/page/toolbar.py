"""The toolbar above the views: scenarios, chip, undo, sharing, help."""

import panel as pn
import panel_material_ui as pmui

from snnlab.chip.units import CODES, PHYSICAL
from snnlab_app.plots.theme import SWIPED


class Toolbar:
    """Callbacks ``acts`` by name: units gets the units to show, the others are called by buttons.

    ``shown_in``: units to begin with.
    """

    def __init__(self, shown_in: str, /, **acts):
        self._buttons = {
            name: _button(label, icon, acts[name]) for name, (label, icon) in _BUTTONS.items()
        }
        self._codes = pmui.Switch(
            label="Chip codes", value=shown_in == CODES, size="small", margin=(2, 10),
            stylesheets=[".MuiFormControlLabel-label { font-size: 13px !important }"],
        )  # fmt: skip
        self._codes.param.watch(
            lambda event: acts["units"](CODES if event.new else PHYSICAL), "value"
        )

    def panel(self) -> pn.FlexBox:
        """The toolbar; on a phone one row that scrolls sideways."""
        return pn.FlexBox(
            self._codes, *self._buttons.values(), align_items="center",
            sizing_mode="stretch_width", margin=(8, 5, 0, 5), gap="2px", stylesheets=[SWIPED],
        )  # fmt: skip

    def show(self, *, twin: bool, measured: bool) -> None:
        """Update the labels."""
        for name, label in (
            ("twin", "Real chip" if twin else "Ideal twin"),
            ("recalibrate", "As drawn" if measured else "Recalibrate"),
        ):
            if self._buttons[name].label != label:
                self._buttons[name].label = label


_BUTTONS = {
    "scenarios": ("Scenarios", "school"),
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


def _button(label, icon, act):
    button = pmui.Button(label=label, icon=icon, variant="text", size="small", margin=(2, 2))
    button.on_click(lambda _: act())
    return button
