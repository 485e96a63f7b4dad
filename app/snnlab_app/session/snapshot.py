"""The picture of a training that a session publishes and the page draws."""

from dataclasses import dataclass

import numpy as np

from snnlab.chip.power.estimation import PowerEstimate
from snnlab.chip.recording import Recording
from snnlab.chip.saturation import Saturated
from snnlab.chip.spec import ChipSpec
from snnlab.chip.units import CODES, membranes, risen
from snnlab.data.own.labelled import Look
from snnlab.learn.gradient.surrogate import Surrogate
from snnlab.model.readout import scores_so_far
from snnlab.studies.decision import decision_time

IMAGES, SOUNDS, SPIKES = "images", "sounds", "spikes"
"""Kinds of inputs: pictures; recordings that were sounds, and recordings of spikes alone."""
MAX_HELD_OUT = 250
"""Test images that accuracy is measured on while it trains, spread evenly over all."""


@dataclass(frozen=True)
class Mark:
    """A turn of knobs: the step after which it took effect, and what was turned in words."""

    step: int
    text: str


@dataclass(frozen=True, eq=False)
class Clip:
    """The sound of a recording.

    wav : a file of it; wave : float32[column, (low, high)], its waveform over the time for which
    the chip is emulated, in columns of equal length, the loudest ±1.
    """

    wav: bytes
    wave: np.ndarray


@dataclass(frozen=True, eq=False)
class Frame:
    """One test image or recording on the chip as it is now.

    image : uint8[row, column], of a recording its cochleagram over the whole time, the highest
    channel on top; recording : what the chip recorded of this input alone; label_traces :
    float32[step, label] in units of the float weights; decision : the network's answer, as its
    ``readout`` has it; label : None for what a visitor drew or said; links : int16[link, (source,
    target, weight)] of each layer, as :func:`~snnlab.studies.paths.strongest_links` gives them;
    kind : IMAGES, SOUNDS or SPIKES; clip : its sound; energy : J, an estimate.
    """

    image: np.ndarray
    label: str | None
    recording: Recording
    label_traces: np.ndarray
    readout: str
    decision: str
    links: tuple[np.ndarray, ...]
    kind: str = IMAGES
    clip: Clip | None = None
    energy: float = np.nan

    @property
    def decided(self) -> float:
        """Time from the first input spike to the decision : s, NaN if no neuron that fires tells
        the labels anything."""
        sources = self.recording.spikes[-1:] or (self.recording.inputs,)
        if not len(sources[-1].tick):
            return np.nan
        return float(decision_time(self.recording, self.readout)[0])

    def outputs(self, units: str) -> np.ndarray:
        """Membranes of the output neurons in these units : float[step, label]."""
        return membranes(self.recording, -1, CODES)[0] if units == CODES else self.label_traces

    def scores_so_far(self, units: str) -> np.ndarray:
        """Readout of each output neuron up to each CADC sample : float[step, label]."""
        traces = risen(self.recording)[0] if units == CODES else self.label_traces
        return scores_so_far(traces, self.readout)


@dataclass(frozen=True, eq=False)
class ChipPicture:
    """The chip from above.

    values : float[circuit], the quantity that was wished for; layer, neuron : int[circuit], −1 for
    none; dead : bool[circuit]; weights : int8 as
    :func:`~snnlab.chip.layout.floor.weights_in_place` gives them; budget : used and available by
    name; calibration : spreads before and after by quantity, empty if the die is as drawn, None
    while it is being measured; spec : of the chip; saturated : what is at its limit.
    """

    quantity: str
    values: np.ndarray
    layer: np.ndarray
    neuron: np.ndarray
    dead: np.ndarray
    weights: np.ndarray
    codes: np.ndarray
    budget: dict[str, tuple[int, int]]
    calibration: dict[str, tuple[float, float]] | None
    spec: ChipSpec
    saturated: Saturated


@dataclass(frozen=True, eq=False)
class ErrorsPicture:
    """Which test inputs are taken for what.

    matrix : int[label, decision]; known : inputs asked so far; found : inputs in the wished cell;
    of those of the wished page images (pictures of recordings), index, label, decision, margin, and
    wavs if they have sound.
    """

    matrix: np.ndarray
    known: int
    found: int
    images: list[np.ndarray]
    index: np.ndarray
    label: np.ndarray
    decision: np.ndarray
    margin: np.ndarray
    wavs: list[bytes]


@dataclass(frozen=True, eq=False)
class GradientsPicture:
    """The newest comparison of gradients, by the titles of :mod:`snnlab.model.gradients`.

    trained_by : index of the method that trains; spikes : float64[neuron], per image, of the first
    hidden layer; cosine : float64[method, neuron], to the method that trains; rows : layer, method,
    cosine, share of neurons reached, agreement with the chip, and gain, NaN where undefined.
    """

    step: int
    trained_by: int
    spikes: np.ndarray
    cosine: np.ndarray
    rows: tuple[tuple[str, str, float, float, float, float], ...]


@dataclass(frozen=True, eq=False)
class LearnPicture:
    """The distribution of the newest batch's membranes, and the surrogate over it.

    edges, share : of :func:`~snnlab.learn.reach.membrane_histogram`; surrogate : the one in force;
    reached : share of neurons that receive gradient; trouble : why learning stalls, or None;
    verdict : of :func:`~snnlab.learn.health.assess`, the trouble if there is one;
    stages : title and numbers of every stage of the last step that was described; saturated : what
    is at its limit; method : value of the knob gradient; gradients : the comparison that was last
    asked for.
    """

    edges: np.ndarray
    share: np.ndarray
    surrogate: Surrogate
    reached: float
    trouble: str | None
    verdict: str
    stages: tuple[tuple[str, str], ...]
    saturated: Saturated
    method: str
    gradients: GradientsPicture | None = None


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything the page draws, as of one step. Never changed after it is published.

    settings : values of all knobs in force, without those that wait for a restart; kind : IMAGES,
    SOUNDS or SPIKES; origin : where the data come from; data : their checksum; activity_at_start :
    activity-dependent power at the first measurement of this training : W; history : curves over
    the updates; tests : accuracy on all test images after each epoch; marks : knobs turned;
    held_out : step, accuracy and its 95 % interval low, high on some test images, float64[point];
    transferred : step and accuracy left on the same images of the weights as they were when the
    chip last changed, from there on.

    view : what ``picture``, ``frame`` and ``twin`` were made for, None where it needs none; twin :
    the frame on the ideal chip, only if the view wishes for ``twin``; units : in which to show
    them, one of :data:`~snnlab.chip.units.UNITS`; look : how pictures of a user-supplied data set
    are prepared, None for any other; heard : number of the last sound that the visitor gave;
    answer : why that is not on the chip, empty if it is; silent : whether the hidden neurons fire
    too rarely for anything to be learned.
    """

    settings: dict[str, object]
    classes: tuple[str, ...]
    origin: str
    data: int
    test_inputs: int
    step: int
    epoch: int
    done: float
    test_accuracy: float
    images_per_second: float
    power: PowerEstimate
    activity_at_start: float
    history: dict[str, np.ndarray]
    tests: dict[str, np.ndarray]
    marks: tuple[Mark, ...]
    held_out: dict[str, np.ndarray]
    transferred: dict[str, np.ndarray]
    view: str
    units: str
    frame: Frame | None
    twin: Frame | None
    picture: object
    look: Look | None = None
    kind: str = IMAGES
    heard: int = 0
    answer: str = ""
    silent: bool = False
