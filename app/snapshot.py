"""The picture of a training that a session publishes and the page draws."""

from dataclasses import dataclass

import numpy as np

from snnlab.chip.power import PowerEstimate
from snnlab.chip.recording import Recording


@dataclass(frozen=True, eq=False)
class Frame:
    """One test image on the chip as it is now.

    image : uint8[row, column]; recording : of this image alone; label_traces : float32[step, label]
    in units of the float weights; decision : the network's answer.
    """

    image: np.ndarray
    label: str
    recording: Recording
    label_traces: np.ndarray
    decision: str


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything the page draws, as of one step. Never changed after it is published."""

    classes: tuple[str, ...]
    test_images: int
    step: int
    epoch: int
    done: float
    test_accuracy: float
    images_per_second: float
    power: PowerEstimate
    history: dict[str, np.ndarray]
    tests: dict[str, np.ndarray]
    frame: Frame
