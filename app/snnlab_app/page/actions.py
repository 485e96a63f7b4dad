"""Actions of one click: train, step, reset; another chip, a calibration, the ideal twin."""

import panel_material_ui as pmui

from snnlab.config import Config
from snnlab_app.controls.undo import Turns
from snnlab_app.session.control import State, TrainingControl, toggles


class Buttons:
    """Play and pause, single step, reset."""

    def __init__(self, session: TrainingControl):
        self._play = pmui.Button(label="Train", icon="play_arrow", color="primary", width=100,
                                 size="small", margin=(2, 3))  # fmt: skip
        self._step = pmui.Button(label="Step", icon="skip_next", variant="outlined", width=72,
                                 size="small", margin=(2, 3))  # fmt: skip
        self._reset = pmui.Button(label="Reset", icon="replay", variant="outlined", width=78,
                                  size="small", margin=(2, 3))  # fmt: skip
        self._play.on_click(lambda _: session.toggle())
        self._step.on_click(lambda _: session.step())
        self._reset.on_click(lambda _: session.reset())

    def panel(self) -> pmui.Row:
        """The buttons in one row."""
        return pmui.Row(self._play, self._step, self._reset, margin=0)

    def show(self, state: State, waits: bool) -> None:
        """Update the labels, and emphasise Reset while a knob ``waits`` for it.

        A click while loading is queued.
        """
        icon = "pause" if state == State.RUNNING else "play_arrow"
        self._play.param.update(label=toggles(state), icon=icon)
        self._reset.variant = "contained" if waits else "outlined"


class Actions:
    """Sets several knobs at once, and restores them."""

    def __init__(self, config: Config, turns: Turns):
        self._config, self._turns = config, turns
        self._real: dict = {}

    @property
    def is_twin(self) -> bool:
        """Whether the ideal twin is in use, whatever else was turned on it."""
        return self._config.die == Config.IDEAL["die"]

    def swap_chip(self) -> None:
        """Use the next die."""
        self._turns.turn({"die_seed": (self._config.die_seed + 1) % 2**32})

    def recalibrate(self) -> None:
        """Measure every circuit of the die and set its codes, or use the die as drawn again."""
        measured = self._config.calibration == "measured"
        self._turns.turn({"calibration": "as drawn" if measured else "measured"})

    def twin(self) -> None:
        """Switch between the chip and its ideal twin."""
        if self.is_twin:
            plain = Config().values()
            self._turns.turn(self._real or {name: plain[name] for name in Config.IDEAL})
        else:
            self._real = {name: self._config.values()[name] for name in Config.IDEAL}
            self._turns.turn(dict(Config.IDEAL))

    def kill(self, circuit: int) -> None:
        """Disable a circuit, or enable it again."""
        killed = self._config.killed
        alive = circuit in killed
        self._turns.turn(
            {"killed": [k for k in killed if k != circuit] if alive else [*killed, circuit]}
        )
