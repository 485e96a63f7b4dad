"""Calibration as in the laboratory: codes for every circuit, found by measurement only.

All 512 circuits are searched at once, one setting after the other, each by halving its 10-bit range
ten times. Order matters: potentials can be trusted once the converter is corrected, time constants
and gains once the membrane is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snnlab.chip import constants as c
from snnlab.chip.capmem import CODE_MAX, SETTINGS, Codes
from snnlab.chip.lab import measure
from snnlab.chip.lab.laboratory import Lab
from snnlab.errors import SnnlabError
from snnlab.files import npz, read_npz, write_named

Tell = Callable[[str, float | None], None]

QUANTITIES = (
    "cadc offset", "leak", "reset", "threshold", "tau_mem", "tau_syn exc", "tau_syn inh",
    "gain exc", "gain inh",
)  # fmt: skip
"""Rows of a report; the first four in LSB, the others relative to their target."""
TOLERANCE = np.array([6.0, 10.0, 10.0, 8.0, 0.2, 0.2, 0.2, 0.2, 0.2])
"""Deviations beyond which a circuit counts as not calibratable: about three of the spreads that
the calibration library's own tests allow."""


@dataclass(frozen=True)
class Targets:
    """Target of every circuit: potentials in LSB, time constants in s, gain relative."""

    leak: float = c.REST_LSB
    reset: float = c.REST_LSB
    threshold: float = c.REST_LSB + c.GAP_LSB
    tau_mem: float = c.TAU_MEM
    tau_syn: float = c.TAU_SYN
    gain: float = 1.0


@dataclass(frozen=True)
class Calibration:
    """A setting of the chip, and deviations before and after calibration.

    codes : Codes
    correction : float64[circuit], whole LSB that digital correction subtracts from CADC samples
    before, after : float64[quantity, circuit], measured deviations from the targets, quantities as
    in QUANTITIES; NaN where one could not be measured
    """

    codes: Codes
    correction: np.ndarray
    before: np.ndarray
    after: np.ndarray

    @property
    def excluded(self) -> tuple[int, ...]:
        """Circuits that could not be calibrated, for ``Mapping(…, excluded=…)``."""
        bad = ~(np.abs(self.after) <= TOLERANCE[:, None])
        return tuple(np.flatnonzero(bad.any(axis=0)).tolist())

    def spreads(self) -> dict[str, tuple[float, float]]:
        """Standard deviation of each quantity over the calibratable circuits, before and after."""
        good = np.setdiff1d(np.arange(c.N_CIRCUITS), self.excluded)
        pairs = zip(self.before[:, good], self.after[:, good], strict=True)
        return {
            name: (float(np.nanstd(before)), float(np.nanstd(after)))
            for name, (before, after) in zip(QUANTITIES, pairs, strict=True)
        }

    def save(self, path: Path) -> None:
        """Write it to an ``npz`` file; raises :class:`SnnlabError` if it cannot be written."""
        arrays = {"codes": self.codes.values, "correction": self.correction}
        measured = {"before": self.before, "after": self.after}
        try:
            write_named(Path(path), npz({**arrays, **measured}))
        except OSError as error:
            raise SnnlabError(f"calibration {path} cannot be written: {error.strerror}") from None

    @classmethod
    def load(cls, path: Path) -> "Calibration":
        """Read what :meth:`save` wrote; raises :class:`SnnlabError` for anything else."""
        table = (len(QUANTITIES), c.N_CIRCUITS)
        shapes = {
            "codes": (len(SETTINGS), c.N_CIRCUITS), "correction": (c.N_CIRCUITS,),
            "before": table, "after": table,
        }  # fmt: skip
        arrays = read_npz(Path(path), "calibration", shapes, may_be_nan=("before", "after"))
        if (beyond := np.abs(arrays["correction"]) > c.CADC_FULL_LSB).any():
            raise SnnlabError(
                f"calibration {path}: correction of CADC channel {beyond.argmax()} is outside"
                f" ±{c.CADC_FULL_LSB} LSB: calibrate the die again"
            )
        return cls(Codes(arrays.pop("codes")), **arrays)


