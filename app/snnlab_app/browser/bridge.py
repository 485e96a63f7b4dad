"""What only the browser can do: say when it has drawn and which keys were pressed, copy, save.

Its part is written in the .js files beside this one.
"""

import json
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import panel as pn
import param
from panel.custom import JSComponent

from snnlab.errors import plain
from snnlab_app.plots.theme import INK, LIGHTER

KEYS = (" ", ".", "r", "s", "p", "?", "escape")
GIVE_UP = 6.0
"""Seconds after which an answer is no longer waited for: the page may have been asleep."""
MAX_BUSY = 0.5
"""Share of the time that a page may spend on drawing; the slower it is, the less it is sent."""
MAX_DRAW_SECONDS = 1.0
"""Cap on a measured draw time; longer values are of a page that was asleep or out of sight."""

KINDS = {"csv": "text/csv", "webp": "image/webp", "gif": "image/gif"}
"""Types of the files that are delivered, by the ending of their names."""
MAX_REASON = 200
"""Characters shown of a reason why a file could not be saved."""

SCRIPTS = ("bokeh_fixes.js", "theme.js", "motion.js", "clipboard.js", "sharing.js", "bridge.js")
"""Files of the browser's part, in this folder and in this order: together they are one module."""


class Bridge(JSComponent):
    """An invisible part of the page."""

    sent = param.Integer(0, doc="Pictures sent to the page.")
    figures = param.Integer(0, doc="Figures that must be laid out before the page answers.")
    narrow = param.Boolean(False, doc="Whether the page is narrow: a phone, or enlarged.")
    ink = param.Dict(INK, doc="Colour of words in plots, by ground.")
    keys = param.List(list(KEYS), doc="Keys that act.")
    goodbye = param.String("", doc="What to say when the tab is closed.")
    text = param.String("", doc='What is to go to the clipboard; "?…" and "page?…" as a link.')
    copied = param.Integer(0, doc="Rises with each text to copy.")

    _esm = f"const LIGHTER = {json.dumps(LIGHTER)}\n" + "\n".join(
        (Path(__file__).parent / name).read_text("utf-8") for name in SCRIPTS
    )

    def __init__(self, **params):
        super().__init__(**params)
        self._acts: dict[str, Callable[[], None]] = {}
        self._sent_at = self._free_at = 0.0
        self._drawn = 0

    def when(self, message: str, act: Callable[[], None]) -> None:
        """Call ``act`` when the browser sends this message: "key r", "undo", "copied", …"""
        self._acts[message] = act

    def _handle_msg(self, msg):
        match msg:
            case ["drawn", int(sent), int(seconds) | float(seconds)]:
                self._drawn = sent
                self._free_at = self._sent_at + min(MAX_DRAW_SECONDS, seconds) / MAX_BUSY
            case ["not saved", str(reason)]:
                self.complain(reason)
            case str() if msg in self._acts:
                self._acts[msg]()

    def copy(self, text: str) -> None:
        """Put a text onto the clipboard of the visitor, or show it to be copied by hand."""
        self.param.update(text=text, copied=self.copied + 1)

    def save(self, figure: str, kind: str, name: str) -> None:
        """Give the visitor a figure, by its id, as a file of kind "png" or "svg"."""
        self._send_msg({"file": "figure", "id": figure, "kind": kind, "name": f"{name}.{kind}"})

    def save_view(self, titles: list[tuple[str, str]], name: str, **words) -> None:
        """Give the visitor one PNG of everything drawn on the page.

        titles : id and title of the view's figures; words : ``title``, ``numbers`` (a list of
        lines), ``settings`` and ``link``.
        """
        self._send_msg({"file": "view", "titles": titles, "name": f"{name}.png", **words})

    def deliver(self, data: bytes, kind: str, name: str) -> None:
        """Give the visitor a file that is made already, of a kind in ``KINDS``."""
        self._send_msg(
            {"file": "bytes", "data": data, "type": KINDS[kind], "name": f"{name}.{kind}"}
        )

    def complain(self, reason: str) -> None:
        """Show why something failed, in one line that vanishes by itself."""
        if pn.state.notifications is not None:
            pn.state.notifications.error(plain(reason)[:MAX_REASON], duration=8000)

    @property
    def ready(self) -> bool:
        """Whether the page has drawn what it was sent, and has had time for something else."""
        waiting = self._drawn < self.sent and monotonic() - self._sent_at < GIVE_UP
        return not waiting and monotonic() >= self._free_at

    def send(self, figures: int = 0) -> None:
        """Ask for an answer when everything sent so far is drawn, with that many figures laid out.

        A figure that gets data before it is laid out breaks.
        """
        self._sent_at = monotonic()
        self.param.update(figures=figures, sent=self.sent + 1)
