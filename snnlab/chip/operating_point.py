"""Settings of the chip apart from its network: time constants, noise, grids of time."""

from dataclasses import dataclass, replace
from numbers import Real
from typing import ClassVar

from snnlab.chip import constants as c
from snnlab.errors import SnnlabError
from snnlab.events import TICK


@dataclass(frozen=True)
class OperatingPoint:
    """Settings common to all neurons: times and jitter in s, CADC noise in LSB, drift relative.

    ``dt = 1.7 µs / substeps`` is the emulator's own step; the default resolves 0.425 µs.
    ``reset_first``: membranes start at their reset, as after the artificial reset between images
    of inference, rather than at rest. Raises :class:`SnnlabError` for values out of range.
    """

    tau_mem: float = c.TAU_MEM
    tau_syn: float = c.TAU_SYN
    tau_ref: float = c.TAU_REF
    cadc_noise: float = c.CADC_NOISE_LSB
    threshold_drift: float = c.THRESHOLD_DRIFT
    spike_jitter: float = c.SPIKE_JITTER
    samples: int = c.TRAINING_SAMPLES
    substeps: int = 4
    reset_first: bool = False

    LIMITS: ClassVar = {
        "tau_mem": (1e-7, 1e-3), "tau_syn": (1e-7, 1e-3), "tau_ref": (40e-9, 32e-6),
        "cadc_noise": (0.0, 100.0), "threshold_drift": (0.0, 0.2), "spike_jitter": (0.0, 1e-5),
        "samples": (1, 308), "substeps": (1, 256),
    }  # fmt: skip
    """Smallest and largest values; 308 samples are what 16-bit time stamps can tell apart."""
    TRIAL_NOISE: ClassVar = ("cadc_noise", "threshold_drift", "spike_jitter")
    """Strengths of what differs from run to run, each also a knob of this name."""

    def __post_init__(self):
        for name, (low, high) in self.LIMITS.items():
            value = getattr(self, name)
            wrong = not isinstance(value, Real) or not low <= value <= high
            if wrong or (isinstance(high, int) and int(value) != value):
                kind = "a whole number" if isinstance(high, int) else "a number"
                raise SnnlabError(
                    f"operating point {name} = {value} is not allowed:"
                    f" {kind} from {low:g} to {high:g}"
                )
            # Plain Python numbers: for other types numba would compile all kernels again.
            object.__setattr__(self, name, type(high)(value))

    @classmethod
    def inference(cls, **changes) -> "OperatingPoint":
        """One image per 11.8 µs: seven CADC samples, membranes reset artificially before."""
        return cls(**{"samples": c.INFERENCE_SAMPLES, "reset_first": True, **changes})

    def with_dt(self, dt: float) -> "OperatingPoint":
        """The same on another step : s; raises :class:`SnnlabError` unless it divides 1.7 µs."""
        if not isinstance(dt, Real):
            raise SnnlabError(f"operating point dt = {dt!r} is not a number of seconds")
        substeps = c.DT_CADC / dt if dt > 0 else 0.0
        if substeps < 0.5 or abs(substeps - round(substeps)) > 1e-6 * substeps:
            raise SnnlabError(
                f"operating point dt = {dt:g} s does not divide the CADC period of 1.7 µs:"
                " use 1.7 µs over a whole number"
            )
        return replace(self, substeps=round(substeps))

    @property
    def dt(self) -> float:
        """Step of the emulation : s."""
        return c.DT_CADC / self.substeps

    @property
    def window(self) -> int:
        """Duration of one image in ticks of 8 ns; a last half tick does not count."""
        return int(self.samples * c.DT_CADC / TICK + 1e-6)  # or rounding may lose a whole tick

    @property
    def most_spikes(self) -> int:
        """Most spikes of one neuron in one image: one per step, and per refractory period.

        A period that nearly fits counts, as rounding in the kernel may make it fit.
        """
        steps = self.samples * self.substeps
        return min(steps, int(steps * self.dt / self.tau_ref + 1e-3) + 1)
