"""What the worker thread of a session does next, as other threads put it in."""

from collections.abc import Callable
from enum import Enum, auto
from threading import Condition

from snnlab_app.session.control import (
    Close,
    Draw,
    Give,
    Hear,
    LookAt,
    Narrate,
    Order,
    Pause,
    Play,
    Reset,
    Show,
    Step,
    Teach,
    Turn,
)


class Task(Enum):
    """One piece of the worker's work."""

    FETCH = auto()
    """Get the data set."""
    LOAD = auto()
    """Build the network on it, or continue the training that was kept."""
    PLAY = auto()
    PAUSE = auto()
    STEP = auto()
    NARRATE = auto()
    LOOK = auto()
    """Publish a snapshot while nothing trains."""
    TRAIN = auto()
    """Make weight updates, the task while there is no other."""
    CLOSE = auto()


TASKS: dict[type[Order], tuple[Task, ...]] = {
    Play: (Task.PLAY,), Pause: (Task.PAUSE,), Step: (Task.STEP,), Narrate: (Task.NARRATE,),
    Reset: (Task.FETCH, Task.LOAD), Show: (Task.LOOK,), Draw: (Task.LOOK,), LookAt: (Task.LOOK,),
    Hear: (Task.LOOK,), Turn: (Task.LOOK,), Give: (), Teach: (), Close: (Task.CLOSE,),
}  # fmt: skip
"""What an order makes the worker do."""


class Tasks:
    """Tasks in the order in which they came; one thread takes them, any thread adds."""

    def __init__(self, *first: Task):
        self._waiting: list[Task] = [*first]
        self._changed = Condition()

    def add(self, order: Order) -> None:
        """Add what an order asks for; one look shows all that changed before it."""
        tasks = TASKS[type(order)]
        with self._changed:
            if self._waiting[-1:] != [Task.LOOK] or tasks != (Task.LOOK,):
                self._waiting += tasks
            self._changed.notify()

    def put_first(self, *tasks: Task) -> None:
        """Do these before all that waits."""
        with self._changed:
            self._waiting[:0] = tasks

    def drop_first(self, task: Task) -> None:
        """Take the first task out if it is this one."""
        with self._changed:
            if self._waiting[:1] == [task]:
                self._waiting.pop(0)

    def take(self, trains: Callable[[], bool]) -> Task:
        """The next task; while it ``trains``, that is :attr:`Task.TRAIN` if nothing waits."""
        with self._changed:
            while not self._waiting and not trains():
                self._changed.wait()
            return self._waiting.pop(0) if self._waiting else Task.TRAIN

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting)

    @property
    def closing(self) -> bool:
        """Whether the session is to end."""
        return Task.CLOSE in self._waiting

    @property
    def idle(self) -> bool:
        """Whether everything is done and the worker waits for more."""
        with self._changed:
            return not self._waiting and bool(self._changed._waiters)
