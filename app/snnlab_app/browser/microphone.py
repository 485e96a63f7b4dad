"""A microphone button: what is said goes as a wav file to the server of the page, nowhere else.

Its part in the browser is in microphone.js.
"""

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Callable
from pathlib import Path

import param
from panel.custom import JSComponent

MAX_SECONDS = 4.0
"""Longest recording, after which the microphone is off."""
MAX_BYTES = 4 * 2**20
"""Largest file taken from a browser: ``MAX_SECONDS`` at 384 kHz are 3 MB."""


class Microphone(JSComponent):
    """A button that records one word, and a button that plays what was recorded.

    The browser asks for permission when the button is first pressed. A recording ends by itself
    after the word, or after ``MAX_SECONDS``. ``take`` gets the content of the wav file.
    """

    label = param.String("Speak a digit", doc="The button's text.")
    seconds = param.Number(MAX_SECONDS, doc="Longest recording : s.")
    answer = param.String("", doc="What became of the last recording.")
    trouble = param.Boolean(False, doc="Whether the answer is a refusal.")
    answers = param.Integer(0, doc="Rises with each answer, as it may be the same again.")
    sound = param.String("", doc="Wav file that can be played, in base64.")

    _esm = (Path(__file__).parent / "microphone.js").read_text("utf-8")

    def __init__(self, take: Callable[[bytes], None], **params):
        super().__init__(**params)
        self._take = take

    def say(self, answer: str, trouble: bool = False) -> None:
        """Say what became of the recording."""
        self.param.update(answer=answer, trouble=trouble, answers=self.answers + 1)

    def offer(self, wav: bytes | None) -> None:
        """Let the visitor hear this sound: content of a wav file."""
        self.sound = b64encode(wav or b"").decode()

    def _handle_msg(self, msg):
        match msg:
            case ["said", str(text)] if len(text) <= MAX_BYTES * 4 // 3 + 4:
                try:
                    wav = b64decode(text, validate=True)
                except (Error, ValueError):
                    return
                self._take(wav)
