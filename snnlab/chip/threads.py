"""Threads of the kernels: which numba layer runs them, and how many there are."""

import logging
import os
from functools import wraps
from importlib import import_module
from numbers import Integral
from threading import Lock

import numba

from snnlab.errors import SnnlabError, plain
from snnlab.process import find_raised, reraise_sigint

_SAFE_LAYERS = {"omp": "numba.np.ufunc.omppool", "tbb": "numba.np.ufunc.tbbpool"}
_LAYERS = (*_SAFE_LAYERS, "workqueue")
_GROUPS = ("default", "safe", "threadsafe", "forksafe")
"""Names that numba accepts for groups of layers."""
_one_at_a_time = Lock()
_orphaned = False
"""Whether this process was forked after kernels ran: it lacks their threads."""


def _choose_layer() -> tuple[str, str | None]:
    """The layer asked for, else OpenMP or TBB if the machine has one, else numba's own workqueue.

    Returns it with the error in the environment's choice, or None.
    """
    asked = str(numba.config.THREADING_LAYER).lower()
    layer = asked if _is_installed(asked) else next(filter(_is_installed, _LAYERS))
    numba.config.THREADING_LAYER = layer
    if asked in (layer, *_GROUPS):
        return layer, None
    why, cure = "is unknown", f", or name one of {', '.join((*_LAYERS, *_GROUPS))}"
    if asked in _LAYERS:
        why, cure = "is not installed", ", or pip install tbb" if asked == "tbb" else ""
    return layer, (
        f"threading layer {plain(asked)} (NUMBA_THREADING_LAYER) {why}, {layer} is used instead:"
        f" unset the variable{cure}"
    )


def _is_installed(layer):
    try:
        return layer == "workqueue" or bool(import_module(_SAFE_LAYERS[layer]))
    except (KeyError, ImportError):
        return False


LAYER, LAYER_PROBLEM = _choose_layer()
if LAYER_PROBLEM:
    logging.getLogger(__name__).warning("%s", LAYER_PROBLEM)
    os.environ["NUMBA_THREADING_LAYER"] = LAYER  # numba may read it again, and workers do


def guarded(kernel):
    """The kernel, safe to call from several Python threads.

    The workqueue layer aborts the process when two threads enter it, so there they take turns. What
    a signal raises meanwhile, such as KeyboardInterrupt, is raised as itself. Raises
    :class:`SnnlabError` where the threads of a parallel kernel were lost in a fork.
    """
    if not hasattr(kernel, "overloads"):  # plain Python, where JIT is off
        return kernel
    parallel = kernel.targetoptions.get("parallel")

    def run(*args):
        if parallel and _orphaned:
            raise SnnlabError(
                "a process forked after its parent had run kernels lacks their threads: start it"
                ' with multiprocessing.get_context("spawn"), as mp_context of a'
                " ProcessPoolExecutor or multiprocessing_context of a DataLoader"
            )
        try:
            if parallel and LAYER not in _SAFE_LAYERS:
                with _one_at_a_time:
                    return kernel(*args)
            return kernel(*args)
        except SystemError as error:
            raised = find_raised(error)
        raise raised

    @wraps(kernel)
    def call(*args):
        if kernel.overloads:
            return run(*args)
        with reraise_sigint():  # compiled, or read from the disk, first
            return run(*args)

    return call


def _forked():
    """Called in a child of os.fork, where only the forking thread survives."""
    global LAYER, _orphaned, _one_at_a_time
    _one_at_a_time = Lock()  # another thread of the parent may have held it
    if LAYER == "tbb":  # renews its threads
        return
    try:
        numba.threading_layer()
    except ValueError:  # not begun yet; OpenMP may have been, by torch, and would wait for ever
        LAYER = numba.config.THREADING_LAYER = "workqueue"
    else:
        _orphaned = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


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
