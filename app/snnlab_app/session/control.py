"""How a training is controlled: its orders, its states, and the methods that give orders.

A training computes in this process (``session.local``), in another (``compute.remote``), or belongs
to somebody else who may be watched only (``page.watching``). All three have the interface of
:class:`TrainingControl`. Orders are plain dataclasses; between processes they travel pickled, but
only through the anonymous pipe that a server opens to a process which it started itself.
"""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from snnlab.config import Config
from snnlab_app.session.snapshot import Snapshot


class State(StrEnum):
    """What a training is doing; compares equal to its value as text."""

    LOADING = "loading"
    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"
    CLOSED = "closed"


AT_REST = frozenset({State.READY, State.PAUSED, State.FINISHED})
"""States in which a network can be looked at that does not change."""
STARTED = frozenset({State.RUNNING, State.PAUSED, State.FINISHED})
"""States of a training that has made a weight update or is about to."""
LOADED = AT_REST | {State.RUNNING}
"""States in which data and network are there."""


def toggles(state: State) -> str:
    """What the button that trains and pauses does next."""
    return {State.RUNNING: "Pause", State.FINISHED: "Train on"}.get(state, "Train")


MAX_TAUGHT, MAX_TAUGHT_BYTES = 100, 32_000_000
"""Recordings that a visitor may add, and their bytes together."""
WEIGHT = 10
"""Times that such a recording counts among those of the data set: in each epoch it is varied in as
many ways."""


@dataclass(frozen=True)
class Order:
    """What a training is asked to do."""


@dataclass(frozen=True)
class Play(Order):
    """Train until paused, or for a number of weight ``updates``, then pause.

    A finished training goes on for as many epochs again.
    """

    updates: int | None = None


@dataclass(frozen=True)
class Pause(Order):
    """Stop after the current weight update."""


@dataclass(frozen=True)
class Step(Order):
    """Make one weight update, then pause; a finished training goes on as by :class:`Play`."""


@dataclass(frozen=True)
class Narrate(Order):
    """Make one weight update and describe its stages, then pause."""


@dataclass(frozen=True)
class Reset(Order):
    """Start again with the current settings, same seed."""


@dataclass(frozen=True)
class Show(Order):
    """Put a test image on the chip, by its ``index``."""

    index: int


@dataclass(frozen=True, eq=False)
class Draw(Order):
    """Put a picture on the chip that somebody drew : uint8[row, column], as wide as the data's."""

    pixels: np.ndarray


@dataclass(frozen=True)
class Hear(Order):
    """Put a sound on the chip that somebody said: content of a wav file.

    number : of this sound, which snapshots made after it carry.
    """

    wav: bytes
    number: int


@dataclass(frozen=True)
class Teach(Order):
    """From the next start on, learn this sound too: content of a wav file, and its class."""

    wav: bytes
    label: int


@dataclass(frozen=True)
class LookAt(Order):
    """Have snapshots carry what ``view`` draws; ``wishes`` are the view's own."""

    view: str = "live"
    wishes: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Turn(Order):
    """Set the knob ``name`` to ``value``."""

    name: str
    value: object


@dataclass(frozen=True)
class Give(Order):
    """From the next start on, the data set "folder" is the file or folder ``place``."""

    place: str


@dataclass(frozen=True)
class Open(Order):
    """Begin a training in a computing process.

    settings : values by name; folder : where the training is kept; given : the visitor's own data;
    taught : recordings that the visitor added, (wav file, class).
    """

    settings: dict
    folder: str | None = None
    given: str | None = None
    taught: tuple[tuple[bytes, int], ...] = ()


@dataclass(frozen=True)
class Close(Order):
    """End the training."""


class TrainingControl:
    """A training as those see it who steer it or look at it.

    ``message`` says in one sentence what is going on, ``fraction`` how much of it is done (0…1) or
    None where that is unknown, ``notice`` what a person should know of; ``snapshot`` is the newest;
    ``failures`` counts how often it has failed.
    A subclass says what becomes of an order in :meth:`order`.
    """

    config: Config
    state: State
    message: str
    fraction: float | None
    notice: str
    snapshot: Snapshot | None
    failures: int

    REPORTED = ("state", "message", "fraction", "notice", "snapshot", "failures")
    """Attributes that change by themselves, the state before the snapshot published with it."""

    def order(self, order: Order) -> None:
        """Give an order; returns at once."""
        raise NotImplementedError

    def play(self, updates: int | None = None) -> None:
        """Train until paused, or for a number of weight updates, then pause."""
        self.order(Play(updates))

    def pause(self) -> None:
        """Stop after the current weight update."""
        self.order(Pause())

    def toggle(self) -> None:
        """Pause if it trains, else train."""
        self.order(Pause() if self.state == State.RUNNING else Play())

    def step(self) -> None:
        """Make one weight update, then pause."""
        self.order(Step())

    def narrate(self) -> None:
        """Make one weight update and describe its stages, then pause."""
        self.order(Narrate())

    def reset(self) -> None:
        """Start again with the current settings, same seed."""
        self.order(Reset())

    def show(self, index: int) -> None:
        """Put a test image on the chip."""
        self.order(Show(index))

    def draw(self, pixels: np.ndarray) -> None:
        """Put a visitor's picture on the chip : uint8[row, column], as wide as the data's."""
        self.order(Draw(pixels))

    def say(self, wav: bytes, number: int) -> None:
        """Put a visitor's sound on the chip: content of a wav file.

        The next snapshot with this number in ``heard`` has it, or says why not.
        """
        self.order(Hear(wav, number))

    def teach(self, wav: bytes, label: int) -> None:
        """From the next start on, learn this sound as an example of a class.

        Raises :class:`~snnlab.errors.SnnlabError` for more than ``MAX_TAUGHT``, or than
        ``MAX_TAUGHT_BYTES`` together.
        """
        self.order(Teach(wav, label))

    def look_at(self, view: str, wishes: dict | None = None) -> None:
        """Have snapshots carry what ``view`` draws; ``wishes`` are the view's own."""
        self.order(LookAt(view, wishes or {}))

    def turn(self, name: str, value) -> None:
        """Set a knob; raises :class:`~snnlab.errors.SnnlabError` if the value is not allowed."""
        self.order(Turn(name, value))

    def give(self, place: str) -> None:
        """From the next start on, the data set "folder" is the one that lies at ``place``."""
        self.order(Give(place))
