"""The header: tabs of the views, scenarios, and a menu of everything done less often."""

import panel as pn
import panel_material_ui as pmui

from snnlab.chip.units import CODES, PHYSICAL
from snnlab_app.plots.theme import HEADER_TABS

INHERIT = {"color": "inherit"}
"""Style of a button with the colour of the text around it."""
ENTRIES = {
    "undo": ("Undo (Ctrl+Z)", "undo"),
    "redo": ("Redo (Ctrl+Y)", "redo"),
    "defaults": ("Start over with defaults", "restart_alt"),
    "units": ("", "straighten"),
    "present": ("", "co_present"),
    "picture": ("Save picture of this view", "image"),
    "animation": ("Save animation of Live, last 8 s", "movie"),
    "link": ("Copy link", "link"),
    "share": ("Share live view", "groups"),
    "python": ("Copy as Python", "code"),
    "help": ("What is this?", "help_outline"),
    "tour": ("Tour (?)", "explore"),
}
"""Entries of the menu by name: label and icon; empty labels depend on the state."""

MIDDLE = {"align-self": "center"}
"""Style of what stands in the middle of the header's height."""


class Header:
    """Callbacks ``acts`` by name: units gets the units to show, the others nothing.

    titles : of the views; active : index of the one open at first; shown_in : units at first.
    """

    def __init__(self, titles: list[str], active: int, shown_in: str, /, **acts):
        self.tabs = pmui.Tabs(
            *((title, pn.Spacer(height=0)) for title in titles), active=active,
            sizing_mode="stretch_width", sx=HEADER_TABS, margin=0,
        )  # fmt: skip
        self._acts, self._units, self._presenting = acts, shown_in, False
        self._scenarios = pmui.Button(
            label="Scenarios", variant="text", size="small", margin=(0, 2), sx=INHERIT,
            styles=MIDDLE,
        )  # fmt: skip
        self._scenarios.on_click(lambda _: acts["scenarios"]())
        self._menu = pmui.MenuButton(
            label="Menu", variant="text", size="small", margin=(0, 2), items=self._entries(),
            sx=INHERIT, styles=MIDDLE,
        )  # fmt: skip
        self._menu.on_click(self._chosen)

    def panel(self) -> list:
        """What stands in the header, from left to right."""
        return [self.tabs, self._scenarios, self._menu]

    def show(self, *, presenting: bool) -> None:
        """Update the labels."""
        if presenting != self._presenting:
            self._presenting = presenting
            self._menu.items = self._entries()

    def _entries(self):
        labels = {
            "units": "Show physical units" if self._units == CODES else "Show chip codes",
            "present": "Leave presenter mode (P)" if self._presenting else "Presenter mode (P)",
        }
        return [
            {"label": labels.get(name, label), "icon": icon}
            for name, (label, icon) in ENTRIES.items()
        ]

    def _chosen(self, item):
        labels = [entry["label"] for entry in self._entries()]
        name = list(ENTRIES)[labels.index(item["label"])]
        if name == "units":
            self._units = PHYSICAL if self._units == CODES else CODES
            self._menu.items = self._entries()
            self._acts["units"](self._units)
        else:
            self._acts[name]()
