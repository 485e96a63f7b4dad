"""Threads of the kernels: which numba layer runs them, and how many there are."""

from functools import wraps
from importlib import import_module
from numbers import Integral
from threading import Lock

import numba

import snnlab.chip.openmp  # noqa: F401
from snnlab.errors import SnnlabError

_SAFE_LAYERS = {"omp": "numba.np.ufunc.omppool", "tbb": "numba.np.ufunc.tbbpool"}
_one_at_a_time = Lock()


def _choose_layer() -> str:
    """OpenMP or TBB if the machine has one, else numba's own workqueue."""
    asked = numba.config.THREADING_LAYER
    if asked in (*_SAFE_LAYERS, "workqueue"):
        return asked
    for layer, module in _SAFE_LAYERS.items():
        try:
            import_module(module)
        except ImportError:
            continue
        numba.config.THREADING_LAYER = layer
        return layer
    numba.config.THREADING_LAYER = "workqueue"
    return "workqueue"


LAYER = _choose_layer()


def guarded(kernel):
    """The kernel, safe to call from several Python threads at once.

    The workqueue layer aborts the process when two threads enter it, so there they take turns.
    """
    if LAYER in _SAFE_LAYERS:
        return kernel

    @wraps(kernel)
    def in_turn(*args):
        with _one_at_a_time:
            return kernel(*args)

    return in_turn


def most_threads() -> int:
    """Cores that kernels may use."""
    return numba.config.NUMBA_NUM_THREADS


def use_threads(count: int) -> None:
    """Run kernels of the calling thread on ``count`` cores; results do not depend on it.

    Raises :class:`SnnlabError` if the machine has fewer.
    """
    most = most_threads()
    if not isinstance(count, Integral) or not 1 <= count <= most:
        raise SnnlabError(f"threads = {count} is not allowed: this machine takes 1 to {most}")
    numba.set_num_threads(count)
