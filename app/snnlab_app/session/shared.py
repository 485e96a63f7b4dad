"""What visitors share: data sets, loaded once per process."""

from concurrent.futures import Future
from threading import Lock

from snnlab.data import Dataset, load
from snnlab.data.catalogue import Tell

_lock = Lock()
_shelf: dict[tuple, tuple[Future, list[Tell]]] = {}


def shared_dataset(name: str, side: int, data_dir: str | None, tell: Tell) -> Dataset:
    """The data set ``name`` at ``side`` pixels; who comes while it is loaded is told of that.

    Raises what :func:`snnlab.load` raises; the next visitor tries again.
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


def _tell_all(listeners):
    def tell(message, fraction):
        for listener in tuple(listeners):
            listener(message, fraction)

    return tell
