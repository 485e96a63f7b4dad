"""Decision time: accuracy over readout time, and the energy that stopping early saves.

A decision is the label neuron with the highest score so far, as the ``readout`` of the training
has it (:mod:`snnlab.model.readout`). The label layer's weight scale multiplies all
potentials equally, so it does not change a decision.
"""

from dataclasses import dataclass

import numpy as np

from snnlab.chip import power
from snnlab.chip.power.activity import samples_until
from snnlab.chip.recording import Recording
from snnlab.chip.spec import BRAINSCALES2
from snnlab.errors import SnnlabError
from snnlab.events import TICK
from snnlab.model.readout import scores_so_far


@dataclass(frozen=True)
class Stop:
    """Effect of moving on to the next image at ``time``.

    time : s from the image's start; accuracy : 0…1; power : the :class:`PowerEstimate` then;
    saved, saved_range : J per image against the 11.8 µs of the paper, estimate and its range.
    """

    time: float
    accuracy: float
    power: power.PowerEstimate
    saved: float
    saved_range: tuple[float, float]


def decisions(recording: Recording, readout: str = "maximum") -> np.ndarray:
    """Label decided for if the image ended at each CADC sample : int64[image, step].

    At the first sample, taken at rest, all are equal and label 0 stands for none.
    """
    cadc = recording.cadc[-1].astype(np.int16)
    return scores_so_far(cadc - cadc[:, :1], readout).argmax(axis=2)


def accuracy_over_time(
    recording: Recording, labels: np.ndarray, readout: str = "maximum"
) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy as a function of readout time.

    labels : int[image]. Returns times of the CADC samples from the images' start, float64[step] in
    s, and the accuracy 0…1 if the decision were taken then, float64[step].
    Raises :class:`SnnlabError` for labels of another number of images, or for none.
    """
    decided = decisions(recording, readout)
    if len(labels) != len(decided) or not len(labels):
        raise SnnlabError(
            f"{len(labels)} labels given for a recording of {len(decided)} images:"
            " give one per image, and at least one"
        )
    right = decided == np.asarray(labels)[:, None]
    return np.arange(decided.shape[1]) * recording.spec.dt_cadc, right.mean(axis=0)


def first_spike(recording: Recording) -> np.ndarray:
    """Time of each image's first input spike : float64[image], s; infinite without any."""
    inputs = recording.inputs
    first, some = np.full(len(inputs), np.inf), inputs.counts > 0
    first[some] = inputs.tick[inputs.offsets[:-1][some]] * TICK
    return first


def decided_within(recording: Recording, time: float, readout: str = "maximum") -> np.ndarray:
    """Label decided for ``time`` s after each image's first input spike : int64[image].

    The last CADC sample until then decides. Raises :class:`SnnlabError` for a negative time.
    """
    if not time >= 0.0:
        raise SnnlabError(f"decision time {time} s is not allowed: give 0 or more")
    decided = decisions(recording, readout)
    until = (first_spike(recording) + time) / recording.spec.dt_cadc
    end = np.minimum(until + 1e-9, decided.shape[1] - 1)
    return decided[np.arange(len(decided)), end.astype(np.int64)]


def decision_time(recording: Recording, readout: str = "maximum") -> np.ndarray:
    """Time from each image's first input spike to its decision : float64[image], s.

    The decision is made at the first CADC sample at or after that spike from which it no longer
    changes. NaN where no sample follows an input spike: without any input there is nothing to
    decide on.
    """
    decided, first = decisions(recording, readout), first_spike(recording)
    steps, period = decided.shape[1], recording.spec.dt_cadc
    other = decided != decided[:, -1:]
    settled = np.where(other.any(axis=1), steps - other[:, ::-1].argmax(axis=1), 0)
    earliest = np.ceil(first / period - 1e-9)
    sample = np.maximum(settled, earliest)
    known = sample < steps
    time = np.full(len(decided), np.nan)
    time[known] = np.maximum(sample[known] * period - first[known], 0.0)
    return time


def stopped_at(
    recording: Recording, labels: np.ndarray, time: float, readout: str = "maximum"
) -> Stop:
    """Accuracy and estimated energy when the chip moves on ``time`` seconds after an image's start.

    The reset of the membranes is taken to need no time of its own, as in the paper's 11.8 µs: 10 µs
    after the first spike that a full-bright pixel sends at 1.8 µs.
    Raises :class:`SnnlabError` for a time outside 0 … 11.8 µs or not recorded.
    """
    if time > BRAINSCALES2.inference_period:
        raise SnnlabError(
            f"readout time {1e6 * time:.4g} µs is later than the"
            f" {1e6 * BRAINSCALES2.inference_period:.4g} µs of an image in inference: stop earlier"
        )
    last = samples_until(recording, time) - 1
    accuracy = float(accuracy_over_time(recording, labels, readout)[1][last])
    return Stop(time, accuracy, power.until(recording, time), *power.saving(recording, time))
