"""A tour of the page in five steps, and the help on each view."""

from html import escape

from snnlab_app.browser.dialog import Dialog, button
from snnlab_app.plots.words import reword
from snnlab_app.session.snapshot import IMAGES

STEPS = (
    ("Train", "Press Train, or the space bar. Each image becomes spikes, the emulated analog chip"
     " runs them, and the network learns from what the chip recorded."),
    ("Mismatch", "Drag Mismatch while it trains: circuits differ more from one another. Accuracy"
     " falls, and training in the loop restores it. The dashed curve shows the same weights without"
     " further training."),
    ("Burst regularisation", "Drag it to the right: neurons fire fewer spikes, and the power that"
     " spikes take falls. Watch how little accuracy it costs."),
    ("Surrogate steepness", "It decides which neurons learn. A steep surrogate reaches only neurons"
     " close to their threshold, a flat one reaches all of them alike. The view Learn shows it."),
    ("Explore", "Scenarios has demonstrations, and lessons that ask you to predict a result before"
     " you see it. The tabs show the chip, one image on it, the errors and the energy. Keys: Space"
     " trains and pauses, . makes one step, R resets, S swaps the chip, ? opens this tour."),
)  # fmt: skip


class Tour:
    """A dialog in five steps."""

    def __init__(self):
        self._step, self._kind = 0, IMAGES
        self.dialog = Dialog(self._press)
        self._show()

    def open(self, kind: str) -> None:
        """Open at the first step, for inputs of this kind."""
        self._step, self._kind = 0, kind
        self._show()
        self.dialog.open()

    def _press(self, name):
        step = self._step + {"next": 1, "back": -1}.get(name, 0)
        if 0 <= step < len(STEPS):
            self._step = step
            self._show()

    def _show(self):
        title, text = STEPS[self._step]
        text = reword(text, self._kind)
        last = self._step == len(STEPS) - 1
        buttons = button("back", "Back", off=self._step == 0)
        buttons += button("next", "Done" if last else "Next", first=True, closes=last)
        text = f'<p style="min-height: 6em">{escape(text)}</p>'
        self.dialog.param.update(
            heading=f"{self._step + 1} of {len(STEPS)}: {title}",
            content=f'{text}<div class="buttons">{buttons}</div>',
        )


class Help:
    """The help dialog of a view: what you see, what to try, why it matters."""

    def __init__(self):
        self.dialog = Dialog()

    def open(self, view) -> None:
        """Explain a view."""
        parts = {"What you see": view.see, "Try this": view.attempt, "Why it matters": view.matters}
        parts = {name: view.words(text) for name, text in parts.items()}
        self.dialog.param.update(
            heading=view.title,
            content="".join(
                f"<h3>{escape(name)}</h3><p>{escape(text)}</p>" for name, text in parts.items()
            ),
        )
        self.dialog.open()
