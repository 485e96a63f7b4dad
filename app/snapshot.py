"""The picture of a training that a session publishes and the page draws."""

from dataclasses import dataclass

import numpy as np

from snnlab.chip.power import PowerEstimate
from snnlab.chip.recording import Recording


@dataclass(frozen=True, eq=False)
class Frame:
    """One test image on the chip as it is now.

    image : uint8[row, column]; recording : of this image alone; label_traces : float32[step, label]
    in units of the float weights; decision : the network's answer; label : None for a picture that
    a person drew.
    """

    image: np.ndarray
    label: str | None
    recording: Recording
    label_traces: np.ndarray
    decision: str


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything the page draws, as of one step. Never changed after it is published.

    transferred : accuracy on changing chips of weights that stayed behind, and of those in the
    loop; view : what ``picture`` and ``frame`` were made for, None where it needs none.
    """

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
    transferred: dict[str, np.ndarray]
    view: str
    frame: Frame | None
    picture: object
