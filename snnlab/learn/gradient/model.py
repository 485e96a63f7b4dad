"""The ideal, homogeneous model that the gradient flows through."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from snnlab.chip.emulator import rise
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2
from snnlab.chip.synapses import CURRENT_PER_LSB
from snnlab.events import TICK
from snnlab.learn.gradient.kernels import Propagators

CURRENT = BRAINSCALES2.weight_scale * CURRENT_PER_LSB
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
    sample = np.ceil(tick / BRAINSCALES2.dt_cadc - 1e-9)
    ahead = np.maximum(sample * BRAINSCALES2.dt_cadc - tick, 0.0)
    return Propagators(
        decay_mem=float(np.exp(-BRAINSCALES2.dt_cadc / model.tau_mem)),
        decay_syn=float(np.exp(-BRAINSCALES2.dt_cadc / model.tau_syn)),
        rise=float(rise(model.tau_mem, model.tau_syn, BRAINSCALES2.dt_cadc)),
        current=CURRENT,
        sample=sample.astype(np.int16),
        from_p=model.psp(ahead).astype(np.float32),
        from_q=(CURRENT * np.exp(-ahead / model.tau_syn)).astype(np.float32),
    )
