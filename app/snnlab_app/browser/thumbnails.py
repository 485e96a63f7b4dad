"""Small pictures that can be chosen, each a button."""

from collections.abc import Callable
from pathlib import Path

import param
from panel.custom import JSComponent


class Thumbnails(JSComponent):
    """Pictures in rows; ``choose`` is called with the number of the one that is pressed."""

    pictures = param.List([], doc="Number, name, caption, and PNG in base64 of each.")

    _esm = (Path(__file__).parent / "thumbnails.js").read_text("utf-8")

    def __init__(self, choose: Callable[[int], None], **params):
        super().__init__(**params)
        self._choose = choose

    def _handle_msg(self, msg):
        if isinstance(msg, int) and any(msg == number for number, *_ in self.pictures):
            self._choose(msg)
