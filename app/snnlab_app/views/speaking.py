"""A sound of the visitor's own: spoken or from a file, decided by the chip, and learned."""

from collections import Counter

import panel as pn
import panel_material_ui as pmui

from snnlab.errors import SnnlabError
from snnlab_app.browser.microphone import Microphone
from snnlab_app.controls import upload
from snnlab_app.plots.cards import Text, card
from snnlab_app.session.control import WEIGHT, TrainingControl

PRIVACY = (
    "What you say goes to the server of this page only, and is gone when you leave."
    " Other words are taken for digits, too."
)


class Speaking:
    """Cards to record a sound and to add it to the training; ``describe(frame)`` says what the chip
    decided."""

    def __init__(self, session: TrainingControl, describe):
        self._session, self._describe = session, describe
        self._number, self._given, self._said = 0, b"", None
        self.microphone = Microphone(self.take, margin=(4, 12), sizing_mode="stretch_width")
        self.file = upload.chooser(
            label="Choose a wav file", sizing_mode="stretch_width", variant="outlined",
        )  # fmt: skip
        self.file.param.watch(self._dropped, "value")
        self._note = Text()
        self._note.say(PRIVACY)
        self.label = pmui.Select(
            label="Digit", options={}, size="small", width=92, margin=(8, 4, 8, 12)
        )
        self.add = pmui.Button(
            label="Learn it too", icon="school", variant="outlined", disabled=True, margin=(8, 4)
        )
        self.add.on_click(lambda _: self._teach())
        self._learned = Text(polite=True)

    def cards(self) -> list[pn.Column]:
        """A card to speak, and one to add what was said."""
        return [
            card("Speak a digit", {}, self.microphone, self.file, self._note),
            card("Teach it your voice", {}, pn.FlexBox(self.label, self.add, align_items="center"),
                 self._learned),
        ]  # fmt: skip

    def take(self, wav: bytes) -> None:
        """Put a sound on the chip: content of a wav file."""
        self._number += 1
        self._given = wav
        self.add.disabled = True
        self._session.say(wav, self._number)

    def _dropped(self, event):
        if event.new:
            self.take(event.new)
            self.file.value = None  # so that choosing the same file again counts as a change

    def show(self, snapshot) -> None:
        """Report the answer to the newest sound, and offer the frame's sound for playback."""
        frame, options = snapshot.frame, {name: k for k, name in enumerate(snapshot.classes)}
        if self.label.options != options:
            self.label.param.update(options=options, value=0)
        self.microphone.offer(frame.clip.wav if frame.clip else None)
        own = frame.label is None and snapshot.heard == self._number
        self.add.disabled = not own
        if snapshot.heard != self._number or not self._number:
            return
        if own:
            self._say(f"The chip heard “{frame.decision}”. {self._describe(frame)}", False)
        elif snapshot.answer:
            text = snapshot.answer
            self._say(f"{text[:1].upper()}{text[1:]}.", True)

    def _say(self, *answer):
        if self._said != (now := (self._number, *answer)):
            self._said = now
            self.microphone.say(*answer)

    def _teach(self):
        """Add what was said last to what is learned from the next start on."""
        try:
            self._session.teach(self._given, self.label.value)
        except SnnlabError as error:
            pn.state.notifications.error(str(error), duration=6000)
            return
        self.add.disabled = True
        self._say_learned()

    def _say_learned(self):
        names = {k: name for name, k in self.label.options.items()}
        counts = Counter(getattr(self._session, "taught", ()))
        each = ", ".join(f"{n} × “{names[k]}”" for k, n in sorted(counts.items()))
        self._learned.say(
            f"From the next Reset on it learns {each} as well, each {WEIGHT} times in an epoch,"
            " varied like all others."
        )
