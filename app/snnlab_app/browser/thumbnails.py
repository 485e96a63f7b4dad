"""Small pictures that can be chosen, each a button, and played if they are of sounds."""

from collections.abc import Callable
from pathlib import Path

import param
from panel.custom import JSComponent


class Thumbnails(JSComponent):
    """Pictures in rows; ``choose`` is called with the number of the one that is pressed, ``listen``
    with that of one to be played."""

    pictures = param.List([], doc="Number, name, caption, and PNG in base64 of each.")
    sounds = param.Boolean(False, doc="Whether each can be played.")

    _esm = (Path(__file__).parent / "thumbnails.js").read_text("utf-8")

    def __init__(
        self,
        choose: Callable[[int], None],
        listen: Callable[[int], None] = lambda number: None,
        **params,
    ):
        super().__init__(**params)
        self._acts = {"choose": choose, "listen": listen}

    def play(self, number: int, wav: bytes) -> None:
        """Let the visitor hear the sound of a picture: content of a wav file."""
        self._send_msg({"number": number, "wav": wav})

    def _handle_msg(self, msg):
        match msg:
            case [str(act), int(number)] if act in self._acts:
                if any(number == shown for shown, *_ in self.pictures):
                    self._acts[act](number)