def calibrate(lab: Lab, targets: Targets | None = None, tell: Tell | None = None) -> Calibration:
    """Find codes that bring every circuit to the targets, and leave the lab at them.

    ``tell(message, fraction)`` is called at the start of each stage.
    """
    targets, tell = targets or Targets(), tell or _nobody
    tell("measuring the chip as it is", 0.0)
    before = _deviations(lab, targets)
    for done, (what, stage) in enumerate(STAGES.items()):
        tell(f"calibrating {what}", (1 + done) / (2 + len(STAGES)))
        stage(lab, targets)
    tell("measuring the result", 1.0 - 1.0 / (2 + len(STAGES)))
    return Calibration(lab.codes, lab.correction, before, _deviations(lab, targets))


def _converter(lab, targets):
    lab.correction = lab.correction + np.rint(measure.cadc_characteristic(lab)[1] - c.REST_LSB)


def _leak_code(lab, level):
    return measure.search(
        lambda code: measure.leak_potential(lab, codes=lab.codes.having(leak=code)) >= level,
        rising=True,
    )


def _leak(lab, targets):
    lab.codes = lab.codes.having(leak=_leak_code(lab, targets.leak))


def _reset(lab, targets):
    code = measure.search(
        lambda code: (
            measure.reset_potential(lab, codes=lab.codes.having(reset=code)) >= targets.reset
        ),
        rising=True,
    )
    lab.codes = lab.codes.having(reset=code)


def _threshold(lab, targets):
    """With the leak at the target threshold, a circuit fires while its threshold is lower."""
    lifted = lab.codes.having(leak=_leak_code(lab, targets.threshold))
    code = measure.search(
        lambda code: ~measure.fires(lab, codes=lifted.having(threshold=code)), rising=True
    )
    lab.codes = lab.codes.having(threshold=code)


def _away(lab):
    """A reset well over the leak, for decays."""
    return lab.codes.having(reset=np.minimum(lab.codes["reset"] + 180, CODE_MAX))


def _tau_mem(lab, targets):
    away = _away(lab)
    code = measure.search(
        lambda code: (
            measure.membrane_time_constant(lab, away, codes=lab.codes.having(tau_mem=code))
            >= targets.tau_mem
        ),
        rising=False,
    )
    lab.codes = lab.codes.having(tau_mem=code)


def _synaptic_input(sign, name):
    def stage(lab, targets):
        tau_mem = measure.membrane_time_constant(lab, _away(lab), trials=256)

        def shape(**codes):
            return measure.psp(lab, sign, tau_mem, codes=lab.codes.having(**codes))

        code = measure.search(
            lambda code: shape(**{f"tau_syn_{name}": code}).tau_syn >= targets.tau_syn,
            rising=False,
        )
        lab.codes = lab.codes.having(**{f"tau_syn_{name}": code})
        code = measure.search(
            lambda code: shape(**{f"gain_{name}": code}).gain >= targets.gain, rising=True
        )
        lab.codes = lab.codes.having(**{f"gain_{name}": code})

    return stage


STAGES: dict[str, Callable[[Lab, Targets], None]] = {
    "converter offsets": _converter,
    "leak potentials": _leak,
    "reset potentials": _reset,
    "thresholds": _threshold,
    "membrane time constants": _tau_mem,
    "excitatory inputs": _synaptic_input(+1, "exc"),
    "inhibitory inputs": _synaptic_input(-1, "inh"),
}


def _deviations(lab, targets):
    """Deviation of every quantity from its target : float64[quantity, circuit]."""
    tau_mem = measure.membrane_time_constant(lab, _away(lab), trials=256)
    exc, inh = (measure.psp(lab, sign, tau_mem) for sign in (+1, -1))
    return np.stack(
        [
            measure.cadc_characteristic(lab)[1] - c.REST_LSB,
            measure.leak_potential(lab) - targets.leak,
            measure.reset_potential(lab) - targets.reset,
            measure.threshold_potential(lab) - targets.threshold,
            tau_mem / targets.tau_mem - 1.0,
            exc.tau_syn / targets.tau_syn - 1.0,
            inh.tau_syn / targets.tau_syn - 1.0,
            exc.gain / targets.gain - 1.0,
            inh.gain / targets.gain - 1.0,
        ]
    )


def _nobody(message, fraction):
    """Default for callers without a progress report."""
