"""What visitors share: data sets, loaded once per process, and kernels, ready before they come."""

from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Thread

from snnlab.config import Config
from snnlab.data import Dataset, load
from snnlab.data.catalogue import Tell
from snnlab.errors import SnnlabError
from snnlab.learn.trainer import Trainer

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
        listeners.clear()
    return future.result()


def _tell_all(listeners):
    def tell(message, fraction):
        for listener in tuple(listeners):
            listener(message, fraction)

    return tell


def warm_up(config: Config, data_dir: str | None) -> None:
    """Load data, encode them and get the kernels ready, in a thread that nobody waits for."""
    Thread(target=_rehearse, args=(config, data_dir), name="warm-up", daemon=True).start()


def _rehearse(config, data_dir):
    with suppress(SnnlabError):  # the visitor's own session meets it again, and says so
        dataset = shared_dataset(config.dataset, config.side, data_dir, _nobody)
        Trainer(config, dataset).prepare(_nobody)


def _nobody(message, fraction):
    """Nobody is watching yet."""
