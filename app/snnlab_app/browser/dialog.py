"""A modal dialog of the page, as the browser has it; its part there is in dialog.js."""

from collections.abc import Callable
from html import escape
from itertools import count
from pathlib import Path

import param
from panel.custom import JSComponent

_KEYS = count()


class Dialog(JSComponent):
    """Shows HTML in which all texts are escaped; a button made by :func:`button` sends its name."""

    heading = param.String("", doc="Title of the dialog.")
    content = param.String("", doc="HTML below the title.")
    wide = param.Boolean(False, doc="Whether it may take the width of a desktop screen.")
    shown = param.Integer(0, doc="Rises whenever the dialog is to open.")
    key = param.Integer(0, doc="Distinguishes the dialogs of a page.")

    _esm = (Path(__file__).parent / "dialog.js").read_text("utf-8")

    def __init__(self, press: Callable[[str], None] = lambda name: None, **params):
        super().__init__(key=next(_KEYS), **params)
        self._press = press

    def open(self) -> None:
        """Open it; what has the focus now gets it back when it closes."""
        self.shown += 1

    def _handle_msg(self, msg):
        if isinstance(msg, str):
            self._press(msg)


def button(
    name: str, label: str, *, first: bool = False, closes: bool = False, off: bool = False,
    says: str = "",
) -> str:  # fmt: skip
    """A button that sends ``name``: HTML. ``first`` is the usual one, ``closes`` the dialog too;
    ``says`` is what a screen reader says instead of the label."""
    named = f' aria-label="{escape(says)}"' if says else ""
    flags = f"{' data-close' * closes}{' class=first' * first}{' disabled' * off}"
    return f'<button data-press="{escape(name)}"{named}{flags}>{escape(label)}</button>'
