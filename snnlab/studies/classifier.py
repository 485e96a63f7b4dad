"""A stored run decides on pictures: class, potentials, time and energy of each.

A picture is made like the images the run was trained on, then goes through the same chip with the
same weights as the test images of its last evaluation did.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snnlab.chip import power
from snnlab.data import Dataset
from snnlab.data.catalogue import CATALOGUE
from snnlab.data.images.drawing import image_like
from snnlab.data.images.pictures import read_picture
from snnlab.errors import SnnlabError
from snnlab.learn.trainer import EVALUATION_BATCH, TEST_IDS, Trainer
from snnlab.runs.run import Run, find_run, load_weights
from snnlab.seeding import key
from snnlab.studies.decision import decision_time

Source = str | Path | bytes | np.ndarray


@dataclass(frozen=True)
class Decision:
    """What the chip made of one picture.

    label : class decided for; potentials : by class, the readout's score in thresholds, of which
    the highest decides; time : s from the first input spike until the decision has fallen, NaN
    where nothing reaches the chip; spikes : of hidden neurons; energy : J, an estimate, and its
    range ``energy_range``.
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
    """The network, die and settings of a run, ready for pictures.

    Raises :class:`SnnlabError` for a run that is damaged or does not fit.
    """

    def __init__(self, run: Run):
        self.config, self._look = run.config, run.look
        self.classes = (
            tuple(map(str, run.record["classes"])) or CATALOGUE[self.config.dataset].classes
        )
        blank = np.zeros((1, self.config.side, self.config.side), np.uint8), np.zeros(1, np.uint8)
        dataset = Dataset(self.config.dataset, *blank, *blank, self.classes, "a run")
        weights, die = load_weights(run.folder), run.own_die()
        self._trainer = Trainer(self.config, dataset, weights, die)
        self._trial = key(self.config.seed, "test", run.record["steps"])

    def image(self, source: Source, as_is: bool | None = None) -> np.ndarray:
        """A picture like those that were learned : uint8[side, side].

        source : path or content of a picture file, or uint8[side, side] that is taken as it is
        as_is : see :func:`~snnlab.data.images.drawing.image_like`; after a training on pictures of
        one's own they are always treated as those were

        Raises :class:`SnnlabError` for what is no picture, or shows nothing.
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
        self, images: Iterable[np.ndarray], ids: np.ndarray | None = None
    ) -> Iterator[Decision]:
        """What the chip decides for each of some images uint8[side, side], in order.

        ids : uint64[image], by which trial noise is drawn; by default an image always has the same,
        whichever others are with it.
        """
        images = list(images)
        for first in range(0, len(images), EVALUATION_BATCH):
            part = slice(first, first + EVALUATION_BATCH)
            yield from self._decided(np.stack(images[part]), None if ids is None else ids[part])

    def _decided(self, images, ids):
        trainer = self._trainer
        events = trainer.encode(images, _ids(images) if ids is None else ids)
        recording = trainer.chip.run(
            events, trainer.weights_lsb(), trial=self._trial, read_hidden=False
        )
        scores = trainer.scores(recording)
        times = decision_time(recording, self.config.readout)
        for k, of_image in enumerate(scores):
            one = recording.take(np.array([k]))
            estimate = power.estimate(one, "inference")
            yield Decision(
                self.classes[int(of_image.argmax())],
                dict(zip(self.classes, map(float, of_image), strict=True)),
                float(times[k]),
                sum(len(layer.tick) for layer in one.spikes),
                estimate.energy,
                estimate.ranges["energy"],
            )


def _ids(images):
    """By content, and never those of training images : uint64[image]."""
    return np.array([TEST_IDS + zlib.crc32(image.tobytes()) for image in images], np.uint64)


def classify(
    run: Run | str | Path, pictures: Iterable[Source] | Source, *, as_is: bool | None = None
) -> list[Decision]:
    """What a stored run decides on pictures.

    run : a run, its folder or its name in ``runs/``
    pictures : paths or contents of picture files, or uint8[side, side], one or several
    as_is : True if pictures are like images of the data set already, False if never; by default
    those of its size are, and digits in others are boxed and centred as MNIST's

    Returns one :class:`Decision` a picture. Raises :class:`SnnlabError` for a run that does not
    open, or for the first picture that cannot be read, before any is decided on.

    >>> for decision in classify("runs/mine", ["three.png"]):  # doctest: +SKIP
    ...     print(decision.label, decision.potentials, 1e6 * decision.time)
    """
    classifier = Classifier(run if isinstance(run, Run) else find_run(str(run)))
    alone = isinstance(pictures, str | Path | bytes) or getattr(pictures, "ndim", 3) == 2
    sources = [pictures] if alone else list(pictures)
    return list(classifier.decide([classifier.image(source, as_is) for source in sources]))
