"""Play and pause, single step, reset: what every visitor presses first."""

import panel_material_ui as pmui

from snnlab_app.compute.remote import RemoteSession


class Buttons:
    """Play and pause, single step, reset."""

    def __init__(self, session: RemoteSession):
        self._session = session
        self._play = pmui.Button(label="Train", icon="play_arrow", color="primary", width=105)
        self._step = pmui.Button(label="Step", icon="skip_next", variant="outlined", width=75)
        self._reset = pmui.Button(label="Reset", icon="replay", variant="outlined", width=85)
        self._play.on_click(lambda _: self.toggle())
        self._step.on_click(lambda _: session.step())
        self._reset.on_click(lambda _: session.reset())

    def panel(self) -> pmui.Row:
        """All in one row."""
        return pmui.Row(self._play, self._step, self._reset, margin=0)

    def toggle(self) -> None:
        """Train, or pause."""
        running = self._session.state == "running"
        (self._session.pause if running else self._session.play)()

    def show(self, state: str) -> None:
        """Name what the next click does. While loading, a click is kept and acts afterwards."""
        running = state == "running"
        self._play.param.update(
            label="Pause" if running else "Train", icon="pause" if running else "play_arrow"
        )
