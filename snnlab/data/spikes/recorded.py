"""Recorded spikes as a data set, and as the source of a training."""

from dataclasses import dataclass, field, replace

import numpy as np

from snnlab.arrays import as_array, cast_exact
from snnlab.data.source import number_inputs
from snnlab.errors import SnnlabError
from snnlab.events import Events


@dataclass(frozen=True, eq=False)
class RecordedSpikes:
    """Labelled recordings of spikes, and a :class:`~snnlab.data.source.Source` of them.

    train, test : :class:`Events`, an input for each recording; their ids are numbered again, so
    that no test recording shares its trial noise with a training recording
    train_labels, test_labels : int[input], index into ``classes``
    origin : where they came from

    >>> spikes = RecordedSpikes("mine", train, train_labels, test, test_labels, ("left", "right"))
    >>> trainer = Trainer(Config(hidden=[100]), spikes)

    Knobs of the encoding and of the warp have no effect.
    """

    name: str
    train: Events = field(repr=False)
    train_labels: np.ndarray = field(repr=False)
    test: Events = field(repr=False)
    test_labels: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    origin: str = "memory"
    own: None = None
    augments = False

    def __post_init__(self):
        for part in ("train", "test"):
            events = self._get(part)
            if not isinstance(events, Events):
                raise SnnlabError(
                    f"data set {self.name}: {part} is {type(events).__name__}: give Events"
                )
            self._set(part, replace(events.checked(), ids=number_inputs(part, len(events))))
            name = f"{part}_labels"
            labels = as_array(self._get(name), f"data set {self.name}: {name}")
            self._set(name, cast_exact(labels, np.int64, f"data set {self.name}: {name}"))
        self._set("classes", tuple(map(str, self.classes)))

    def _get(self, name):
        return getattr(self, name)

    def _set(self, name, value):
        object.__setattr__(self, name, value)

    @property
    def n_channels(self) -> int:
        """Input channels."""
        return self.train.n_channels

    def checked(self) -> "RecordedSpikes":
        """Self; raises :class:`SnnlabError` if spikes and labels do not fit each other."""
        for part in ("train", "test"):
            events, labels, n = self.events(part), self.labels(part), len(self.classes)
            if labels.dtype != np.int64:
                raise SnnlabError(
                    f"data set {self.name}: {part}_labels are {labels.dtype}: give whole numbers"
                )
            if not len(events) or labels.shape != (len(events),):
                raise SnnlabError(
                    f"data set {self.name}: {labels.size} {part}_labels for {len(events)}"
                    " recordings: give one label for each, and at least one recording"
                )
            if labels.min() < 0 or labels.max() >= n:
                raise SnnlabError(
                    f"data set {self.name}: {part}_labels range from {labels.min()} to"
                    f" {labels.max()}, {n} classes allow 0 to {n - 1}"
                )
        if self.test.n_channels != self.n_channels:
            raise SnnlabError(
                f"data set {self.name}: {self.n_channels} channels for training,"
                f" {self.test.n_channels} for the test: give both the same number"
            )
        return self

    def arrays(self) -> tuple[np.ndarray, ...]:
        """All that distinguishes this data set from another: spikes and labels."""
        spikes = ((e.offsets, e.tick, e.channel) for e in (self.train, self.test))
        return (
            *(array for events in spikes for array in events),
            self.train_labels,
            self.test_labels,
        )

    def source(self, window: int) -> "RecordedSpikes":
        """Self, if all spikes lie within ``window`` ticks of 8 ns."""
        last = max((int(e.tick.max()) for e in (self.train, self.test) if e.tick.size), default=0)
        if last > window:
            raise SnnlabError(
                f"data set {self.name}: the last spike is at tick {last}, an input is emulated for"
                f" {window} ticks of 8 ns: scale the times, or raise the knob samples"
            )
        return self

    def labels(self, part: str) -> np.ndarray:
        """Class of each recording : int64[input]."""
        return self._get(f"{part}_labels")

    def events(self, part: str) -> Events:
        """Spikes of all recordings of a part."""
        return self._get(part)

    def batch(self, index: np.ndarray, epoch: int) -> Events:
        """Spikes of the training recordings ``index``, the same in every epoch."""
        return self.train.take(index)
