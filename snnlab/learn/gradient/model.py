"""The ideal, homogeneous model that the gradient flows through."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from snnlab.chip.constants import DT_CADC, WEIGHT_SCALE
from snnlab.chip.emulator import rise
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.synapses import CURRENT_PER_LSB
from snnlab.events import TICK
from snnlab.learn.gradient.kernels import Propagators

CURRENT = WEIGHT_SCALE * CURRENT_PER_LSB
"""Jump of the synaptic current per model unit of weight : 1/s."""


@dataclass(frozen=True)
class IdealModel:
    """A layer whose neurons all have the nominal time constants, in s; leak 0, threshold 1."""

    tau_mem: float
    tau_syn: float

    def psp(self, time: np.ndarray) -> np.ndarray:
        """Potential at ``time`` seconds after a spike through weight 1; 0 before it."""
        after = np.maximum(time, 0.0)
        return CURRENT * rise(self.tau_mem, self.tau_syn, after)

    def propagators(self, point: OperatingPoint) -> Propagators:
        """Tables of the adjoint kernel, for every tick of the window; shared, not to be changed."""
        return _propagators(self, point.window)


@lru_cache(maxsize=4)
def _propagators(model, window):
    tick = np.arange(window + 1) * TICK
    sample = np.ceil(tick / DT_CADC - 1e-9)
    ahead = np.maximum(sample * DT_CADC - tick, 0.0)
    return Propagators(
        decay_mem=float(np.exp(-DT_CADC / model.tau_mem)),
        decay_syn=float(np.exp(-DT_CADC / model.tau_syn)),
        rise=float(rise(model.tau_mem, model.tau_syn, DT_CADC)),
        current=CURRENT,
        sample=sample.astype(np.int16),
        from_p=model.psp(ahead).astype(np.float32),
        from_q=(CURRENT * np.exp(-ahead / model.tau_syn)).astype(np.float32),
    )
