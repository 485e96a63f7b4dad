"""What can be saved of a view, in a dialog of the page."""

from collections.abc import Callable
from html import escape

from snnlab_app.browser.dialog import Dialog, button

KINDS = {"png": "PNG", "svg": "SVG", "csv": "CSV"}
"""Files of a figure: its picture, its drawing, its data."""


class SaveDialog:
    """What can be saved of a view, in a dialog of the page.

    A menu of menus would cover itself at the edge of the screen, and need a steady hand.
    """

    def __init__(self):
        self._acts: dict[str, Callable[[], None]] = {}
        self.dialog = Dialog(self._press, heading="Save")

    def open(self, whole: dict[str, Callable], figures: dict[str, dict[str, Callable]]) -> None:
        """Offer what is to be saved of the view as a whole, and of its figures by kind of file."""
        self._acts = dict(whole)
        buttons = "".join(button(label, label, closes=True) for label in whole)
        rows = ""
        for title, acts in figures.items():
            cells = ""
            for kind, act in acts.items():
                name = f"{title} as {KINDS[kind]}"
                self._acts[name] = act
                cells += f"<td>{button(name, KINDS[kind], closes=True, says=name)}</td>"
            rows += f'<tr><th scope="row">{escape(title)}</th>{cells}</tr>'
        table = f"<h3>Figures, and their data with units</h3><table>{rows}</table>" if rows else ""
        self.dialog.content = f'<div class="buttons first">{buttons}</div>{table}'
        self.dialog.open()

    def _press(self, name):
        if name in self._acts:
            self._acts[name]()
