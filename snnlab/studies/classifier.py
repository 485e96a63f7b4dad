"""A stored run decides on pictures or sounds: class, potentials, time and energy of each.

Pictures and sounds are converted as the training data of the run were. They run on the same chip
with the same weights as in the run's last evaluation.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snnlab.config import Config
from snnlab.data import Dataset
from snnlab.data.catalogue import CATALOGUE
from snnlab.data.images.drawing import image_like
from snnlab.data.images.pictures import read_picture
from snnlab.errors import SnnlabError
from snnlab.events import Events
from snnlab.learn.memory import choose_evaluation_batch
from snnlab.learn.trainer import TEST_IDS, Trainer
from snnlab.runs.run import Run, find_run, load_weights
from snnlab.seeding import key
from snnlab.studies.decision import decision_time

Source = str | Path | bytes | np.ndarray
Heard = tuple[np.ndarray, np.ndarray]
"""A sound: uint16[spike] ticks of the recording and channels."""


@dataclass(frozen=True)
class Decision:
    """The result for one picture or sound.

    label : the decision; potentials : by class, the readout's score in thresholds, of which the
    highest decides; time : s from the first input spike until the final decision, with the parts of
    a network that is larger than the chip one after the other, NaN where nothing reaches the chip;
    spikes : of hidden neurons; energy : J, an estimate, and its range
    ``energy_range``.
    """

    label: str
    potentials: dict[str, float]
    time: float
    spikes: int
    energy: float
    energy_range: tuple[float, float]

    @property
    def ranking(self) -> list[tuple[str, float]]:
        """Classes and their potentials, the highest first."""
        return sorted(self.potentials.items(), key=lambda item: -item[1])


class Classifier:
    """The network, die and settings of a run, ready for inputs of the same kind.

    kind : "picture" or "sound". Raises :class:`SnnlabError` for a run that is damaged or does not
    fit, or that learned recorded spikes other than the spoken digits: no file can be converted to
    those.
    """

    def __init__(self, run: Run):
        self.config, self._look = run.config, run.look
        self.classes = (
            tuple(map(str, run.record["classes"])) or CATALOGUE[self.config.dataset].classes
        )
        self.kind = "sound" if CATALOGUE[self.config.dataset].recordings else "picture"
        config, blank = self.config, self._blank(run)
        # What it was tested on has no meaning for new inputs.
        config = Config.checked(**{**config.values(), "split": "official", "held_out": []})
        weights, die = load_weights(run.folder), run.own_die()
        self._trainer = Trainer(config, blank, weights, die)
        self._trial = key(self.config.seed, "test", run.record["steps"])

    def _blank(self, run):
        """A data set like that of the run, without its content."""
        if self.kind == "picture":
            side = self.config.side
            blank = np.zeros((1, side, side), np.uint8), np.zeros(1, np.uint8)
            return Dataset(self.config.dataset, *blank, *blank, self.classes, "a run")
        from snnlab.data.published import spoken_digits

        if self.config.dataset != spoken_digits.NAME:
            raise SnnlabError(
                f"run {run.folder} was trained on recorded spikes ({self.config.dataset}): only"
                f" runs on images or {spoken_digits.NAME} classify files"
            )
        return spoken_digits.blank()

    def read(self, source: Source, as_is: bool | None = None) -> np.ndarray | Heard:
        """The input for :meth:`decide` from a picture or wav file. Raises :class:`SnnlabError` for
        another or empty file.
        """
        if self.kind == "picture":
            return self.image(source, as_is)
        from snnlab.data.published.spoken_digits import hear

        if isinstance(source, np.ndarray):
            raise SnnlabError("a run on spoken digits takes wav files: give a path or its content")
        return hear(source)

    def image(self, source: Source, as_is: bool | None = None) -> np.ndarray:
        """A picture like those that were learned : uint8[side, side].

        source : path or content of a picture file, or uint8[side, side], used unchanged
        as_is : see :func:`~snnlab.data.images.drawing.image_like`; without effect after a training
        on user-supplied pictures, which are all prepared in the same way

        Raises :class:`SnnlabError` for anything but a picture, and for an empty one.
        """
        side = self.config.side
        if isinstance(source, np.ndarray):
            if source.shape != (side, side) or source.dtype != np.uint8:
                raise SnnlabError(
                    f"picture is {source.dtype}{source.shape}: give uint8({side}, {side}), 0 dark"
                    " and 255 bright, or a picture file"
                )
            return source
        picture = read_picture(source)
        if self._look:
            return self._look.prepare(picture, side)
        return image_like(self.config.dataset, picture, side, as_is)

    def decide(
        self, inputs: Iterable[np.ndarray | Heard], ids: np.ndarray | None = None
    ) -> Iterator[Decision]:
        """Decisions on inputs from :meth:`read`, in order.

        ids : uint64[input], by which trial noise is drawn; by default an input always has the same,
        in any batch.
        """
        inputs = list(inputs)
        size = choose_evaluation_batch(self._trainer.network.topology, self._trainer.point)
        for first in range(0, len(inputs), size):
            part = slice(first, first + size)
            yield from self._decided(inputs[part], None if ids is None else ids[part])

    def _decided(self, inputs, ids):
        trainer = self._trainer
        events = self._encode(inputs, _ids(inputs) if ids is None else ids)
        recording = trainer.chip.run(
            events, trainer.weights_lsb(), trial=self._trial, read_hidden=False
        )
        in_thresholds = trainer.network.scales()[-1] / trainer.chip.spec.weight_scale
        scores = in_thresholds * trainer.scores(recording)
        times = decision_time(recording, self.config.readout)
        for k, of_input in enumerate(scores):
            one = recording.take(np.array([k]))
            estimate = trainer.estimate(one)
            parts = trainer.mapping.n_parts
            before = (parts - 1) * estimate.latency / parts  # the labels lie in the last part
            yield Decision(
                self.classes[int(of_input.argmax())],
                dict(zip(self.classes, map(float, of_input), strict=True)),
                before + float(times[k]),
                sum(len(layer.tick) for layer in one.spikes),
                estimate.energy,
                estimate.ranges["energy"],
            )

    def _encode(self, inputs, ids):
        trainer = self._trainer
        if self.kind == "picture":
            return trainer.encode(np.stack(inputs), ids)
        ticks, channels = map(np.concatenate, zip(*inputs, strict=True))
        offsets = np.cumsum([0, *(len(tick) for tick, _ in inputs)])
        n_channels = trainer.dataset.train.n_channels
        return trainer.source.encode(Events(offsets, ticks, channels, n_channels, ids))


def _ids(inputs):
    """By content, and never those of training inputs : uint64[input]."""
    contents = (b"".join(part.tobytes() for part in one) for one in inputs)
    return np.array([TEST_IDS + zlib.crc32(content) for content in contents], np.uint64)


def classify(
    run: Run | str | Path, inputs: Iterable[Source] | Source, *, as_is: bool | None = None
) -> list[Decision]:
    """Classify pictures by a stored run, or sounds if it was trained on spoken digits.

    run : a run, its folder or its name in ``runs/``
    inputs : paths or contents of picture or wav files, or uint8[side, side], one or several
    as_is : True: take pictures as they are; False: find the digit in each and centre it as in
    MNIST; by default pictures of the data set's size are taken as they are, others are centred

    Returns one :class:`Decision` per input. Raises :class:`SnnlabError` for a run that cannot be
    opened, or for the first input that cannot be read, before any is decided on.

    >>> for decision in classify("runs/mine", ["three.png"]):  # doctest: +SKIP
    ...     print(decision.label, decision.potentials, 1e6 * decision.time)
    """
    classifier = Classifier(run if isinstance(run, Run) else find_run(str(run)))
    alone = isinstance(inputs, str | Path | bytes) or getattr(inputs, "ndim", 3) == 2
    sources = [inputs] if alone else list(inputs)
    return list(classifier.decide([classifier.read(source, as_is) for source in sources]))
