"""Recorded spikes as a data set: recordings, labels, and who or what was recorded."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np

from snnlab.arrays import as_array, cast_exact
from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2
from snnlab.data.dataset import Own, first_of_each
from snnlab.data.source import number_inputs
from snnlab.errors import SnnlabError
from snnlab.events import LAST_TICK, TICK, Events
from snnlab.text.spelling import did_you_mean

RESOLUTION = 25e-6
"""Time step in which recordings are kept : s. 16 bits hold 1.6 s; longer ones get a larger step."""
MAX_SAMPLES = OperatingPoint.LIMITS["samples"][1]
PARTS = ("train", "test")


@dataclass(frozen=True, eq=False)
class RecordedSpikes:
    """Labelled recordings of spikes.

    train, test : :class:`Events`, an input for each recording; their ids are numbered again, so
    that no test recording shares its trial noise with a training recording
    train_labels, test_labels : int[input], index into ``classes``
    origin : where they came from
    unit : s of recorded time per tick of ``train`` and ``test``; None if the ticks are the chip's
    own, which are played as they are: the knobs ``speedup`` and ``duration`` have no effect
    train_groups, test_groups : int[input], index into ``groups``: the speaker of each recording, or
    whatever else should not be both learned and tested; empty if unknown
    first, every : the chip hears channels ``first``, ``first + every``, …
    own : path and remarks, if a user's file was read
    sounds : wav files by name, if the recordings were sounds; train_names, test_names : of which of
    them each recording was made, empty if unknown

    >>> spikes = RecordedSpikes("mine", train, train_labels, test, test_labels, ("left", "right"))
    >>> trainer = Trainer(Config(hidden=[100]), spikes)

    Knobs of the latency encoding have no effect.
    """

    name: str
    train: Events = field(repr=False)
    train_labels: np.ndarray = field(repr=False)
    test: Events = field(repr=False)
    test_labels: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    origin: str = "memory"
    unit: float | None = None
    train_groups: np.ndarray = field(default=(), repr=False)
    test_groups: np.ndarray = field(default=(), repr=False)
    groups: tuple[str, ...] = ()
    first: int = 0
    every: int = 1
    own: Own | None = None
    sounds: Mapping[str, bytes] | None = field(default=None, repr=False)
    train_names: np.ndarray = field(default=(), repr=False)
    test_names: np.ndarray = field(default=(), repr=False)

    def __post_init__(self):
        for part in PARTS:
            events = self._get(part)
            if not isinstance(events, Events):
                raise SnnlabError(
                    f"data set {self.name}: {part} is {type(events).__name__}: give Events"
                )
            self._set(part, replace(events.checked(), ids=number_inputs(part, len(events))))
            for name in (f"{part}_labels", f"{part}_groups"):
                given = as_array(self._get(name), f"data set {self.name}: {name}")
                given = given.astype(np.int64) if not given.size else given
                self._set(name, cast_exact(given, np.int64, f"data set {self.name}: {name}"))
            self._set(f"{part}_names", np.asarray(self._get(f"{part}_names"), str))
        self._set("classes", tuple(map(str, self.classes)))
        self._set("groups", tuple(map(str, self.groups)))

    def _get(self, name):
        return getattr(self, name)

    def _set(self, name, value):
        object.__setattr__(self, name, value)

    @property
    def n_channels(self) -> int:
        """Channels of the recordings that the chip hears."""
        return len(range(self.first, self.train.n_channels, self.every))

    def events(self, part: str) -> Events:
        """Spikes of all recordings of a part, "train" or "test", as they were recorded."""
        return self._get(part)

    def labels(self, part: str) -> np.ndarray:
        """Class of each recording : int64[input]."""
        return self._get(f"{part}_labels")

    def groups_of(self, part: str) -> np.ndarray:
        """Group of each recording, 0 if unknown : int64[input]."""
        groups = self._get(f"{part}_groups")
        return groups if len(groups) else np.zeros(len(self.events(part)), np.int64)

    def wav(self, index: int) -> bytes | None:
        """The wav file of a test recording; None if it has no sound.

        Raises :class:`SnnlabError` if it can no longer be read.
        """
        names = self.test_names
        return self.sounds.get(str(names[index])) if self.sounds and len(names) else None

    def checked(self) -> "RecordedSpikes":
        """Self; raises :class:`SnnlabError` if spikes, labels and groups do not fit each other."""
        for part in PARTS:
            n = len(self.events(part))
            labels = self._check_numbers(f"{part}_labels", "label", n, self.classes, "classes")
            if not n or not len(labels):
                raise SnnlabError(
                    f"data set {self.name}: {labels.size} {part}_labels for {n} recordings: give"
                    " one label for each, and at least one recording"
                )
            if len(self._get(f"{part}_groups")):
                self._check_numbers(f"{part}_groups", "group", n, self.groups, "groups")
        if self.test.n_channels != self.train.n_channels:
            raise SnnlabError(
                f"data set {self.name}: {self.train.n_channels} channels for training,"
                f" {self.test.n_channels} for the test: give both the same number"
            )
        if self.unit is not None and not 0.0 < self.unit < 1.0:
            raise SnnlabError(
                f"data set {self.name}: unit = {self.unit} s per tick: give more than 0, below 1"
            )
        if self.every < 1 or not 0 <= self.first < self.train.n_channels:
            raise SnnlabError(
                f"data set {self.name}: channels {self.first}, {self.first} + {self.every}, … of"
                f" {self.train.n_channels}: first from 0, every from 1"
            )
        return self

    def _check_numbers(self, name, one, n, names, kind):
        numbers = self._get(name)
        if numbers.dtype != np.int64:
            raise SnnlabError(
                f"data set {self.name}: {name} are {numbers.dtype}: give whole numbers"
            )
        if numbers.shape != (n,):
            raise SnnlabError(
                f"data set {self.name}: {numbers.size} {name} for {n} recordings: give one {one}"
                " for each, and at least one recording"
            )
        if n and (numbers.min() < 0 or numbers.max() >= len(names)):
            raise SnnlabError(
                f"data set {self.name}: {name} range from {numbers.min()} to {numbers.max()},"
                f" {len(names)} {kind} allow 0 to {len(names) - 1}"
            )
        return numbers

    def arrays(self) -> tuple[np.ndarray, ...]:
        """All that distinguishes this data set from another: spikes and labels."""
        spikes = ((e.offsets, e.tick, e.channel) for e in (self.train, self.test))
        return (
            *(array for events in spikes for array in events),
            self.train_labels,
            self.test_labels,
        )

    # ── which recordings learn, which test ──

    def take(self, train: np.ndarray, test: np.ndarray) -> "RecordedSpikes":
        """A data set of some of the recordings, numbered training first, then test : int[input]."""
        n = len(self.train)
        together = {
            part: (self.events(part), self.labels(part), self.groups_of(part), self._named(part))
            for part in PARTS
        }
        changed = {}
        for part, index in (("train", train), ("test", test)):
            index = np.asarray(index, np.int64)
            pieces = [
                [value.take(k) if isinstance(value, Events) else value[k] for value in together[of]]
                for of, k in (("train", index[index < n]), ("test", index[index >= n] - n))
            ]
            events, labels, groups, names = zip(*pieces, strict=True)
            changed[part] = join(events)
            changed[f"{part}_labels"] = np.concatenate(labels)
            changed[f"{part}_groups"] = np.concatenate(groups) if self.groups else ()
            changed[f"{part}_names"] = np.concatenate(names) if self.sounds else ()
        return replace(self, **changed)

    def _named(self, part):
        """Name of the file of each recording, empty if unknown : str[input]."""
        names = self._get(f"{part}_names")
        return names if len(names) else np.full(len(self.events(part)), "")

    def with_training(self, events: Events, labels: np.ndarray, group: str) -> "RecordedSpikes":
        """With further training recordings, in ticks of ``unit``, of somebody called ``group``.

        Raises :class:`SnnlabError` if they do not fit.
        """
        n, groups = len(events), self.groups
        if events.n_channels != self.train.n_channels:
            raise SnnlabError(
                f"data set {self.name}: recordings of {events.n_channels} channels cannot join"
                f" those of {self.train.n_channels}: give the same number"
            )
        if groups and group not in groups:
            groups = (*groups, group)
        of = np.full(n, groups.index(group) if groups else 0)
        return replace(
            self, groups=groups,
            train=join([self.train, events]),
            train_labels=np.concatenate([self.train_labels, labels]),
            train_groups=np.concatenate([self.train_groups, of]) if groups else (),
            train_names=np.concatenate([self._named("train"), np.full(n, "")]),
        ).checked()  # fmt: skip

    def held_out(self, groups: Collection[int | str]) -> "RecordedSpikes":
        """These groups' recordings, of both parts, as the test set; those of all others learn.

        groups : names or numbers. Raises :class:`SnnlabError` for an unknown group or if either
        set would be empty.
        """
        wanted = [self._number_of(group) for group in groups]
        of = np.concatenate([self.groups_of(part) for part in PARTS])
        test = np.isin(of, wanted)
        if test.all() or not test.any():
            raise SnnlabError(
                f"data set {self.name}: holding out {len(wanted)} of {len(self.groups)} groups"
                f" leaves {np.count_nonzero(~test)} recordings to learn from and"
                f" {np.count_nonzero(test)} to test on: name some, not all"
            )
        return self.take(np.flatnonzero(~test), np.flatnonzero(test))

    def kinds(self, part: str) -> np.ndarray:
        """Kinds of recordings, by class and group, a share of each of which tests : int[input].

        A group's only recording of a class is of one kind with others like it.
        """
        labels, n = self.labels(part).astype(np.int64), len(self.groups) + 1
        kind = labels * n + self.groups_of(part)
        single = np.bincount(kind)[kind] == 1
        kind[single] = labels[single] * n + n - 1
        return kind

    def for_validation(self, share: float = 0.1) -> "RecordedSpikes":
        """Training recordings only, of which a share tests; the test set is left out.

        The first ``share`` of each class and group, in the order of the data set, rounded down but
        at least one of two. To choose settings by it keeps the test set unseen. Raises
        :class:`SnnlabError` if no class has two.
        """
        test = first_of_each(self.kinds("train"), share)
        if not test.any():
            raise SnnlabError(
                f"data set {self.name}: {len(test)} training recordings, one of each class: none"
                " can be set aside for validation; use --split official"
            )
        return self.take(np.flatnonzero(~test), np.flatnonzero(test))

    def arranged(self, settings) -> "RecordedSpikes":
        """The data set as the knobs ``split`` and ``held_out`` divide it. Raises SnnlabError."""
        if settings.held_out:
            return self.held_out(settings.held_out)
        return self.for_validation() if settings.split == "validation" else self

    def _number_of(self, group):
        if group in self.groups:
            return self.groups.index(group)
        if isinstance(group, int | np.integer) and 0 <= group < len(self.groups):
            return int(group)
        known = ", ".join(f"{k} {name}" for k, name in enumerate(self.groups)) or "none known"
        meant = did_you_mean(str(group), self.groups)
        raise SnnlabError(f"data set {self.name} has no group {group!r}: {known}{meant}")

    # ── time ──

    def count_samples(self, settings) -> int:
        """CADC samples for which a recording is emulated: ``duration``, played faster.

        Ticks of the chip are played for ``samples``, or as long as the last spike needs. Raises
        :class:`SnnlabError` for more than the 16 bits of time stamps reach.
        """
        period = BRAINSCALES2.dt_cadc
        if self.unit is None:
            ends = (int(e.tick.max()) for e in (self.train, self.test) if e.tick.size)
            needed = ceil((max(ends, default=0) + 1) * TICK / period) + 1
            return min(max(settings.samples, needed), MAX_SAMPLES)
        seconds = settings.duration
        samples = ceil(seconds / settings.speedup / period - 1e-9) + 1
        if samples > MAX_SAMPLES:
            raise SnnlabError(
                f"data set {self.name}: {seconds:g} s at a speedup of {settings.speedup:g} last"
                f" {1e6 * seconds / settings.speedup:.4g} µs on the chip, which is emulated for at"
                f" most {1e6 * MAX_SAMPLES * period:.4g} µs: lower duration or raise speedup"
            )
        return max(samples, 2)

    def scaled(self, events: Events, settings, window: int, stretch=1.0) -> Events:
        """Recorded ticks as ticks of the chip; spikes after ``window`` or the duration go.

        stretch : factor on all times, or float64[spike]; spikes keep their order if it is the same
        for all spikes of an input.
        """
        if self.unit is None and np.ndim(stretch) == 0 and stretch == 1.0:
            ticks = events.tick.astype(np.int64)
        else:
            factor = 1.0 if self.unit is None else self.unit / settings.speedup / TICK
            ticks = np.floor(events.tick * (factor * stretch)).astype(np.int64)
        end = min(window, LAST_TICK)
        if self.unit is not None:
            end = min(end, ceil(settings.duration / settings.speedup / TICK - 1e-6))
        kept = ticks < end
        counts = np.bincount(events.owner[kept], minlength=len(events))
        return Events(
            np.concatenate([[0], np.cumsum(counts)]), ticks[kept].astype(np.uint16),
            events.channel[kept], events.n_channels, events.ids,
        )  # fmt: skip


def join(parts: Collection[Events]) -> Events:
    """Batches one after the other, with the channels of the first; ids are those given."""
    counts = np.concatenate([events.counts for events in parts])
    tick, channel, ids = (
        np.concatenate([getattr(events, name) for events in parts])
        for name in ("tick", "channel", "ids")
    )
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return Events(offsets, tick, channel, max(e.n_channels for e in parts), ids)
