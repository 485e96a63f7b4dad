"""Data sets of trainings: loaded once per process for all visitors, or a visitor's own."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from threading import Lock
from time import monotonic

from snnlab.data import Dataset, load
from snnlab.data.catalogue import CATALOGUE, Tell
from snnlab.data.spikes.recorded import RecordedSpikes
from snnlab.errors import SnnlabError
from snnlab.text.numerals import group_digits

MAX_READ_SECONDS = 300.0
"""Time in which a visitor's own data must be read."""

_lock = Lock()
_shelf: dict[tuple, tuple[Future, list[Tell]]] = {}


class _TooSlow(Exception):
    """A visitor's data take too long to read."""


def shared_dataset(
    name: str, side: int, data_dir: str | None, tell: Tell
) -> Dataset | RecordedSpikes:
    """The data set ``name`` at ``side`` pixels, loaded once for all who ask.

    ``tell`` hears of the progress, also of a load that somebody else began. Raises what
    :func:`snnlab.load` raises; the next visitor tries again.
    """
    key = name, side, data_dir
    with _lock:
        first = key not in _shelf
        future, listeners = _shelf.setdefault(key, (Future(), []))
        listeners.append(tell)
    if first:
        try:
            future.set_result(load(name, side, data_dir=data_dir, progress=_tell_all(listeners)))
        except BaseException as error:
            with _lock:
                del _shelf[key]
            future.set_exception(error)
    try:
        return future.result()
    finally:
        listeners.remove(tell)


def own_dataset(place: str, side: int, tell: Callable[[str, float | None], None]) -> Dataset:
    """The data set that lies at ``place``, which no message names: the page need not know where.

    Raises :class:`~snnlab.errors.SnnlabError` if it cannot be read, or not in time; what ``tell``
    raises ends the reading.
    """
    name = Path(place).name
    end = monotonic() + MAX_READ_SECONDS

    def tell_in_time(message, fraction):
        if monotonic() > end:
            raise _TooSlow
        tell(message.replace(place, name), fraction)

    try:
        dataset = load("folder", side, data_dir=place, progress=tell_in_time)
    except SnnlabError as error:
        raise SnnlabError(str(error).replace(place, name)) from None
    except _TooSlow:
        raise SnnlabError(
            f"your data take longer than {MAX_READ_SECONDS / 60:g} minutes to read: give fewer or"
            " smaller pictures"
        ) from None
    return replace(dataset, origin="; ".join((f"your {name}", *dataset.own.notes)))


def describe_ready(dataset: Dataset | RecordedSpikes) -> str:
    """That a training on this data set can begin: "Ready · MNIST, 60 000 images".

    For a visitor's own data with the remarks on how they were read.
    """
    own, kind = dataset.own, "images" if isinstance(dataset, Dataset) else "recordings"
    title = f"your {Path(own.place).name}" if own else CATALOGUE[dataset.name].title
    ready = f"Ready · {title}, {group_digits(len(dataset.train_labels))} {kind}"
    return "; ".join((ready, *(own.notes if own else ())))


def _tell_all(listeners):
    def tell(message, fraction):
        for listener in tuple(listeners):
            listener(message, fraction)

    return tell
