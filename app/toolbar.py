"""The row of buttons over the views: chip, presets, undo, sharing, help."""

import panel as pn
import panel_material_ui as pmui

from snnlab_app.presets import PRESETS

NONE = "choose one …"


class Toolbar:
    """Calls back by name: swap, recalibrate, twin, undo, redo, link, python, help, tour, preset."""

    def __init__(self, **acts):
        self._buttons = {
            name: _button(label, icon, acts[name]) for name, (label, icon) in _BUTTONS.items()
        }
        self.preset = pmui.Select(
            label="Preset", options=[NONE, *PRESETS], value=NONE, width=220, size="small"
        )
        self.preset.param.watch(
            lambda event: event.new == NONE or acts["preset"](event.new), "value"
        )

    def panel(self) -> pn.FlexBox:
        """All in one row, wrapped where it is narrow."""
        return pn.FlexBox(
            self.preset, *self._buttons.values(), align_items="center",
            sizing_mode="stretch_width", margin=(8, 5, 0, 5), gap="2px",
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
    "python": ("Copy as Python", "code"),
    "help": ("What is this?", "help_outline"),
    "tour": ("Tour", "explore"),
}


def _button(label, icon, act):
    button = pmui.Button(label=label, icon=icon, variant="text", size="small", margin=(2, 2))
    button.on_click(lambda _: act())
    return button
