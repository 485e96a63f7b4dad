"""What is one click: another chip, a calibration, the ideal twin, a killed circuit."""

from snnlab.config import Config
from snnlab_app.controls.undo import Turns

IDEAL = {
    "die": "ideal", "mismatch": 0.0, "dead": 0.0, "stuck": 0.0, "killed": [],
    "calibration": "as drawn", "cadc_noise": 0.0, "threshold_drift": 0.0, "spike_jitter": 0.0,
}  # fmt: skip
"""The chip of the textbook: nothing drawn, nothing random."""


class Actions:
    """Turns several knobs at once, and back."""

    def __init__(self, config: Config, turns: Turns):
        self._config, self._turns = config, turns
        self._real: dict = {}

    @property
    def is_twin(self) -> bool:
        """Whether the ideal twin is in use."""
        return all(getattr(self._config, name) == value for name, value in IDEAL.items())

    def swap_chip(self) -> None:
        """The next die off the wafer."""
        self._turns.turn({"die_seed": (self._config.die_seed + 1) % 2**32})

    def recalibrate(self) -> None:
        """Measure every circuit of the die and set it anew, or use it as drawn again."""
        measured = self._config.calibration == "measured"
        self._turns.turn({"calibration": "as drawn" if measured else "measured"})

    def twin(self) -> None:
        """Change between the chip and its ideal twin."""
        if self.is_twin:
            plain = Config().values()
            self._turns.turn(self._real or {name: plain[name] for name in IDEAL})
        else:
            self._real = {name: self._config.values()[name] for name in IDEAL}
            self._turns.turn(IDEAL)

    def kill(self, circuit: int) -> None:
        """Kill a circuit, or revive it if it was killed by hand."""
        killed = self._config.killed
        alive = circuit in killed
        self._turns.turn(
            {"killed": [k for k in killed if k != circuit] if alive else [*killed, circuit]}
        )
