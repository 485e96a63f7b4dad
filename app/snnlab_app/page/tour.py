"""A tour of the page in five steps, and the help on each view."""

from html import escape

import panel as pn
import panel_material_ui as pmui

STEPS = (
    ("Train", "Press Train, or the space bar. An emulated analog chip runs every image; what it"
     " measured is what the network learns from."),
    ("Break it", "Drag Mismatch while it trains. A new chip is fabricated, accuracy falls, and the"
     " loop repairs it; the dashed line is the same network left out of the loop."),
    ("Look inside", "Each tab answers one question: what the chip looks like, how one image becomes"
     " a decision, what is confused, what it costs, whom the gradient reaches."),
    ("Save power", "Raise burst regularisation. Spikes fall, and with them the energy that activity"
     " takes; accuracy hardly moves."),
    ("Share", "Copy link takes every setting along, seed included; Let watch shows others this very"
     " training. Keys: Space trains and pauses, a full stop takes one step, R resets, S swaps the"
     " chip, ? opens this tour."),
)  # fmt: skip
CLOSING = {"show_close_button": True, "close_on_click": True}
"""Options of a dialog, which closes by its button, Escape, or a click outside."""
_TEXT = '<div style="font: 16px/1.5 system-ui; min-height: 6em">{}</div>'


class Tour:
    """A dialog in five steps."""

    def __init__(self):
        self._step = 0
        self._text = pn.pane.HTML("", sizing_mode="stretch_width")
        self._next = pmui.Button(label="Next")
        self._back = pmui.Button(label="Back", variant="outlined")
        self._next.on_click(lambda _: self._go(1))
        self._back.on_click(lambda _: self._go(-1))
        self.dialog = pmui.Dialog(self._text, pmui.Row(self._back, self._next), title="", **CLOSING)
        self._show()

    def open(self) -> None:
        """Open at the first step."""
        self._step = 0
        self._show()
        self.dialog.open = True

    def _go(self, by):
        self._step += by
        if not 0 <= self._step < len(STEPS):
            self.dialog.open = False
            return
        self._show()

    def _show(self):
        name, text = STEPS[self._step]
        self.dialog.title = f"{self._step + 1} of {len(STEPS)}: {name}"
        self._text.object = _TEXT.format(escape(text))
        self._back.disabled = self._step == 0
        self._next.label = "Done" if self._step == len(STEPS) - 1 else "Next"


class Help:
    """The help dialog of a view: what you see, what to try, why it matters."""

    def __init__(self):
        self._text = pn.pane.HTML("", sizing_mode="stretch_width")
        self.dialog = pmui.Dialog(self._text, title="", **CLOSING)

    def open(self, view) -> None:
        """Explain a view."""
        parts = {"What you see": view.see, "Try this": view.attempt, "Why it matters": view.matters}
        self._text.object = "".join(
            f'<h3 style="font: 600 15px system-ui; margin: 12px 0 4px">{escape(name)}</h3>'
            f'<p style="font: 15px/1.5 system-ui; margin: 0">{escape(text)}</p>'
            for name, text in parts.items()
        )
        self.dialog.title = view.title
        self.dialog.open = True
