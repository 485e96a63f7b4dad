"""Threads of the kernels: which numba layer runs them, and how many there are."""

import os
from functools import wraps
from importlib import import_module
from numbers import Integral
from threading import Lock

import numba

import snnlab.chip.openmp  # noqa: F401
from snnlab.errors import SnnlabError
from snnlab.signals import not_lost, raised_within

_SAFE_LAYERS = {"omp": "numba.np.ufunc.omppool", "tbb": "numba.np.ufunc.tbbpool"}
_one_at_a_time = Lock()
_orphaned = False
"""Whether this process was forked from one whose kernel threads it lacks."""


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
    """The kernel as all of snnlab calls it.

    Several Python threads may: the workqueue layer aborts the process when two threads enter it, so
    there they take turns. What a signal raises meanwhile, such as KeyboardInterrupt, arrives as
    such. Raises :class:`SnnlabError` where the threads of a parallel kernel were lost in a fork.
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
            raised = raised_within(error)
        raise raised

    @wraps(kernel)
    def call(*args):
        if kernel.overloads:
            return run(*args)
        with not_lost():  # compiled, or read from the disk, first
            return run(*args)

    return call


def _forked():
    """In a child of os.fork, in which of all threads only the one that forked lives on."""
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
